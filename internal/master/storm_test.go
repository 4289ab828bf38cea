package master

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// The polite service is what every storm is held against: whoever connects there is greeted.
func polite() Service {
	s := lemmings("polite", "worker")
	s.Prefork = 2
	return s
}

// storm is a service on which a storm comes down.
func storm(mode string, prefork, maxChild int) Service {
	s := lemmings("storm", mode)
	s.Prefork, s.MaxChild = prefork, maxChild
	return s
}

// newcomer is greeted by the polite service, the first one.
func (r *test) newcomer() {
	r.Helper()
	r.greeted(r.dial(r.service(0).Listen)).Close()
}

// children are the processes that the kernel knows as ours, without those that have ended.
func children(t *testing.T, of int) (pids []int) {
	t.Helper()
	dirs, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range dirs {
		pid, err := strconv.Atoi(d.Name())
		stat, err2 := os.ReadFile("/proc/" + d.Name() + "/stat")
		if err != nil || err2 != nil { // no process, or it has ended
			continue
		}
		_, rest, _ := strings.Cut(string(stat), ") ")
		if f := strings.Fields(rest); len(f) > 1 && f[0] != "Z" && f[1] == strconv.Itoa(of) {
			pids = append(pids, pid)
		}
	}
	slices.Sort(pids)
	return pids
}

// true: the workers that the master believes in are the processes that there are.
func (r *test) countsAreTrue() {
	r.Helper()
	var known, there []int
	if !sometime(func() bool {
		s := r.status()
		known = known[:0]
		for _, v := range s.Services {
			n := 0
			for _, w := range v.Workers {
				if w.PID != 0 {
					known = append(known, w.PID)
				}
				n++
			}
			if n != v.Ready+v.Busy+v.Draining {
				r.Fatalf("%d workers: %+v", n, v)
			}
		}
		slices.Sort(known)
		there = children(r.T, os.Getpid())
		return slices.Equal(known, there)
	}) {
		r.Fatalf("the master knows %v, there are %v", known, there)
	}
}

// throng runs n clients, some at a time.
func throng(n int, client func(k int)) (wait func()) {
	var wg sync.WaitGroup
	next := make(chan int)
	wg.Go(func() {
		defer close(next)
		for k := range n {
			next <- k
		}
	})
	for range 8 {
		wg.Go(func() {
			for k := range next {
				client(k)
			}
		})
	}
	return wg.Wait
}

// A fork storm: each client costs a fork and a death. Newcomers elsewhere are greeted, every death is noticed, and the
// books are right afterwards.
func TestStormOfForks(t *testing.T) {
	const clients = 100
	r := start(t, Config{Services: []Service{polite(), storm("once", 4, 0)}})
	addr := r.service(1).Listen
	wait := throng(clients, func(int) {
		if c, err := net.Dial("tcp", addr); err == nil {
			io.Copy(io.Discard, c)
			c.Close()
		}
	})
	for range 20 {
		r.newcomer()
	}
	wait()
	r.countsAreTrue()
	s := r.service(1)
	if s.Conns != clients || s.Forks < clients || s.Fails != 0 {
		t.Errorf("%d connections, %d forks, %d failures", s.Conns, s.Forks, s.Fails)
	}
}

// Connections that are reset at once: nobody is left to be served, and no worker is left busy.
func TestStormOfResets(t *testing.T) {
	r := start(t, Config{Services: []Service{polite(), storm("single", 2, 10)}})
	addr := r.service(1).Listen
	wait := throng(2000, func(int) {
		if c, err := net.Dial("tcp", addr); err == nil {
			c.(*net.TCPConn).SetLinger(0)
			c.Close()
		}
	})
	for range 20 {
		r.newcomer()
	}
	wait()
	r.eventually("rest", func() bool { s := r.service(1); return s.Busy == 0 && s.Pending == 0 && s.Ready >= 2 })
	r.countsAreTrue()
	if s := r.service(1); s.Ready > 10 {
		t.Errorf("%+v", s)
	}
	r.greeted(r.dial(addr)).Close()
}

