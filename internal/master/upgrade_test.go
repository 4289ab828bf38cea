package master

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/constance-mail/constance/internal/master/roster"
	"github.com/constance-mail/constance/internal/service"
)

// upgrades is how many upgrades in a row the test makes: MASTER_UPGRADES changes it.
func upgrades(t *testing.T) int {
	n, err := strconv.Atoi(os.Getenv("MASTER_UPGRADES"))
	if err != nil {
		return 6
	}
	t.Logf("%d upgrades", n)
	return n
}

// Upgrades in a row, while clients come all the time and workers are killed: none is refused, no connection is cut but
// those of the killed, and the table of children is the kernel's.
func TestUpgrade(t *testing.T) {
	many, one := lemmings("many", "worker"), lemmings("one", "single")
	many.Prefork, many.Life = 2, 20*time.Millisecond
	one.Prefork = 1
	p := launch(t, "", many, one)
	addr := p.service(0).Listen
	guests := []*client{p.greeted(p.dial(addr)), p.greeted(p.dial(p.service(1).Listen))}
	c := visitors(3, addr)
	fds := p.descriptors()
	n, begun := upgrades(t), time.Now()
	for k := range n {
		if s := p.service(1); k%2 == 0 && len(s.Workers) > 0 && s.Ready > 0 {
			p.killReady(&s)
		}
		if why := p.upgrade(""); why != "" {
			t.Fatalf("upgrade %d: %s", k, why)
		}
		if k%max(n/6, 1) == 0 {
			guests = append(guests, p.greeted(p.dial(addr)))
		}
	}
	took := time.Since(begun)
	served := c.served.Load()
	c.leave(t)
	t.Logf("%d upgrades in %v, %d connects meanwhile (%.0f/s)", n, took, served, float64(served)/took.Seconds())
	for k, g := range guests {
		if k != 1 { // that worker answers once
			p.served(g)
		}
	}
	if s := p.status(); s.Counters.Upgrades != uint64(n) || s.Up < took || s.PID != p.cmd.Process.Pid {
		t.Errorf("%+v", s)
	}
	for _, g := range guests {
		g.Close()
	}
	var table, kernel []int
	var s []ServiceStatus
	defer func() {
		if t.Failed() {
			t.Logf("table %v, kernel %v: %+v", table, kernel, s)
		}
	}()
	p.eventually("the table is the kernel's", func() bool {
		table, kernel = p.children()
		s = p.status().Services
		return slices.Equal(table, kernel) && len(kernel) == 3 && s[0].Ready == 2 && s[1].Ready == 1 && s[0].Draining == 0
	})
	p.eventually("as many descriptors as before", func() bool { return p.descriptors() <= fds })
}

// killReady kills a worker that serves nobody.
func (p *process) killReady(s *ServiceStatus) {
	for _, w := range s.Workers {
		if w.State == "ready" && w.PID != 0 {
			syscall.Kill(w.PID, syscall.SIGKILL)
			return
		}
	}
}

// descriptors counts those of the process.
func (p *process) descriptors() int {
	list, err := os.ReadDir("/proc/" + strconv.Itoa(p.cmd.Process.Pid) + "/fd")
	if err != nil {
		p.Fatal(err)
	}
	return len(list)
}

