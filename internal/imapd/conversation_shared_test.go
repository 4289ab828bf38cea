package imapd

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"net"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/constance-mail/constance/internal/auth"
	"github.com/constance-mail/constance/internal/mail"
	"github.com/constance-mail/constance/internal/store/mem"
	"github.com/constance-mail/constance/internal/store/sqlite"
)

// guestBox is how the guest names the owner's INBOX.
const guestBox = `"Other Users/alice"`

// shared is a command of a conversation about a mailbox that alice shares with bob; guest says that bob has the word.
func (c *choices) shared(guest bool) string {
	here, there := "INBOX", guestBox
	if guest {
		here, there = there, here
	}
	message := " {18+}\r\nSubject: x\r\n\r\nbody"
	switch c.next(20) {
	case 0, 1:
		return "APPEND " + here + c.of("", ` (\Seen)`, ` (\Flagged k1)`) + message
	case 2, 3:
		return c.uid() + "REPLACE " + c.num() + " " + c.of(here, here, there, "x") + message
	case 4, 5:
		return c.uid() + c.of("MOVE ", "COPY ") + c.set() + " " + c.of(here, there, "x")
	case 6, 7:
		return "UID SEARCH RETURN (UPDATE ALL) " + c.of("FLAGGED", "UNSEEN", "UNDELETED", "KEYWORD k1", "OR SEEN FLAGGED", "ALL")
	case 8:
		return "CANCELUPDATE \"" + "t" + fmt.Sprint(1+c.next(30)) + "\""
	case 9:
		return "NOTIFY SET (selected-delayed (MessageNew MessageExpunge FlagChange))" +
			c.of("", " (personal (MessageNew MessageExpunge MailboxName SubscriptionChange))")
	case 10:
		return c.of("NOTIFY NONE", "UIDBATCHES 500", "ENABLE METADATA")
	case 11:
		return "SETACL INBOX bob " + c.of("lrswite", "+w", "-w", "-t", "-e", "+te", "-s", "+s", "-i", "+i")
	case 12:
		return c.uid() + c.of("SORT (SUBJECT REVERSE ARRIVAL)", "THREAD REFERENCES", "SORT RETURN (PARTIAL 1:3) (DATE)") + " UTF-8 " + c.key(0)
	case 13:
		return "ESEARCH IN (selected personal mailboxes " + there + ") RETURN (COUNT MIN) " + c.key(0)
	case 14:
		return c.of("GETMETADATA "+here+" /private/comment", "SETMETADATA "+here+` (/private/comment "x")`, "GETQUOTAROOT "+here,
			"MYRIGHTS "+here, "CREATE x", "DELETE x", "IDLE\r\nDONE")
	}
	return stay([]string{c.command()})[0]
}

// leavesInbox tells whether the command would give the owner's INBOX another identity.
func leavesInbox(s string) bool {
	return strings.HasPrefix(s, "RENAME") || strings.HasPrefix(s, "CREATE INBOX")
}

// updates is what a client knows of its updated searches: results by tag.
type updates map[string]*update

type update struct {
	key    string
	set    mail.UIDSet
	cancel string // the search that the command with this tag cancels
}

var updateLine = regexp.MustCompile(`^\* ESEARCH \(TAG "(t\d+)"\) UID(?: ALL (\S+)| (ADDTO|REMOVEFROM) \(0 (\S+)\))?`)

