package imapd

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"net"
	"strings"
	"testing"
	"time"
)

// heldBack writes nothing after the first Write until it is told to.
type heldBack struct {
	net.Conn
	writes int
	held   bytes.Buffer
}

func (h *heldBack) Write(p []byte) (int, error) {
	if h.writes++; h.writes == 1 {
		return h.Conn.Write(p)
	}
	return h.held.Write(p)
}

// A client that does not wait for the greeting may send its first command together with the end of its handshake: it
// arrives with that, and nothing arrives behind it.
func TestCommandWithTheHandshake(t *testing.T) {
	s := startServer(t, nil)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	s.wg.Go(func() {
		if c, err := l.Accept(); err == nil {
			s.Serve(context.Background(), c, true)
		}
	})
	raw, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	h := &heldBack{Conn: raw}
	c := tls.Client(h, &tls.Config{InsecureSkipVerify: true})
	if err := raw.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Write([]byte("a NOOP\r\nb LOGOUT\r\n")); err != nil {
		t.Fatal(err)
	}
	if _, err := raw.Write(h.held.Bytes()); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(c)
	for _, want := range []string{"* OK ", "a OK ", "* BYE ", "b OK "} {
		if line, err := r.ReadString('\n'); err != nil || !strings.HasPrefix(line, want) {
			t.Fatalf("got %q, %v; want %q", line, err, want)
		}
	}
}
