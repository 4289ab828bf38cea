package master

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// P01: a port without a host is a listener for IPv4, whose workers have CYRUS_ID 0, and one for IPv6, whose have 1, each
// with as many workers as prefork says.
func TestP01_PreforkPerFamily(t *testing.T) {
	ln, err := net.Listen("tcp6", "[::1]:0")
	if err != nil {
		t.Skip("this host has no IPv6: ", err)
	}
	ln.Close()
	s := lemmings("imap", "worker")
	s.Listen, s.Prefork = []string{"0"}, 2
	r := start(t, Config{Services: []Service{s}})
	r.eventually("two workers each", func() bool {
		return len(pidsOf(r.service(0))) == 2 && len(pidsOf(r.service(1))) == 2
	})
	for n, family := range []string{"ipv4", "ipv6"} {
		st := r.service(n)
		if st.Name != "imap/"+family {
			t.Errorf("listener %d is %s", n, st.Name)
		}
		for pid := range pidsOf(st) {
			r.eventually("its environment", func() bool { // before exec it is this process's own
				env, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
				return err == nil && bytes.Contains(env, fmt.Appendf(nil, "\x00CYRUS_ID=%d\x00", n))
			})
		}
		_, port, _ := net.SplitHostPort(st.Listen)
		c := r.greeted(r.dial(net.JoinHostPort([]string{"127.0.0.1", "::1"}[n], port)))
		if !pidsOf(r.service(n))[c.pid] {
			t.Errorf("listener %d is served by %d, not by one of its workers", n, c.pid)
		}
	}
}

// P01: one listener for each address, each with its own workers.
func TestP01_PreforkPerAddress(t *testing.T) {
	s := lemmings("imap", "worker")
	s.Listen, s.Prefork = []string{"127.0.0.1:0", "unix:" + filepath.Join(t.TempDir(), "s")}, 2
	r := start(t, Config{Services: []Service{s}})
	r.eventually("two workers each", func() bool {
		return len(pidsOf(r.service(0))) == 2 && len(pidsOf(r.service(1))) == 2
	})
	for n := range 2 {
		c := r.greeted(r.dial(r.service(n).Listen))
		if !pidsOf(r.service(n))[c.pid] {
			t.Errorf("listener %d is served by %d, not by one of its workers", n, c.pid)
		}
	}
}

// told is what a child of the service, which tells and ends, was given.
func (r *test) told() string {
	r.Helper()
	got, err := io.ReadAll(r.dial(r.service(0).Listen))
	if err != nil {
		r.Fatal(err)
	}
	return string(got)
}

// P02: what a child is given: five descriptors and no sixth, those of the contract blocking and kept over exec; no
// signal blocked or ignored; the names of the contract and the master's environment; argv[0] as configured.
func TestP02_WhatAChildGets(t *testing.T) {
	stray, err := unix.Open("/dev/zero", unix.O_RDONLY, 0) // kept over exec, as if whoever started the master had left it
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(stray)
	for name, value := range map[string]string{"LEMMING_HOME": "cliff", "CYRUS_ID": "7", "CYRUS_ISDAEMON": "1"} {
		t.Setenv(name, value)
	}
	r := start(t, Config{Services: []Service{lemmings("tell", "tell")}})
	got := r.told()
	for _, want := range []string{"fd 0 /dev/null ", "fd 1 /dev/null ", "fd 2 /dev/null ",
		"fd 3 pipe nonblock=false mode=write\n", "fd 4 socket nonblock=false mode=both\n",
		fmt.Sprintf("listens=1 group=%d\n", unix.Getpgrp()),
		"CYRUS_SERVICE=tell true\n", "CYRUS_ID=0 true\n", "CYRUS_ISDAEMON= false\n", "CONSTANCE_LIFE_MS= false\n",
		"LEMMING_HOME=cliff true\n", "SigBlk: 0000000000000000\n", "SigIgn: 0000000000000000\n", "argv0 lemming\n", "end\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	if n := strings.Count(got, "fd "); n != 5 {
		t.Errorf("%d descriptors\n%s", n, got)
	}
}

// P02: also after a worker that made the socket, which it shares with all of them, non-blocking, as Go's do.
func TestP02_BlockingAgain(t *testing.T) {
	r := start(t, Config{Services: []Service{lemmings("spoil", "spoil")}})
	for range 3 {
		if got := r.told(); !strings.Contains(got, "fd 4 socket nonblock=false ") {
			t.Fatal(got)
		}
	}
}