// SIGUSR2 is an upgrade, the program is that on disk, and what the children get is the same afterwards.
func TestUpgradeBySignal(t *testing.T) {
	p := launch(t, "", lemmings("tell", "tell"))
	p.cmd.Process.Signal(syscall.SIGUSR2)
	p.eventually("upgraded", func() bool { return p.status().Counters.Upgrades == 1 })
	got, err := io.ReadAll(p.dial(p.service(0).Listen))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"fd 3 pipe nonblock=false", "fd 4 socket nonblock=false", "SigBlk: 0000000000000000",
		"SigIgn: 0000000000000000", "end"} {
		if !strings.Contains(string(got), want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	if n := strings.Count(string(got), "fd "); n != 5 {
		t.Errorf("%d descriptors\n%s", n, got)
	}
	p.end(syscall.SIGTERM) // signals arrive as before
	if !strings.Contains(p.log.String(), "All children have exited") {
		t.Error("it did not end in order")
	}
}

// Whatever is wrong with the successor, the program before goes on and says why.
func TestUpgradeRefused(t *testing.T) {
	s := lemmings("many", "worker")
	s.Prefork = 1
	p := launch(t, "", s)
	guest := p.greeted(p.dial(p.service(0).Listen))
	script := func(name, text string) string {
		path := filepath.Join(p.dir, name)
		if err := os.WriteFile(path, []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for _, c := range []struct{ binary, want string }{
		{filepath.Join(p.dir, "none"), "no such file"},
		{script("garbage", "\x7fELF and no more"), "exec format error"},
		{script("old", "#!/bin/sh\necho 'unknown command \"check\"' >&2; exit 2\n"), "unknown command"},
		{script("silent", "#!/bin/sh\nexit 3\n"), "exit status 3"},
		{script("liar", "#!/bin/sh\n[ \"$1\" = check ] && rm $0\nexit 0\n"), "cannot be executed"},
		{script("late", "#!/bin/sh\n[ \"$1\" = check ] && exit 0\n"+failEnv+"=1 exec "+self()+" \"$@\"\n"), "will not take over"},
	} {
		before := p.status()
		if why := p.upgrade(c.binary); !strings.Contains(why, c.want) {
			t.Errorf("%s: %q, want %q", filepath.Base(c.binary), why, c.want)
		}
		p.served(guest)
		p.served(p.greeted(p.dial(before.Services[0].Listen)))
		now := p.status()
		if now.Counters.BadUpgrades != before.Counters.BadUpgrades+1 || now.Counters.Forks != before.Counters.Forks {
			t.Errorf("%s: %+v, before %+v", filepath.Base(c.binary), now.Counters, before.Counters)
		}
	}
	if why := p.upgrade(""); why != "" {
		t.Error(why)
	}
}

// A master without a successor says so, and so does one whose successor cannot be executed; then all goes on.
func TestUpgradeInProcess(t *testing.T) {
	r := start(t, Config{Services: []Service{lemmings("a", "worker")}})
	if err := r.m.Upgrade(t.Context(), ""); !errors.Is(err, errNoSuccessor) {
		t.Error(err)
	}
	s := lemmings("a", "worker")
	s.Prefork = 2
	s.Life = 10 * time.Millisecond
	failing := errors.New("not today")
	var doc bytes.Buffer
	r = start(t, Config{Services: []Service{s}, Successor: &Successor{Binary: "/bin/true", Args: []string{"x"}},
		execve: func(_ string, _, env []string) error {
			fd, _, _ := strings.Cut(strings.TrimPrefix(env[len(env)-1], envHandover+"="), ":")
			text, err := os.ReadFile("/proc/self/fd/" + fd)
			doc.Write(text)
			return errors.Join(failing, err)
		}})
	guest := r.greeted(r.dial(r.service(0).Listen))
	for range 3 {
		if err := r.m.Upgrade(t.Context(), ""); !errors.Is(err, failing) {
			t.Error(err)
		}
	}
	r.served(guest)
	conns := r.service(0).Conns
	r.greeted(r.dial(r.service(0).Listen))
	r.eventually("messages are read again", func() bool { return r.service(0).Conns > conns })
	d, state, acts, err := parseDocument(bytes.NewReader(doc.Bytes()))
	if err != nil || state == nil || len(d.Children) != 2 || len(d.Sockets) != 1 || len(d.Descriptors) != 4 {
		t.Errorf("%v %+v %+v", err, acts, d)
	}
	text := strings.Replace(doc.String(), `"format":1`, `"format":0`, 1)
	if err := CheckHandover(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), "format 0") {
		t.Errorf("an older format: %v", err)
	}
	if err := CheckHandover(strings.NewReader("{")); err == nil {
		t.Error("half a document is accepted")
	}
}

// What a child says while nobody reads is neither lost nor read twice, wherever the reading stopped.
func TestChannelStops(t *testing.T) {
	pr, pw, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer pw.Close()
	in := newInbox()
	c := newChannel(roster.ChildID(1), pr, in)
	go c.read()
	m := service.Message{Code: service.ConnectionMulti, PID: 7}.Append(nil)
	count, buf := 0, []run(nil)
	taken := func() int {
		runs, _ := c.take(buf)
		for _, r := range append(runs, c.left...) {
			if r.code != service.ConnectionMulti {
				t.Errorf("%+v", r)
			}
			count += r.n
		}
		c.left = nil
		return count
	}
	said := 0
	for cut := range len(m) + 1 {
		pw.Write(m)
		pw.Write(m[:cut])
		c.stop()
		taken()
		pw.Write(m[cut:])
		said += 2
		_, rest := c.held()
		if cut%2 == 0 { // another program reads on
			next := newChannel(1, c.f, in)
			next.parser.rest = append([]byte(nil), rest...)
			c = next
			c.f.SetReadDeadline(time.Time{})
		} else if !c.again() {
			t.Fatal("cannot go on")
		}
		go c.read()
	}
	pw.Close()
	<-c.stopped
	if taken(); count != said {
		t.Errorf("%d messages, %d were said", count, said)
	}
	if c.stop(); c.again() {
		t.Error("reads on after the end")
	}
}
