package service

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// rig is one Run under test with its status channel in hand.
type rig struct {
	addr    string
	status  *os.File // the master's end
	signals chan os.Signal
	done    chan error
	log     *syncBuffer
	stats   *Stats
	cancel  context.CancelFunc
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func start(t *testing.T, o Options, serve func(context.Context, net.Conn)) *rig {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	pr, pw, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{addr: ln.Addr().String(), status: pr, signals: make(chan os.Signal, 4), done: make(chan error, 1),
		log: new(syncBuffer), stats: new(Stats)}
	if o.Listener == nil {
		o.Listener = ln
	}
	o.Status, o.Signals, o.Stats = pw, r.signals, r.stats
	o.Log = slog.New(slog.NewTextHandler(r.log, nil))
	ctx, cancel := context.WithCancel(context.Background())
	r.cancel = cancel
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		r.done <- Run(ctx, o, serve)
		pw.Close()
	}()
	t.Cleanup(func() { cancel(); pr.Close(); <-finished; ln.Close() })
	return r
}

func (r *rig) dial(t *testing.T) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", r.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func (r *rig) expect(t *testing.T, codes ...int32) {
	t.Helper()
	r.status.SetReadDeadline(time.Now().Add(10 * time.Second))
	for i, want := range codes {
		var b [MessageSize]byte
		if _, err := io.ReadFull(r.status, b[:]); err != nil {
			t.Fatalf("message %d of %v: %v", i, codes, err)
		}
		if m := ParseMessage(b[:]); m.Code != want || m.PID != int32(os.Getpid()) {
			t.Fatalf("message %d: got %+v, want code %d", i, m, want)
		}
	}
}

func (r *rig) end(t *testing.T) error {
	t.Helper()
	select {
	case err := <-r.done:
		return err
	case <-time.After(20 * time.Second):
		t.Fatal("Run does not end")
		return nil
	}
}

// echo serves until the client leaves or the process must go, which it says.
func echo(ctx context.Context, c net.Conn) {
	stop := context.AfterFunc(ctx, func() { c.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	io.WriteString(c, "hello\n")
	_, err := io.Copy(c, c)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		io.WriteString(c, "bye\n")
	}
}

func line(t *testing.T, c net.Conn, want string) {
	t.Helper()
	b := make([]byte, len(want))
	c.SetReadDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.ReadFull(c, b); err != nil || string(b) != want {
		t.Fatalf("got %q, %v; want %q", b, err, want)
	}
}

// Each connection is told while the worker is READY; full is told after the connection that filled it; room before the
// next connection. See Message: only cells without a warning.
func TestLimit(t *testing.T) {
	r := start(t, Options{Limit: 2}, echo)
	a := r.dial(t)
	line(t, a, "hello\n")
	r.expect(t, ConnectionMulti)
	b := r.dial(t)
	line(t, b, "hello\n")
	r.expect(t, ConnectionMulti, Unavailable)
	c := r.dial(t) // waits in the backlog
	a.Close()
	line(t, c, "hello\n")
	r.expect(t, Available, ConnectionMulti, Unavailable)
	b.Close()
	r.expect(t, Available)
	if n := r.stats.Accepted.Load(); n != 3 {
		t.Errorf("accepted %d, want 3", n)
	}
	r.cancel()
	if err := r.end(t); err != nil {
		t.Error(err)
	}
}

func TestDrainOnHangup(t *testing.T) {
	r := start(t, Options{}, echo)
	a := r.dial(t)
	line(t, a, "hello\n")
	r.signals <- syscall.SIGHUP
	r.expect(t, ConnectionMulti, Unavailable)
	if c, err := net.Dial("tcp", r.addr); err == nil { // nobody else has this listener
		c.Close()
		t.Error("a draining worker still accepts")
	}
	io.WriteString(a, "still served\n")
	line(t, a, "still served\n")
	a.Close()
	if err := r.end(t); err != nil {
		t.Error(err)
	}
}

func TestDrainingIsSeenByServe(t *testing.T) {
	r := start(t, Options{}, func(ctx context.Context, c net.Conn) {
		io.WriteString(c, "hello\n")
		<-Draining(ctx)
		io.WriteString(c, "bye\n")
	})
	a := r.dial(t)
	line(t, a, "hello\n")
	r.signals <- syscall.SIGHUP
	line(t, a, "bye\n")
	if err := r.end(t); err != nil {
		t.Error(err)
	}
	if Draining(context.Background()) != nil {
		t.Error("a foreign context drains")
	}
}

func TestTerminate(t *testing.T) {
	for _, sig := range []os.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGQUIT} {
		r := start(t, Options{}, echo)
		a := r.dial(t)
		line(t, a, "hello\n")
		r.signals <- syscall.SIGUSR1 // stacks, and on it goes
		r.signals <- sig
		line(t, a, "bye\n")
		if err := r.end(t); err != nil {
			t.Error(sig, err)
		}
		if !strings.Contains(r.log.String(), "goroutine ") {
			t.Error("SIGUSR1 wrote no stacks")
		}
	}
}

