package imapd

import (
	"bytes"
	"context"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/constance-mail/constance/internal/mail"
	"github.com/constance-mail/constance/internal/store/mem"
)

// change is a command that changes the state of a session, or would in another state. RFC 9051 section 3.
func (c *choices) change() string {
	return c.of("LOGIN alice secret", "AUTHENTICATE PLAIN AGFsaWNlAHNlY3JldA==", "LOGIN alice wrong", "UNAUTHENTICATE", "SELECT INBOX",
		"EXAMINE inbox", "SELECT nothing", "CLOSE", "UNSELECT", "ENABLE CONDSTORE IMAP4rev2 UTF8=ACCEPT METADATA", "LOGOUT",
		"NOTIFY SET (personal (MailboxName MessageNew (UID FLAGS)))", "NOTIFY NONE", "AUTHENTICATE X", "LOGIN {5+}\r\nalice {6+}\r\nsecret")
}

// garbage is any octets on one line. What has the client wait for the server, or changes how its answers are read, is
// none.
func (c *choices) garbage() string {
	n := min(c.next(40), len(c.b))
	s := string(c.b[:n])
	c.b = c.b[n:]
	s = c.of("", "FETCH 1 ", "UID SEARCH ", "LIST ", "APPEND INBOX ", "STORE 1 ") + strings.NewReplacer("\r", "", "\n", "", "{", "").Replace(s)
	for _, word := range []string{"IDLE", "AUTHENTICATE", "ENABLE", "COMPRESS", "STARTTLS"} {
		if strings.HasPrefix(strings.ToUpper(s), word) {
			return "x" + s
		}
	}
	return "." + s
}

// wander has a client that has not logged in send commands of all states, and garbage. The peer checks that each has one
// answer, in order, and that the connection ends with BYE only.
func wander(t testing.TB, in []byte) {
	t.Helper()
	store := mem.New(mail.Options{})
	defer store.Close()
	var end SessionEnd
	srv := New(Options{Store: store, Auth: anybody{}, MaxBad: 1 << 20, Events: Events{End: func(e SessionEnd) { end = e }}})
	near, far := net.Pipe()
	var wg sync.WaitGroup
	wg.Go(func() { srv.Serve(context.Background(), far, false) })
	p := newPeer(near)
	p.read() // the greeting
	for c := (&choices{in}); len(c.b) > 0 && p.wrong == "" && !p.bye; {
		var burst []string
		for range 1 + c.next(3) {
			switch line := c.command(); c.next(4) {
			case 0:
				burst = append(burst, c.change())
			case 1:
				burst = append(burst, c.garbage())
			default:
				if !strings.HasPrefix(line, "IDLE") { // what follows it is no command then, or one, as the state is
					burst = append(burst, line)
				}
			}
		}
		p.say(burst...)
	}
	near.Close()
	wg.Wait()
	if p.wrong != "" {
		t.Fatal(p.wrong)
	}
	if end.Reason == "panic" || end.Reason == "" {
		t.Fatalf("the session ended with %q, %v", end.Reason, end.Err)
	}
}

// FuzzStates is wander on any octets.
func FuzzStates(f *testing.F) {
	f.Add([]byte{0, 1, 0, 0, 0, 4, 1, 9, 200, 40, 41, 42, 34, 92, 1, 0, 10})
	f.Add(append(bytes.Repeat([]byte{0, 13, 0, 2}, 200), 0, 9, 0, 3)) // nothing is said, often
	f.Add([]byte("\x02\x00\x00\x00\x01\x05hello\x00\xff(((\"\\ "))
	f.Fuzz(func(t *testing.T, in []byte) { wander(t, in[:min(len(in), 4000)]) })
}

// TestStates is the fuzzer on random octets.
func TestStates(t *testing.T) {
	rounds := 400
	if testing.Short() {
		rounds = 50
	}
	for seed := range uint64(rounds) {
		r := rand.New(rand.NewPCG(seed, 78))
		b := make([]byte, 600)
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		wander(t, b)
	}
}
