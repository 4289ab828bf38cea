package e2e

import (
	"fmt"
	"net"
	"strings"
	"syscall"
	"testing"

	"github.com/constance-mail/constance/internal/imapclient"
)

// manyServer is a server with n connections that are logged in, as u1 and so on.
func manyServer(t *testing.T, n int) (*Server, []*imapclient.Client) {
	t.Helper()
	if binary == "" {
		t.Skip("-short")
	}
	var users strings.Builder
	for i := range n {
		fmt.Fprintf(&users, "u%d:{PLAIN}secret\n", i+1)
	}
	s := StartServer(t, binary, t.TempDir(), users.String(), "--workers", "2")
	awaitTrue(t, "both workers", func() bool { return len(workersOf(t, s, "imap")) == 2 })
	conns := make([]*imapclient.Client, n)
	for i := range conns {
		conns[i] = login(t, s, fmt.Sprintf("u%d", i+1), "secret")
		do(t, conns[i], "SELECT INBOX")
	}
	return s, conns
}

// servedBy is the worker of each user, by the server's own list.
func servedBy(t *testing.T, s *Server) map[string]int {
	t.Helper()
	out := map[string]int{}
	for _, a := range status(t, s).Sessions {
		out[a.User] = a.PID
	}
	return out
}

// A worker that is killed takes its own connections along, and nothing else.
func TestWorkerKilled(t *testing.T) {
	const n = 60
	s, conns := manyServer(t, n)
	by := servedBy(t, s)
	if len(by) != n {
		t.Fatalf("status lists %d sessions of %d", len(by), n)
	}
	count := map[int]int{}
	for _, pid := range by {
		count[pid]++
	}
	victim := by["u1"]
	for pid, k := range count {
		if k < count[victim] {
			victim = pid
		}
	}
	if len(count) != 2 {
		t.Fatalf("connections by worker: %v", count)
	}
	outcome, stop := make(chan error, n), make(chan struct{})
	for i, c := range conns {
		go func() { outcome <- busy(c, by[fmt.Sprintf("u%d", i+1)] == victim, stop) }()
	}
	if err := syscall.Kill(victim, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	for range 20 { // newcomers, at once
		c, _, err := imapclient.Dial(s.IMAP)
		if err != nil {
			t.Fatalf("a newcomer: %v", err)
		}
		c.Close()
	}
	awaitTrue(t, "two workers again", func() bool {
		w := imapWorkers(t, s)
		return len(w) == 2 && !w[victim]
	})
	close(stop)
	for range n {
		if err := <-outcome; err != nil {
			t.Error(err)
		}
	}
	alive := 0
	for _, pid := range by {
		if pid != victim {
			alive++
		}
	}
	awaitTrue(t, "a true status", func() bool { return len(servedBy(t, s)) == alive && activeIn(t, s) == int64(alive) })
}

// busy works until stop is closed; doomed connections must end, others must not.
func busy(c *imapclient.Client, doomed bool, stop <-chan struct{}) error {
	for {
		_, err := c.MustOK("NOOP")
		if doomed && err != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("a connection of another worker: %w", err)
		}
		if doomed {
			continue // each wait of the client is bounded
		}
		select {
		case <-stop:
			return nil
		default:
		}
	}
}

// imapWorkers are the workers of imap that the master counts as ready.
func imapWorkers(t *testing.T, s *Server) map[int]bool {
	t.Helper()
	out := map[int]bool{}
	for _, p := range status(t, s).Processes {
		if p.Master == nil {
			continue
		}
		for _, svc := range p.Master.Services {
			for _, w := range svc.Workers {
				if strings.HasPrefix(svc.Name, "imap/") && w.State == "ready" {
					out[w.PID] = true
				}
			}
		}
	}
	return out
}

// activeIn is the number of connections that the workers of imap say they have.
func activeIn(t *testing.T, s *Server) (n int64) {
	t.Helper()
	for _, p := range status(t, s).Processes {
		if p.Service == "imap" {
			n += p.Active
		}
	}
	return n
}

// SIGTERM: each session gets BYE, and the server ends with 0.
func TestTerminate(t *testing.T) {
	s, conns := manyServer(t, 20)
	if err := conns[0].Send("i IDLE\r\n"); err != nil {
		t.Fatal(err)
	}
	if got, err := conns[0].Read(); err != nil || !strings.HasPrefix(got, "+") {
		t.Fatal(got, err)
	}
	if err := syscall.Kill(s.PID, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	for i, c := range conns {
		if got, err := c.Read(); err != nil || !strings.HasPrefix(got, "* BYE") {
			t.Errorf("connection %d: %q %v", i+1, got, err)
		}
	}
	awaitClosed(t, "the server's end", s.done)
	if s.err != nil {
		t.Errorf("exit: %v", s.err)
	}
}

// SIGHUP to the master replaces workers; connections live on in the old ones, which go with the last of them.
func TestHangupKeepsConnections(t *testing.T) {
	s, conns := manyServer(t, 10)
	old := imapWorkers(t, s)
	if err := syscall.Kill(s.PID, syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	awaitTrue(t, "new workers", func() bool {
		now := imapWorkers(t, s)
		for pid := range old {
			if now[pid] {
				return false
			}
		}
		return len(now) == 2
	})
	for _, c := range conns {
		do(t, c, "NOOP")
	}
	for _, c := range conns {
		do(t, c, "LOGOUT")
	}
	awaitTrue(t, "the end of the old workers", func() bool {
		for _, pid := range s.Workers() {
			if old[pid] {
				return false
			}
		}
		return true
	})
}

// A client that does not read costs nobody else of its mailbox anything.
func TestClientNotReading(t *testing.T) {
	s, conns := manyServer(t, 1)
	text := crashLetter("1-300000-1")
	for range 30 {
		do(t, conns[0], fmt.Sprintf("APPEND INBOX {%d+}\r\n%s", len(text), text))
	}
	deaf := login(t, s, "u1", "secret")
	do(t, deaf, "SELECT INBOX")
	if err := deaf.Send("f FETCH 1:* BODY[]\r\n"); err != nil {
		t.Fatal(err)
	}
	awaitTrue(t, "a server that waits for the client", func() bool { return deafSession(t, s) })
	for range 10 {
		do(t, conns[0], "STORE 1:* +FLAGS (x)")
		do(t, conns[0], "STORE 1:* -FLAGS (x)")
	}
	other := login(t, s, "u1", "secret")
	do(t, other, "SELECT INBOX")
	do(t, other, "FETCH 1:* (FLAGS BODY.PEEK[])")
	do(t, other, "STORE 1:3 +FLAGS.SILENT (\\Deleted)")
	do(t, other, "EXPUNGE")
	if !deafSession(t, s) {
		t.Error("the server did not wait for the client all the time")
	}
}

func deafSession(t *testing.T, s *Server) bool {
	t.Helper()
	for _, a := range status(t, s).Sessions {
		if a.Doing == "client not reading" && a.Command == "FETCH" {
			return true
		}
	}
	return false
}

// A worker that stands still accepts nobody, so that newcomers get another.
func TestWorkerStopped(t *testing.T) {
	s, _ := manyServer(t, 2)
	pid := workersOf(t, s, "imap")[0]
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	defer syscall.Kill(pid, syscall.SIGCONT) //nolint:errcheck // it may be gone
	for i := range 50 {
		conn, err := net.Dial("tcp", s.IMAP)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		c := imapclient.New(conn)
		if got, err := c.Read(); err != nil || !strings.HasPrefix(got, "* OK") {
			t.Fatalf("newcomer %d: %q %v", i+1, got, err)
		}
	}
}
