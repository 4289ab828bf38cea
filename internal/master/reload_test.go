package master

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// What a reload changes is told to whoever asked for it.
func TestReloadTells(t *testing.T) {
	a, b := lemmings("a", "worker"), lemmings("b", "worker")
	a.Path, b.Path = self(), self()
	a.Listen = []string{"unix:" + filepath.Join(t.TempDir(), "a")}
	next := Config{Services: []Service{a}, Grace: 5 * time.Second}
	var bad error
	r := start(t, Config{Services: []Service{a}, reloadEvery: time.Microsecond,
		Load: func(ctxt, *slog.Logger) (Config, error) { return next, bad }})
	check := func(want Outcome) {
		t.Helper()
		if got, err := r.m.Reload(t.Context()); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%+v %v, want %+v", got, err, want)
		}
	}
	check(Outcome{})
	c := r.greeted(r.dial("unix:" + a.Listen[0][len("unix:"):]))
	a.MaxChild = 3
	next.Services = []Service{a, b}
	check(Outcome{Changes: []string{"service a: maxchild 3, was 0", "service b: new"}, Drained: 1})
	bad = errors.New("cyrus.conf:3:1: missing brace")
	if _, err := r.m.Reload(t.Context()); !errors.Is(err, bad) {
		t.Errorf("a bad file: %v", err)
	}
	bad, next.Services = nil, []Service{a}
	check(Outcome{Changes: []string{"service b: removed"}}) // the only worker drains already
	r.served(c)
	r.stop()
	if _, err := r.m.Reload(t.Context()); !errors.Is(err, ErrEnded) {
		t.Errorf("after the end: %v", err)
	}
}

// Whoever asks while the master ends is told so, rather than kept waiting.
func TestReloadWhileEnding(t *testing.T) {
	r := start(t, Config{Services: []Service{lemmings("a", "stubborn")}, Grace: time.Hour})
	c := r.greeted(r.dial(r.service(0).Listen))
	r.signals <- syscall.SIGTERM
	r.eventually("ending", func() bool { return r.status().Stopping })
	if _, err := r.m.Reload(t.Context()); !errors.Is(err, ErrEnded) {
		t.Error(err)
	}
	syscall.Kill(c.pid, syscall.SIGKILL)
	r.ended = true
	if err := <-r.done; err != nil {
		t.Error(err)
	}
}

