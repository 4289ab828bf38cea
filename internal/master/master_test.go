package master

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

func pidsOf(s ServiceStatus) map[int]bool {
	pids := map[int]bool{}
	for _, w := range s.Workers {
		if w.PID != 0 {
			pids[w.PID] = true
		}
	}
	return pids
}

// P04: without prefork three clients make three processes, and the next client is served by one of them.
func TestP04_OnDemand(t *testing.T) {
	r := start(t, Config{Services: []Service{lemmings("imap", "single")}})
	addr := r.service(0).Listen
	var clients []*client
	for range 3 {
		clients = append(clients, r.dial(addr))
	}
	for _, c := range clients {
		r.greeted(c)
	}
	r.eventually("three busy", func() bool { return r.service(0).Busy == 3 })
	clients[1].Close()
	r.eventually("one ready", func() bool { return r.service(0).Ready == 1 })
	if c := r.greeted(r.dial(addr)); c.pid != clients[1].pid {
		t.Errorf("served by %d, want %d", c.pid, clients[1].pid)
	}
	if s := r.service(0); s.Forks != 3 {
		t.Errorf("%d forks, want 3: %+v", s.Forks, s)
	}
}

// P05: with prefork=1 each client makes one more process.
func TestP05_Prefork(t *testing.T) {
	s := lemmings("imap", "single")
	s.Prefork = 1
	r := start(t, Config{Services: []Service{s}})
	addr := r.service(0).Listen
	var clients []*client
	for n := range 3 {
		clients = append(clients, r.greeted(r.dial(addr)))
		r.eventually("one more", func() bool { s := r.service(0); return s.Busy == n+1 && s.Ready == 1 && s.Forks == n+2 })
	}
	for _, c := range clients {
		c.Close()
	}
	r.eventually("all ready", func() bool { return r.service(0).Ready == 4 })
}

// P09: a wrapper that forks the real service: what comes through its channel is its own.
func TestP09_ForkingWrapper(t *testing.T) {
	r := start(t, Config{Services: []Service{lemmings("imap", "wrapper")}})
	addr := r.service(0).Listen
	a, b := r.greeted(r.dial(addr)), r.greeted(r.dial(addr))
	if a.pid == b.pid {
		t.Error("one process serves both")
	}
	a.Close()
	b.Close()
}

// P10: a service that fails at once is tried five times, then after a pause; others do not notice.
func TestP10_CrashLoopIsSlowed(t *testing.T) {
	bad, good := lemmings("bad", "fail"), lemmings("good", "worker")
	bad.Prefork, good.Prefork = 1, 1
	r := start(t, Config{Services: []Service{bad, good}})
	r.eventually("a pause", func() bool { return r.service(0).PausedFor > time.Second })
	if s := r.service(0); s.Forks != 5 {
		t.Errorf("%d forks, want 5", s.Forks)
	}
	r.eventually("one line about it", func() bool {
		return strings.Count(r.log.String(), "too many failures for service bad/ipv4") == 1
	})
	r.greeted(r.dial(r.service(1).Listen))
}

// P11: leaving without a word is no failure, but no fork storm either.
func TestP11_QuickExits(t *testing.T) {
	s := lemmings("imap", "leave")
	s.Prefork = 1
	begun := time.Now()
	r := start(t, Config{Services: []Service{s}})
	r.eventually("some exits", func() bool { return r.service(0).Forks >= 7 })
	st := r.service(0)
	if most := int(time.Since(begun)/quickExit) + 2; st.Forks > most || st.PausedFor > time.Second {
		t.Errorf("%d forks in %v, paused for %v", st.Forks, time.Since(begun), st.PausedFor)
	}
}

type ctxt = context.Context

const quickExit = 100 * time.Millisecond

// P11: a crash while a client is served is none of the service's fault.
func TestP11_BusyCrashes(t *testing.T) {
	r := start(t, Config{Services: []Service{lemmings("imap", "single")}})
	addr := r.service(0).Listen
	for k := range 12 {
		c := r.greeted(r.dial(addr))
		io.WriteString(c, []string{"exit", "abort"}[k%2])
		io.Copy(io.Discard, c)
	}
	r.eventually("twelve failures", func() bool { return r.service(0).Fails == 12 })
	if s := r.service(0); s.PausedFor > time.Second {
		t.Errorf("%+v", s)
	}
}