// learn takes note of what the last lines of the log say of updated searches.
func (u updates) learn(t testing.TB, log []string) {
	for _, line := range log {
		if tag, text, ok := strings.Cut(strings.TrimPrefix(line, "C: "), " UID SEARCH RETURN (UPDATE ALL) "); ok && strings.HasPrefix(line, "C: ") {
			u[tag] = &update{key: text}
		}
		if tag, of, ok := strings.Cut(strings.TrimPrefix(line, "C: "), " CANCELUPDATE "); ok && strings.HasPrefix(line, "C: ") {
			u[tag] = &update{cancel: strings.Trim(of, `"`)}
		}
		if strings.HasPrefix(line, "* NO [NOUPDATE") || strings.HasPrefix(line, "S: * NO [NOUPDATE") {
			_, rest, _ := strings.Cut(line, `"`)
			tag, _, _ := strings.Cut(rest, `"`)
			delete(u, tag)
		}
		f := strings.Fields(line)
		if k := u[append(f, "", "")[1]]; len(f) > 2 && f[0] == "S:" && k != nil && (f[2] != "OK" || k.cancel != "") {
			if f[2] == "OK" {
				delete(u, k.cancel)
			}
			delete(u, f[1])
		}
		m := updateLine.FindStringSubmatch(strings.TrimPrefix(line, "S: "))
		if m == nil || u[m[1]] == nil {
			continue
		}
		k := u[m[1]]
		switch {
		case m[3] == "REMOVEFROM":
			gone := uidSet(m[4])
			if gone.Intersect(k.set).String() != gone.String() {
				t.Fatalf("%s of %s", line, k.set)
			}
			k.set = k.set.Minus(gone)
		case m[3] == "ADDTO":
			if more := uidSet(m[4]); len(more.Intersect(k.set)) > 0 {
				t.Fatalf("%s of %s", line, k.set)
			} else {
				for _, r := range more {
					k.set.AddRange(r.Start, r.Stop)
				}
			}
		case m[2] != "":
			k.set = uidSet(m[2])
		}
	}
}

// sharedConversation is alice and bob, who both have alice's INBOX selected.
type sharedConversation struct {
	*conversation
	stores [2]mail.Store
	known  [2]updates
	read   [2]int // of the peers' logs
}

// oneStore is a store in memory that both use.
func oneStore(testing.TB) [2]mail.Store {
	s := mem.New(mail.Options{})
	return [2]mail.Store{s, s}
}

// twoStores are two stores on one directory, as two processes have them.
func twoStores(t testing.TB) (both [2]mail.Store) {
	dir := t.TempDir()
	for i := range both {
		var err error
		if both[i], err = sqlite.Open(dir, sqlite.Options{}); err != nil {
			t.Fatal(err)
		}
	}
	return both
}

func newSharedConversation(t testing.TB, stores [2]mail.Store) *sharedConversation {
	d := auth.NewMemory()
	if err := d.Add(context.Background(), []auth.User{{Login: "alice", Account: "alice"}, {Login: "bob", Account: "bob"}}, false); err != nil {
		t.Fatal(err)
	}
	k := &sharedConversation{conversation: &conversation{t: t, store: stores[0]}, stores: stores}
	for i, login := range []string{"alice", "bob"} {
		k.connect(i, login, d)
	}
	k.peers[0].say("ENABLE QRESYNC", "SETACL INBOX bob lrswite", "SELECT INBOX")
	k.peers[0].qresync = true
	k.peers[1].say("SELECT " + guestBox)
	return k
}

// connect logs one of them in, at the server that has his store.
func (k *sharedConversation) connect(i int, login string, d auth.Directory) {
	srv := New(Options{Store: k.stores[i], Auth: anybody{}, MaxBad: 1 << 20, Log: errorsTo(k.t), Sharing: Sharing{Directory: d, Others: "Other Users"},
		Events: Events{End: k.note}})
	k.known[i] = updates{}
	near, far := net.Pipe()
	k.wg.Go(func() { srv.Serve(context.Background(), far, false) })
	k.peers[i] = newPeer(near)
	k.peers[i].read()
	k.peers[i].say("LOGIN " + login + " secret")
}

// burst has one of them say some commands.
func (k *sharedConversation) burst(c *choices, i int) {
	var commands []string
	for more := true; more && len(commands) < 4; more = c.next(3) == 0 && len(c.b) > 0 {
		if s := c.shared(i == 1); !leavesInbox(s) {
			commands = append(commands, s)
		}
	}
	p := k.peers[i]
	p.say(commands...)
	k.learn(i)
}

func (k *sharedConversation) learn(i int) {
	p := k.peers[i]
	if p.wrong != "" {
		k.t.Fatalf("client %d: %s", i, p.wrong)
	}
	k.known[i].learn(k.t, p.log[k.read[i]:])
	k.read[i] = len(p.log)
}

