package service

import (
	"context"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// script is a listener whose answers are written down: errors first, then connections as they come.
type script struct {
	errs   []error
	at     []time.Duration // when each error was given
	begun  time.Time
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newScript(errs ...error) *script {
	return &script{errs: errs, begun: time.Now(), conns: make(chan net.Conn), closed: make(chan struct{})}
}

func (s *script) Accept() (net.Conn, error) {
	if len(s.errs) > 0 {
		err := s.errs[0]
		s.errs, s.at = s.errs[1:], append(s.at, time.Since(s.begun))
		return nil, err
	}
	select {
	case c := <-s.conns:
		return c, nil
	case <-s.closed:
		return nil, net.ErrClosed
	}
}

func (s *script) Close() error { s.once.Do(func() { close(s.closed) }); return nil }

func (s *script) Addr() net.Addr { return &net.TCPAddr{} }

// connect makes a connection and returns the client's end.
func (s *script) connect() net.Conn {
	client, server := net.Pipe()
	s.conns <- server
	return client
}

// bubble is a Run without a master in a bubble of synctest.
type bubble struct {
	*script
	signals chan os.Signal
	stats   Stats
	log     syncBuffer
	done    chan error
	ended   time.Duration // since the start
}

func inBubble(t *testing.T, errs []error, serve func(context.Context, net.Conn), body func(*testing.T, *bubble)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := &bubble{script: newScript(errs...), signals: make(chan os.Signal), done: make(chan error, 1)}
		o := Options{Listener: b.script, Signals: b.signals, Stats: &b.stats, Log: slog.New(slog.NewTextHandler(&b.log, nil))}
		go func() {
			err := Run(t.Context(), o, serve)
			b.ended = time.Since(b.begun)
			b.done <- err
		}()
		body(t, b)
	})
}

// Connections that do not heed the end of their context have ten seconds, and those that end sooner are waited for no
// longer than that takes.
func TestDeadlineOfTheEnd(t *testing.T) {
	for _, c := range []struct {
		name  string
		takes []time.Duration // what each connection does after it was told
		want  time.Duration
		late  bool
	}{
		{"none", nil, 0, false},
		{"one at once", []time.Duration{0}, 0, false},
		{"one in time", []time.Duration{3 * time.Second}, 3 * time.Second, false},
		{"the slowest counts", []time.Duration{time.Second, 9 * time.Second, 2 * time.Second}, 9 * time.Second, false},
		{"one too late", []time.Duration{time.Second, time.Hour}, 10 * time.Second, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			takes := make(chan time.Duration, len(c.takes))
			for _, d := range c.takes {
				takes <- d
			}
			serve := func(ctx context.Context, conn net.Conn) {
				d := <-takes
				<-ctx.Done()
				<-time.After(d)
			}
			inBubble(t, nil, serve, func(t *testing.T, b *bubble) {
				for range c.takes {
					b.connect()
				}
				synctest.Wait()
				if n := b.stats.Active.Load(); int(n) != len(c.takes) {
					t.Errorf("%d connections", n)
				}
				b.signals <- syscall.SIGTERM
				if err := <-b.done; err != nil || b.ended != c.want {
					t.Errorf("%v after %v, want %v", err, b.ended, c.want)
				}
				if got := strings.Contains(b.log.String(), "did not end in time"); got != c.late {
					t.Errorf("log: %s", b.log.String())
				}
				<-time.After(2 * time.Hour) // for those that were left
				if !b.stats.Draining.Load() {
					t.Error("it is not said that it drains")
				}
			})
		})
	}
}

