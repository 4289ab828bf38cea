package master

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/constance-mail/constance/internal/service"
)

// ailing is a worker that falls ill when a client says so: what every connection needs answers no more, or it grows.
func ailing() int {
	var hangs atomic.Bool
	var grown [][]byte
	return service.ExitCode(service.Run(context.Background(), service.Options{
		Check: func() {
			if hangs.Load() {
				hangForEver()
			}
		}}, func(ctx context.Context, c net.Conn) {
		stop := context.AfterFunc(ctx, func() { c.SetReadDeadline(time.Unix(1, 0)) })
		defer stop()
		fmt.Fprintf(c, "%d\n", os.Getpid())
		var b [1]byte
		for {
			if _, err := c.Read(b[:]); err != nil {
				return
			}
			switch b[0] {
			case 'h':
				hangs.Store(true)
			case 'g':
				grown = append(grown, make([]byte, 16<<20))
				for k := 0; k < 16<<20; k += 4096 {
					grown[len(grown)-1][k] = 1
				}
			}
			c.Write(b[:])
		}
	}))
}

// hangForEver is to be seen in the stacks.
func hangForEver() { select {} }

// ask has a worker do something.
func (r *test) ask(c *client, what byte) {
	r.Helper()
	c.Write([]byte{what})
	c.SetReadDeadline(time.Now().Add(20 * time.Second))
	if _, err := io.ReadFull(c, []byte{0}); err != nil {
		r.Fatal(err)
	}
}

// watched is a service of ailing workers, each asked for signs of life.
func watched(silence time.Duration) Service {
	s := lemmings("imap", "ailing")
	s.Prefork, s.MaxChild, s.DrainOver = 1, 1, true
	s.Life, s.Silence = silence/40, silence
	return s
}

// newWorker waits until newcomers are greeted by another process than old.
func (r *test) newWorker(old int) {
	r.Helper()
	r.eventually("another worker greets", func() bool {
		c := r.dial(r.service(0).Listen)
		defer c.Close()
		return r.greeted(c).pid != old
	})
}

// A worker in which what every connection needs hangs: newcomers go to another, its clients are served on until it is
// told to end, and its stacks say where it hangs.
func TestHungWorkerIsReplaced(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "hung")
	r := start(t, Config{Services: []Service{watched(2 * time.Second)}, HungDir: dir})
	old := r.greeted(r.dial(r.service(0).Listen))
	r.ask(old, 'h')
	r.eventually("it is given up on", func() bool { return r.service(0).Hung > 0 })
	r.ask(old, 'x')
	r.newWorker(old.pid)
	file := service.StacksFile(dir, "imap", old.pid)
	r.eventually("its stacks", func() bool {
		b, _ := os.ReadFile(file)
		return strings.Contains(string(b), "hangForEver") && strings.Contains(string(b), "state S")
	})
	r.eventually("its end", func() bool { return syscall.Kill(old.pid, 0) != nil })
	if s := r.service(0); s.Fails != 0 || s.PausedFor != 0 {
		t.Errorf("it counts as a failure: %+v", s)
	}
}

// A stopped worker can say nothing and heeds no signal but SIGKILL: it is replaced all the same.
func TestStoppedWorkerIsReplaced(t *testing.T) {
	dir := t.TempDir()
	r := start(t, Config{Services: []Service{watched(time.Second)}, HungDir: dir})
	old := r.greeted(r.dial(r.service(0).Listen))
	syscall.Kill(old.pid, syscall.SIGSTOP)
	r.eventually("it is given up on", func() bool { return r.service(0).Hung > 0 })
	r.newWorker(old.pid)
	r.eventually("the kernel's view of it", func() bool {
		b, _ := os.ReadFile(service.StacksFile(dir, "imap", old.pid))
		return strings.Contains(string(b), "state T")
	})
	r.eventually("its end", func() bool { return syscall.Kill(old.pid, 0) != nil })
}

// A worker that grows above its limit drains: its clients stay, newcomers get another.
func TestGrownWorkerIsReplaced(t *testing.T) {
	s := lemmings("imap", "ailing")
	s.Prefork, s.MaxChild, s.DrainOver, s.MaxMemory = 1, 1, true, 100<<20
	r := start(t, Config{Services: []Service{s}, Measure: 10 * time.Millisecond})
	old := r.greeted(r.dial(r.service(0).Listen))
	r.eventually("its memory", func() bool { w := r.service(0).Workers; return len(w) == 1 && w[0].Memory > 0 })
	r.eventually("it drains", func() bool { r.ask(old, 'g'); return r.service(0).Draining == 1 })
	r.newWorker(old.pid)
	r.ask(old, 'x')
	old.Close()
	r.eventually("it is gone", func() bool { return r.service(0).Draining == 0 })
}

func TestOwnMemory(t *testing.T) {
	for status, want := range map[string]int64{
		"":                                  0,
		"Name:\tx\nRssAnon:\t    1024 kB\n": 1 << 20,
		"RssAnon:\t1 kB\nRssFile:\t9999 kB\nVmSwap:\t 2 kB\nThreads:\t3\n": 3 << 10,
		"RssAnon:\tmuch kB\n":                    0,
		"RssAnon:\t99999999999999999999999 kB\n": 0,
	} {
		if got := ownMemory(status); got != want {
			t.Errorf("%q: %d, want %d", status, got, want)
		}
	}
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	if n := ownMemory(string(status)); n < 1<<20 || n > 1<<40 {
		t.Errorf("this test has %d octets", n)
	}
}

func TestStateOf(t *testing.T) {
	for stat, want := range map[string]string{"1 (a) S 2": "S", "1 (a) b) T 2": "T", "": "?", "1 (a)": "?", "1 (a) ": "?"} {
		if got := stateOf([]byte(stat)); got != want {
			t.Errorf("%q: %s, want %s", stat, got, want)
		}
	}
}

// Only the newest reports stay, and nothing else is touched.
func TestSweepReports(t *testing.T) {
	dir := t.TempDir()
	os.WriteFile(filepath.Join(dir, "mail.db"), nil, 0o600)
	os.Symlink("mail.db", filepath.Join(dir, "link.hung"))
	for k := range 5 {
		path := service.StacksFile(dir, "imap", k)
		os.WriteFile(path, nil, 0o600)
		os.Chtimes(path, time.Time{}, time.Unix(int64(1000-k), 0))
	}
	sweepReports(dir, 2)
	got, _ := filepath.Glob(filepath.Join(dir, "*"))
	want := []string{"imap.0.hung", "imap.1.hung", "link.hung", "mail.db"}
	if len(got) != len(want) {
		t.Fatal(got)
	}
	for k := range want {
		if filepath.Base(got[k]) != want[k] {
			t.Errorf("%s, want %s", got[k], want[k])
		}
	}
	sweepReports(filepath.Join(dir, "missing"), 2)
}