// Crash loops: one service fails at each start, another one dies with each client.
func TestStormOfCrashes(t *testing.T) {
	dead := lemmings("dead", "fail")
	dead.Prefork = 3
	r := start(t, Config{Services: []Service{polite(), storm("single", 2, 0), dead}})
	addr := r.service(1).Listen
	wait := throng(40, func(k int) {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			return
		}
		fmt.Fscan(oneByOne{c}, new(int))
		io.WriteString(c, []string{"exit", "abort"}[k%2])
		io.Copy(io.Discard, c)
		c.Close()
	})
	for range 10 {
		r.newcomer()
	}
	wait()
	r.eventually("all crashes are noticed", func() bool { return r.service(1).Fails == 40 })
	r.countsAreTrue()
	if s := r.service(1); s.PausedFor > time.Second {
		t.Errorf("a service that serves is paused: %+v", s)
	}
	r.greeted(r.dial(addr)).Close()
}

// P08: garbage on every status channel: others do not notice, and the service itself goes on.
func TestP08_GarbageEverywhere(t *testing.T) {
	r := start(t, Config{Services: []Service{polite(), storm("babble", 4, 12)}})
	r.eventually("garbage", func() bool { return r.status().Counters.Garbage > 5000 })
	for range 10 {
		r.newcomer()
		c := r.greeted(r.dial(r.service(1).Listen))
		c.Close()
	}
	if s := r.service(0); s.Ready < 2 || s.Fails != 0 {
		t.Errorf("polite: %+v", s)
	}
	r.countsAreTrue()
}

// P14: all places are taken and clients wait: one line says so, the number of waiting clients is known, the loop rests,
// and others are served.
func TestP14_Full(t *testing.T) {
	r := start(t, Config{Services: []Service{polite(), storm("single", 0, 3)}, Stuck: 20 * time.Millisecond})
	addr := r.service(1).Listen
	var held []*client
	for range 3 {
		held = append(held, r.greeted(r.dial(addr)))
	}
	for range 5 {
		held = append(held, r.dial(addr)) // has to wait
	}
	r.eventually("it is said", func() bool { return strings.Contains(r.log.String(), "all 3 processes are busy (maxchild)") })
	for range 10 {
		r.newcomer()
	}
	r.eventually("it is known who waits", func() bool { return r.service(1).Pending == 5 })
	if s := r.service(1); s.Busy != 3 || s.Forks != 3 {
		t.Errorf("%+v", s)
	}
	r.countsAreTrue()
	for _, c := range held {
		r.leave(c)
	}
	if n := strings.Count(r.log.String(), "processes are busy"); n != 1 {
		t.Errorf("%d lines", n)
	}
}

// leave takes the greeting if it has not come yet, and hangs up.
func (r *test) leave(c *client) {
	r.Helper()
	if c.pid == 0 {
		r.greeted(c)
	}
	c.Close()
}

// P12, P14: while forks are held back by maxforkrate the loop rests: few rounds, however many clients wait.
func TestP12_LimitedIsIdle(t *testing.T) {
	s := storm("single", 0, 0)
	s.MaxForkRate = 1
	r := start(t, Config{Services: []Service{polite(), s}})
	addr := r.service(1).Listen
	for range 20 {
		r.dial(addr)
	}
	r.eventually("two forks", func() bool { return r.service(1).Forks >= 2 })
	before := r.status()
	r.eventually("a third", func() bool { return r.service(1).Forks >= 3 })
	after := r.status()
	looks := after.Stages[stageListen].Total() - before.Stages[stageListen].Total()
	asked := after.Stages[stageAdmin].Total() - before.Stages[stageAdmin].Total()
	if own := int64(looks) - int64(asked); own > 400 {
		t.Errorf("%d rounds of its own for one fork", own)
	}
}

