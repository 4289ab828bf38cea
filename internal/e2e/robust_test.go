package e2e

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/constance-mail/constance/internal/imapclient"
)

// memoryMargin is how much the workers may have grown after all the hostile input, octets: far less than it announces.
const memoryMargin = 96 << 20

// resident is the memory of the imap workers, octets.
func resident(t testing.TB, s *Server) (sum int64) {
	t.Helper()
	for _, pid := range workersOf(t, s, "imap") {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
		if err != nil {
			t.Fatal(err)
		}
		f := strings.Fields(string(b))
		n, err := strconv.ParseInt(f[1], 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		sum += n * int64(os.Getpagesize())
	}
	return sum
}

// robustCommands are cut off in their midst, at every few octets.
var robustCommands = []string{
	"a CAPABILITY\r\n", "a ID (\"name\" {3+}\r\nabc)\r\n", "a ENABLE IMAP4rev2 CONDSTORE\r\n", "a CREATE {4+}\r\nhalf\r\n", "a DELETE none\r\n",
	"a RENAME none {4+}\r\nnon2\r\n", "a SUBSCRIBE INBOX\r\n", "a UNSUBSCRIBE INBOX\r\n", "a LIST \"\" (\"*\" {1+}\r\n%)\r\n", "a NAMESPACE\r\n",
	"a STATUS INBOX (MESSAGES UIDNEXT)\r\n", "a IDLE\r\nDONE\r\n", "a SELECT INBOX (CONDSTORE)\r\na FETCH 1 (FLAGS BODY[HEADER.FIELDS ({4+}\r\nDate)])\r\n",
	"a SELECT INBOX\r\na SEARCH TEXT {5+}\r\nhello\r\n", "a SELECT INBOX\r\na UID COPY 1 {7+}\r\nArchive\r\n", "a SELECT INBOX\r\na CLOSE\r\n",
	"a APPEND INBOX (\\Seen) {400}\r\n", "a APPEND INBOX ~{400+}\r\nSubject: x\r\n\r\n", "a APPEND INBOX {30+}\r\nSubject: y\r\n\r\n", "a LOGOUT\r\n",
}

// Clients that go away in the midst of a command or literal leave nothing behind.
func TestClosedInTheMidst(t *testing.T) {
	s := clientServer(t)
	polite := login(t, s, "alice", "wonderland")
	do(t, polite, "APPEND INBOX {16+}\r\nSubject: hello\r\n")
	do(t, polite, "SELECT INBOX")
	do(t, polite, "SEARCH TEXT hello")
	before, boxes := resident(t, s), strings.Join(do(t, polite, "LIST \"\" *"), "\n")
	sessions := 0
	for _, command := range robustCommands {
		for cut := 1; cut < len(command); cut += 3 {
			if strings.Contains(command, "CREATE") && cut >= len(command)-2 {
				continue // that one is whole
			}
			sessions++
			c := login(t, s, "alice", "wonderland")
			if err := c.Send(command[:cut]); err != nil {
				t.Fatalf("%q: %v", command[:cut], err)
			}
			c.Close()
		}
		do(t, polite, "NOOP")
	}
	t.Logf("%d sessions", sessions)
	awaitTrue(t, "the end of their sessions", func() bool { return len(status(t, s).Sessions) == 1 })
	intact(t, s, polite, before)
	got := do(t, polite, "LIST \"\" *")
	if strings.Join(got[:len(got)-1], "\n") != boxes[:strings.LastIndexByte(boxes, '\n')] {
		t.Errorf("mailboxes %v, were %v", got, boxes)
	}
}

// intact checks that INBOX has its one message, that memory is bounded, and that the store is sound.
func intact(t *testing.T, s *Server, polite *imapclient.Client, before int64) {
	t.Helper()
	if got := do(t, polite, "STATUS INBOX (MESSAGES)")[0]; !strings.Contains(got, "(MESSAGES 1)") {
		t.Error(got)
	}
	if after := resident(t, s); after > before+memoryMargin {
		t.Errorf("the workers' memory went from %d to %d MiB", before>>20, after>>20)
	}
	if out := strings.TrimSpace(s.Run(t, "", "verify", "--json")); out != "[]" {
		t.Errorf("verify: %s", out)
	}
}

// hostile are inputs of a client that is logged in, and how the answers may begin: BAD for what is no command, NO for
// what is refused, BYE when going on makes no sense. RFC 9051 sections 4.3 and 7.1.
var hostile = []struct{ name, send string }{
	{"literal of 2 GiB", "x APPEND INBOX {2147483647}\r\n"},
	{"non-synchronizing literal of 2 GiB", "x APPEND INBOX {2147483647+}\r\nSubject: x\r\n"},
	{"literal beyond 64 bits", "x APPEND INBOX {99999999999999999999}\r\n"},
	{"literal of 2 GiB for a name", "x CREATE {2147483647}\r\n"},
	{"literal of 2 GiB for a user", "x LOGIN {2147483647+}\r\n"},
	{"line of 80 KiB", "x NOOP " + strings.Repeat("a", 80<<10) + "\r\n"},
	{"line of 1 MiB", "x SEARCH " + strings.Repeat("a", 1<<20) + "\r\n"},
	{"100,000 parentheses", "x SEARCH " + strings.Repeat("(", 100_000) + "\r\n"},
	{"30,000 parentheses", "x SEARCH " + strings.Repeat("(", 30_000) + "ALL" + strings.Repeat(")", 30_000) + "\r\n"},
	{"literal of 2^31 octets", "x APPEND INBOX {2147483648}\r\n"},
	{"literal of 4 GiB for a password", "x LOGIN alice {4294967296}\r\n"},
	{"literal of 2 GiB to search for", "x SEARCH TEXT {2147483648}\r\n"},
	{"literal of 2 GiB for a pattern", "x LIST \"\" {2147483648}\r\n"},
	{"literal of 2 GiB for no command", "x FROBNICATE {2147483648}\r\n"},
	{"100,000 parentheses of FETCH", "x FETCH 1 " + strings.Repeat("(", 100_000) + "\r\n"},
	{"30,000 parentheses of FETCH", "x FETCH 1 " + strings.Repeat("(", 30_000) + "FLAGS" + strings.Repeat(")", 30_000) + "\r\n"},
	{"30,000 parentheses of LIST", "x LIST \"\" " + strings.Repeat("(", 30_000) + "*" + strings.Repeat(")", 30_000) + "\r\n"},
	{"30,000 parentheses of ID", "x ID " + strings.Repeat("(", 30_000) + strings.Repeat(")", 30_000) + "\r\n"},
	{"30,000 parentheses of flags", "x APPEND INBOX " + strings.Repeat("(", 30_000) + strings.Repeat(")", 30_000) + " {1+}\r\na\r\n"},
	{"30,000 parentheses of THREAD", "x THREAD REFERENCES UTF-8 " + strings.Repeat("(", 30_000) + "ALL" + strings.Repeat(")", 30_000) + "\r\n"},
	{"15,000 times NOT", "x SEARCH " + strings.Repeat("NOT ", 15_000) + "BOGUS\r\n"},
	{"64 KiB of atoms", "x SEARCH " + strings.Repeat("a ", 32<<10) + "\r\n"},
	{"atom of 60 KiB", "x SEARCH " + strings.Repeat("a", 60<<10) + "\r\n"},
	{"quoted string without an end", "x CREATE \"abc\r\n"},
	{"bare CR", "x CREATE a\rb\r\n"},
	{"8-bit atom", "x CREATE \xff\xfe\r\n"},
	{"NUL", "x CREATE a\x00b\r\n"},
	{"NUL in a quoted string", "x CREATE \"a\x00b\"\r\n"},
	{"NUL in a message", "x APPEND INBOX {3+}\r\na\x00b\r\n"},
	{"bare LF within a command", "x CREATE a\nb\r\n"},
	{"bare LF in a quoted string", "x CREATE \"a\nb\"\r\n"},
	{"no command", "x\r\n"},
	{"nothing known", "x FROBNICATE 1\r\n"},
}

// Each mistake is answered as the RFC says, costs no memory and stores nothing; others do not notice.
func TestHostile(t *testing.T) {
	s := clientServer(t)
	polite := login(t, s, "alice", "wonderland")
	do(t, polite, "APPEND INBOX {16+}\r\nSubject: hello\r\n")
	do(t, polite, "SELECT INBOX")
	before := resident(t, s)
	for range 5 {
		for _, h := range hostile {
			c := login(t, s, "alice", "wonderland")
			do(t, c, "SELECT INBOX")
			if err := c.Send(h.send); err != nil {
				t.Logf("%s: sending: %v", h.name, err) // refused before all was sent
			}
			got, err := c.Read()
			if err != nil || !refusal(got) {
				t.Errorf("%s: %.200q %v", h.name, got, err)
			}
			c.Close()
			do(t, polite, "NOOP")
		}
	}
	intact(t, s, polite, before)
}

func refusal(s string) bool {
	for _, p := range []string{"x BAD", "x NO", "* BAD", "* BYE"} {
		if strings.HasPrefix(s, p) {
			return true
		}
	}
	return false
}

// TestPushAcrossWorkers has a session idle in one worker and another one in the other change the mailbox.
func TestPushAcrossWorkers(t *testing.T) {
	s, _ := manyServer(t, 1)
	awaitTrue(t, "both workers", func() bool { return len(imapWorkers(t, s)) == 2 })
	idler, writer := acrossWorkers(t, s)
	do(t, idler, "SELECT INBOX")
	do(t, writer, "SELECT INBOX")
	if err := idler.Send("i IDLE\r\n"); err != nil {
		t.Fatal(err)
	}
	awaitLine(t, idler, "+")
	do(t, writer, "APPEND INBOX {16+}\r\nSubject: hello\r\n")
	awaitLine(t, idler, "* 1 EXISTS")
	do(t, writer, "STORE 1 +FLAGS (\\Flagged \\Deleted)")
	awaitLine(t, idler, "* 1 FETCH")
	do(t, writer, "EXPUNGE")
	awaitLine(t, idler, "* 1 EXPUNGE")
	if err := idler.Send("DONE\r\n"); err != nil {
		t.Fatal(err)
	}
	awaitLine(t, idler, "i OK")
}

// acrossWorkers are two sessions of u1 that different workers serve.
func acrossWorkers(t *testing.T, s *Server) (a, b *imapclient.Client) {
	t.Helper()
	a, first := placed(t, s)
	for range 200 {
		c, pid := placed(t, s)
		if pid != first {
			return a, c
		}
	}
	t.Fatal("200 sessions in one worker")
	return nil, nil
}

// placed is a new session of u1, and its worker: the one of the session that was not there before.
func placed(t *testing.T, s *Server) (*imapclient.Client, int) {
	t.Helper()
	type key struct {
		pid int
		id  uint64
	}
	old := map[key]bool{}
	for _, a := range status(t, s).Sessions {
		old[key{a.PID, a.ID}] = true
	}
	c := login(t, s, "u1", "secret")
	for _, a := range status(t, s).Sessions {
		if !old[key{a.PID, a.ID}] {
			return c, a.PID
		}
	}
	t.Fatal("status does not list a new session")
	return nil, 0
}

// awaitLine reads until a response begins so.
func awaitLine(t *testing.T, c *imapclient.Client, prefix string) {
	t.Helper()
	for {
		got, err := c.Read()
		if err != nil {
			t.Fatalf("waiting for %q: %v", prefix, err)
		}
		if strings.HasPrefix(got, prefix) {
			return
		}
	}
}
