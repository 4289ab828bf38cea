package imapd

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/constance-mail/constance/internal/imap"
	"github.com/constance-mail/constance/internal/mail"
)

// told is what a sync tells in ESEARCH responses, with the rest left out.
func (m *messagesTest) told(expunge bool) string {
	m.t.Helper()
	m.out.Reset()
	m.s.out.begin()
	m.check(m.s.sync(context.Background(), expunge))
	m.check(m.s.out.flush())
	var b strings.Builder
	for line := range strings.Lines(m.out.String()) {
		if strings.HasPrefix(line, "* ESEARCH") {
			b.WriteString(strings.TrimSuffix(line, "\r\n") + "\n")
		}
	}
	return b.String()
}

// RFC 5267 sections 4.3.3 and 4.3.4.
func TestContextSearch(t *testing.T) {
	m := searchTest(t)
	m.expect("UID SEARCH RETURN (UPDATE COUNT) FLAGGED", "* ESEARCH (TAG \"t\") UID COUNT 1\n")
	check := func(want string, expunge bool) {
		t.Helper()
		if got := m.told(expunge); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	check("", true)
	flag := func(op mail.FlagOp, uids ...mail.UID) {
		m.elsewhere(mail.FlagChange{UIDs: mail.SetOf(uids...), Op: op, Flags: []mail.Flag{mail.Flagged}})
	}
	flag(mail.AddFlags, 3, 4)
	check("* ESEARCH (TAG \"t\") UID ADDTO (0 3:4)\n", true)
	flag(mail.RemoveFlags, 2)
	flag(mail.AddFlags, 1)
	check("* ESEARCH (TAG \"t\") UID REMOVEFROM (0 2)\n* ESEARCH (TAG \"t\") UID ADDTO (0 1)\n", true)
	m.append(mail.Inbox, crlf(simpleMessage), time.Now(), []mail.Flag{mail.Flagged})
	check("* ESEARCH (TAG \"t\") UID ADDTO (0 6)\n", true)
	m.expungeElsewhere(3) // told at once, though EXPUNGE is not
	check("* ESEARCH (TAG \"t\") UID REMOVEFROM (0 3)\n", false)
	check("", true)
	m.s.tag = "u" // a change by this session itself is told too
	_, err := m.do("STORE 1 -FLAGS.SILENT (\\Flagged)")
	m.check(err)
	check("* ESEARCH (TAG \"t\") UID REMOVEFROM (0 1)\n", true)
	m.s.tag = "t"
	if err := m.s.search(context.Background(), &imap.Search{Extended: true, Return: imap.ReturnUpdate}); err == nil {
		t.Error("the tag was taken twice")
	}
	m.check(m.s.cancelUpdate(context.Background(), &imap.CancelUpdate{Tags: []string{"t"}}))
	flag(mail.AddFlags, 1)
	check("", true)
	if err := m.s.cancelUpdate(context.Background(), &imap.CancelUpdate{Tags: []string{"t"}}); err == nil {
		t.Error("cancelled twice")
	}
}

// RFC 5267 section 4.3: message numbers and "$" are evaluated when the command is received.
func TestContextFrozen(t *testing.T) {
	m := searchTest(t)
	m.s.sel.saved = mail.SetOf(5)
	m.expect("SEARCH RETURN (UPDATE) OR 1:2 $ UNFLAGGED", "* ESEARCH (TAG \"t\")\n")
	m.s.sel.saved = nil
	m.expungeElsewhere(1)
	if got, want := m.told(true), "* ESEARCH (TAG \"t\") REMOVEFROM (0 1)\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	for _, op := range []mail.FlagOp{mail.AddFlags, mail.RemoveFlags} {
		m.elsewhere(mail.FlagChange{UIDs: mail.SetOf(2, 3, 5), Op: op, Flags: []mail.Flag{mail.Flagged}})
	}
	if got, want := m.told(true), "* ESEARCH (TAG \"t\") ADDTO (0 1)\n"; got != want { // UID 2 was flagged before
		t.Errorf("got %q, want %q", got, want)
	}
}