// A drain has no deadline: a busy connection is served for a day, and the order to end gives it ten seconds.
func TestDrainHasNone(t *testing.T) {
	serve := func(ctx context.Context, _ net.Conn) {
		select {
		case <-ctx.Done():
			<-time.After(time.Second)
		case <-time.After(30 * time.Hour):
		}
	}
	for _, end := range []bool{false, true} {
		inBubble(t, nil, serve, func(t *testing.T, b *bubble) {
			b.connect()
			b.signals <- syscall.SIGHUP
			b.signals <- syscall.SIGHUP  // again: nothing
			b.signals <- syscall.SIGUSR2 // is not ours
			<-time.After(24 * time.Hour)
			want := 30 * time.Hour
			if end {
				b.signals <- syscall.SIGINT
				want = 24*time.Hour + time.Second
			}
			if err := <-b.done; err != nil || b.ended != want {
				t.Errorf("%v after %v, want %v", err, b.ended, want)
			}
		})
	}
}

// Without descriptors or memory accept is tried after 5 ms, 10 ms and so on up to a second, for as long as it takes;
// that is said once, and again only after it worked in between.
func TestBackOffOfAccept(t *testing.T) {
	for _, kind := range []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM} {
		echo := func(_ context.Context, c net.Conn) { c.Write([]byte{'x'}) }
		inBubble(t, many(kind, 12), echo, func(t *testing.T, b *bubble) {
			c := b.connect() // as soon as there is room
			if n, err := c.Read(make([]byte, 1)); n != 1 {
				t.Error(err)
			}
			want, wait := time.Duration(0), 5*time.Millisecond
			for k, at := range b.at {
				if at != want {
					t.Errorf("%v: try %d at %v, want %v", kind, k, at, want)
				}
				want += wait
				wait = min(2*wait, time.Second)
			}
			if n := strings.Count(b.log.String(), "cannot accept; waiting"); n != 1 || b.stats.AcceptErrors.Load() != 12 {
				t.Errorf("%v: %d lines, %d errors", kind, n, b.stats.AcceptErrors.Load())
			}
			b.signals <- syscall.SIGTERM
			<-b.done
		})
	}
}

// SIGTERM is heard during the back-off.
func TestEndDuringBackOff(t *testing.T) {
	inBubble(t, many(syscall.EMFILE, 1000), nil, func(t *testing.T, b *bubble) {
		<-time.After(time.Minute + time.Millisecond)
		b.signals <- syscall.SIGTERM
		if err := <-b.done; err != nil || b.ended != time.Minute+time.Millisecond {
			t.Errorf("%v after %v", err, b.ended)
		}
	})
}

// What accept says that no time mends ends the worker, after a few tries.
func TestBrokenAccept(t *testing.T) {
	inBubble(t, many(syscall.ENOTSOCK, 100), nil, func(t *testing.T, b *bubble) {
		if got := ExitCode(<-b.done); got != ExitOS || b.ended > time.Second || len(b.at) > 10 {
			t.Errorf("exit code %d after %v and %d tries", got, b.ended, len(b.at))
		}
	})
}

// A worker at its limit takes the next connection only when one has ended, however that one ends.
func TestRoomAfterEachEnd(t *testing.T) {
	for name, end := range map[string]func(){
		"return": func() {}, "panic": func() { panic("bad") }, "panic with an error": func() { panic(syscall.EIO) },
		"panic of the runtime": func() { _ = make([]int, 1)[len(os.Args)] },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, signals, stats := newScript(), make(chan os.Signal), new(Stats)
				serve := func(_ context.Context, c net.Conn) {
					c.Read(make([]byte, 1))
					end()
				}
				done := make(chan error, 1)
				go func() {
					done <- Run(t.Context(), Options{Limit: 1, Listener: s, Signals: signals, Stats: stats}, serve)
				}()
				for k := range 3 {
					c := s.connect()
					synctest.Wait()
					select {
					case s.conns <- nil:
						t.Fatal("a connection above the limit")
					default:
					}
					c.Close()
					synctest.Wait()
					if a, n := stats.Active.Load(), stats.Accepted.Load(); a != 0 || int(n) != k+1 {
						t.Errorf("%d active, %d accepted", a, n)
					}
				}
				signals <- syscall.SIGTERM
				if err := <-done; err != nil {
					t.Error(err)
				}
				if n := stats.Panics.Load(); n != 0 && name == "return" || n != 3 && name != "return" {
					t.Errorf("%d panics", n)
				}
			})
		})
	}
}
