package main

import (
	"context"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/constance-mail/constance/internal/master"
)

// manager is a service manager that hears a master.
type manager struct {
	*testing.T
	conn *net.UnixConn
	env  map[string]string
}

func newManager(t *testing.T, env ...string) *manager {
	t.Helper()
	path := filepath.Join(t.TempDir(), "notify")
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	m := &manager{t, c, map[string]string{"NOTIFY_SOCKET": path}}
	for _, kv := range env {
		name, value, _ := strings.Cut(kv, "=")
		m.env[name] = value
	}
	return m
}

// hear is the next datagram's lines, none if nothing comes for so long.
func (m *manager) hear(patience time.Duration) []string {
	m.Helper()
	m.conn.SetReadDeadline(time.Now().Add(patience))
	buf := make([]byte, 4096)
	n, err := m.conn.Read(buf)
	if err != nil {
		return nil
	}
	return strings.Split(string(buf[:n]), "\n")
}

// until hears on until a line begins so.
func (m *manager) until(prefix string) {
	m.Helper()
	for {
		lines := m.hear(20 * time.Second)
		if lines == nil {
			m.Fatalf("never: %s", prefix)
		}
		if slices.ContainsFunc(lines, func(l string) bool { return strings.HasPrefix(l, prefix) }) {
			return
		}
	}
}

// run starts a master under the manager.
func (m *manager) run(conf master.Config) chan<- os.Signal {
	m.Helper()
	signals, done := make(chan os.Signal), make(chan error, 1)
	conf.Log, conf.Signals = slog.New(slog.DiscardHandler), signals
	sup := supervise(&conf, func(key string) string { return m.env[key] })
	ma, err := master.New(conf)
	if err != nil {
		m.Fatal(err)
	}
	ctx, cancel := context.WithCancel(m.Context())
	stop := sup.start(ma)
	go func() { done <- ma.Run(ctx) }()
	m.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			m.Error(err)
		}
		stop()
	})
	return signals
}

// The service manager hears of the start, of each reload in its order, and of the end.
func TestNotifyPhases(t *testing.T) {
	m := newManager(t)
	signals := m.run(master.Config{})
	m.until("READY=1")
	m.until("STATUS=0 services; processes: 0 ready")
	signals <- syscall.SIGHUP
	m.until("RELOADING=1")
	m.until("READY=1")
	signals <- syscall.SIGTERM
	m.until("STOPPING=1")
}

// A sign of life comes from the loop's own progress: while it hangs there is none, however long; then they
// come again.
func TestWatchdogNeedsTheLoop(t *testing.T) {
	m := newManager(t, "WATCHDOG_USEC=40000")
	hung, free := make(chan struct{}), make(chan struct{})
	signals := m.run(master.Config{Phase: func(p master.Phase) {
		if p == master.Reloading {
			close(hung)
			<-free
		}
	}})
	m.until("READY=1")
	m.until("WATCHDOG=1")
	signals <- syscall.SIGHUP
	<-hung
	for m.hear(200*time.Millisecond) != nil { // what was on its way
	}
	if got := m.hear(200 * time.Millisecond); got != nil { // ten times the interval
		t.Errorf("the loop hangs, and still: %q", got)
	}
	close(free)
	m.until("WATCHDOG=1")
}

func TestSummary(t *testing.T) {
	for want, st := range map[string]master.Status{
		"0 services; processes: 0 ready, 0 busy, 0 draining": {},
		"2 services; processes: 5 ready, 2 busy, 1 draining; 3 clients waiting; 1 listener paused after failures; 1 stall of the loop": {
			Stalls: 1, Services: []master.ServiceStatus{{Name: "imap/ipv4", Ready: 3, Busy: 1}, {Name: "imap/ipv6",
				Ready: 2},
				{Name: "pop/ipv4", Busy: 1, Draining: 1, Pending: 3, PausedFor: time.Second}}},
		"Stopping: 1 service; processes: 0 ready, 0 busy, 2 draining": {Stopping: true,
			Services: []master.ServiceStatus{{Name: "imap/ipv4", Draining: 2}}},
	} {
		if got := summary(&st); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// The unit files are such that systemd has nothing to say about them.
func TestUnits(t *testing.T) {
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("systemd-analyze is not installed (Debian package systemd)")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	units, err := filepath.Glob("../../dist/systemd/*.*")
	if err != nil || len(units) < 2 {
		t.Fatalf("%d units, %v", len(units), err)
	}
	dir := t.TempDir()
	for _, unit := range units {
		text, err := os.ReadFile(unit)
		if err != nil {
			t.Fatal(err)
		}
		here := strings.ReplaceAll(string(text), "/usr/local/bin/constance", self)
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(unit)), []byte(here), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, unit := range units {
		c := exec.Command(analyze, "verify", "--man=no", filepath.Join(dir, filepath.Base(unit)))
		out, err := c.CombinedOutput()
		for line := range strings.Lines(string(out)) {
			if strings.Contains(line, "constance") {
				t.Errorf("%s: %s", filepath.Base(unit), line)
			}
		}
		if err != nil {
			t.Errorf("%s: %v: %s", filepath.Base(unit), err, out)
		}
	}
}
