package e2e

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/constance-mail/constance/internal/imapclient"
)

// sharedBox is the mailbox of the shared account team, in which everybody may read and u1 may do all.
const sharedBox = `"Shared Folders/team"`

// sharedServer is a server with the users u1 to un and sharedBox, which has 20 messages of 100 KB and 1,000 small ones.
func sharedServer(t testing.TB, n int) *Server {
	t.Helper()
	if binary == "" {
		t.Skip("-short")
	}
	var users strings.Builder
	for i := range n {
		fmt.Fprintf(&users, "u%d:{PLAIN}secret\n", i+1)
	}
	s := StartServer(t, binary, t.TempDir(), users.String(), "--workers", "2")
	s.Run(t, "", "user", "add", "--shared", "team")
	s.Run(t, "", "mailbox", "acl", "team", "INBOX", "anyone", "lrs")
	s.Run(t, "", "mailbox", "acl", "team", "INBOX", "u1", "lrswite")
	c := login(t, s, "u1", "secret")
	large, small := crashLetter("1-100000-1"), "Subject: small\r\n\r\n"
	do(t, c, "APPEND "+sharedBox+strings.Repeat(fmt.Sprintf(" {%d+}\r\n%s", len(large), large), 20))
	do(t, c, "APPEND "+sharedBox+strings.Repeat(fmt.Sprintf(" {%d+}\r\n%s", len(small), small), 1000))
	do(t, c, "LOGOUT")
	return s
}

// tinyBuffer is the receive buffer of a client whose window is soon zero, octets: the kernel's least, about.
const tinyBuffer = 2304

// stall has n clients log in, as u1 to un, select sharedBox, send a last command and read no more.
func stall(t testing.TB, s *Server, n int, last string) {
	t.Helper()
	dialer := net.Dialer{Timeout: startTimeout, Control: func(_, _ string, c syscall.RawConn) error {
		var err error
		if e := c.Control(func(fd uintptr) {
			err = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, tinyBuffer)
		}); e != nil {
			return e
		}
		return err
	}}
	for i := range n {
		conn, err := dialer.Dial("tcp", s.IMAP)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		c := imapclient.New(conn)
		if _, err := c.Read(); err != nil {
			t.Fatal(err)
		}
		do(t, c, fmt.Sprintf("LOGIN u%d secret", i+1))
		do(t, c, "SELECT "+sharedBox)
		if err := c.Send("s " + last + "\r\n"); err != nil {
			t.Fatal(err)
		}
	}
}

// notReading counts the sessions that wait for a client to read.
func notReading(t testing.TB, s *Server) (n int) {
	t.Helper()
	for _, a := range status(t, s).Sessions {
		if a.Doing == "client not reading" {
			n++
		}
	}
	return n
}

// stalledMemory is what a client that does not read may cost its worker, octets: a stack, a buffer of what it is told and
// the session. Much less than the messages that it asked for.
const stalledMemory = 256 << 10

// Many clients of a shared mailbox that ask for all of it, or idle, and do not read: who writes there is answered, and they
// hold no lock and little memory.
func TestStalledClients(t *testing.T) {
	const n = 200
	s := sharedServer(t, n)
	writer := login(t, s, "u1", "secret")
	do(t, writer, "SELECT "+sharedBox)
	do(t, writer, "FETCH 1:* BODY.PEEK[]") // what a worker needs anyway
	memory, files := resident(t, s), openFiles(t, s)
	stall(t, s, n/2, "FETCH 1:* BODY.PEEK[]")
	awaitTrue(t, "all who fetch stand still", func() bool { return notReading(t, s) == n/2 })
	stall(t, s, n/2, "IDLE")
	awaitTrue(t, "all who idle stand still", func() bool {
		do(t, writer, "STORE 1:* +FLAGS.SILENT (x)")
		do(t, writer, "STORE 1:* -FLAGS.SILENT (x)")
		return notReading(t, s) == n
	})
	grown := resident(t, s) - memory
	t.Logf("a client costs %d KiB", grown/n>>10)
	if grown > n*stalledMemory {
		t.Errorf("%d clients cost %d MiB", n, grown>>20)
	}
	for _, w := range []*imapclient.Client{writer, login(t, s, "u1", "secret"), login(t, s, "u1", "secret")} {
		do(t, w, "SELECT "+sharedBox)
		for range 30 {
			do(t, w, "STORE 1:20 +FLAGS (y)")
			do(t, w, "APPEND "+sharedBox+" {16+}\r\nSubject: hello\r\n")
			do(t, w, "FETCH * (FLAGS BODY.PEEK[])")
			do(t, w, "STORE * +FLAGS (\\Deleted)")
			do(t, w, "EXPUNGE")
		}
	}
	holdNothing(t, s, n)
	if got := openFiles(t, s) - files; got > n+n/2+64 { // a socket each, and who fetches has the message open
		t.Errorf("%d clients have the workers hold %d files", n, got)
	}
}

// holdNothing checks that n clients stand still and that nobody holds the lock of an account, or has a log of changes
// grow.
func holdNothing(t *testing.T, s *Server, n int) {
	t.Helper()
	var look struct {
		Sessions []struct{ Doing string }
		Locks    []any
	}
	if err := json.Unmarshal([]byte(s.Run(t, "", "why", "--json")), &look); err != nil {
		t.Fatal(err)
	}
	if len(look.Sessions) != n || len(look.Locks) > 0 {
		t.Errorf("%d sessions do something, %v are locked", len(look.Sessions), look.Locks)
	}
	logs, err := filepath.Glob(filepath.Join(s.Dir, "accounts", "*", "*", "*", "mail.db-wal"))
	if err != nil || len(logs) == 0 {
		t.Fatal(logs, err)
	}
	for _, path := range logs {
		if st, err := os.Stat(path); err == nil && st.Size() > 16<<20 {
			t.Errorf("%s has %d octets", path, st.Size())
		}
	}
}

// openFiles is the number of files and sockets that the imap workers hold.
func openFiles(t testing.TB, s *Server) (n int) {
	t.Helper()
	for _, pid := range workersOf(t, s, "imap") {
		list, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
		if err != nil {
			t.Fatal(err)
		}
		n += len(list)
	}
	return n
}