// P13: maxchild is a bound, in a burst too.
func TestP13_MaxChild(t *testing.T) {
	s := lemmings("imap", "single")
	s.Prefork, s.MaxChild = 5, 2
	r := start(t, Config{Services: []Service{s}, Stuck: 50 * time.Millisecond})
	addr := r.service(0).Listen
	var clients []*client
	for range 4 {
		clients = append(clients, r.dial(addr))
	}
	r.greeted(clients[0])
	// P14: it is said that a client waits
	r.eventually("a line about it", func() bool { return strings.Contains(r.log.String(), "all 2 processes are busy") })
	r.eventually("two busy ones", func() bool { return r.service(0).Busy == 2 })
	if s := r.service(0); s.Forks != 2 {
		t.Errorf("%+v", s)
	}
	for _, c := range clients {
		c.Close()
	}
	r.eventually("ready", func() bool { return r.service(0).Ready == 2 })
}

// stopAll stops processes, and waits for it: before that they may still accept a client, which then waits for good.
func (r *test) stopAll(pids map[int]bool) {
	r.Helper()
	for pid := range pids {
		syscall.Kill(pid, syscall.SIGSTOP)
		r.eventually("stopped", func() bool {
			threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", pid))
			return !slices.ContainsFunc(threads, func(path string) bool {
				b, _ := os.ReadFile(path)
				return !strings.Contains(string(b), "State:\tT")
			})
		})
	}
}

// P15: a READY worker that does not accept does not hold up the next client.
func TestP15_StoppedReadyWorker(t *testing.T) {
	r := start(t, Config{Services: []Service{lemmings("imap", "single")}, Stuck: 50 * time.Millisecond})
	addr := r.service(0).Listen
	a := r.greeted(r.dial(addr))
	a.Close()
	r.eventually("ready", func() bool { s := r.service(0); return s.Ready > 0 && s.Ready == len(pidsOf(s)) })
	stopped := pidsOf(r.service(0)) // usually one; a slow start makes another
	r.stopAll(stopped)
	b := r.greeted(r.dial(addr))
	if stopped[b.pid] {
		t.Error("a stopped process greets")
	}
	b.Close()
	for pid := range stopped {
		syscall.Kill(pid, syscall.SIGCONT)
	}
}

// P17: SIGHUP replaces idle workers; a busy one serves to the end.
func TestP17_Hangup(t *testing.T) {
	s := lemmings("imap", "worker")
	s.Prefork, s.MaxChild, s.DrainOver = 2, 2, true
	r := start(t, Config{Services: []Service{s}})
	addr := r.service(0).Listen
	r.eventually("two", func() bool { return len(pidsOf(r.service(0))) == 2 })
	busy := r.greeted(r.dial(addr))
	before := pidsOf(r.service(0))
	r.signals <- syscall.SIGHUP
	r.eventually("new workers", func() bool {
		now := pidsOf(r.service(0))
		n := 0
		for pid := range now {
			if !before[pid] {
				n++
			}
		}
		return n == 2 && len(now) == 3
	})
	r.eventually("a new worker accepts", func() bool {
		c := r.greeted(r.dial(addr))
		defer c.Close() // it may be an old worker's that has not seen its signal yet
		return !before[c.pid]
	})
	r.served(busy)
	busy.Close()
	r.eventually("the old one gone", func() bool { return r.service(0).Draining == 0 })
}

// P18: a bad configuration changes nothing.
func TestP18_BadReload(t *testing.T) {
	s := lemmings("imap", "worker")
	s.Prefork = 1
	bad := errors.New("cyrus.conf:3:1: missing brace")
	r := start(t, Config{Services: []Service{s}, Load: func(ctxt, *slog.Logger) (Config, error) { return Config{}, bad }})
	r.eventually("one", func() bool { return len(pidsOf(r.service(0))) == 1 })
	before := pidsOf(r.service(0))
	r.signals <- syscall.SIGHUP
	r.eventually("refused", func() bool { return r.status().Counters.BadReloads == 1 })
	c := r.greeted(r.dial(r.service(0).Listen))
	if !before[c.pid] {
		t.Errorf("served by %d, not by one of %v", c.pid, before)
	}
	r.eventually("a line about it", func() bool { return strings.Contains(r.log.String(), "missing brace") })
}

// P20: what a reload changes: a service goes, one comes, one stays on its port.
func TestP20_Reload(t *testing.T) {
	dir := t.TempDir()
	make := func(names ...string) (list []Service) {
		for _, n := range names {
			s := lemmings(n, "worker")
			s.Path, s.Listen, s.Prefork = self(), []string{"unix:" + filepath.Join(dir, n)}, 1
			list = append(list, s)
		}
		return list
	}
	r := start(t, Config{Services: make("a", "b"), Load: func(ctxt, *slog.Logger) (Config, error) {
		return Config{Services: make("b", "c"), Grace: 5 * time.Second}, nil
	}})
	a, b := r.greeted(r.dial("unix:"+dir+"/a")), r.greeted(r.dial("unix:"+dir+"/b"))
	r.signals <- syscall.SIGHUP
	r.eventually("c listens", func() bool { return r.status().Counters.Reloads == 1 })
	r.greeted(r.dial("unix:" + dir + "/c"))
	r.greeted(r.dial("unix:" + dir + "/b"))
	for _, c := range []*client{a, b} { // both still served
		r.served(c)
	}
	a.Close()
	r.eventually("a gone", func() bool { return len(r.status().Services) == 2 })
}

