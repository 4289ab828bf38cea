package imapd

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/constance-mail/constance/internal/mail"
)

// slot is what a client knows of a message number.
type slot struct {
	uid   int    // 0: not told yet
	flags string // sorted, with a space behind each
	known bool   // flags are
}

// sent is a command that waits for its answer.
type sent struct{ tag, verb, text string }

// peer is a client that checks all that it is told: each command has one answer, in order; numbers go as RFC 9051
// section 7.5.1 and RFC 7162 section 3.2.10 have it. It reports the first mistake and is silent then.
type peer struct {
	net.Conn
	r       *bufio.Reader
	w       io.Writer
	n       int
	waiting []sent
	slots   []slot
	qresync bool
	uidOnly bool           // by ENABLE UIDONLY
	idling  bool           // in IDLE, as far as the server has said so
	here    abode          // the selected mailbox
	moving  abode          // what a SELECT without its answer has told
	seen    *annal         // what is the same for ever, unless nil
	earlier func(mail.UID) // is told of VANISHED (EARLIER), unless nil
	highest int            // from where it can resynchronize, as RFC 7162 section 6 has a client find out
	code    int            // HIGHESTMODSEQ since the last tagged answer
	modSeq  int            // the highest MODSEQ of a FETCH since then
	bye     bool
	log     []string
	wrong   string
}

func newPeer(c net.Conn) *peer { return &peer{Conn: c, r: bufio.NewReader(c), w: c} }

func (p *peer) fail(format string, args ...any) {
	if p.wrong == "" {
		p.wrong = fmt.Sprintf(format, args...) + "\n" + strings.Join(p.log[max(0, len(p.log)-25):], "\n")
	}
}

// say sends commands together and reads until all are answered, or the connection ends. No commands are nothing: a pipe
// would have the session read no octets, which a network does not do, and which it takes for a broken one in the end.
func (p *peer) say(commands ...string) {
	if len(commands) == 0 {
		return
	}
	var all strings.Builder
	for _, c := range commands {
		all.WriteString(p.expect(c))
	}
	p.exchange(all.String(), func() bool { return len(p.waiting) == 0 })
}

// expect is a command with its tag; its answer is waited for from now on.
func (p *peer) expect(c string) string {
	p.n++
	tag := "t" + strconv.Itoa(p.n)
	f := append(strings.Fields(strings.ToUpper(c)), "", "")
	verb := f[0]
	if verb == "UID" {
		verb += " " + f[1]
	}
	p.waiting = append(p.waiting, sent{tag, verb, c})
	p.log = append(p.log, "C: "+tag+" "+c)
	return tag + " " + c + "\r\n"
}

// exchange sends octets and reads until enough was read, or the connection ends.
func (p *peer) exchange(octets string, enough func() bool) {
	done, w := make(chan struct{}), p.w
	go func() { // a pipe holds nothing: who writes must not wait for who reads
		defer close(done)
		_, _ = io.WriteString(w, octets)
	}()
	for !enough() && p.wrong == "" && p.read() {
	}
	if p.wrong != "" || p.bye {
		p.Close()
	}
	<-done
}

// read takes one response. False: the connection has ended.
func (p *peer) read() bool {
	_ = p.SetDeadline(time.Now().Add(20 * time.Second))
	var s strings.Builder
	for {
		line, err := p.r.ReadString('\n')
		if err != nil {
			if !p.bye || line != "" || s.Len() > 0 {
				p.fail("the connection ends without BYE: %v, %q", err, s.String()+line)
			}
			return false
		}
		if !strings.HasSuffix(line, "\r\n") {
			p.fail("bare LF: %q", line)
		}
		s.WriteString(line)
		n, ok := literalSize(line)
		if !ok {
			break
		}
		b := make([]byte, n)
		if _, err := io.ReadFull(p.r, b); err != nil {
			p.fail("a literal ends early: %v", err)
			return false
		}
		s.WriteString(strings.ToLower(string(b))) // lest it look like a response
	}
	line := strings.TrimSuffix(s.String(), "\r\n")
	p.log = append(p.log, "S: "+line)
	p.response(line)
	return true
}

func literalSize(line string) (int, bool) {
	at := strings.LastIndexByte(line, '{')
	if at < 0 || !strings.HasSuffix(line, "}\r\n") {
		return 0, false
	}
	n, err := strconv.Atoi(line[at+1 : len(line)-3])
	return n, err == nil
}

// response checks a response and takes note of it.
func (p *peer) response(s string) {
	f := append(strings.Fields(s), "", "", "")
	if n := number(s, "[HIGHESTMODSEQ ", "]"); n > 0 {
		p.code = n
	}
	if f[2] == "FETCH" {
		p.modSeq = max(p.modSeq, number(s, "MODSEQ (", ")"))
	}
	n, err := strconv.Atoi(f[1])
	switch {
	case f[0] == "+":
		p.idling = p.idling || len(p.waiting) > 0 && p.waiting[0].verb == "IDLE"
	case f[0] != "*":
		p.answered(f[0], f[1], s)
	case f[1] == "BYE":
		if p.bye = true; f[2] == "[SERVERBUG]" {
			p.fail("the server has a bug")
		}
	case f[1] == "VANISHED" && f[2] != "(EARLIER)":
		p.vanished(f[2])
	case f[1] == "VANISHED" && p.earlier != nil:
		for u := range uidSet(f[3]).All() {
			p.earlier(u)
		}
	case strings.HasPrefix(s, "* OK [CLOSED]"):
		p.slots, p.here = nil, abode{}
	case err != nil:
		p.arrives(s)
	case f[2] == "EXISTS":
		if n < len(p.slots) {
			p.fail("EXISTS %d goes back", n)
		}
		for len(p.slots) < n {
			p.slots = append(p.slots, slot{})
		}
	case f[2] == "EXPUNGE":
		p.expunged(n)
	case f[2] == "FETCH":
		p.fetched(n, s)
	case f[2] == "UIDFETCH":
		p.fetchedByUID(n, s)
	}
}

