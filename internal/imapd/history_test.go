package imapd

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sort"
	"strconv"
	"strings"
	"testing"
)

// mirror is what a client knows of a mailbox from what it was told: it is the client that RFC 9051 has in mind.
type mirror struct {
	*client
	qresync bool
	uids    []string          // by message number; "" for a UID that was not told yet
	flags   map[string]string // by UID, sorted
}

// told takes note of untagged lines.
func (m *mirror) told(lines []string) {
	m.t.Helper()
	for _, s := range lines {
		f := strings.Fields(s)
		if len(f) < 3 || f[0] != "*" {
			continue
		}
		n, err := strconv.Atoi(f[1])
		switch {
		case f[1] == "VANISHED" && !strings.Contains(s, "EARLIER"):
			m.vanished(f[2])
		case err != nil:
		case f[2] == "EXISTS":
			if n < len(m.uids) {
				m.t.Fatalf("EXISTS goes back from %d to %d", len(m.uids), n)
			}
			for len(m.uids) < n {
				m.uids = append(m.uids, "")
			}
		case f[2] == "EXPUNGE":
			if n < 1 || n > len(m.uids) {
				m.t.Fatalf("EXPUNGE of %d with %d messages", n, len(m.uids))
			}
			m.uids = slices.Delete(m.uids, n-1, n)
		case f[2] == "FETCH":
			m.fetched(n, s)
		}
	}
}

// fetched takes note of UID and FLAGS of message n.
func (m *mirror) fetched(n int, s string) {
	m.t.Helper()
	if n < 1 || n > len(m.uids) {
		m.t.Fatalf("FETCH of %d with %d messages", n, len(m.uids))
	}
	if _, rest, ok := strings.Cut(s, "UID "); ok {
		uid := strings.TrimRight(strings.Fields(rest)[0], ")")
		if old := m.uids[n-1]; old != "" && old != uid {
			m.t.Fatalf("message %d had UID %s and has %s: %s", n, old, uid, s)
		}
		m.uids[n-1] = uid
	}
	if _, rest, ok := strings.Cut(s, "FLAGS ("); ok && m.uids[n-1] != "" {
		flags := strings.Fields(rest[:strings.IndexByte(rest, ')')])
		flags = slices.DeleteFunc(flags, func(f string) bool { return f == `\Recent` })
		sort.Strings(flags)
		m.flags[m.uids[n-1]] = strings.Join(flags, " ")
	}
}

func (m *mirror) vanished(set string) {
	m.t.Helper()
	for r := range strings.SplitSeq(set, ",") {
		a, b, ok := strings.Cut(r, ":")
		if !ok {
			b = a
		}
		first, _ := strconv.Atoi(a)
		last, _ := strconv.Atoi(b)
		for u := first; u <= last; u++ {
			i := slices.Index(m.uids, strconv.Itoa(u))
			if i < 0 {
				m.t.Fatalf("VANISHED %d was never there", u)
			}
			m.uids = slices.Delete(m.uids, i, i+1)
		}
	}
}

// say sends a command and takes note of the answer.
func (m *mirror) say(c string) []string {
	m.t.Helper()
	out := m.cmd(c)
	if last := out[len(out)-1]; strings.HasPrefix(last, "BAD") {
		m.t.Fatalf("%s: %s", c, last)
	}
	m.told(out)
	return out
}

// learn asks for what the client was not told of its own accord: UIDs and flags of new messages.
func (m *mirror) learn() {
	m.t.Helper()
	for i := range m.uids {
		if m.uids[i] == "" {
			m.say(fmt.Sprintf("FETCH %d:* (UID FLAGS)", i+1))
			return
		}
	}
}

