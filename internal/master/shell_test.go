package master

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/constance-mail/constance/internal/master/roster"
)

// stuck is a log that takes nothing until it is freed, like a syslog socket that nobody reads.
type stuck struct {
	slog.Handler
	free chan struct{}
}

func (s stuck) Handle(ctx context.Context, r slog.Record) error {
	<-s.free
	return s.Handler.Handle(ctx, r)
}

// P40, F19: lines that a stuck log cannot take are dropped and counted, Handle never waits, and the number is told when
// there is room again.
func TestLogQueueDropsAndCounts(t *testing.T) {
	var out syncBuffer
	free := make(chan struct{})
	q := newLogQueue(stuck{slog.NewTextHandler(&out, nil), free}, 4)
	log := slog.New(q)
	for range 100 {
		log.Info("line")
	}
	dropped := q.dropped.Load()
	if dropped < 95 || dropped > 96 { // one is in the handler, perhaps
		t.Errorf("%d dropped", dropped)
	}
	close(free)
	q.close(nil)
	got := out.String()
	reported := 0 // in one line or, if the writer got going meanwhile, in several
	for _, part := range strings.Split(got, "dropped\" lines=")[1:] {
		var n int
		fmt.Sscan(part, &n)
		reported += n
	}
	if n := strings.Count(got, "msg=line"); n != 100-int(dropped) || reported != int(dropped) {
		t.Errorf("%d lines written, %d dropped: %s", n, dropped, got)
	}
}

// A log that stays stuck is given up at the end.
func TestLogQueueGivesUp(t *testing.T) {
	free := make(chan struct{})
	q := newLogQueue(stuck{slog.DiscardHandler, free}, 1)
	slog.New(stuckAware{q}).Info("x")
	gone := make(chan struct{})
	close(gone)
	q.close(gone)
	close(free)
	<-q.done
}

// stuckAware takes every level, which DiscardHandler does not.
type stuckAware struct{ *logQueue }

func (stuckAware) Enabled(context.Context, slog.Level) bool { return true }

// What is loaded at SIGHUP may have much to say: a stuck log holds up neither the reload nor the end.
func TestReloadWithAStuckLog(t *testing.T) {
	free := make(chan struct{})
	defer close(free)
	ready, signals := make(chan struct{}), make(chan os.Signal, 4)
	m, err := New(Config{Log: slog.New(stuck{slog.NewTextHandler(new(syncBuffer), nil), free}), Signals: signals,
		Ready: func() { close(ready) }, Load: func(_ context.Context, log *slog.Logger) (Config, error) {
			for range 5000 {
				log.Warn("an odd line")
			}
			return Config{}, nil
		}})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- m.Run(context.Background()) }()
	<-ready
	if _, err := m.Reload(t.Context()); err != nil {
		t.Error(err)
	}
	r := &test{T: t, m: m}
	r.eventually("dropped lines", func() bool { s := r.status(); return s.Counters.Reloads == 1 && s.LogDropped > 0 })
	signals <- syscall.SIGTERM
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// P29: a second master on the same pid file gets exit code 71, and the file stays the first one's.
func TestP29_SecondMaster(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pid")
	if os.Getenv("PIDFILE") != "" {
		if _, err := OpenPIDFile(os.Getenv("PIDFILE")); err != nil {
			t.Log("held")
		}
		return
	}
	p, err := OpenPIDFile(file)
	if err != nil {
		t.Fatal(err)
	}
	before := strconv.Itoa(os.Getpid()) + "\n"
	c := exec.Command(self(), "-test.run=TestP29_SecondMaster", "-test.v")
	c.Env = append(os.Environ(), "PIDFILE="+file)
	if out, err := c.CombinedOutput(); err != nil || !strings.Contains(string(out), "held") {
		t.Errorf("%v: %s", err, out)
	}
	b := make([]byte, 32) // by this descriptor: to close another would give up the lock, fcntl(2)
	if n, _ := p.f.ReadAt(b, 0); string(b[:n]) != before {
		t.Errorf("%q became %q", before, b[:n])
	}
	p.Close()
	link := file + ".link"
	os.Symlink(file, link)
	var e *Error
	if _, err := OpenPIDFile(link); !errors.As(err, &e) || e.Code != ExitOS || !errors.Is(err, syscall.ELOOP) {
		t.Errorf("a symbolic link: %v", err)
	}
	if _, err := OpenPIDFile(filepath.Join(file, "below")); !errors.As(err, &e) || e.Code != ExitOS {
		t.Errorf("no such directory: %v", err)
	}
}

// A Unix listener replaces an old socket, but nothing else, and is open to all.
func TestUnixListener(t *testing.T) {
	dir := t.TempDir()
	c := &Config{}
	c.setDefaults()
	at := endpoint{unix: dir + "/s", family: "unix"}
	for range 2 { // the second finds the first one's
		s, err := open(at, c)
		if err != nil {
			t.Fatal(err)
		}
		if fi, err := os.Stat(at.unix); err != nil || fi.Mode().Perm() != 0o777 || fi.Mode()&os.ModeSocket == 0 {
			t.Errorf("%v %v", fi, err)
		}
		if s.waiting() != 0 || s.address() != "unix:"+at.unix {
			t.Errorf("%d wait at %s", s.waiting(), s.address())
		}
		s.release()
	}
	os.WriteFile(dir+"/f", []byte("precious"), 0o600)
	if _, err := open(endpoint{unix: dir + "/f", family: "unix"}, c); err == nil {
		t.Error("a file is replaced")
	}
	if b, _ := os.ReadFile(dir + "/f"); string(b) != "precious" {
		t.Error("a file is lost")
	}
}

// A program that cannot be executed is a fork that fails: slowed down, said, and the master ends when told.
func TestExecFails(t *testing.T) {
	bad := filepath.Join(t.TempDir(), "prog")
	os.WriteFile(bad, []byte("#!/nonexistent/interpreter\n"), 0o700)
	r := start(t, Config{Events: []Event{{Name: "ev", Argv: []string{"lemming"}, Period: time.Hour,
		Env: []string{lemmingEnv + "=job"}}}, Load: func(context.Context, *slog.Logger) (Config, error) {
		return Config{Services: []Service{{Name: "a", Argv: []string{bad}, Listen: []string{"127.0.0.1:0"}, Prefork: 1}}}, nil
	}})
	r.signals <- syscall.SIGHUP
	r.eventually("failures", func() bool { return r.status().Counters.ForkFails >= 2 })
	if s := r.service(0); s.Forks < 2 || s.Fails != 0 {
		t.Errorf("%+v", s)
	}
	r.eventually("a line", func() bool { return strings.Contains(r.log.String(), "can't fork process to run service a/ipv4") })
}

// The time of every turn is counted somewhere, and none of it as waiting.
func TestEveryTurnHasAStage(t *testing.T) {
	for p, s := range stageOf {
		if s == stageWait {
			t.Errorf("the turn of %v counts as waiting", roster.Place(p))
		}
	}
}
