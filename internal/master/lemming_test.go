package master

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/constance-mail/constance/internal/service"
)

// A lemming is this test binary, started as a service. Its mode is in the environment.
const lemmingEnv = "LEMMING"

func TestMain(m *testing.M) {
	if mode := os.Getenv(lemmingEnv); mode != "" {
		os.Exit(lemming(mode))
	}
	if dir := os.Getenv(masterEnv); dir != "" {
		os.Exit(masterLemming(dir))
	}
	if os.Getenv(aloneEnv) != "" {
		os.Exit(aloneMaster())
	}
	goleak.VerifyTestMain(m)
}

func lemming(mode string) int {
	switch mode {
	case "worker":
		return worker(10_000)
	case "ailing":
		return ailing()
	case "once":
		return once()
	case "locked":
		return locked()
	case "babble":
		return babble()
	case "threaded":
		return threaded()
	case "master":
		return masterMode()
	case "pair":
		return worker(2)
	case "single":
		return single(false)
	case "wrapper": // forks the real service, as a script may
		return wrapper()
	case "stubborn":
		signal.Ignore(syscall.SIGTERM)
		return single(true)
	case "puppet":
		return puppet()
	case "heir":
		return heir()
	case "idle":
		return idle()
	case "fail":
		return 1
	case "leave":
		return 0
	case "fussy": // fails at a listener of IPv4, as long as a file is there
		sa, err := unix.Getsockname(4)
		_, v4 := sa.(*unix.SockaddrInet4)
		if _, missing := os.Stat(os.Getenv("LEMMING_FILE")); err != nil || v4 && missing == nil {
			return 1
		}
		return single(false)
	case "job":
		f, err := os.OpenFile(os.Getenv("LEMMING_FILE"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			return 1
		}
		fmt.Fprintln(f, os.Getenv("LEMMING_TEXT"))
		return 0
	case "tell", "spoil": // what it was given, to whoever connects
		c, _, err := unix.Accept(4)
		if err != nil {
			return 71
		}
		unix.CloseOnExec(c)
		write(c, census())
		if mode == "spoil" {
			unix.SetNonblock(4, true)
		}
		return 0
	}
	return lifelike(mode)
}

// worker serves many connections: it greets with its process id and obeys one word for each line.
func worker(limit int) int {
	return service.ExitCode(service.Run(context.Background(), service.Options{Limit: limit},
		func(ctx context.Context, c net.Conn) {
			stop := context.AfterFunc(ctx, func() { c.SetReadDeadline(time.Unix(1, 0)) })
			defer stop()
			fmt.Fprintf(c, "%d\n", os.Getpid())
			io.Copy(c, c)
		}))
}

// single serves one connection at a time, as Cyrus's services do.
func single(deaf bool) int {
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	var serving sync.Mutex
	go func() {
		<-hup
		if serving.Lock(); !deaf {
			os.Exit(0)
		}
	}()
	say := func(code int32) {
		unix.Write(3, service.Message{Code: code, PID: int32(os.Getpid())}.Append(nil))
	}
	for {
		c, _, err := unix.Accept(4)
		if err != nil {
			return 71
		}
		serving.Lock()
		say(service.Unavailable)
		say(service.Connection)
		write(c, fmt.Sprintf("%d\n", os.Getpid()))
		var b [16]byte
		n, _ := unix.Read(c, b[:])
		unix.Close(c)
		switch strings.TrimSpace(string(b[:max(n, 0)])) {
		case "exit":
			return 1
		case "abort":
			syscall.Kill(os.Getpid(), syscall.SIGABRT)
			select {}
		}
		say(service.Available)
		serving.Unlock()
	}
}

// idle does nothing until it is killed.
func idle() int {
	for {
		unix.Pause()
	}
}

func wrapper() int {
	os.Setenv(lemmingEnv, "single")
	p, err := os.StartProcess("/proc/self/exe", os.Args, &os.ProcAttr{Files: []*os.File{os.Stdin, os.Stdout, os.Stderr,
		os.NewFile(3, "status"), os.NewFile(4, "listener")}})
	if err != nil {
		return 1
	}
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGTERM, syscall.SIGHUP)
	go func() {
		for s := range c {
			p.Signal(s)
		}
	}()
	p.Wait()
	return 0
}

// census lists descriptors, process group, environment, signal mask and argv[0].
func census() string {
	var b strings.Builder
	for fd := range 64 {
		flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
		own, _ := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
		if err != nil || own&unix.FD_CLOEXEC != 0 { // not open, or opened since by the runtime
			continue
		}
		target, _ := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd))
		kind, _, _ := strings.Cut(target, ":")
		fmt.Fprintf(&b, "fd %d %s nonblock=%v mode=%s\n", fd, kind, flags&unix.O_NONBLOCK != 0,
			[...]string{"read", "write", "both"}[flags&unix.O_ACCMODE])
	}
	listens, _ := unix.GetsockoptInt(4, unix.SOL_SOCKET, unix.SO_ACCEPTCONN)
	fmt.Fprintf(&b, "listens=%d group=%d\n", listens, unix.Getpgrp())
	for _, name := range []string{"CYRUS_SERVICE", "CYRUS_ID", "CYRUS_ISDAEMON", service.EnvLife, "LEMMING_HOME"} {
		v, ok := os.LookupEnv(name)
		fmt.Fprintf(&b, "%s=%s %v\n", name, v, ok)
	}
	status, _ := os.ReadFile("/proc/self/status")
	for line := range strings.Lines(string(status)) {
		if name, hex, ok := strings.Cut(strings.TrimSpace(line), ":\t"); ok && (name == "SigBlk" || name == "SigIgn") {
			mask, _ := strconv.ParseUint(hex, 16, 64)
			fmt.Fprintf(&b, "%s: %016x\n", name, mask&^libcSignals)
		}
	}
	fmt.Fprintf(&b, "argv0 %s\nend\n", os.Args[0])
	return b.String()
}

