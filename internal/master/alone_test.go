package master

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A master alone is one in a process of its own, for what a process has only once: who it is, its signals, its children.
const aloneEnv = "LEMMING_MASTER_ALONE"

// aloneMaster runs a service and, after SIGHUP, one more at the address in LEMMING_LOW; LEMMING_DAEMON is the mode of a
// daemon, LEMMING_USER who to become. It says on standard output what happens.
func aloneMaster() int {
	conf := func(listen ...string) Config {
		var c Config
		for k, at := range listen {
			s := lemmings("tell"+strconv.Itoa(k), "tell")
			s.Listen = []string{at}
			c.Services = append(c.Services, s)
		}
		if mode := os.Getenv("LEMMING_DAEMON"); mode != "" {
			c.Services = append(c.Services, Service{Name: "d", Argv: []string{"lemming"}, Path: "/proc/self/exe", Daemon: true,
				Env: []string{lemmingEnv + "=" + mode}})
		}
		return c
	}
	c := conf("127.0.0.1:0")
	c.Load = func(context.Context, *slog.Logger) (Config, error) {
		return conf("127.0.0.1:0", os.Getenv("LEMMING_LOW")), nil
	}
	c.Log = slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{Level: slog.LevelDebug}))
	c.Subreaper, c.Grace = true, 5*time.Second
	if id, err := strconv.ParseUint(os.Getenv("LEMMING_USER"), 10, 32); err == nil {
		c.User = &syscall.Credential{Uid: uint32(id), Gid: uint32(id)}
	}
	var m *Master
	c.Ready = func() {
		st, err := m.Status(context.Background())
		fmt.Println("listens", err, st.Services[0].Listen)
	}
	m, err := New(c)
	if err == nil {
		err = m.Run(context.Background())
	}
	var e *Error
	if errors.As(err, &e) {
		fmt.Println("failed", err)
		return e.Code
	}
	return 0
}

// alone is such a master.
type alone struct {
	*testing.T
	cmd    *exec.Cmd
	out    *bufio.Scanner
	lines  []string
	at     int // the first of lines that until has not looked at
	listen string
}

func startAlone(t *testing.T, env ...string) *alone {
	t.Helper()
	c := exec.Command(self())
	c.Env = append(append(os.Environ(), aloneEnv+"=1"), env...)
	out, err := c.StdoutPipe()
	if err == nil {
		err = c.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	a := &alone{T: t, cmd: c, out: bufio.NewScanner(out)}
	t.Cleanup(func() {
		if c.ProcessState == nil {
			c.Process.Kill() // it did not end in time
			c.Wait()
		}
		if t.Failed() {
			t.Log(strings.Join(a.lines, "\n"))
		}
	})
	patience := time.AfterFunc(time.Minute, func() { c.Process.Kill() }) // then out is at its end
	t.Cleanup(func() { patience.Stop() })
	words := strings.Fields(a.until("listens "))
	a.listen, a.at = words[len(words)-1], 0 // what the loop said may stand before it
	return a
}

// until is the next line that holds text.
func (a *alone) until(text string) string {
	a.Helper()
	for {
		if a.at == len(a.lines) {
			if !a.out.Scan() {
				a.Fatalf("no %q", text)
			}
			a.lines = append(a.lines, a.out.Text())
		}
		a.at++
		if line := a.lines[a.at-1]; strings.Contains(line, text) {
			return line
		}
	}
}

// end waits for the end after a signal and returns the exit code.
func (a *alone) end(sig syscall.Signal) int {
	a.Helper()
	a.cmd.Process.Signal(sig)
	for a.out.Scan() {
		a.lines = append(a.lines, a.out.Text())
	}
	a.cmd.Wait()
	return a.cmd.ProcessState.ExitCode()
}

// ask is what a lemming tells of itself.
func (a *alone) ask(addr string) string {
	a.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		a.Fatal(err)
	}
	defer c.Close()
	c.SetReadDeadline(time.Now().Add(20 * time.Second))
	b, err := io.ReadAll(c)
	if err != nil {
		a.Fatal(err)
	}
	return string(b)
}

// capabilities are the effective and permitted ones of a process, and the ambient ones.
func capabilities(t *testing.T, pid int) string {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for line := range strings.Lines(string(b)) {
		if f := strings.Fields(line); slices.Contains([]string{"CapPrm:", "CapEff:", "CapAmb:", "Uid:"}, f[0]) {
			out = append(out, f[1])
		}
	}
	return strings.Join(out, " ")
}

// lowPort is a port below 1024 of 127.0.0.1 that nobody has.
func lowPort(t *testing.T) string {
	t.Helper()
	for port := 1023; port > 600; port-- {
		l, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(port))
		if err == nil {
			l.Close()
			return l.Addr().String()
		}
	}
	t.Skip("no port below 1024 is free")
	return ""
}

