package imapclient

import (
	"crypto/tls"
	"io"
	"net"
	"net/http/httptest"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/constance-mail/constance/internal/deflate"
)

// peer is a client whose server says text and takes everything; sent returns what it took.
func peer(t *testing.T, text string) (c *Client, sent func() string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	got := make(chan string, 1)
	go func() {
		conn, err := l.Accept()
		if err != nil {
			got <- err.Error()
			return
		}
		_, _ = io.WriteString(conn, text) // the client may be gone
		if tcp, ok := conn.(*net.TCPConn); ok {
			_ = tcp.CloseWrite() // as above
		}
		b, _ := io.ReadAll(conn) // as above
		conn.Close()
		got <- string(b)
	}()
	c, _, err = Dial(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return c, func() string {
		c.Close()
		l.Close()
		return <-got
	}
}

func TestReadsLiterals(t *testing.T) {
	c, sent := peer(t, "* OK hello\r\n* 1 FETCH (BODY[] {5}\r\na\r\nb) X {0}\r\n)\r\n+ go\r\nrest")
	var trace []string
	c.Trace(func(dir, text string) { trace = append(trace, dir+text) })
	for _, want := range []string{"* 1 FETCH (BODY[] {5}\r\na\r\nb) X {0}\r\n)", "+ go"} {
		if got, err := c.Read(); err != nil || got != want {
			t.Errorf("got %q, %v, want %q", got, err, want)
		}
	}
	if _, err := c.Read(); err != io.ErrUnexpectedEOF {
		t.Errorf("half a line: %v", err)
	}
	if _, err := c.Read(); err != io.EOF {
		t.Errorf("after the end: %v", err)
	}
	if err := c.Send("x\x00y"); err != nil || sent() != "x\x00y" {
		t.Errorf("sending: %v", err)
	}
	if want := []string{"S* 1 FETCH (BODY[] {5}\r\na\r\nb) X {0}\r\n)", "S+ go", "Cx\x00y"}; !slices.Equal(trace,
		want) {
		t.Errorf("trace %q", trace)
	}
}

func TestDo(t *testing.T) {
	c, sent := peer(t, "* OK\r\n* 1 EXISTS\r\nt1 OK done\r\nt2 NO sorry\r\n+ what\r\n")
	if out, err := c.MustOK("NOOP"); err != nil || !slices.Equal(out, []string{"* 1 EXISTS", "OK done"}) {
		t.Errorf("got %q, %v", out, err)
	}
	if _, err := c.MustOK("DELETE x"); err == nil || !strings.Contains(err.Error(), "NO sorry") {
		t.Errorf("got %v", err)
	}
	if _, err := c.Do("APPEND"); err == nil || !strings.Contains(err.Error(), "+ what") {
		t.Errorf("got %v", err)
	}
	if got := sent(); got != "t1 NOOP\r\nt2 DELETE x\r\nt3 APPEND\r\n" {
		t.Errorf("sent %q", got)
	}
}

func TestBareLF(t *testing.T) {
	c, sent := peer(t, "* OK\r\n* bad\n")
	defer sent()
	if _, err := c.Read(); err == nil {
		t.Error("a line that ends with LF alone was taken")
	}
}

func TestWaitIsBounded(t *testing.T) {
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	c := New(a)
	c.Timeout = time.Millisecond
	if _, err := c.Read(); err == nil {
		t.Error("read something")
	}
	if err := c.Send("x"); err == nil {
		t.Error("sent to nobody")
	}
	if c.Pending(time.Millisecond) {
		t.Error("something is pending")
	}
}

func TestStartTLS(t *testing.T) {
	s := httptest.NewTLSServer(nil) // for its certificate
	config := &tls.Config{Certificates: s.TLS.Certificates}
	s.Close()
	a, b := net.Pipe()
	done := make(chan error, 1)
	go func() {
		server := tls.Server(b, config)
		_, err := io.WriteString(server, "* OK inside\r\n")
		done <- err
		_, _ = io.Copy(io.Discard, server) // the client's farewell
		close(done)
	}()
	c := New(a)
	defer func() {
		c.Close()
		<-done
	}()
	if err := c.StartTLS(&tls.Config{InsecureSkipVerify: true}); err != nil {
		t.Fatal(err)
	}
	if got, err := c.Read(); err != nil || got != "* OK inside" {
		t.Errorf("got %q, %v", got, err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestStartTLSRefusesEarlyOctets(t *testing.T) {
	c, sent := peer(t, "* OK\r\na OK go\r\n* injected\r\n")
	defer sent()
	if _, err := c.Read(); err != nil {
		t.Fatal(err)
	}
	if !c.Pending(time.Second) {
		t.Fatal("the rest is not there")
	}
	if err := c.StartTLS(&tls.Config{InsecureSkipVerify: true}); err == nil {
		t.Error("went on with what was sent before the handshake")
	}
}

// script is a connection that says what is in it and forgets what it is told.
type script struct {
	net.Conn // of no use: nil
	io.Reader
}

func (s script) Read(p []byte) (int, error)     { return s.Reader.Read(p) }
func (script) Write(p []byte) (int, error)      { return len(p), nil }
func (script) SetReadDeadline(time.Time) error  { return nil }
func (script) SetWriteDeadline(time.Time) error { return nil }

// responses takes text apart slowly: each response ends at the first CRLF that no literal before it takes in.
func responses(text string) (out []string, rest string) {
	for end := 0; ; {
		line, _, ok := strings.Cut(text[end:], "\n")
		if !ok {
			return out, text
		}
		end += len(line) + 1
		n, err := 0, error(nil)
		m := announcement.FindStringSubmatch(line + "\n")
		if m != nil {
			n, err = strconv.Atoi(m[1])
		}
		switch {
		case m != nil && err == nil && n > min(maxResponse, len(text))-end:
			return out, text
		case m != nil && err == nil:
			end += n
		case !strings.HasSuffix(line, "\r"):
			return out, text
		default:
			out, text, end = append(out, text[:end-2]), text[end:], 0
		}
	}
}

// A literal is announced at a line's end. RFC 9051 section 9, "literal".
var announcement = regexp.MustCompile(`(?s)\{([0-9]+)\}\r\n$`)

// FuzzRead: a client gets the responses that a slow reader sees, and an error for the rest; compressed ones, too.
func FuzzRead(f *testing.F) {
	f.Add("* OK hello\r\n* 1 FETCH (BODY[] {5}\r\na\r\nb) X {0}\r\n)\r\n+ go\r\nrest", uint8(1))
	f.Add("* {3}\r\n\r\n{2}\r\nab\r\n{a}\r\n{-1}\r\n{}\r\n", uint8(2))
	f.Add("* {99999999999}\r\n* {2147483647}\r\n", uint8(3))
	f.Add("* {67108864}\r\n{0000000003}\r\n", uint8(7))
	f.Add("* bare\n* OK\r\n", uint8(0))
	f.Fuzz(func(t *testing.T, text string, piece uint8) {
		want, rest := responses(text)
		plain := New(script{Reader: pieces{strings.NewReader(text), int(piece) + 1}})
		checkRead(t, plain, want, rest)
		var z deflate.Deflater
		packed := string(z.Append(nil, []byte(text)))
		c := New(script{Reader: pieces{strings.NewReader(packed), int(piece) + 1}})
		if err := c.Compress(); err != nil {
			t.Fatal(err)
		}
		checkRead(t, c, want, rest)
	})
}

// pieces reads at most n octets at a time.
type pieces struct {
	r io.Reader
	n int
}

func (p pieces) Read(b []byte) (int, error) { return p.r.Read(b[:min(p.n, len(b))]) }

func checkRead(t *testing.T, c *Client, want []string, rest string) {
	t.Helper()
	for i := range want {
		if got, err := c.Read(); err != nil || got != want[i] {
			t.Fatalf("response %d: got %q, %v, want %q", i, got, err, want[i])
		}
	}
	if got, err := c.Read(); err == nil || err == io.EOF != (rest == "") {
		t.Fatalf("after the last one: %q, %v; the rest is %q", got, err, rest)
	}
}