// P40: a log that nobody reads before, during and after a fork storm: clients are served, lines are dropped and counted.
func TestP40_StuckLog(t *testing.T) {
	free := make(chan struct{})
	once, good := storm("once", 2, 0), polite()
	once.Path, good.Path = self(), self()
	ready, signals := make(chan struct{}), make(chan os.Signal, 4)
	out := new(syncBuffer)
	conf := Config{Log: slog.New(stuck{debugText(out), free}), Signals: signals,
		Ready: func() { close(ready) }, Services: []Service{good, once}}
	conf.Load = func(_ context.Context, log *slog.Logger) (Config, error) {
		for range 2000 {
			log.Warn("there is no more room for this")
		}
		return Config{Services: conf.Services}, nil
	}
	m, err := New(conf)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- m.Run(context.Background()) }()
	<-ready
	r := &test{T: t, m: m, log: out}
	signals <- syscall.SIGHUP
	r.eventually("a full queue", func() bool { return r.status().LogDropped > 0 })
	before, addr := r.status().LogDropped, r.service(1).Listen
	wait := throng(60, func(int) {
		if c, err := net.Dial("tcp", addr); err == nil {
			io.Copy(io.Discard, c)
			c.Close()
		}
	})
	for range 10 {
		r.newcomer()
	}
	wait()
	r.countsAreTrue()
	if now := r.status().LogDropped; now < before+60 {
		t.Errorf("%d lines dropped by 60 forks", now-before)
	}
	close(free)
	r.eventually("it is said", func() bool { return strings.Contains(out.String(), "log lines were dropped") })
	signals <- syscall.SIGTERM
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// P41: 2,000 listeners: each is answered, a reload leaves every descriptor as it was, and at rest nothing happens.
func TestP41_Listeners(t *testing.T) {
	dir, err := os.MkdirTemp("", "l")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	s := lemmings("many", "worker")
	s.Listen = nil
	for k := range 2000 {
		s.Listen = append(s.Listen, fmt.Sprintf("unix:%s/%d", dir, k))
	}
	r := start(t, Config{Services: []Service{polite(), s}})
	for _, k := range []int{0, 1, 777, 1024, 1500, 1999} {
		r.greeted(r.dial(s.Listen[k]))
	}
	fds := func() int {
		list, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(list)
	}
	reloads := func(n uint64) {
		r.signals <- syscall.SIGHUP
		r.eventually("a reload", func() bool {
			s := r.status()
			return s.Counters.Reloads == n && s.Services[0].Draining+s.Services[0].Starting == 0
		})
	}
	reloads(1)
	r.newcomer()
	before := fds()
	for n := range 2 {
		reloads(uint64(n + 2))
	}
	r.eventually("descriptors as before", func() bool { return fds() <= before+8 })
	r.newcomer()
	if s := r.status(); len(s.Services) != 2001 {
		t.Errorf("%d listeners", len(s.Services))
	}
}

// P44: a threaded service gets a blocking socket, serves several clients at once and counts as READY throughout.
func TestP44_Threaded(t *testing.T) {
	r := start(t, Config{Services: []Service{polite(), storm("threaded", 1, 1)}})
	addr := r.service(1).Listen
	var pid int
	for range 3 {
		c := r.greeted(r.dial(addr))
		if pid != 0 && c.pid != pid {
			t.Errorf("served by %d and %d", pid, c.pid)
		}
		pid = c.pid
	}
	r.eventually("three connections", func() bool { return r.service(1).Conns == 3 })
	if s := r.service(1); s.Ready != 1 || s.Busy != 0 || s.Forks != 1 {
		t.Errorf("%+v", s)
	}
	info, err := os.ReadFile(fmt.Sprintf("/proc/%d/fdinfo/4", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(info)) {
		if rest, ok := strings.CutPrefix(line, "flags:"); ok {
			flags, err := strconv.ParseInt(strings.TrimSpace(rest), 8, 64)
			if err != nil || flags&unix.O_NONBLOCK != 0 {
				t.Errorf("descriptor 4 has flags %s", rest)
			}
		}
	}
	r.eventually("it rests", func() bool {
		stat, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		return stateOf(stat) == "S"
	})
}
