package imapd

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/constance-mail/constance/internal/mail"
)

// movers are the clients of a conversation about mailboxes that come, go and get other names.
var movers = []struct {
	enable           string
	qresync, uidOnly bool
}{
	{"ENABLE CONDSTORE", false, false},
	{"ENABLE QRESYNC", true, false},
	{"ENABLE UIDONLY", false, true},
	{"ENABLE QRESYNC UIDONLY", true, true},
}

// movingConversation is several clients of alice, each of which is in some mailbox.
type movingConversation struct {
	*conversation
	stores  [2]mail.Store
	clients []*peer
}

func newMovingConversation(t testing.TB, stores [2]mail.Store) *movingConversation {
	k := &movingConversation{conversation: &conversation{t: t, store: stores[0]}, stores: stores}
	seen := &annal{facts: map[string]string{}}
	for i, m := range movers {
		srv := New(Options{Store: stores[i%2], Auth: anybody{}, MaxBad: 1 << 20, Log: errorsTo(t), Events: Events{End: k.note}})
		near, far := net.Pipe()
		k.wg.Go(func() { srv.Serve(context.Background(), far, false) })
		p := newPeer(near)
		p.read() // the greeting
		p.qresync, p.uidOnly, p.seen = m.qresync, m.uidOnly, seen
		p.say("LOGIN alice secret", m.enable, "SELECT INBOX")
		k.clients = append(k.clients, p)
	}
	k.clients[0].say("CREATE a", "CREATE b")
	return k
}

// note takes note of the end of a session.
func (k *conversation) note(e SessionEnd) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.ends = append(k.ends, e)
}

// place is a mailbox that may be there.
func (c *choices) place() string { return c.of("INBOX", "INBOX", "a", "a", "b", "b", "a/c") }

// messages names some by UID or, if the client may, by number, as the first argument of a command.
func (c *choices) messages(p *peer, verb string) string {
	uid := c.uid()
	if p.uidOnly {
		uid = "UID "
	}
	return uid + verb + " " + c.set()
}

// moving is a command of a client whose mailboxes move.
func (c *choices) moving(p *peer) string {
	if p.here.id == "" {
		return "SELECT " + c.place()
	}
	text := fmt.Sprintf("Subject: %d\r\n\r\nbody", p.seen.next.Add(1)) // each message is another one
	literal := fmt.Sprintf("{%d+}\r\n%s", len(text), text)
	switch c.next(30) {
	case 0, 1, 2, 3, 4, 5:
		return "APPEND " + c.place() + c.of("", ` (\Seen)`, ` (\Deleted k1)`) + " " + literal
	case 6, 7:
		return "APPEND " + c.place() + " CATENATE (TEXT " + literal + ` URL "` + c.url(p) + `")`
	case 8, 9, 10, 11:
		return c.messages(p, "STORE") + c.of(" ", " (UNCHANGEDSINCE 9) ") + c.of("+", "-", "") +
			c.of("FLAGS ", "FLAGS.SILENT ") + c.of(`(\Seen)`, `(\Deleted)`, `(\Flagged k1)`, "K2", "()")
	case 12, 13:
		return c.messages(p, "FETCH") + " " + c.of("FLAGS", "(UID FLAGS EMAILID)", "BODY[]", "(FLAGS MODSEQ)", "FLAGS (CHANGEDSINCE 5)")
	case 14, 15, 16:
		return c.messages(p, c.of("COPY", "MOVE")) + " " + c.place()
	case 17, 18:
		return c.of("EXPUNGE", "UID EXPUNGE "+c.set())
	case 19:
		return "UID SEARCH " + c.of("", "RETURN (SAVE) ", "RETURN (MIN COUNT) ", "RETURN (UPDATE ALL) ") + c.of("ALL", "SEEN", "UID "+c.set())
	case 20:
		return "UID REPLACE " + c.num() + " " + c.place() + " " + literal
	case 21:
		return c.of("CLOSE", "UNSELECT", "CHECK", `LIST "" * RETURN (STATUS (MESSAGES))`, "STATUS "+c.place()+" (MESSAGES UIDNEXT)")
	case 22:
		return "CREATE " + c.place()
	case 23:
		return "DELETE " + c.place()
	case 24, 25:
		return "RENAME " + c.place() + " " + c.of("a", "b", "a/c", "b/c")
	case 26, 27:
		return c.of("SELECT ", "SELECT ", "EXAMINE ") + c.place()
	}
	return "NOOP"
}

// url names a message, perhaps of the selected mailbox, or of one that had its name before. RFC 4469 section 3, RFC 5092.
func (c *choices) url(p *peer) string {
	return c.of("/"+c.place(), "/"+p.here.String()) + "/;UID=" + c.of("1", "2", "3", "5") + c.of("", "/;SECTION=TEXT", "/;SECTION=HEADER")
}

