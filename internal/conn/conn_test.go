package conn

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http/httptest"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// pair is a Conn and its client over loopback.
func pair(t testing.TB, o *Options) (*Conn, net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	client, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	server, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	if o == nil {
		o = &Options{}
	}
	c := New(server, o)
	t.Cleanup(func() { c.Abort(); client.Close() })
	return c, client
}

// configs are the two sides of TLS.
func configs() (server, client *tls.Config) {
	h := httptest.NewUnstartedServer(nil)
	h.StartTLS()
	defer h.Close()
	return &tls.Config{Certificates: h.TLS.Certificates}, &tls.Config{InsecureSkipVerify: true}
}

// securePair is pair after the handshake; wire is the client's socket below TLS.
func securePair(t testing.TB, o *Options) (c *Conn, client *tls.Conn, wire net.Conn) {
	t.Helper()
	sc, cc := configs()
	c, wire = pair(t, o)
	client = tls.Client(wire, cc)
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := client.Handshake(); err != nil {
			t.Error(err)
		}
	})
	if err := c.StartTLS(sc); err != nil {
		t.Fatal(err)
	}
	wg.Wait()
	return c, client, wire
}

// next waits as a session does and reads what is there.
func next(t testing.TB, c *Conn, p []byte) (int, error) {
	t.Helper()
	for {
		if !c.Secure() || !c.Ready() {
			if err := c.Await(); err != nil {
				return 0, err
			}
		}
		if c.Ready() {
			return c.Read(p)
		}
	}
}

func TestAwaitAndRead(t *testing.T) {
	for _, secure := range []bool{false, true} {
		c, client := (*Conn)(nil), net.Conn(nil)
		if secure {
			c, client, _ = securePair(t, nil)
		} else {
			c, client = pair(t, nil)
		}
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := client.Write([]byte("hello")); err != nil {
				t.Error(err)
			}
		})
		var got []byte
		buf := make([]byte, 2)
		for len(got) < 5 {
			n, err := next(t, c, buf)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, buf[:n]...)
		}
		wg.Wait()
		if string(got) != "hello" || c.In() < 5 {
			t.Errorf("got %q, %d octets in", got, c.In())
		}
		client.Close()
		if _, err := next(t, c, buf); err != io.EOF {
			t.Errorf("after the end: %v", err)
		}
	}
}

// TestRecordsInPieces has TLS records arrive octet by octet, several together, and larger than what is read at a time:
// nothing is lost, and Ready never says no while there is something.
func TestRecordsInPieces(t *testing.T) {
	sc, cc := configs()
	c, wire := pair(t, nil)
	client := tls.Client(&pieces{Conn: wire, r: rand.New(rand.NewPCG(5, 6))}, cc)
	r := rand.New(rand.NewPCG(3, 4))
	var want []byte
	for range 30 {
		b := make([]byte, 1+r.IntN(40000))
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		want = append(want, b...)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := client.Handshake(); err != nil {
			t.Error(err)
		}
		for off := 0; off < len(want); {
			n := min(1+r.IntN(30000), len(want)-off)
			if _, err := client.Write(want[off : off+n]); err != nil {
				t.Error(err)
				return
			}
			off += n
		}
	})
	if err := c.StartTLS(sc); err != nil {
		t.Fatal(err)
	}
	var got []byte
	buf := make([]byte, 4096)
	for len(got) < len(want) {
		n, err := next(t, c, buf)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, buf[:n]...)
	}
	wg.Wait()
	if !bytes.Equal(got, want) {
		t.Error("octets were changed")
	}
	if c.Ready() {
		t.Error("ready with nothing there")
	}
}

// pieces writes in small pieces.
type pieces struct {
	net.Conn
	r *rand.Rand
}

func (p *pieces) Write(b []byte) (n int, err error) {
	for n < len(b) {
		m, err := p.Conn.Write(b[n:min(len(b), n+1+p.r.IntN(3000))])
		n += m
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

// TestHalfARecordIsNotReady has half a record arrive: the session must go on waiting, and can be woken.
func TestHalfARecordIsNotReady(t *testing.T) {
	sc, cc := configs()
	c, wire := pair(t, nil)
	hold := &holder{Conn: wire}
	client := tls.Client(hold, cc)
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := client.Handshake(); err != nil {
			t.Error(err)
		}
	})
	if err := c.StartTLS(sc); err != nil {
		t.Fatal(err)
	}
	wg.Wait()
	hold.on = true
	if _, err := client.Write([]byte("command")); err != nil {
		t.Fatal(err)
	}
	if _, err := wire.Write(hold.held[:9]); err != nil {
		t.Fatal(err)
	}
	if err := c.Await(); err != nil {
		t.Fatal(err)
	}
	if c.Ready() {
		t.Fatal("half a record is ready")
	}
	c.Interrupt()
	if err := c.Await(); !errors.Is(err, ErrInterrupted) {
		t.Fatalf("Await: %v", err)
	}
	if _, err := wire.Write(hold.held[9:]); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 100)
	n, err := next(t, c, buf)
	for err == nil && n < 7 {
		var m int
		m, err = next(t, c, buf[n:])
		n += m
	}
	if err != nil || string(buf[:n]) != "command" {
		t.Errorf("got %q, %v", buf[:n], err)
	}
}