// libcSignals are the signals 32 and 33, which a C library keeps for itself: whoever runs the tests may ignore them.
const libcSignals = 1<<31 | 1<<32

func write(fd int, text string) {
	for len(text) > 0 {
		n, err := unix.Write(fd, []byte(text))
		if err != nil {
			return
		}
		text = text[n:]
	}
}

// test is a master under test.
type test struct {
	*testing.T
	m       *Master
	signals chan os.Signal
	done    chan error
	log     *syncBuffer
	ended   bool
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

// lemmings is a service of lemmings on a free port of 127.0.0.1.
func lemmings(name, mode string) Service {
	return Service{Name: name, Argv: []string{"lemming"}, Path: "/proc/self/exe", Env: []string{lemmingEnv + "=" + mode},
		Listen: []string{"127.0.0.1:0"}}
}

func self() string {
	path, err := os.Executable()
	if err != nil {
		panic(err)
	}
	return path
}

func start(t *testing.T, c Config) *test {
	t.Helper()
	r := &test{T: t, signals: make(chan os.Signal, 4), done: make(chan error, 1), log: new(syncBuffer)}
	for k := range c.Services {
		c.Services[k].Path = self()
	}
	for k := range c.Events {
		c.Events[k].Path = self()
	}
	ready := make(chan struct{})
	c.Signals = r.signals
	c.Ready = func() { close(ready) }
	c.Log = slog.New(slog.NewTextHandler(r.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	if c.Grace == 0 {
		c.Grace = 5 * time.Second
	}
	m, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	r.m = m
	go func() { r.done <- m.Run(context.Background()) }()
	t.Cleanup(func() {
		r.stop()
		if t.Failed() {
			t.Log(r.log.String())
		}
	})
	select {
	case <-ready:
	case err := <-r.done:
		r.ended = true
		t.Fatalf("the master ended: %v", err)
	}
	return r
}

// stop ends the master as SIGTERM does.
func (r *test) stop() {
	if r.ended {
		return
	}
	r.ended = true
	r.signals <- syscall.SIGTERM
	select {
	case err := <-r.done:
		if err != nil {
			r.Error(err)
		}
	case <-time.After(30 * time.Second):
		r.Fatal("the master does not end")
	}
}

func (r *test) status() Status {
	r.Helper()
	s, err := r.m.Status(context.Background())
	if err != nil {
		r.Fatal(err)
	}
	return s
}

// service is the state of the n-th listener.
func (r *test) service(n int) ServiceStatus {
	r.Helper()
	s := r.status()
	if n >= len(s.Services) {
		r.Fatalf("%d listeners, not %d", len(s.Services), n+1)
	}
	return s.Services[n]
}

// eventually looks until what is right.
func (r *test) eventually(what string, right func() bool) {
	r.Helper()
	if !sometime(right) {
		r.Fatalf("never: %s; %+v", what, r.status())
	}
}

// sometime looks until what is right, or for too long.
func sometime(right func() bool) bool {
	deadline := time.After(20 * time.Second)
	for !right() {
		select {
		case <-deadline:
			return false
		case <-time.After(2 * time.Millisecond):
		}
	}
	return true
}

// client is a connection and the process that serves it.
type client struct {
	net.Conn
	pid int
}

func (r *test) dial(addr string) *client {
	r.Helper()
	network := "tcp"
	if path, ok := strings.CutPrefix(addr, "unix:"); ok {
		network, addr = "unix", path
	}
	c, err := net.Dial(network, addr)
	if err != nil {
		r.Fatal(err)
	}
	r.Cleanup(func() { c.Close() })
	return &client{Conn: c}
}

// greeted waits for the greeting.
func (r *test) greeted(c *client) *client {
	r.Helper()
	c.SetReadDeadline(time.Now().Add(20 * time.Second))
	if _, err := fmt.Fscan(oneByOne{c}, &c.pid); err != nil {
		r.Fatal("no greeting:", err)
	}
	return c
}

// served checks that a worker still answers.
func (r *test) served(c *client) {
	r.Helper()
	io.WriteString(c, "x")
	c.SetReadDeadline(time.Now().Add(20 * time.Second))
	if _, err := io.ReadFull(c, []byte{0}); err != nil {
		r.Error("a connection is lost:", err)
	}
}

// oneByOne keeps Fscan from reading ahead.
type oneByOne struct{ c net.Conn }

func (o oneByOne) Read(p []byte) (int, error) { return o.c.Read(p[:1]) }
