package e2e

import (
	"bufio"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/constance-mail/constance/internal/imapclient"
)

// crashSizes are around the border of inline bodies (32 KiB), and well above it.
var crashSizes = [...]int{200, 2000, 32<<10 - 300, 32<<10 - 1, 32 << 10, 32<<10 + 1, 33 << 10, 100_000, 300_000}

// crashAccounts is how many accounts c1, c2 and so on the writers share; each has the mailboxes of crashBoxes.
const crashAccounts = 4

var crashBoxes = [...]string{"INBOX", "Archive"}

// ledger is what was sent, and what the server said that it has.
type ledger struct {
	mu    sync.Mutex         // guards what follows
	acked map[string][]place // places that acknowledged a message, by its id
	acks  int
	want  int           // acks that reached is closed at
	hit   chan struct{} // made by await
	next  int
}

// place is a mailbox of an account.
type place struct{ user, box string }

// name is an id for a new message; it determines the octets.
func (l *ledger) name(rng *rand.Rand) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.next++
	return fmt.Sprintf("%d-%d-%d", l.next, crashSizes[rng.IntN(len(crashSizes))], rng.Uint32())
}

func (l *ledger) ack(id string, at place) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.acked[id] = append(l.acked[id], at)
	l.acks++
	if l.hit != nil && l.acks >= l.want {
		close(l.hit)
		l.hit = nil
	}
}

// await is closed after n more acknowledgements.
func (l *ledger) await(n int) <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.want, l.hit = l.acks+n, make(chan struct{})
	return l.hit
}

// crashLetter is the message of an id.
func crashLetter(id string) string {
	f := strings.Split(id, "-")
	if len(f) != 3 {
		return ""
	}
	size, _ := strconv.Atoi(f[1]) // a damaged id gives another message, which is what the test looks for
	seed, _ := strconv.ParseUint(f[2], 10, 64)
	var b strings.Builder
	b.WriteString("X-Crash: " + id + "\r\nFrom: a@example.org\r\nSubject: crash\r\n\r\n")
	rng := rand.New(rand.NewPCG(seed, 1))
	for b.Len() < size-18 {
		fmt.Fprintf(&b, "%016x\r\n", rng.Uint64())
	}
	b.WriteString(strings.Repeat("x", max(0, size-b.Len()-2)) + "\r\n")
	return b.String()
}

// crashWriters send until stop is closed, connecting anew whenever the server goes away.
func crashWriters(s *Server, l *ledger, seed uint64, stop <-chan struct{}) (wait func() error) {
	var all sync.WaitGroup
	errs := make(chan error, 16)
	start := func(i int, work func(rng *rand.Rand) error) {
		rng := rand.New(rand.NewPCG(seed, uint64(i)))
		all.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				var said *protocolError
				if err := work(rng); errors.As(err, &said) {
					errs <- err
					return
				}
			}
		})
	}
	for i := range 4 {
		start(i, func(rng *rand.Rand) error { return appendUntil(s, l, rng, stop) })
	}
	for i := range 3 {
		start(10+i, func(rng *rand.Rand) error { return lmtpUntil(s, l, rng, stop) })
	}
	return func() error {
		all.Wait()
		close(errs)
		return <-errs // nil if there is none
	}
}

// protocolError is an answer that no crash explains.
type protocolError struct{ text string }

func (e *protocolError) Error() string { return e.text }

// appendUntil appends by one connection, alternately by synchronizing and by non-synchronizing literals.
func appendUntil(s *Server, l *ledger, rng *rand.Rand, stop <-chan struct{}) error {
	c, _, err := imapclient.Dial(s.IMAP)
	if err != nil {
		return err
	}
	defer c.Close()
	c.Timeout = startTimeout
	user := fmt.Sprintf("c%d", 1+rng.IntN(crashAccounts))
	if _, err := c.MustOK("LOGIN " + user + " secret"); err != nil {
		return err
	}
	for n := 0; n < 20; n++ { // then another account
		select {
		case <-stop:
			return nil
		default:
		}
		at, id := place{user, crashBoxes[rng.IntN(len(crashBoxes))]}, l.name(rng)
		if err := appendOne(c, at, id, rng.IntN(2) == 0); err != nil {
			return err
		}
		l.ack(id, at)
	}
	return nil
}