// settle has both hear of everything, and compares what they know with what there is.
func (k *sharedConversation) settle() {
	k.t.Helper()
	for i, p := range k.peers {
		p.say("NOTIFY SET (selected-delayed (MessageNew MessageExpunge FlagChange))", "NOOP", "UID FETCH 1:* UID")
		for j := range p.slots {
			if !p.slots[j].known {
				p.say(fmt.Sprintf("FETCH %d FLAGS", j+1))
			}
		}
		p.say("NOOP")
		k.learn(i)
		acct := k.stores[i].Account("alice").As(mail.AccountID([]string{"alice", "bob"}[i]))
		k.compareWith(acct, i)
		for tag, u := range k.known[i] {
			at := len(p.log)
			p.say("UID SEARCH RETURN (ALL) " + u.key)
			fresh := mail.UIDSet(nil)
			for _, line := range p.log[at:] {
				if _, set, ok := strings.Cut(line, " ALL "); ok && strings.HasPrefix(line, "S: * ESEARCH (TAG") {
					fresh = uidSet(set)
				}
			}
			if fresh.String() != u.set.String() {
				k.t.Fatalf("client %d: search %s (%s) is known to find %s, and finds %s\n%s", i, tag, u.key, u.set, fresh,
					strings.Join(p.log[max(0, len(p.log)-60):], "\n"))
			}
			k.learn(i)
		}
	}
}

func (k *sharedConversation) end() {
	for _, p := range k.peers {
		p.Close()
	}
	k.wg.Wait()
	k.noPanic()
	closeStores(k.t, k.stores)
}

// noPanic fails the test if a session ended with one.
func (k *conversation) noPanic() {
	for _, e := range k.ends {
		if e.Reason == "panic" {
			k.t.Errorf("a session ended with %q: %v", e.Reason, e.Err)
		}
	}
}

func closeStores(t testing.TB, stores [2]mail.Store) {
	for _, s := range slices.Compact(stores[:]) {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

// inRounds is a conversation that has an end, at which all must know what there is.
type inRounds interface {
	settle()
	end()
}

// eachPairOfStores has a test go through its rounds, rounds of them with a store in memory, fewer with two processes' stores.
func eachPairOfStores[K inRounds](
	t *testing.T, rounds int, begin func(testing.TB, [2]mail.Store) K, test func(k K, seed uint64)) {
	for _, c := range []struct {
		name   string
		stores func(testing.TB) [2]mail.Store
		rounds int
	}{{"in memory", oneStore, rounds}, {"two processes", twoStores, rounds / 10}} {
		t.Run(c.name, func(t *testing.T) {
			if testing.Short() {
				c.rounds /= 5
			}
			for seed := range uint64(c.rounds) {
				k := begin(t, c.stores(t))
				test(k, seed)
				k.settle()
				k.end()
			}
		})
	}
}

// TestSharedConversations: an owner and a guest work on one mailbox, in turn, with all that there is for that.
func TestSharedConversations(t *testing.T) {
	eachPairOfStores(t, 200, newSharedConversation, func(k *sharedConversation, seed uint64) {
		c := &choices{randomOctets(seed, 600)}
		for n := 0; len(c.b) > 0; n++ {
			if k.burst(c, c.next(2)); n%8 == 7 {
				k.settle()
			}
		}
	})
}

// TestSharedConversationsAtOnce: they work at the same time.
func TestSharedConversationsAtOnce(t *testing.T) {
	eachPairOfStores(t, 100, newSharedConversation, func(k *sharedConversation, seed uint64) {
		var wg sync.WaitGroup
		for i := range k.peers {
			wg.Go(func() {
				for c := (&choices{randomOctets(seed<<1+uint64(i), 400)}); len(c.b) > 0 && k.peers[i].wrong == ""; {
					k.burst(c, i)
				}
			})
		}
		wg.Wait()
	})
}

// conversations is added to the seed of each conversation: another one gives others.
var conversations = flag.Uint64("conversations", 0, "which random conversations to have")

func randomOctets(seed uint64, n int) []byte {
	r := rand.New(rand.NewPCG(seed+*conversations, 4314))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}
