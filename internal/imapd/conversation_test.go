package imapd

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net"
	"slices"
	"sort"
	"strings"
	"sync"
	"testing"

	"github.com/constance-mail/constance/internal/mail"
	"github.com/constance-mail/constance/internal/store/mem"
)

// choices turns octets into decisions; at the end it decides for 0.
type choices struct{ b []byte }

func (c *choices) next(n int) int {
	if len(c.b) == 0 {
		return 0
	}
	v := int(c.b[0])
	c.b = c.b[1:]
	return v % n
}

func (c *choices) of(s ...string) string { return s[c.next(len(s))] }

func (c *choices) box() string {
	return c.of("INBOX", "x", "x/y", "inbox", "z", `"&AOQ-"`, "{3+}\r\nabc")
}

func (c *choices) num() string { return c.of("1", "2", "3", "*", "5", "9", "4294967295") }

func (c *choices) set() string {
	s := c.num()
	switch c.next(6) {
	case 1, 2, 3:
		s += ":" + c.num()
	case 4:
		s += "," + c.num() + ":" + c.num()
	case 5:
		return "$"
	}
	return s
}

func (c *choices) flags() string {
	return c.of(`(\Seen)`, `(\Deleted)`, `(\Deleted)`, `(\Flagged k1)`, `()`, `K2 \Draft`, `(\Foo)`, `(\Recent)`)
}

func (c *choices) key(depth int) string {
	if depth > 3 {
		return "ALL"
	}
	switch c.next(12) {
	case 0:
		return c.set()
	case 1:
		return "UID " + c.set()
	case 2:
		return "NOT " + c.key(depth+1)
	case 3:
		return "OR " + c.key(depth+1) + " " + c.key(depth+1)
	case 4:
		return "(" + c.key(depth+1) + " " + c.key(depth+1) + ")"
	case 5:
		return c.of("SEEN", "UNDELETED", "NEW", "OLD", "RECENT", "KEYWORD k1", "UNKEYWORD nobody", "SAVEDATESUPPORTED")
	case 6:
		return c.of("SINCE", "BEFORE", "ON", "SENTSINCE", "SENTBEFORE", "SENTON", "SAVEDSINCE") + " " +
			c.of("1-Jan-2020", `"01-Jan-0000"`, "31-Dec-9999", "30-Feb-2020")
	case 7:
		return c.of("TEXT", "BODY", "SUBJECT", "FROM", "HEADER x") + " " + c.of("body", `""`, `"ä"`, "{3+}\r\nx y")
	case 8:
		return c.of("LARGER", "SMALLER", "OLDER", "YOUNGER", "MODSEQ") + " " + c.of("0", "1", "40", "9223372036854775807")
	}
	return "ALL"
}

func (c *choices) item() string {
	return c.of("FLAGS", "UID", "(UID FLAGS)", "ALL", "FULL", "BODY[]", "BODY.PEEK[1]<0.3>", "BODY[]<9.9>", "BODY[2.MIME]",
		"BODY[HEADER.FIELDS (Subject X)]", "RFC822.TEXT", "BINARY[1]", "BINARY.SIZE[1]", "(MODSEQ BODYSTRUCTURE)", "ENVELOPE",
		"FLAGS (CHANGEDSINCE 5)", "FLAGS (CHANGEDSINCE 2 VANISHED)", "(EMAILID THREADID SAVEDATE)", "BODY[9]", "()", "bogus")
}

func (c *choices) uid() string { return c.of("", "UID ", "") }