// P24: what ignores SIGTERM is killed after the grace time.
func TestP24_Stubborn(t *testing.T) {
	s := lemmings("imap", "stubborn")
	r := start(t, Config{Services: []Service{s}, Grace: 100 * time.Millisecond})
	r.greeted(r.dial(r.service(0).Listen))
	r.stop()
	if !strings.Contains(r.log.String(), "killing them") || !strings.Contains(r.log.String(), "All children have exited") {
		t.Error("not killed")
	}
}

// P28: the commands of START run in order, and the first failure ends the master.
func TestP28_Start(t *testing.T) {
	file := filepath.Join(t.TempDir(), "f")
	job := func(mode, text string) Event {
		return Event{Name: text, Argv: []string{"lemming"}, Path: self(),
			Env: []string{lemmingEnv + "=" + mode, "LEMMING_FILE=" + file, "LEMMING_TEXT=" + text}}
	}
	r := start(t, Config{Start: []Event{job("job", "one"), job("job", "two")}})
	r.stop()
	if got, _ := os.ReadFile(file); string(got) != "one\ntwo\n" {
		t.Errorf("%q", got)
	}
	m, err := New(Config{Start: []Event{job("fail", "bad"), job("job", "three")}})
	if err != nil {
		t.Fatal(err)
	}
	var e *Error
	if err := m.Run(t.Context()); !errors.As(err, &e) || e.Code != 1 {
		t.Error(err)
	}
	if got, _ := os.ReadFile(file); string(got) != "one\ntwo\n" {
		t.Errorf("a command ran after one that failed: %q", got)
	}
}

func TestEventRunsAtOnce(t *testing.T) {
	file := filepath.Join(t.TempDir(), "f")
	r := start(t, Config{Events: []Event{{Name: "ev", Argv: []string{"lemming"}, Period: time.Hour,
		Env: []string{lemmingEnv + "=job", "LEMMING_FILE=" + file, "LEMMING_TEXT=ran"}}}})
	r.eventually("a run", func() bool { b, _ := os.ReadFile(file); return string(b) == "ran\n" })
	if s := r.status(); len(s.Events) != 1 || s.Events[0].In < time.Minute {
		t.Errorf("%+v", s.Events)
	}
}

// kill -9 of a worker loses its connections only, and newcomers are served at once.
func TestKilledWorker(t *testing.T) {
	s := lemmings("imap", "worker")
	s.Prefork = 2
	s.Life = 10 * time.Millisecond
	r := start(t, Config{Services: []Service{s}})
	addr := r.service(0).Listen
	by := map[int][]*client{}
	r.eventually("both serve", func() bool {
		c := r.greeted(r.dial(addr))
		by[c.pid] = append(by[c.pid], c)
		return len(by) == 2
	})
	var victim int
	for victim = range by {
	}
	syscall.Kill(victim, syscall.SIGKILL)
	for _, c := range by[victim] {
		if _, err := io.Copy(io.Discard, c); err != nil && !errors.Is(err, syscall.ECONNRESET) {
			t.Error(err)
		}
	}
	r.greeted(r.dial(addr))
	for pid, list := range by {
		if pid == victim {
			continue
		}
		for _, c := range list {
			r.served(c)
		}
	}
	r.eventually("two again", func() bool { s := r.service(0); return len(pidsOf(s)) == 2 && !pidsOf(s)[victim] })
	r.eventually("signs of life", func() bool {
		for _, w := range r.service(0).Workers {
			if w.LastLife < 0 {
				return false
			}
		}
		return true
	})
}

// A full worker says so, and another is started for the next client.
func TestFullWorker(t *testing.T) {
	r := start(t, Config{Services: []Service{lemmings("imap", "pair")}})
	addr := r.service(0).Listen
	pids := map[int]int{}
	for range 5 {
		pids[r.greeted(r.dial(addr)).pid]++
	}
	if len(pids) != 3 {
		t.Errorf("served by %v", pids)
	}
}

func TestDrain(t *testing.T) {
	s := lemmings("imap", "worker")
	s.Prefork = 1
	r := start(t, Config{Services: []Service{s}})
	a := r.greeted(r.dial(r.service(0).Listen))
	if n, err := r.m.Drain(t.Context(), "imap"); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	r.eventually("another accepts", func() bool { return r.greeted(r.dial(r.service(0).Listen)).pid != a.pid })
	r.served(a)
	r.stop()
	if _, err := r.m.Status(t.Context()); !errors.Is(err, ErrEnded) {
		t.Error(err)
	}
}
