package master

import (
	"encoding/json"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// kills is how many masters in a row the test kills: MASTER_KILLS changes it.
func kills() int {
	n, err := strconv.Atoi(os.Getenv("MASTER_KILLS"))
	if err != nil {
		return 3
	}
	return n
}

// lives is whether a process is there and has not ended.
func lives(pid int) bool {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	return err == nil && !strings.Contains(string(text), ") Z ")
}

// P42: a master is killed and another started at once, again and again, while clients come all the time: none is refused, none
// that is being served is cut, newcomers get new workers, the orphans finish and go.
func TestP42_KilledMaster(t *testing.T) {
	many, one, path := lemmings("many", "worker"), lemmings("one", "single"), lemmings("path", "single")
	many.Prefork, one.Prefork = 2, 1
	dir := t.TempDir()
	path.Listen = []string{"unix:" + filepath.Join(dir, "s")}
	services := []Service{many, one, path}
	p := launch(t, dir, services...)
	addr, single := p.service(0).Listen, p.service(1).Listen
	c := visitors(3, addr)
	var guests []*client
	old := map[int]bool{}
	for range kills() {
		for _, at := range []string{addr, single, path.Listen[0]} {
			guests = append(guests, p.greeted(p.dial(at)))
		}
		for _, s := range p.status().Services {
			for pid := range pidsOf(s) {
				old[pid] = true
			}
		}
		p.end(syscall.SIGKILL)
		begun := time.Now()
		p = launch(t, dir, services...)
		for _, at := range []string{addr, single, path.Listen[0]} {
			p.eventually("a new worker greets", func() bool {
				c := p.dial(at)
				defer c.Close()
				if at != addr && !answers(c) { // of that kind one may leave between its accept and its greeting
					return false
				}
				return !old[p.greeted(c).pid]
			})
		}
		if took := time.Since(begun); took > 5*time.Second {
			t.Errorf("taken over after %v", took)
		}
	}
	c.leave(t)
	for k, g := range guests {
		if k%3 == 0 {
			p.served(g)
		} else if !connected(t, g) { // the others do not answer
			t.Error("a connection is cut")
		}
	}
	for _, g := range guests {
		g.Close()
	}
	p.eventually("the orphans have gone", func() bool {
		for pid := range old {
			if lives(pid) {
				return false
			}
		}
		return true
	})
	p.end(syscall.SIGTERM)
	if _, err := os.Stat(filepath.Join(dir, "state")); !os.IsNotExist(err) {
		t.Errorf("a master that ends in order leaves its footprint: %v", err)
	}
}

// answers is whether a worker says something before it closes.
func answers(c *client) (so bool) {
	raw, err := c.Conn.(syscall.Conn).SyscallConn()
	if err != nil {
		return false
	}
	raw.Read(func(fd uintptr) bool { // false: wait until there is something to read
		n, _, err := unix.Recvfrom(int(fd), make([]byte, 1), unix.MSG_PEEK|unix.MSG_DONTWAIT)
		so = n > 0
		return !errors.Is(err, unix.EAGAIN)
	})
	return so
}

// connected is whether the other side has not closed.
func connected(t *testing.T, c *client) (so bool) {
	t.Helper()
	raw, err := c.Conn.(syscall.Conn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	raw.Control(func(fd uintptr) {
		_, _, err := unix.Recvfrom(int(fd), make([]byte, 1), unix.MSG_PEEK|unix.MSG_DONTWAIT)
		so = errors.Is(err, unix.EAGAIN)
	})
	return so
}

// A Unix socket that has lost its name is made anew.
func TestTakeoverOfANamelessSocket(t *testing.T) {
	dir := t.TempDir()
	s := lemmings("a", "worker")
	s.Listen, s.Prefork = []string{"unix:" + filepath.Join(dir, "s")}, 1
	p := launch(t, dir, s)
	guest := p.greeted(p.dial(s.Listen[0]))
	p.end(syscall.SIGKILL)
	if err := os.Remove(filepath.Join(dir, "s")); err != nil {
		t.Fatal(err)
	}
	p = launch(t, dir, s)
	if c := p.greeted(p.dial(s.Listen[0])); c.pid == guest.pid {
		t.Error("an orphan greets")
	}
	p.served(guest)
}

// A daemon of the master before is ended before another is started.
func TestTakeoverOfADaemon(t *testing.T) {
	d := lemmings("d", "idle")
	d.Listen, d.Daemon = nil, true
	p := launch(t, "", d)
	pid := 0
	footprintOf := func() (f footprint) {
		text, _ := os.ReadFile(filepath.Join(p.dir, "state"))
		json.Unmarshal(text, &f)
		return f
	}
	p.eventually("it runs, and that is written down", func() bool {
		for pid = range pidsOf(p.service(0)) {
		}
		f := footprintOf()
		return len(f.Daemons) == 1 && f.Daemons[0].PID == pid
	})
	p.end(syscall.SIGKILL)
	if !lives(pid) {
		t.Fatal("it is no orphan")
	}
	p = launch(t, p.dir, d)
	if lives(pid) {
		t.Error("two daemons run")
	}
	p.eventually("another", func() bool { return len(pidsOf(p.service(0))) == 1 && !pidsOf(p.service(0))[pid] })
}

// bystander starts a process with a listening socket on descriptor 4, as a master does, or without.
func bystander(t *testing.T, mode string, listener *os.File) *exec.Cmd {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command(self())
	c.Env = append(os.Environ(), lemmingEnv+"="+mode)
	c.ExtraFiles = []*os.File{w, listener}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	t.Cleanup(func() {
		c.Process.Kill()
		c.Wait()
		r.Close()
	})
	return c
}

// Nobody is signalled who is not proven to be a child of the master before.
func TestTakeoverLeavesOthersAlone(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	f, _ := ln.(*net.TCPListener).File()
	defer f.Close()
	c := bystander(t, "single", f)
	own := (&socket{fd: int(f.Fd())}).inode()
	if _, ok := findOrphan(c.Process.Pid, map[uint64]string{own + 1: "k"}); ok {
		t.Error("one with another socket is taken for ours")
	}
	if o, ok := findOrphan(c.Process.Pid, map[uint64]string{own: "k"}); !ok || o.key != "k" {
		t.Errorf("%+v %v", o, ok)
	} else {
		unix.Close(o.pidfd)
	}
	file := filepath.Join(t.TempDir(), "state")
	for name, f := range map[string]footprint{
		"another boot":    {Boot: "another", Sockets: []footSocket{{"k", own}}, Daemons: []processBirth{{c.Process.Pid, born(c.Process.Pid)}}},
		"another birth":   {Boot: bootID(), Daemons: []processBirth{{c.Process.Pid, born(c.Process.Pid) + 1}}},
		"no known birth":  {Boot: bootID(), Daemons: []processBirth{{c.Process.Pid, 0}}},
		"no known socket": {Boot: bootID(), Sockets: []footSocket{{"k", 0}}},
	} {
		text, _ := json.Marshal(f)
		os.WriteFile(file, text, 0o600)
		r := start(t, Config{StateFile: file})
		r.stop()
		if strings.Contains(r.log.String(), "taking over") || !lives(c.Process.Pid) {
			t.Errorf("%s: taken over, or dead", name)
		}
	}
	os.WriteFile(file, []byte("{"), 0o600)
	start(t, Config{StateFile: file}).stop()
}

// A listener that cannot be taken from an orphan is opened anew when the orphan has finished.
func TestTakeoverOfAHeldAddress(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f, _ := ln.(*net.TCPListener).File()
	c := bystander(t, "single", f)
	s := lemmings("a", "worker")
	s.Listen = []string{ln.Addr().String()}
	ln.Close()
	f.Close()
	r := start(t, Config{})
	if err := r.m.do(t.Context(), func() {}); err != nil { // it has begun: what is called here it does not do itself
		t.Fatal(err)
	}
	p := r.m.plan(t.Context(), Config{Services: []Service{s}})
	if _, err := r.m.obtain(&p.specs[0]); !errors.Is(err, unix.EADDRINUSE) {
		t.Errorf("nobody holds it: %v", err)
	}
	pidfd, err := unix.PidfdOpen(c.Process.Pid, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(pidfd)
	awaitHandler(r, c.Process.Pid)
	key := p.specs[0].socketKey()
	l := &legacy{orphans: []orphan{{c.Process.Pid, pidfd, 4, key}}, held: map[string]bool{key: true}}
	if err := r.m.do(t.Context(), func() { r.m.legacy = l }); err != nil {
		t.Fatal(err)
	}
	sock, err := r.m.obtain(&p.specs[0])
	if err != nil {
		t.Fatal(err)
	}
	sock.release()
}

// awaitHandler waits until a process catches SIGHUP.
func awaitHandler(r *test, pid int) {
	r.eventually("it catches SIGHUP", func() bool {
		text, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
		_, rest, _ := strings.Cut(string(text), "SigCgt:\t")
		mask, _ := strconv.ParseUint(strings.SplitN(rest, "\n", 2)[0], 16, 64)
		return mask&1 != 0
	})
}