// command is a command that looks valid, in whatever state the session is.
func (c *choices) command() string {
	switch c.next(22) {
	case 0, 1, 2:
		return "APPEND " + c.of("INBOX", "INBOX", c.box()) + c.of("", ` (\Seen k1)`, ` "01-Feb-2020 00:00:00 +0000"`) +
			c.of(" {18+}\r\nSubject: x\r\n\r\nbody", " {18+}\r\nSubject: x\r\n\r\nbody {3+}\r\nabc", " {0+}\r\n", " ~{3+}\r\na\x00b",
				" {3+}\r\na\x00b", " {3+}\r\nabc ()", " {18+}\r\nSubject: x\r\n\r\nbody {18+}\r\nSubject: y\r\n\r\nbody")
	case 3, 4, 5:
		return c.uid() + "STORE " + c.set() + c.of(" ", " (UNCHANGEDSINCE 9) ") + c.of("+", "-", "") + c.of("FLAGS ", "FLAGS ",
			"FLAGS.SILENT ") + c.flags()
	case 6, 7:
		return c.uid() + "FETCH " + c.set() + " " + c.item()
	case 8:
		return c.uid() + "SEARCH " + c.of("", "RETURN (SAVE) ", "RETURN () ", "RETURN (MIN MAX COUNT) ", "CHARSET utf-8 ", "CHARSET x ",
			"RETURN (SAVE MIN) ") + c.key(0)
	case 9, 10:
		return c.of("EXPUNGE", "EXPUNGE", "UID EXPUNGE "+c.set())
	case 11:
		return c.uid() + c.of("COPY ", "MOVE ") + c.set() + " " + c.box()
	case 12:
		return c.of("SELECT ", "EXAMINE ") + c.of("INBOX", c.box()) + c.of("", " (CONDSTORE)", " (QRESYNC (1 1))", " (QRESYNC (7 2 1:9 (1:2 1:2)))")
	case 13:
		return "IDLE\r\n" + c.of("DONE", "done", "NOOP")
	case 14:
		return c.of("CREATE ", "DELETE ", "SUBSCRIBE ", "UNSUBSCRIBE ") + c.box()
	case 15:
		return "RENAME " + c.box() + " " + c.box()
	case 16:
		return c.of("LIST ", "LIST (SUBSCRIBED RECURSIVEMATCH) ", "LIST (SPECIAL-USE) ") + `"" ` + c.of("*", "%", "(% x/%)", `""`, "x*y%") +
			c.of("", " RETURN (CHILDREN STATUS (MESSAGES HIGHESTMODSEQ))")
	case 17:
		return "STATUS " + c.box() + " (MESSAGES UNSEEN SIZE DELETED HIGHESTMODSEQ MAILBOXID)"
	case 18:
		return c.of("CLOSE", "UNSELECT", "CHECK", "LSUB \"\" %", "NAMESPACE", "CAPABILITY", "ID NIL")
	}
	return "NOOP"
}

// burst is some commands that are sent together.
func (c *choices) burst() []string {
	out := []string{c.command()}
	for c.next(3) == 0 && len(out) < 5 && len(c.b) > 0 {
		out = append(out, c.command())
	}
	return out
}

// conversation is two clients of one account on pipes.
type conversation struct {
	t     testing.TB
	store mail.Store
	srv   *Server
	wg    sync.WaitGroup
	mu    sync.Mutex // guards ends
	ends  []SessionEnd
	peers [2]*peer
}

func newConversation(t testing.TB) *conversation {
	k := &conversation{t: t, store: mem.New(mail.Options{})}
	k.srv = New(Options{Store: k.store, Auth: anybody{}, MaxBad: 1 << 20, Log: errorsTo(t), Events: Events{End: k.note}})
	for i := range k.peers {
		k.peers[i] = k.connect(i == 1)
		k.peers[i].say("SELECT INBOX")
	}
	return k
}

// errorsTo is a log that shows what went wrong, as the stack of a panic, with the test.
func errorsTo(t testing.TB) *slog.Logger {
	return slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelError}))
}

func (k *conversation) connect(qresync bool) *peer {
	near, far := net.Pipe()
	k.wg.Go(func() { k.srv.Serve(context.Background(), far, false) })
	p := newPeer(near)
	p.read() // the greeting
	p.say("LOGIN alice secret")
	if qresync {
		p.say("ENABLE QRESYNC")
		p.qresync = true
	}
	return p
}

// finish compares what the clients know with the store, and ends the sessions.
func (k *conversation) finish() {
	k.t.Helper()
	for i, p := range k.peers {
		p.say("SELECT INBOX", "NOOP", "UID FETCH 1:* (UID FLAGS)")
		k.compare(i, p)
		p.Close()
	}
	k.wg.Wait()
	k.noPanic()
	k.store.Close()
}