// RFC 9586 section 3: numbers are told no more.
func TestContextUIDOnly(t *testing.T) {
	m := searchTest(t)
	m.expect("SEARCH RETURN (UPDATE COUNT) FLAGGED", "* ESEARCH (TAG \"t\") COUNT 1\n")
	m.s.enable(featUIDOnly)
	m.elsewhere(mail.FlagChange{UIDs: mail.SetOf(3), Op: mail.AddFlags, Flags: []mail.Flag{mail.Flagged}})
	if got, want := m.told(true), "* ESEARCH (TAG \"t\") UID ADDTO (0 3)\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// What happens in other mailboxes has the selected one read once, not at each command.
func TestContextCostsNoRead(t *testing.T) {
	count := &countingStore{}
	s := startServer(t, func(o *Options) { count.Store = o.Store; o.Store = count })
	s.deliver("alice", "INBOX")
	k := s.login("alice")
	k.do("SELECT INBOX")
	k.do("SEARCH RETURN (UPDATE COUNT) ALL")
	k.do("CREATE other")
	before := count.snapshots.Load()
	for range 3 {
		k.do("NOOP")
	}
	if n := count.snapshots.Load() - before; n != 0 {
		t.Errorf("the mailbox was read %d times", n)
	}
}

// RFC 5267 section 4.3.1.
func TestContextsAreBounded(t *testing.T) {
	m := searchTest(t)
	for i := range maxContexts {
		m.s.tag = fmt.Sprint(i)
		m.expect("SEARCH RETURN (UPDATE COUNT) ALL", fmt.Sprintf("* ESEARCH (TAG \"%d\") COUNT 5\n", i))
	}
	m.s.tag = "t"
	m.expect("SEARCH RETURN (UPDATE COUNT CONTEXT) ALL",
		"* ESEARCH (TAG \"t\") COUNT 5\n* NO [NOUPDATE \"t\"] too many updated searches, or too large\n")
}

// What the client makes of ADDTO and REMOVEFROM is what the same SORT gives, whatever happens.
func TestContextSortRandom(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 9))
	random := func() string {
		return letter("a@x", "", "", string(rune('a'+r.IntN(8))), time.Date(2026, 1, 1+r.IntN(9), 0, 0, 0, 0, time.UTC).Format(time.RFC1123Z))
	}
	m := newMessagesTest(t, []string{random(), random(), random(), random(), random()})
	const program = "(SUBJECT REVERSE DATE) UTF-8 UNSEEN"
	got, err := m.do("UID SORT RETURN (UPDATE ALL) " + program)
	m.check(err)
	list := expand(strings.TrimSuffix(got[strings.Index(got, "ALL ")+4:], "\r\n"))
	for range 200 {
		n := m.s.sel.view.len()
		for range 1 + r.IntN(3) {
			switch r.IntN(4) {
			case 0:
				m.append(mail.Inbox, random(), time.Now(), nil)
			case 1:
				if n > 5 {
					m.expungeElsewhere(m.s.sel.view.uid(1 + uint32(r.IntN(int(n)))))
				}
			default:
				op := []mail.FlagOp{mail.AddFlags, mail.RemoveFlags}[r.IntN(2)]
				m.elsewhere(mail.FlagChange{UIDs: mail.SetOf(mail.UID(1+r.IntN(20)), mail.UID(1+r.IntN(20))), Op: op, Flags: []mail.Flag{mail.Seen}})
			}
		}
		for line := range strings.Lines(m.told(r.IntN(2) == 0)) {
			list = obey(t, list, strings.TrimSpace(line))
		}
		m.told(true)
		now, err := m.do("UID SORT " + program)
		m.check(err)
		if want := expand(strings.ReplaceAll(strings.TrimSpace(strings.TrimPrefix(now, "* SORT")), " ", ",")); !slices.Equal(list, want) {
			t.Fatalf("the client has %v, want %v", list, want)
		}
	}
}

// expand is a sequence-set as numbers.
func expand(set string) []int {
	var out []int
	for piece := range strings.SplitSeq(set, ",") {
		first, last, isRange := strings.Cut(piece, ":")
		from, err := strconv.Atoi(first)
		if err != nil {
			continue
		}
		to := from
		if isRange {
			to, _ = strconv.Atoi(last)
		}
		for ; from <= to; from++ {
			out = append(out, from)
		}
	}
	return out
}

// obey does to a list what an ESEARCH response says.
func obey(t *testing.T, list []int, line string) []int {
	_, what, _ := strings.Cut(line, " UID ")
	verb, rest, _ := strings.Cut(what, " (")
	fields := strings.Fields(strings.TrimSuffix(rest, ")"))
	for i := 0; i < len(fields); i += 2 {
		at, err := strconv.Atoi(fields[i])
		set := expand(fields[i+1])
		switch {
		case err != nil || at == 0:
			t.Fatalf("%q", line)
		case verb == "ADDTO":
			list = slices.Insert(slices.Clone(list), at-1, set...)
		case verb == "REMOVEFROM":
			if !slices.Equal(list[at-1:at-1+len(set)], set) {
				t.Fatalf("%q of %v", line, list)
			}
			list = slices.Delete(slices.Clone(list), at-1, at-1+len(set))
		default:
			t.Fatalf("%q", line)
		}
	}
	return list
}