func TestDifferences(t *testing.T) {
	imap := Service{Name: "imap", Argv: []string{"imapd"}, Listen: []string{"143"}, Env: []string{"SECRET=1"}}
	purge := Event{Name: "purge", Argv: []string{"purge"}, Period: time.Hour}
	change := func(f func(s *Service, e *Event)) *Config {
		s, e := imap, purge
		f(&s, &e)
		return &Config{Services: []Service{s}, Events: []Event{e, purge}}
	}
	before := change(func(*Service, *Event) {})
	for _, c := range []struct {
		name  string
		after *Config
		want  []string
	}{
		{"nothing", change(func(*Service, *Event) {}), nil},
		{"another line", change(func(s *Service, e *Event) { s.Where, e.Where = "a:1:1", "a:2:1" }), nil},
		{"two fields", change(func(s *Service, _ *Event) { s.Prefork, s.Listen = 2, []string{"144"} }),
			[]string{"service imap: listen [144], was [143], prefork 2, was 0"}},
		{"no value of an environment", change(func(s *Service, _ *Event) { s.Env = []string{"SECRET=2"} }),
			[]string{"service imap: another environment"}},
		{"a name", change(func(s *Service, _ *Event) { s.Name = "pop" }), []string{"service pop: new", "service imap: removed"}},
		{"an event", change(func(_ *Service, e *Event) { e.Period = time.Minute }), []string{"event purge: period 1m0s, was 1h0m0s"}},
		{"one of two of a name", &Config{Services: before.Services, Events: before.Events[:1], Grace: time.Second},
			[]string{"event purge (2): removed", "grace time: 1s, was 0s"}},
	} {
		if got := differences(before, c.after); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// crowd connects all the time; each connection must be greeted and answered.
type crowd struct {
	served, failed atomic.Int64
	stop           chan struct{}
	wg             sync.WaitGroup
	first          atomic.Pointer[string] // the first failure
}

// visitors start n of a crowd.
func visitors(n int, addr string) *crowd {
	c := &crowd{stop: make(chan struct{})}
	for range n {
		c.wg.Go(func() {
			for {
				select {
				case <-c.stop:
					return
				default:
				}
				if err := visit(addr); err != nil {
					text := err.Error()
					c.failed.Add(1)
					c.first.CompareAndSwap(nil, &text)
					continue
				}
				c.served.Add(1)
			}
		})
	}
	return c
}

func visit(addr string) error {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return err
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(20 * time.Second))
	var pid int
	if _, err := fmt.Fscan(oneByOne{c}, &pid); err != nil {
		return fmt.Errorf("no greeting: %w", err)
	}
	if _, err = io.WriteString(c, "x"); err == nil {
		_, err = io.ReadFull(c, make([]byte, 1))
	}
	return err
}

// leave ends a crowd, none of which may have been refused or cut off.
func (c *crowd) leave(t *testing.T) {
	close(c.stop)
	c.wg.Wait()
	if n := c.failed.Load(); n > 0 {
		t.Errorf("%d of %d failed, the first: %s", n, n+c.served.Load(), *c.first.Load())
	}
}

// P17: a thousand connects during twenty reloads, none refused or lost; who is served stays served.
func TestP17_ConnectsDuringReloads(t *testing.T) {
	s := lemmings("imap", "worker")
	s.Prefork, s.MaxChild, s.DrainOver = 2, 4, true
	r := start(t, Config{Services: []Service{s}, reloadEvery: time.Microsecond})
	addr := r.service(0).Listen
	var guests []*client
	c := visitors(4, addr)
	for n := range 20 {
		if n%5 == 0 {
			guests = append(guests, r.greeted(r.dial(addr)))
		}
		if _, err := r.m.Reload(t.Context()); err != nil {
			t.Fatal(err)
		}
		r.eventually("fifty more", func() bool { return c.served.Load() >= int64(50*(n+1)) || c.failed.Load() > 0 })
	}
	c.leave(t)
	for _, g := range guests {
		r.served(g)
	}
	if n := r.status().Counters.Reloads; n != 20 {
		t.Errorf("%d reloads", n)
	}
}

// P41: a thousand reloads, each of which closes a listener and opens another, leave descriptors and memory as they were.
func TestP41_ThousandReloads(t *testing.T) {
	dir, n := t.TempDir(), 0
	conf := func() Config {
		a, b := lemmings("a", "worker"), lemmings("b", "worker")
		a.Path, b.Path = self(), self()
		b.Listen = []string{fmt.Sprintf("unix:%s/%d", dir, n%2)}
		return Config{Services: []Service{a, b}, Events: []Event{{Name: "e", Argv: []string{self()}, Period: 24 * time.Hour,
			Env: []string{lemmingEnv + "=leave"}}}}
	}
	first := conf()
	first.reloadEvery = time.Microsecond
	first.Load = func(ctxt, *slog.Logger) (Config, error) { n++; return conf(), nil }
	r := start(t, first)
	reload := func() {
		if _, err := r.m.Reload(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for range 100 { // until everything has its size
		reload()
	}
	fds, heap := openFDs(t), heapInUse()
	for range 1000 {
		reload()
	}
	r.eventually("as many descriptors as before", func() bool { return openFDs(t) <= fds })
	if now := heapInUse(); now > heap+1<<20 {
		t.Errorf("%d octets in use, %d before", now, heap)
	}
	if s := r.status(); len(s.Services) != 2 || len(s.Events) != 1 {
		t.Errorf("%+v", s)
	}
}

func openFDs(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

func heapInUse() uint64 {
	var s runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&s)
	return s.HeapAlloc
}