// settled has both clients hear of everything, and compares, in the mailbox that they have had selected all along.
func (k *conversation) settled() {
	k.t.Helper()
	for i, p := range k.peers {
		p.say("NOOP", "UID FETCH 1:* UID")
		for j := range p.slots {
			if !p.slots[j].known { // of new messages, and after .SILENT
				p.say(fmt.Sprintf("FETCH %d FLAGS", j+1))
			}
		}
		k.compare(i, p)
	}
}

func (k *conversation) compare(i int, p *peer) {
	k.t.Helper()
	if p.wrong != "" {
		k.t.Fatalf("client %d: %s", i, p.wrong)
	}
	k.compareWith(k.store.Account("alice"), i)
}

// compareWith compares what a client knows with an account's INBOX.
func (k *conversation) compareWith(acct mail.Account, i int) {
	k.t.Helper()
	p := k.peers[i]
	box, err := acct.Mailbox(context.Background(), mail.Inbox)
	if err != nil {
		k.t.Fatal(err)
	}
	truth := k.truth(acct, box.ID)
	var want, got strings.Builder
	for _, u := range slices.Sorted(maps.Keys(truth)) {
		fmt.Fprintf(&want, "%d %s\n", u, truth[u])
	}
	for _, s := range p.slots {
		fmt.Fprintf(&got, "%d %s\n", s.uid, s.flags)
	}
	if want.String() != got.String() {
		k.t.Fatalf("client %d knows\n%sthere is\n%safter\n%s", i, got.String(), want.String(), strings.Join(p.log[max(0, len(p.log)-60):], "\n"))
	}
}

// truth is the flags of the messages in a mailbox, by UID.
func (k *conversation) truth(acct mail.Account, box mail.MailboxID) map[int]string {
	k.t.Helper()
	snap, err := acct.Snapshot(context.Background(), box)
	if err != nil {
		k.t.Fatal(err)
	}
	out := map[int]string{}
	for n := range snap.Len() {
		page, row := snap.Locate(n)
		var flags []string
		for _, f := range page.Flags[row].Flags(snap.Mailbox.Keywords) {
			flags = append(flags, string(f))
		}
		sort.Strings(flags)
		out[int(page.UIDs[row])] = strings.Join(flags, " ")
	}
	return out
}

// FuzzConversation has two clients send what looks valid, one after the other, several commands at a time; all that
// they are told must make sense, and be right in the end.
func FuzzConversation(f *testing.F) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 5 {
		b := make([]byte, 300)
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, in []byte) { converse(t, in[:min(len(in), 4000)]) })
}

func converse(t testing.TB, in []byte) {
	k := newConversation(t)
	for c := (&choices{in}); len(c.b) > 0; {
		p := k.peers[c.next(2)]
		p.say(c.burst()...)
		if p.wrong != "" {
			t.Fatal(p.wrong)
		}
	}
	k.finish()
}

// TestConversations is the fuzzer on random octets.
func TestConversations(t *testing.T) {
	rounds := 400
	if testing.Short() {
		rounds = 30
	}
	for seed := range uint64(rounds) {
		converse(t, randomOctets(seed, 700))
	}
}

// TestConversationsAtOnce has both clients work on INBOX at the same time, without leaving it.
func TestConversationsAtOnce(t *testing.T) {
	rounds := 100
	if testing.Short() {
		rounds = 10
	}
	for seed := range uint64(rounds) {
		k := newConversation(t)
		var wg sync.WaitGroup
		for i, p := range k.peers {
			wg.Go(func() {
				for c := (&choices{randomOctets(seed<<1+uint64(i), 800)}); len(c.b) > 0 && p.wrong == ""; {
					p.say(stay(c.burst())...)
				}
			})
		}
		wg.Wait()
		k.settled()
		k.finish()
	}
}

// stay leaves out what would leave the mailbox.
func stay(commands []string) []string {
	for i, c := range commands {
		verb, _, _ := strings.Cut(c, " ")
		switch verb {
		case "SELECT", "EXAMINE", "CLOSE", "UNSELECT":
			commands[i] = "NOOP"
		}
	}
	return commands
}