func TestTerminateWhileDraining(t *testing.T) {
	r := start(t, Options{}, echo)
	a := r.dial(t)
	line(t, a, "hello\n")
	r.signals <- syscall.SIGHUP
	r.signals <- syscall.SIGTERM
	line(t, a, "bye\n")
	if err := r.end(t); err != nil {
		t.Error(err)
	}
}

func TestDrainHasADeadline(t *testing.T) {
	free := make(chan struct{})
	r := start(t, Options{Drain: time.Millisecond}, func(context.Context, net.Conn) { <-free })
	c := r.dial(t)
	r.expect(t, ConnectionMulti)
	r.signals <- syscall.SIGTERM
	if err := r.end(t); err != nil {
		t.Error(err)
	}
	close(free)
	io.Copy(io.Discard, c) // Run's goroutines have gone when the connection has
}

func TestPanicCostsOneConnection(t *testing.T) {
	r := start(t, Options{}, func(ctx context.Context, c net.Conn) {
		b := make([]byte, 1)
		c.Read(b)
		if b[0] == '!' {
			panic("bad session")
		}
		c.Write(b)
	})
	good, bad := r.dial(t), r.dial(t)
	io.WriteString(bad, "!")
	if n, err := bad.Read(make([]byte, 1)); err == nil {
		t.Errorf("read %d octets from a session that panicked", n)
	}
	io.WriteString(good, "x")
	line(t, good, "x")
	r.signals <- syscall.SIGTERM
	r.end(t)
	if r.stats.Panics.Load() != 1 || !strings.Contains(r.log.String(), "bad session") ||
		!strings.Contains(r.log.String(), "service_test.go") {
		t.Errorf("panics %d, log %s", r.stats.Panics.Load(), r.log)
	}
}

// A master that never reads must not hold up anybody: 8192 messages fill a pipe.
func TestMasterDoesNotRead(t *testing.T) {
	r := start(t, Options{}, func(_ context.Context, c net.Conn) { io.WriteString(c, "x") })
	unix.FcntlInt(r.status.Fd(), unix.F_SETPIPE_SZ, 4096)
	for range 2000 {
		c, err := net.Dial("tcp", r.addr)
		if err != nil {
			t.Fatal(err)
		}
		line(t, c, "x")
		c.Close()
	}
	r.signals <- syscall.SIGTERM
	if err := r.end(t); err != nil {
		t.Error(err)
	}
}

func TestOrphanDrains(t *testing.T) {
	r := start(t, Options{Alone: time.Second}, echo)
	a := r.dial(t)
	line(t, a, "hello\n")
	r.status.Close()
	b := r.dial(t) // its report meets EPIPE
	line(t, b, "hello\n")
	c := r.dial(t) // and still newcomers are served, for a while
	line(t, c, "hello\n")
	for _, c := range []net.Conn{a, b, c} {
		c.Close()
	}
	if err := r.end(t); err != nil {
		t.Error(err)
	}
}

