package conn

import (
	"bytes"
	"compress/flate"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/constance-mail/constance/internal/deflate"
)

// squeezed is text as a client compresses and flushes it.
func squeezed(t testing.TB, z *deflate.Deflater, text string) []byte {
	t.Helper()
	return z.Append(nil, []byte(text))
}

// hear waits as a session does until so many octets are there.
func hear(t testing.TB, c *Conn, n int) string {
	t.Helper()
	var got []byte
	buf := make([]byte, 4096)
	for len(got) < n {
		if !c.More() {
			if err := c.Await(); err != nil {
				t.Fatalf("after %q: %v", got, err)
			}
			if !c.Ready() {
				continue
			}
		}
		m, err := c.Read(buf)
		if err != nil {
			t.Fatalf("after %q: %v", got, err)
		}
		got = append(got, buf[:m]...)
	}
	return string(got)
}

// TestCompressed talks in both directions, with and without TLS, in pieces of all sizes.
func TestCompressed(t *testing.T) {
	for _, secure := range []bool{false, true} {
		c, client := (*Conn)(nil), net.Conn(nil)
		if secure {
			c, client, _ = securePair(t, nil)
		} else {
			c, client = pair(t, nil)
		}
		if c.Compressed() || c.Compress() != nil || !c.Compressed() || c.Compress() == nil {
			t.Fatal("compression is not on, or twice")
		}
		if c.StartTLS(nil) == nil {
			t.Error("TLS above compression")
		}
		in := flate.NewReader(client)
		var z deflate.Deflater
		r := rand.New(rand.NewPCG(1, 2))
		for range 50 {
			text := strings.Repeat("a1 FETCH 1:* (FLAGS)\r\n", 1+r.IntN(900))
			var wg sync.WaitGroup
			wg.Go(func() {
				if _, err := (&pieces{Conn: client, r: r}).Write(squeezed(t, &z, text)); err != nil {
					t.Error(err)
				}
			})
			if got := hear(t, c, len(text)); got != text {
				t.Fatalf("got %q, want %q", got, text)
			}
			wg.Wait()
			answer := bytes.Repeat([]byte("* 1 FETCH (FLAGS ())\r\n"), r.IntN(6000))
			wg.Go(func() {
				if n, err := c.Write(answer); n != len(answer) || err != nil {
					t.Errorf("%d of %d octets, %v", n, len(answer), err)
				}
			})
			got := make([]byte, len(answer))
			if _, err := io.ReadFull(in, got); err != nil || !bytes.Equal(got, answer) {
				t.Fatalf("the client has something else than was written, %v", err)
			}
			wg.Wait()
		}
		if c.More() || c.flate.buf != nil || c.flate.held != nil {
			t.Error("a buffer is held while nothing is there")
		}
		if n := c.flate.in.Size() + c.flate.out.Size(); n > 40<<10 {
			t.Errorf("%d octets are held", n)
		}
	}
}

// TestHalfACodeIsNotReady: what has arrived may be too little for an octet; then one more octet of the stream makes it a
// command, and many octets may come of one.
func TestHalfACodeIsNotReady(t *testing.T) {
	c, client := pair(t, nil)
	if err := c.Compress(); err != nil {
		t.Fatal(err)
	}
	var z deflate.Deflater
	text := strings.Repeat("x", 3000)
	stream := squeezed(t, &z, text)
	if _, err := client.Write(stream[:1]); err != nil {
		t.Fatal(err)
	}
	if err := c.Await(); err != nil {
		t.Fatal(err)
	}
	if c.Ready() {
		t.Fatal("ready after one octet of a code")
	}
	if _, err := client.Write(stream[1:]); err != nil {
		t.Fatal(err)
	}
	if got := hear(t, c, len(text)); got != text {
		t.Errorf("%d octets", len(got))
	}
	if c.More() {
		t.Error("more is there than was sent")
	}
}

// finished is text as a client compresses it that ends its stream properly.
func finished(t *testing.T, text string) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := flate.NewWriter(&out, 6)
	if err == nil {
		_, err = io.WriteString(w, text)
	}
	if err = errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// TestEndCompression: what follows a client's stream is plain, whether it comes with it or later.
func TestEndCompression(t *testing.T) {
	var z deflate.Deflater
	last := squeezed(t, &z, "a2 UNAUTHENTICATE\r\n")
	for name, sent := range map[string][][]byte{
		"together":          {append(bytes.Clone(last), "a3 NOOP\r\n"...)},
		"later":             {last, []byte("a3 NOOP\r\n")},
		"flush comes later": {last[:len(last)-3], append(bytes.Clone(last[len(last)-3:]), "a3 NOOP\r\n"...)},
		"with a last block": {append(finished(t, "a2 UNAUTHENTICATE\r\n"), "a3 NOOP\r\n"...)},
	} {
		c, client := pair(t, nil)
		if err := c.Compress(); err != nil {
			t.Fatal(err)
		}
		if _, err := client.Write(sent[0]); err != nil {
			t.Fatal(err)
		}
		if got := hear(t, c, 19); got != "a2 UNAUTHENTICATE\r\n" {
			t.Fatalf("%s: got %q", name, got)
		}
		if _, err := c.Write([]byte("a2 OK\r\n")); err != nil {
			t.Fatal(err)
		}
		if err := c.EndCompression(); err != nil || c.Compressed() {
			t.Fatalf("%s: %v, on %v", name, err, c.Compressed())
		}
		if _, err := c.Write([]byte("* BYE\r\n")); err != nil {
			t.Fatal(err)
		}
		for _, b := range sent[1:] {
			if _, err := client.Write(b); err != nil {
				t.Fatal(err)
			}
		}
		if got := hear(t, c, 9); got != "a3 NOOP\r\n" {
			t.Errorf("%s: got %q", name, got)
		}
		if err := c.Compress(); err != nil {
			t.Errorf("%s: once more: %v", name, err)
		}
		c.Abort()
		all, _ := io.ReadAll(client) // its end is how the client sees that we are gone
		in := bytes.NewReader(all)
		said, err := io.ReadAll(flate.NewReader(in))
		rest, _ := io.ReadAll(in) // of memory
		if string(said) != "a2 OK\r\n" || err != nil || string(rest) != "* BYE\r\n" {
			t.Errorf("%s: compressed %q, %v, and plain %q", name, said, err, rest)
		}
	}
}

func TestCorruptStream(t *testing.T) {
	c, client := pair(t, nil)
	if err := c.Compress(); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Write([]byte("a1 NOOP\r\n\xff\xff\xff\xff")); err != nil {
		t.Fatal(err)
	}
	_, err := io.ReadAll(c)
	if !errors.Is(err, deflate.ErrCorrupt) || !c.Ready() {
		t.Errorf("got %v, ready %v", err, c.Ready())
	}
}

// TestCompressedPipe: a connection without a descriptor gives one octet at a time.
func TestCompressedPipe(t *testing.T) {
	near, far := net.Pipe()
	c := New(far, &Options{})
	if err := c.Compress(); err != nil {
		t.Fatal(err)
	}
	var z deflate.Deflater
	var wg sync.WaitGroup
	wg.Go(func() {
		_, err := near.Write(squeezed(t, &z, "a1 NOOP\r\n"))
		if err != nil && !errors.Is(err, io.ErrClosedPipe) { // nobody reads the end of the flush
			t.Error(err)
		}
	})
	if got := hear(t, c, 9); got != "a1 NOOP\r\n" {
		t.Errorf("got %q", got)
	}
	c.Abort()
	near.Close()
	wg.Wait()
}