// movingBurst is some commands that are sent together.
func (c *choices) movingBurst(p *peer) []string {
	out := []string{c.moving(p)}
	for c.next(3) == 0 && len(out) < 4 && len(c.b) > 0 {
		out = append(out, c.moving(p))
	}
	return out
}

// turn has a client do something; who idles hears of it all without asking.
func (k *movingConversation) turn(c *choices) {
	i := c.next(len(k.clients))
	p := k.clients[i]
	p.done()
	switch c.next(8) {
	case 0, 1, 2:
		p.idle()
	case 3:
		if _, already := p.w.(flushing); !already {
			p.say("COMPRESS DEFLATE")
		}
	default:
		p.say(c.movingBurst(p)...)
	}
	for i := range k.clients {
		k.heed(i)
	}
}

// heed has a client that idles read until it knows all that there is to know.
func (k *movingConversation) heed(i int) {
	k.t.Helper()
	p := k.clients[i]
	for p.idling && p.wrong == "" && !k.knows(p) && p.read() {
	}
	if p.wrong != "" {
		k.t.Fatalf("client %d: %s", i, p.wrong)
	}
}

// inside is the flags of the messages of the mailbox that a client has selected, by UID: none if it is gone.
func (k *movingConversation) inside(p *peer) map[int]string {
	k.t.Helper()
	acct := k.store.Account("alice")
	all, err := acct.Mailboxes(context.Background())
	if err != nil {
		k.t.Fatal(err)
	}
	for _, m := range all {
		if m.ID != 0 && m.ID.ObjectID("alice") == p.here.id {
			return k.truth(acct, m.ID)
		}
	}
	return nil
}

// knows tells whether nothing that a client knows is wrong, and no message is missing.
func (k *movingConversation) knows(p *peer) bool {
	truth := k.inside(p)
	for _, s := range p.slots {
		if flags, ok := truth[s.uid]; s.uid != 0 && (!ok || s.known && s.flags != flags) {
			return false
		}
	}
	return len(p.slots) == len(truth)
}

// settle has all hear of everything, and compares what they know with what there is.
func (k *movingConversation) settle() {
	k.t.Helper()
	for i, p := range k.clients {
		p.done()
		if p.say("NOOP"); p.here.id != "" {
			p.say("UID FETCH 1:* (UID FLAGS EMAILID)", "NOOP")
		}
		if p.wrong != "" {
			k.t.Fatalf("client %d: %s", i, p.wrong)
		}
		unknown := slices.ContainsFunc(p.slots, func(s slot) bool { return s.uid == 0 || !s.known })
		if unknown || !k.knows(p) {
			k.t.Fatalf("client %d in %s knows\n%v\nthere is\n%v\nafter\n%s", i, p.here, p.slots, k.inside(p),
				strings.Join(p.log[max(0, len(p.log)-60):], "\n"))
		}
	}
}

func (k *movingConversation) end() {
	for _, p := range k.clients {
		p.Close()
	}
	k.wg.Wait()
	k.noPanic()
	closeStores(k.t, k.stores)
}

// TestMovingConversations: mailboxes are created, renamed and deleted under those who have them selected, and who may be in
// IDLE, do without message numbers, or compress. RFC 9051 sections 6.3.4 to 6.3.6 and 6.3.13, RFC 9586, RFC 4978.
func TestMovingConversations(t *testing.T) {
	eachPairOfStores(t, 60, newMovingConversation, func(k *movingConversation, seed uint64) {
		c := &choices{randomOctets(seed, 700)}
		for n := 0; len(c.b) > 0; n++ {
			if k.turn(c); n%16 == 15 {
				k.settle()
			}
		}
	})
}

// TestMovingConversationsAtOnce: they work at the same time, while one idles in INBOX all along.
func TestMovingConversationsAtOnce(t *testing.T) {
	eachPairOfStores(t, 30, newMovingConversation, func(k *movingConversation, seed uint64) {
		var wg, idler sync.WaitGroup
		var last atomic.Bool
		idle := int(seed) % len(k.clients)
		idler.Go(func() {
			p := k.clients[idle]
			for p.idle(); p.wrong == "" && (!last.Load() || !k.knows(p)) && p.read(); {
			}
		})
		for i, p := range k.clients {
			if i == idle {
				continue
			}
			wg.Go(func() {
				for c := (&choices{randomOctets(seed<<2+uint64(i), 400)}); len(c.b) > 0 && p.wrong == ""; {
					p.say(c.movingBurst(p)...)
				}
			})
		}
		wg.Wait()
		last.Store(true) // before the last change, of which the idler hears in any case
		k.clients[(idle+1)%len(k.clients)].say("APPEND INBOX {18+}\r\nSubject: x\r\n\r\nbody")
		idler.Wait()
	})
}
