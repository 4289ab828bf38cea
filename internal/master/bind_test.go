package master

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// dualPort is a port that is free at 127.0.0.1 and at ::1, with a listener that holds it at ::1 if held.
func dualPort(t *testing.T, held bool) string {
	t.Helper()
	for range 100 {
		v4, err := net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		_, port, _ := net.SplitHostPort(v4.Addr().String())
		v6, err := net.Listen("tcp6", "[::1]:"+port)
		v4.Close()
		if errors.Is(err, syscall.EADDRNOTAVAIL) || errors.Is(err, syscall.EAFNOSUPPORT) {
			t.Skip("needs IPv6 on the loopback interface")
		}
		if err != nil {
			continue
		}
		if held {
			t.Cleanup(func() { v6.Close() })
		} else {
			v6.Close()
		}
		return port
	}
	t.Fatal("no port is free for both families")
	return ""
}

func dual(name, mode, port string) Service {
	s := lemmings(name, mode)
	s.Path, s.Listen = self(), []string{"127.0.0.1:" + port, "[::1]:" + port}
	return s
}

// P36: where an address of a service cannot be had, the other works, and a line says so; at a reload it is no reason to
// refuse, if it was so before.
func TestP36_OneFamilyCannotBind(t *testing.T) {
	s := dual("imap", "worker", dualPort(t, true))
	r := start(t, Config{Services: []Service{s}})
	r.greeted(r.dial(s.Listen[0]))
	if n := len(r.status().Services); n != 1 {
		t.Errorf("%d listeners", n)
	}
	want := "unable to bind to imap/ipv6 socket: Address already in use"
	if n := strings.Count(r.log.String(), want); n != 1 || strings.Contains(r.log.String(), "unable to create") {
		t.Errorf("%d lines: %s", n, r.log.String())
	}
	r.signals <- syscall.SIGHUP
	r.eventually("a reload", func() bool { return r.status().Counters.Reloads == 1 })
	r.greeted(r.dial(s.Listen[0]))
}

// P36: master_bind_errors_fatal makes that the end of the start with exit code 69; a reload it makes no end.
func TestP36_BindErrorsFatal(t *testing.T) {
	s := dual("imap", "worker", dualPort(t, true))
	s.Where = "cyrus.conf:7:3"
	m, err := New(Config{Services: []Service{s}, BindErrorsFatal: true})
	if err != nil {
		t.Fatal(err)
	}
	var e *Error
	want := "cyrus.conf:7:3: unable to bind to imap/ipv6 socket: Address already in use (" + s.Listen[1] + ")"
	if err := m.Run(t.Context()); !errors.As(err, &e) || e.Code != 69 || e.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	good := lemmings("imap", "worker")
	good.Path = self()
	r := start(t, Config{Services: []Service{good}, BindErrorsFatal: true,
		Load: loads(Config{Services: []Service{good, dual("pop3", "worker", dualPort(t, true))}})})
	r.signals <- syscall.SIGHUP
	r.eventually("refused", func() bool { return r.status().Counters.BadReloads == 1 })
	r.greeted(r.dial(r.service(0).Listen))
}

// P36: two services at one address: the first has it, the other is left out with one line, as by Cyrus's master; so is
// one whose host nobody knows. A reload that brings that is refused.
func TestP36_SameAddressTwice(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	a, b, c := lemmings("a", "worker"), lemmings("b", "worker"), lemmings("c", "worker")
	a.Listen, b.Listen, c.Listen = []string{"unix:" + path}, []string{path}, []string{"nowhere.invalid:143"}
	r := start(t, Config{Services: []Service{a, b, c}})
	r.greeted(r.dial("unix:" + path))
	for want, n := range map[string]int{"unable to create b listener socket: Address already in use": 1,
		"unable to create a": 0, "unable to create c listener socket": 1, "disabling c": 1} {
		if got := strings.Count(r.log.String(), want); got != n {
			t.Errorf("%d of %q in %s", got, want, r.log.String())
		}
	}
	if s := r.status(); len(s.Services) != 1 {
		t.Errorf("%+v", s.Services)
	}
	a.Path, b.Path = self(), self()
	r = start(t, Config{Services: []Service{a}, Load: loads(Config{Services: []Service{a, b}})})
	r.signals <- syscall.SIGHUP
	r.eventually("refused", func() bool { return r.status().Counters.BadReloads == 1 })
	r.greeted(r.dial("unix:" + path))
}