// P22: a master that is no longer root opens a port below 1024 at a reload; its children could not.
func TestP22_LowPortAfterReload(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can become another user")
	}
	if cgo {
		t.Skip("with cgo a process cannot change all of its threads")
	}
	low := lowPort(t)
	a := startAlone(t, "LEMMING_USER=65534", "LEMMING_LOW="+low, "LEMMING_DAEMON=stay")
	a.until("name=d/daemon pid=")
	if got := capabilities(t, a.cmd.Process.Pid); got != "65534 0000000000000400 0000000000000400 0000000000000000" {
		t.Errorf("the master has %s", got)
	}
	a.cmd.Process.Signal(syscall.SIGHUP)
	a.until("Services reconfigured")
	if got := a.ask(low); !strings.Contains(got, "CYRUS_SERVICE=tell1 true") {
		t.Error(got)
	}
	_, pid, _ := strings.Cut(a.until("name=d/daemon pid="), "pid=") // the first was told to end by SIGHUP
	n, _ := strconv.Atoi(pid)
	if got := capabilities(t, n); got != "65534 0000000000000000 0000000000000000 0000000000000000" {
		t.Errorf("a child has %s", got)
	}
	if code := a.end(syscall.SIGTERM); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// P23: SIGTERM, SIGQUIT and SIGINT end the master with exit code 0; the last line says so.
func TestP23_Signals(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGQUIT, syscall.SIGINT} {
		a := startAlone(t, "LEMMING_DAEMON=stay")
		a.until("name=d/daemon pid=")
		code := a.end(sig)
		if last := a.lines[len(a.lines)-1]; code != 0 || !strings.Contains(last, `"All children have exited, closing down"`) {
			t.Errorf("%v: exit code %d, at last %s", sig, code, last)
		}
	}
}

// P43: signals that other programs have a use for do not end the master.
func TestP43_HarmlessSignals(t *testing.T) {
	a := startAlone(t)
	for _, sig := range []syscall.Signal{syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGPIPE, syscall.SIGALRM} {
		a.cmd.Process.Signal(sig)
	}
	a.until("stacks") // of SIGUSR1
	if got := a.ask(a.listen); !strings.Contains(got, "CYRUS_SERVICE=tell0 true") {
		t.Error(got)
	}
	if code := a.end(syscall.SIGTERM); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// P43: SIGCHLD does not even interrupt the master: the kernel drops it, and the ends of children are known all the same.
func TestP43_DeathsInterruptNobody(t *testing.T) {
	a := startAlone(t)
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", a.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"SigCgt:", "SigIgn:", "SigBlk:"} {
		_, rest, _ := strings.Cut(string(status), name)
		mask, err := strconv.ParseUint(strings.Fields(rest)[0], 16, 64)
		if err != nil || mask>>(syscall.SIGCHLD-1)&1 != 0 {
			t.Errorf("%s %x has SIGCHLD (%v)", name, mask, err)
		}
	}
	a.ask(a.listen)
	a.until("exited normally")
	if code := a.end(syscall.SIGTERM); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// P43: a daemon that goes to the background is known, and ended with the master.
func TestP43_Grandchild(t *testing.T) {
	d := newDiary(t)
	a := startAlone(t, append(d.env("", "grandchild"), "LEMMING_DAEMON=parent")[1:]...)
	found := a.until("was left behind by a child and ends with the master")
	_, rest, _ := strings.Cut(found, "pid:")
	pid, _ := strconv.Atoi(strings.Fields(rest)[0])
	if !slices.Contains(d.lines(), fmt.Sprint("child ", pid)) {
		t.Errorf("%d is none of %q", pid, d.lines())
	}
	for !slices.Contains(d.lines(), "grandchild sleeps") {
		<-time.After(2 * time.Millisecond)
	}
	if code := a.end(syscall.SIGTERM); code != 0 {
		t.Errorf("exit code %d", code)
	}
	for _, line := range d.lines() {
		if n, ok := strings.CutPrefix(line, "child "); ok {
			if pid, _ := strconv.Atoi(n); alive(pid) {
				t.Errorf("%d lives on", pid)
			}
		}
	}
	if !slices.Contains(d.lines(), "grandchild got terminated") {
		t.Errorf("%q", d.lines())
	}
}

// A family tells children of its own from others, also while forks are under way.
func TestFamily(t *testing.T) {
	c := exec.Command(self(), "-test.run=^$") // it stays a zombie until Wait
	f := newFamily()
	early := f.takeOff()
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	defer c.Wait()
	in := func() bool {
		strays, _ := f.look()
		return slices.ContainsFunc(strays, func(s stray) bool { return s.pid == c.Process.Pid })
	}
	has := func() bool { // in either of two looks, for the first is never sure
		first := in()
		return in() || first
	}
	if has() {
		t.Error("a stray, though the fork that may have made it is not over")
	}
	f.land(early, 0, 0)
	f.visit(1)
	if has() {
		t.Error("a stray, though others are about")
	}
	f.visit(-1)
	if !has() {
		t.Error("no stray after all forks")
	}
	if has() {
		t.Error("found twice")
	}
	f.buried(c.Process.Pid, 0)
	f.enter(c.Process.Pid, 7)
	f.buried(c.Process.Pid, 6) // late word of another child with this process id
	if !f.knows(c.Process.Pid) {
		t.Error("forgotten")
	}
}