func appendOne(c *imapclient.Client, at place, id string, sync bool) error {
	text, plus := crashLetter(id), "+"
	if sync {
		plus = ""
	}
	if err := c.Send(fmt.Sprintf("x APPEND %s {%d%s}\r\n", at.box, len(text), plus)); err != nil {
		return err
	}
	if sync {
		if got, err := c.Read(); err != nil || !strings.HasPrefix(got, "+") {
			return refused(got, err)
		}
	}
	if err := c.Send(text + "\r\n"); err != nil {
		return err
	}
	for {
		got, err := c.Read()
		switch {
		case err != nil || strings.HasPrefix(got, "* BYE"):
			return refused("", errors.Join(err, net.ErrClosed))
		case strings.HasPrefix(got, "x OK [APPENDUID "):
			return nil
		case !strings.HasPrefix(got, "*"):
			return refused(got, nil)
		}
	}
}

func refused(got string, err error) error {
	if err != nil {
		return err
	}
	return &protocolError{got}
}

// lmtpUntil delivers by one connection, each message to one or more accounts.
func lmtpUntil(s *Server, l *ledger, rng *rand.Rand, stop <-chan struct{}) error {
	conn, err := net.DialTimeout("tcp", s.LMTP, startTimeout)
	if err != nil {
		return err
	}
	defer conn.Close()
	in := bufio.NewReader(conn)
	if err := lmtpSay(conn, in, "", "220"); err != nil {
		return err
	}
	if err := lmtpSay(conn, in, "LHLO test.example\r\n", "250"); err != nil {
		return err
	}
	for {
		select {
		case <-stop:
			return nil
		default:
		}
		if err := lmtpOne(conn, in, l, l.name(rng), rng.Perm(crashAccounts)[:1+rng.IntN(crashAccounts)]); err != nil {
			return err
		}
	}
}

func lmtpOne(conn net.Conn, in *bufio.Reader, l *ledger, id string, to []int) error {
	if err := lmtpSay(conn, in, "MAIL FROM:<s@example.org>\r\n", "250"); err != nil {
		return err
	}
	for _, n := range to {
		if err := lmtpSay(conn, in, fmt.Sprintf("RCPT TO:<c%d@example.org>\r\n", n+1), "250"); err != nil {
			return err
		}
	}
	if err := lmtpSay(conn, in, "DATA\r\n", "354"); err != nil {
		return err
	}
	if err := lmtpSay(conn, in, crashLetter(id)+".\r\n", "250"); err != nil {
		return err
	}
	l.ack(id, place{fmt.Sprintf("c%d", to[0]+1), "INBOX"})
	for _, n := range to[1:] { // one answer for each recipient; RFC 2033 section 4.2
		if err := lmtpSay(conn, in, "", "250"); err != nil {
			return err
		}
		l.ack(id, place{fmt.Sprintf("c%d", n+1), "INBOX"})
	}
	return nil
}

// lmtpSay sends and reads an answer, which must have the code. 421 is the server's goodbye.
func lmtpSay(conn net.Conn, in *bufio.Reader, text, code string) error {
	if err := conn.SetDeadline(time.Now().Add(startTimeout)); err != nil {
		return err
	}
	if _, err := conn.Write([]byte(text)); err != nil {
		return err
	}
	for {
		line, err := in.ReadString('\n')
		switch {
		case err != nil:
			return err
		case strings.HasPrefix(line, "421"):
			return net.ErrClosed
		case !strings.HasPrefix(line, code):
			return &protocolError{line}
		case len(line) > 3 && line[3] == ' ':
			return nil
		}
	}
}

// crashCheck compares what is there with what was acknowledged.
func crashCheck(t *testing.T, s *Server, l *ledger) {
	t.Helper()
	found := map[string]map[place]int{}
	for i := range crashAccounts {
		for _, box := range crashBoxes {
			at := place{fmt.Sprintf("c%d", i+1), box}
			for _, id := range readIDs(t, s, at) {
				if found[id] == nil {
					found[id] = map[place]int{}
				}
				if found[id][at]++; found[id][at] > 1 {
					t.Errorf("%s is in %v %d times", id, at, found[id][at])
				}
			}
		}
	}
	for id, places := range l.acked {
		for _, at := range places {
			if found[id][at] == 0 {
				t.Errorf("%s was acknowledged and is not in %v", id, at)
			}
		}
	}
	if out := strings.TrimSpace(s.Run(t, "", "verify", "--json")); out != "[]" {
		t.Errorf("verify: %s", out)
	}
}