// P20: a listener is kept by its address, whatever the order in which services leave, come and change places.
func TestP20_EveryOrder(t *testing.T) {
	port, other := dualPort(t, false), dualPort(t, false)
	service := func(name string, listen ...string) Service {
		s := lemmings(name, "worker")
		s.Path, s.Listen = self(), listen
		return s
	}
	a4, a6, b4 := "127.0.0.1:"+port, "[::1]:"+port, "127.0.0.1:"+other
	tcp4 := service("a", a4, a6)
	tcp4.Proto = "tcp4"
	for _, c := range []struct {
		name  string
		steps [][]Service
		here  []string // is served at the end
		gone  []string // is refused
	}{
		{"remove the first, then change the second",
			[][]Service{{service("a", a4), service("b", b4)}, {service("b", b4)}, {service("b", b4, "[::1]:"+other)}},
			[]string{b4, "[::1]:" + other}, []string{a4}},
		{"remove, and come back", [][]Service{{service("a", a4), service("b", b4)}, {service("b", b4)},
			{service("b", b4), service("a", a4)}}, []string{a4, b4}, nil},
		{"change places", [][]Service{{service("a", a4), service("b", b4)}, {service("a", b4), service("b", a4)}},
			[]string{a4, b4}, nil},
		{"another name, and the one before elsewhere", [][]Service{{service("a", a4)}, {service("a", b4), service("c", a4)}},
			[]string{a4, b4}, nil},
		{"more, and less again", [][]Service{{service("a", a4)}, {service("a", a4, a6)}, {service("a", a4)}},
			[]string{a4}, []string{a6}},
		{"without IPv6", [][]Service{{service("a", a4, a6)}, {tcp4}}, []string{a4}, []string{a6}},
		{"all other, and back", [][]Service{{service("a", a4)}, {service("b", b4)}, {service("a", a4)}}, []string{a4},
			[]string{b4}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var next []Config
			for _, list := range c.steps[1:] {
				next = append(next, Config{Services: list})
			}
			r := start(t, Config{Services: c.steps[0], Load: loads(next...)})
			for n := range next {
				r.signals <- syscall.SIGHUP
				r.eventually("a reload", func() bool { return r.status().Counters.Reloads == uint64(n+1) })
			}
			for _, addr := range c.here {
				r.greeted(r.dial(addr))
			}
			for _, addr := range c.gone {
				r.eventually(addr+" is refused", func() bool {
					conn, err := net.Dial("tcp", addr)
					if err == nil {
						conn.Close()
					}
					return errors.Is(err, syscall.ECONNREFUSED)
				})
			}
			if strings.Contains(strings.ToLower(r.log.String()), "already in use") {
				t.Error(r.log.String())
			}
		})
	}
}

// P21: one family crashes five times and is paused, the other serves on; SIGHUP gives the first another chance.
func TestP21_OneFamilyCrashes(t *testing.T) {
	file := filepath.Join(t.TempDir(), "bad")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s := dual("imap", "fussy", dualPort(t, false))
	s.Prefork, s.Env = 1, append(s.Env, "LEMMING_FILE="+file)
	r := start(t, Config{Services: []Service{s}})
	r.eventually("IPv4 is paused", func() bool { return r.service(0).PausedFor > time.Second })
	for range 2 {
		r.greeted(r.dial(s.Listen[1]))
	}
	if v6 := r.service(1); v6.Fails != 0 || v6.PausedFor != 0 {
		t.Errorf("%+v", v6)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	r.signals <- syscall.SIGHUP
	for _, addr := range s.Listen {
		r.greeted(r.dial(addr))
	}
	if n := len(r.status().Services); n != 2 {
		t.Errorf("%d listeners", n)
	}
}

// P37: every family's children have the limit from their first instruction on, it is bounded by the hard one, with a
// warning, and without it nothing changes.
func TestP37_MaxFDs(t *testing.T) {
	dir := t.TempDir()
	var hard, soft int
	limits := func(name string, maxfds int) Service {
		s := dual(name, "", dualPort(t, false))
		s.Path, s.Argv = "/bin/sh", []string{"sh", "-c", `echo $(ulimit -Sn) $(ulimit -Hn) >>"$0"; exec sleep 1000`,
			filepath.Join(dir, name)}
		s.MaxFDs, s.Prefork, s.Env = maxfds, 10, nil
		return s
	}
	own, err := os.ReadFile("/proc/self/limits")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(own), "Max open files")
	if _, err := fmt.Sscan(rest, &soft, &hard); err != nil {
		t.Skip("the limit of descriptors is no number:", rest)
	}
	c := Config{Services: []Service{limits("some", 77), limits("all", hard+1), limits("none", 0)}}
	log := new(syncBuffer)
	c.Log = slog.New(slog.NewTextHandler(log, nil))
	ready := make(chan struct{})
	c.Ready = func() { close(ready) }
	m, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	r := &test{T: t, m: m, log: log, signals: make(chan os.Signal, 4), done: make(chan error, 1)}
	m.conf.Signals = r.signals
	go func() { r.done <- m.Run(t.Context()) }()
	t.Cleanup(r.stop)
	lines := func(name string) []string {
		b, _ := os.ReadFile(filepath.Join(dir, name))
		return strings.Split(strings.TrimSpace(string(b)), "\n")
	}
	for name, want := range map[string]string{"some": fmt.Sprint("77 ", hard), "all": fmt.Sprint(hard, hard)} {
		r.eventually("twenty of "+name, func() bool { return len(lines(name)) == 20 })
		for _, got := range lines(name) {
			if got != want {
				t.Errorf("%s: limits %s, want %s", name, got, want)
			}
		}
	}
	r.eventually("twenty without", func() bool { return len(lines("none")) == 20 })
	if got := lines("none")[0]; !strings.HasSuffix(got, fmt.Sprint(" ", hard)) || strings.HasPrefix(got, "77 ") {
		t.Errorf("without maxfds the limits are %s", got)
	}
	if n := strings.Count(log.String(), fmt.Sprintf("limit_fds: requested %d, but capped to %d", hard+1, hard)); n != 1 {
		t.Errorf("%d warnings in %s", n, log.String())
	}
}