func TestSignOfLife(t *testing.T) {
	r := start(t, Options{Limit: 1, Life: time.Millisecond}, echo)
	a := r.dial(t)
	line(t, a, "hello\n")
	deadline := time.Now().Add(10 * time.Second)
	for {
		var b [MessageSize]byte
		r.status.SetReadDeadline(deadline)
		if _, err := io.ReadFull(r.status, b[:]); err != nil {
			t.Fatal(err)
		}
		if active, busy, ok := ParseLife(ParseMessage(b[:]).Code); ok && active == 1 && busy {
			break
		}
	}
}

// flaky gives errors before it accepts.
type flaky struct {
	net.Listener
	errs []error
}

func (f *flaky) Accept() (net.Conn, error) {
	if len(f.errs) > 0 {
		err := f.errs[0]
		f.errs = f.errs[1:]
		return nil, err
	}
	return f.Listener.Accept()
}

func TestAcceptErrors(t *testing.T) {
	for _, c := range []struct {
		name string
		errs []error
		code int
		runs bool
	}{
		{"passing", []error{syscall.ECONNABORTED, syscall.EPROTO}, 0, true},
		{"exhausted", []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS}, 0, true},
		{"withdrawn by shutdown(2)", []error{syscall.EINVAL}, 0, false},
		{"closed", []error{net.ErrClosed}, 0, false},
		{"broken", many(syscall.EBADF, 12), ExitOS, false},
	} {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		r := start(t, Options{Listener: &flaky{ln, c.errs}}, echo)
		if c.runs {
			r.addr = ln.Addr().String()
			a := r.dial(t)
			line(t, a, "hello\n")
			r.signals <- syscall.SIGTERM
		}
		if got := ExitCode(r.end(t)); got != c.code {
			t.Errorf("%s: exit code %d, want %d", c.name, got, c.code)
		}
		ln.Close()
	}
}

func many(err error, n int) (v []error) {
	for range n {
		v = append(v, err)
	}
	return v
}

func TestNotStartedByAMaster(t *testing.T) {
	t.Setenv("CYRUS_SERVICE", "")
	if got := ExitCode(Run(context.Background(), Options{}, echo)); got != ExitSoftware {
		t.Errorf("exit code %d, want %d", got, ExitSoftware)
	}
}

func TestAffordable(t *testing.T) {
	log := slog.New(slog.DiscardHandler)
	if got := affordable(10, 1, log); got != 10 {
		t.Errorf("got %d, want 10", got)
	}
	var r unix.Rlimit
	unix.Getrlimit(unix.RLIMIT_NOFILE, &r)
	if got, want := affordable(1<<40, 100, log), int(r.Cur)-100; r.Cur < 1<<30 && got != want {
		t.Errorf("got %d, want %d", got, want)
	}
}

func TestLifeRoundTrip(t *testing.T) {
	for _, active := range []int{0, 1, 4096, lifeMax, lifeMax + 1} {
		for _, busy := range []bool{false, true} {
			a, b, ok := ParseLife(Life(active, busy))
			if a != min(active, lifeMax) || b != busy || !ok {
				t.Errorf("Life(%d, %v) reads as %d, %v, %v", active, busy, a, b, ok)
			}
		}
	}
	for _, code := range []int32{0, 1, 2, 3, 4, 5, -1, 0x42000001, 0x44000000} {
		if _, _, ok := ParseLife(code); ok {
			t.Errorf("%#x is taken for a sign of life", code)
		}
	}
	m := Message{Code: 4, PID: 77}
	if got := ParseMessage(m.Append(nil)); got != m {
		t.Errorf("%+v reads as %+v", m, got)
	}
}

func TestBackoff(t *testing.T) {
	var b backoff
	last := time.Duration(0)
	for range 20 {
		d := b.next()
		if d < last || d > time.Second {
			t.Errorf("%v after %v", d, last)
		}
		last = d
	}
	if last != time.Second {
		t.Errorf("ends at %v", last)
	}
}