// readIDs reads a mailbox: each message must be whole. Delivery puts trace fields in front.
func readIDs(t *testing.T, s *Server, at place) (ids []string) {
	t.Helper()
	c, _, err := imapclient.Dial(s.IMAP)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.Timeout = startTimeout
	do(t, c, "LOGIN "+at.user+" secret")
	do(t, c, "EXAMINE "+at.box)
	for _, r := range do(t, c, "UID FETCH 1:* BODY.PEEK[]") {
		_, body, ok := strings.Cut(r, "X-Crash: ")
		if !ok {
			if strings.Contains(r, "FETCH") && strings.HasPrefix(r, "*") {
				t.Errorf("%v: a message that nobody sent: %.200q", at, r)
			}
			continue
		}
		id, _, _ := strings.Cut(body, "\r\n")
		body = "X-Crash: " + body
		if want := crashLetter(id); !strings.HasPrefix(body, want) || strings.TrimRight(body[len(want):], ")") != "" {
			t.Errorf("%v: %s is not what was sent: %d octets, %d were sent", at, id, len(body), len(want))
		}
		ids = append(ids, id)
	}
	return ids
}

// TestCrash kills workers, and everything, under load. CONSTANCE_CRASH_ROUNDS and CONSTANCE_CRASH_SEED make it longer,
// or the same again (as far as processes allow).
func TestCrash(t *testing.T) {
	if binary == "" {
		t.Skip("-short")
	}
	rounds, seed := 9, uint64(time.Now().UnixNano())
	if n, err := strconv.Atoi(os.Getenv("CONSTANCE_CRASH_ROUNDS")); err == nil {
		rounds = n
	}
	if n, err := strconv.ParseUint(os.Getenv("CONSTANCE_CRASH_SEED"), 10, 64); err == nil {
		seed = n
	}
	t.Logf("CONSTANCE_CRASH_SEED=%d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	var users strings.Builder
	for i := range crashAccounts {
		fmt.Fprintf(&users, "c%d:{PLAIN}secret\n", i+1)
	}
	s := StartServer(t, binary, t.TempDir(), users.String(), "--workers", "2")
	l := &ledger{acked: map[string][]place{}}
	for round := range rounds {
		crashRound(t, s, l, rng, []string{"imap", "lmtp", "all"}[round%3])
		crashCheck(t, s, l)
		if t.Failed() {
			t.Fatalf("round %d", round)
		}
	}
	t.Logf("%d acknowledgements of %d messages", l.acks, l.next)
}

// crashRound runs writers and kills whom kind says in their midst.
func crashRound(t *testing.T, s *Server, l *ledger, rng *rand.Rand, kind string) {
	t.Helper()
	stop := make(chan struct{})
	first := l.await(20 + rng.IntN(60))
	wait := crashWriters(s, l, rng.Uint64(), stop)
	awaitClosed(t, "acknowledgements", first)
	if kind == "all" {
		s.Kill(t) // while they write
		close(stop)
	} else {
		killOne(t, s, kind, rng)
		awaitClosed(t, "acknowledgements after the death of a worker", l.await(20+rng.IntN(40)))
		close(stop)
	}
	if err := wait(); err != nil {
		t.Errorf("%s: %v", kind, err)
	}
	if kind == "all" {
		s.Restart(t, "--workers", "2")
	}
}

// killOne kills a worker of a service and returns its pid.
func killOne(t *testing.T, s *Server, service string, rng *rand.Rand) int {
	t.Helper()
	pids := workersOf(t, s, service)
	pid := pids[rng.IntN(len(pids))]
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	return pid
}

// workersOf are the workers of a service that say so themselves and are children of the master.
func workersOf(t testing.TB, s *Server, service string) (pids []int) {
	t.Helper()
	awaitTrue(t, "workers of "+service, func() bool {
		pids = pids[:0]
		for _, p := range status(t, s).Processes {
			if p.Service == service && !p.Draining {
				pids = append(pids, p.PID)
			}
		}
		return len(pids) > 0
	})
	return pids
}

// awaitClosed waits for an event.
func awaitClosed(t *testing.T, what string, c <-chan struct{}) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(startTimeout):
		t.Fatalf("in vain: %s", what)
	}
}