// number is the number in s between two strings, 0 if there is none.
func number(s, before, after string) int {
	_, s, _ = strings.Cut(s, before)
	s, _, _ = strings.Cut(s, after)
	n, _ := strconv.Atoi(s)
	return n
}

// answered takes the tagged answer to the first command that waits.
func (p *peer) answered(tag, outcome, s string) {
	if len(p.waiting) == 0 || p.waiting[0].tag != tag {
		p.fail("an answer nobody waits for: %s", s)
		return
	}
	c := p.waiting[0]
	if p.highest = max(p.highest, p.modSeq); p.code > 0 {
		p.highest = p.code
	}
	p.code, p.modSeq = 0, 0
	p.waiting = p.waiting[1:]
	switch {
	case outcome != "OK" && outcome != "NO" && outcome != "BAD", strings.Contains(s, "[SERVERBUG]"):
		p.fail("outcome %s", s)
	case c.verb == "SELECT" || c.verb == "EXAMINE":
		p.arrived(c, outcome)
	case c.verb == "IDLE":
		p.idling = false
	case outcome == "OK" && c.verb == "COMPRESS":
		p.compress()
	case outcome == "OK" && (c.verb == "CLOSE" || c.verb == "UNSELECT" || c.verb == "UNAUTHENTICATE"):
		p.slots, p.here = nil, abode{}
	case strings.Contains(c.text, ".SILENT"):
		for i := range p.slots {
			p.slots[i].known = false
		}
	}
}

// quiet tells whether numbers must not change now. RFC 9051 section 7.5.1.
func (p *peer) quiet() bool {
	return len(p.waiting) == 0 || slices.Contains([]string{"FETCH", "STORE", "SEARCH"}, p.waiting[0].verb)
}

func (p *peer) expunged(n int) {
	if n < 1 || n > len(p.slots) || p.qresync || p.uidOnly || p.quiet() {
		p.fail("EXPUNGE %d with %d messages", n, len(p.slots))
		return
	}
	p.slots = slices.Delete(p.slots, n-1, n)
}

func (p *peer) vanished(set string) {
	if !p.qresync && !p.uidOnly || p.quiet() {
		p.fail("VANISHED now")
	}
	for u := range uidSet(set).All() {
		i := p.slotOf(int(u))
		if i < 0 {
			p.fail("VANISHED %d was never there", u)
			return
		}
		p.slots = slices.Delete(p.slots, i, i+1)
	}
}

// uidSet reads a set as a server writes it.
func uidSet(s string) (set mail.UIDSet) {
	for r := range strings.SplitSeq(s, ",") {
		a, b, ok := strings.Cut(r, ":")
		if !ok {
			b = a
		}
		first, _ := strconv.ParseUint(a, 10, 32)
		last, _ := strconv.ParseUint(b, 10, 32)
		set.AddRange(mail.UID(first), mail.UID(last))
	}
	return set
}

// slotOf is the index of the message with that UID, or of one that may have it: UIDs ascend. Without numbers any that is
// not known may have it.
func (p *peer) slotOf(uid int) int {
	unknown := -1
	for i := range p.slots {
		switch k := &p.slots[i]; {
		case k.uid == uid:
			return i
		case k.uid == 0:
			unknown, k.known = i, false
		case p.uidOnly:
		case k.uid > uid:
			return unknown
		default:
			unknown = -1
		}
	}
	return unknown
}

// fetched takes note of what is told of message n.
func (p *peer) fetched(n int, s string) {
	if n < 1 || n > len(p.slots) || p.uidOnly {
		p.fail("FETCH %d with %d messages", n, len(p.slots))
		return
	}
	p.slots[n-1].learn(p, s)
}

// fetchedByUID takes note of what is told of the message with that UID. RFC 9586 section 3.3.
func (p *peer) fetchedByUID(uid int, s string) {
	i := p.slotOf(uid)
	if i < 0 || !p.uidOnly {
		p.fail("UIDFETCH %d was never there", uid)
		return
	}
	p.slots[i].uid = uid
	p.slots[i].learn(p, s)
}

// learn takes note of UID and FLAGS.
func (k *slot) learn(p *peer, s string) {
	if _, rest, ok := strings.Cut(s, "UID "); ok {
		uid, _ := strconv.Atoi(strings.TrimRight(strings.Fields(rest)[0], ")"))
		if k.uid != 0 && k.uid != uid {
			p.fail("a message had UID %d and has %d", k.uid, uid)
		}
		k.uid = uid
	}
	if _, rest, ok := strings.Cut(s, "FLAGS ("); ok {
		flags := slices.DeleteFunc(strings.Fields(rest[:strings.IndexByte(rest, ')')]),
			func(f string) bool { return f == `\Recent` })
		sort.Strings(flags)
		k.flags, k.known = strings.Join(flags, " "), true
	}
	if _, id, ok := strings.Cut(s, "EMAILID ("); ok && k.uid != 0 {
		p.once(fmt.Sprintf("%s %d", p.here, k.uid), id[:strings.IndexByte(id, ')')])
	}
}
