package e2e

import (
	"bytes"
	"compress/flate"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/constance-mail/constance/internal/imapclient"
)

// hostileMemory is what a client may cost its worker, octets, whatever it sends; what they announce is far more.
const hostileMemory = 1 << 20

// lasting are clients that stay and are a burden. They do not read what they are told.
var lasting = []struct {
	name string
	do   func(t *testing.T, c *imapclient.Client) error
}{
	{"pipelines 10,000 commands", func(t *testing.T, c *imapclient.Client) error {
		do(t, c, "LOGIN alice wonderland")
		return c.Send(strings.Repeat("x LIST \"\" *\r\n", 10_000))
	}},
	{"sends a decompression bomb", func(t *testing.T, c *imapclient.Client) error {
		do(t, c, "LOGIN alice wonderland")
		do(t, c, "COMPRESS DEFLATE")
		return c.Send(bomb(t))
	}},
	{"sends garbage for a handshake", func(t *testing.T, c *imapclient.Client) error {
		do(t, c, "STARTTLS")
		return c.Send(strings.Repeat("\x16\x03\x01\xff\xff", 10_000))
	}},
	{"idles for ever", func(t *testing.T, c *imapclient.Client) error {
		do(t, c, "LOGIN alice wonderland")
		do(t, c, "SELECT INBOX")
		return c.Send("x IDLE\r\n")
	}},
	{"sends the begin of a large message", func(t *testing.T, c *imapclient.Client) error {
		do(t, c, "LOGIN alice wonderland")
		return c.Send("x APPEND INBOX {50000000+}\r\n" + strings.Repeat("x", 1<<20))
	}},
	{"sends half a command", func(t *testing.T, c *imapclient.Client) error {
		do(t, c, "LOGIN alice wonderland")
		return c.Send("x SEARCH " + strings.Repeat("a", 60<<10))
	}},
}

// bomb is 64 MiB of parentheses without a line's end, compressed.
func bomb(t *testing.T) string {
	t.Helper()
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, flate.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	piece := bytes.Repeat([]byte{'('}, 1<<20)
	for range 64 {
		if _, err := w.Write(piece); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// While such clients are there, another session of the same mailbox has all its commands answered; they cost a bounded
// memory, and few lines of the log.
func TestHostileTogether(t *testing.T) {
	const each = 10
	s := clientServer(t)
	polite := login(t, s, "alice", "wonderland")
	do(t, polite, "APPEND INBOX {16+}\r\nSubject: hello\r\n")
	do(t, polite, "SELECT INBOX")
	before, lines := resident(t, s), strings.Count(s.Log(), "\n")
	for range each {
		creep(t, s)
		for _, h := range lasting {
			c, _, err := imapclient.Dial(s.IMAP)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { c.Close() })
			if err := h.do(t, c); err != nil {
				t.Logf("%s: %v", h.name, err) // the server ended it before all was sent
			}
		}
	}
	for range 200 {
		do(t, polite, "NOOP")
		do(t, polite, "APPEND INBOX {16+}\r\nSubject: again\r\n")
		do(t, polite, "FETCH * (FLAGS BODY.PEEK[])")
	}
	n := int64(each * (len(lasting) + 1))
	grown := resident(t, s) - before
	t.Logf("%d clients cost %d KiB each", n, grown/n>>10)
	if grown > n*hostileMemory {
		t.Errorf("%d clients cost %d MiB", n, grown>>20)
	}
	if got := strings.Count(s.Log(), "\n") - lines; got > int(n)*2+20 {
		t.Errorf("%d clients were %d lines of the log", n, got)
	}
	if out := strings.TrimSpace(s.Run(t, "", "verify", "--json")); out != "[]" {
		t.Errorf("verify: %s", out)
	}
}

// creep is a client that asks for much, and then reads and sends an octet a second until the test ends.
func creep(t *testing.T, s *Server) {
	t.Helper()
	conn, err := net.Dial("tcp", s.IMAP)
	if err != nil {
		t.Fatal(err)
	}
	fetch := strings.Repeat("c FETCH 1:* (BODY.PEEK[] ENVELOPE BODYSTRUCTURE)\r\n", 1_000)
	if _, err := io.WriteString(conn, "a LOGIN alice wonderland\r\nb SELECT INBOX\r\n"+fetch); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	var running sync.WaitGroup
	t.Cleanup(func() {
		close(done)
		conn.Close()
		running.Wait()
	})
	running.Go(func() {
		second := time.NewTicker(time.Second)
		defer second.Stop()
		for octet := []byte{0}; ; {
			select {
			case <-done:
				return
			case <-second.C:
			}
			if _, err := conn.Read(octet); err != nil {
				return // the test has ended, or the server lost its patience
			}
			if _, err := conn.Write([]byte("x")); err != nil {
				return
			}
		}
	})
}