// holder keeps what is written while it is on.
type holder struct {
	net.Conn
	on   bool
	held []byte
}

func (h *holder) Write(b []byte) (int, error) {
	if h.on {
		h.held = append(h.held, b...)
		return len(b), nil
	}
	return h.Conn.Write(b)
}

func TestInterrupt(t *testing.T) {
	c, client := pair(t, nil)
	c.Interrupt() // before: the next Await returns at once, once
	if err := c.Await(); !errors.Is(err, ErrInterrupted) {
		t.Fatalf("Await: %v", err)
	}
	for range 100 { // while it waits, or just before
		var wg sync.WaitGroup
		wg.Go(c.Interrupt)
		if err := c.Await(); !errors.Is(err, ErrInterrupted) {
			t.Fatalf("Await: %v", err)
		}
		wg.Wait()
	}
	if _, err := client.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if err := c.Await(); err != nil {
		t.Fatalf("the deadline was left behind: %v", err)
	}
	if n, err := c.Read(make([]byte, 1)); n != 1 || err != nil {
		t.Fatalf("Read: %d %v", n, err)
	}
}

func TestPipe(t *testing.T) {
	near, far := net.Pipe()
	c := New(far, &Options{})
	var wg sync.WaitGroup
	wg.Go(c.Interrupt)
	if err := c.Await(); !errors.Is(err, ErrInterrupted) {
		t.Fatal(err)
	}
	wg.Wait()
	wg.Go(func() {
		if _, err := near.Write([]byte("abc")); err != nil {
			t.Error(err)
		}
	})
	if err := c.Await(); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 3)
	if _, err := io.ReadFull(c, b); err != nil || string(b) != "abc" || c.In() != 3 {
		t.Errorf("got %q, %v, %d octets in", b, err, c.In())
	}
	wg.Wait()
	near.Close()
	c.Abort()
}

func TestDeadlines(t *testing.T) {
	c, client := pair(t, &Options{Read: 20 * time.Millisecond, Write: 20 * time.Millisecond, Handshake: 20 * time.Millisecond})
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("Read: %v", err)
	}
	n, err := c.Write(make([]byte, 64<<20)) // nobody reads
	if !errors.Is(err, os.ErrDeadlineExceeded) || int64(n) != c.Out() || n == 0 {
		t.Errorf("Write: %d of %d, %v", n, c.Out(), err)
	}
	server, _ := configs()
	if err := c.StartTLS(server); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("StartTLS: %v", err)
	}
	client.Close()
}

// TestNotReading has a client read nothing: the kernel takes no more than a piece beside what it sends, and keeps nothing once
// the connection has ended.
func TestNotReading(t *testing.T) {
	c, client := pair(t, &Options{Write: 20 * time.Millisecond})
	if err := client.(*net.TCPConn).SetReadBuffer(2 << 10); err != nil {
		t.Fatal(err)
	}
	if n, err := c.Write(make([]byte, 64<<20)); !errors.Is(err, os.ErrDeadlineExceeded) || n > 1<<20 {
		t.Errorf("the kernel took %d octets, %v", n, err)
	}
	c.Abort()
	if _, err := io.Copy(io.Discard, client); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the client had all to the end: %v", err)
	}
}

func TestCloseGentlyDeliversTheLastWords(t *testing.T) {
	c, client := pair(t, nil)
	if _, err := client.Write(make([]byte, 100_000)); err != nil { // which nobody will read
		t.Fatal(err)
	}
	if _, err := c.Write([]byte("bye")); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := c.CloseGently(10 * time.Second); err != nil {
			t.Error(err)
		}
	})
	if b, err := io.ReadAll(client); string(b) != "bye" || err != nil {
		t.Errorf("got %q, %v", b, err)
	}
	client.Close()
	wg.Wait()
}

func BenchmarkAwait(b *testing.B) {
	c, client := pair(b, nil)
	p := []byte("x")
	for b.Loop() {
		if _, err := client.Write(p); err != nil {
			b.Fatal(err)
		}
		if err := c.Await(); err != nil {
			b.Fatal(err)
		}
		if _, err := c.Read(p); err != nil {
			b.Fatal(err)
		}
	}
}