// step does something.
func (m *mirror) step(r *rand.Rand) {
	m.t.Helper()
	n := len(m.uids)
	flag := []string{`\Seen`, `\Deleted`, `\Deleted`, "$Work", "other"}[r.IntN(5)]
	op := []string{"+", "-", ""}[r.IntN(3)]
	switch k := r.IntN(10); {
	case k < 3 || n == 0:
		m.send("x APPEND INBOX {18+}\r\nSubject: x\r\n\r\nbody\r\n")
		m.told(m.until("x"))
	case k == 3:
		m.say("EXPUNGE")
	case k == 4:
		m.say("NOOP")
	case k == 5:
		m.say(fmt.Sprintf("UID STORE 1:%d %sFLAGS (%s)", 1+r.IntN(50), op, flag))
	case k == 6: // the client does not wait for an answer with .SILENT to know
		u := m.uids[r.IntN(n)]
		if u == "" {
			return
		}
		m.say(fmt.Sprintf(`UID STORE %s FLAGS.SILENT (%s)`, u, flag))
		if slices.Contains(m.uids, u) {
			if _, told := m.flags[u]; told {
				m.say("UID FETCH " + u + " FLAGS")
			}
		}
	case k == 7:
		a := 1 + r.IntN(n)
		m.say(fmt.Sprintf("FETCH %d:%d (UID FLAGS)", a, 1+r.IntN(n)))
	default:
		m.say(fmt.Sprintf("STORE %d %sFLAGS (%s)", 1+r.IntN(n), op, flag))
	}
	m.learn()
}

// TestHistoriesOfTwoClients has clients change a mailbox at random, one after the other; each must be able to follow
// by what it is told alone.
func TestHistoriesOfTwoClients(t *testing.T) {
	for seed := range uint64(25) {
		s := startServer(t, nil)
		r := rand.New(rand.NewPCG(seed, 11))
		var clients []*mirror
		for i := range 3 {
			m := &mirror{client: s.login("alice"), qresync: i == 1, flags: map[string]string{}}
			if m.qresync {
				m.do("ENABLE QRESYNC")
			}
			m.say("SELECT INBOX")
			clients = append(clients, m)
		}
		for range 150 {
			clients[r.IntN(len(clients))].step(r)
		}
		for i, m := range clients {
			m.say("NOOP")
			m.learn()
			truth := &mirror{client: s.login("alice"), flags: map[string]string{}}
			truth.say("EXAMINE INBOX")
			truth.learn()
			if !slices.Equal(m.uids, truth.uids) {
				t.Fatalf("seed %d, client %d: knows %v, there are %v", seed, i, m.uids, truth.uids)
			}
			maps.DeleteFunc(m.flags, func(u, _ string) bool { return !slices.Contains(m.uids, u) })
			if !maps.Equal(m.flags, truth.flags) {
				t.Fatalf("seed %d, client %d: knows %v, the flags are %v", seed, i, m.flags, truth.flags)
			}
			truth.Close()
		}
	}
}

func BenchmarkNoop(b *testing.B) {
	s := startServer(b, nil)
	k := s.login("alice")
	k.do("SELECT INBOX")
	b.ReportAllocs()
	for b.Loop() {
		k.send("a NOOP\r\n")
		if _, err := k.r.ReadSlice('\n'); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPipelinedNoop(b *testing.B) {
	s := startServer(b, nil)
	k := s.login("alice")
	k.do("SELECT INBOX")
	burst := strings.Repeat("a NOOP\r\n", 100)
	b.ReportAllocs()
	for b.Loop() {
		k.send(burst)
		for range 100 {
			if _, err := k.r.ReadSlice('\n'); err != nil {
				b.Fatal(err)
			}
		}
	}
}

// BenchmarkPush is from a STORE of one client to what another one in IDLE hears of it.
func BenchmarkPush(b *testing.B) {
	s := startServer(b, nil)
	s.deliver("alice", "INBOX")
	k, other := s.login("alice"), s.login("alice")
	k.do("SELECT INBOX")
	other.do("SELECT INBOX")
	k.send("i IDLE\r\n")
	k.want("+ ")
	for i := 0; b.Loop(); i++ {
		other.send("a STORE 1 " + "+-"[i%2:i%2+1] + "FLAGS.SILENT (\\Seen)\r\n")
		other.until("a")
		k.want("* 1 FETCH")
	}
}
