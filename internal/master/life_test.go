package master

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// lifelike are the lemmings of this file. All write what happens to them into one file, a line each.
func lifelike(mode string) int {
	name := os.Getenv("CYRUS_SERVICE")
	c := make(chan os.Signal, 1)
	if mode != "noted" { // which has its own
		signal.Notify(c, syscall.SIGTERM, syscall.SIGHUP)
	}
	switch mode {
	case "herald": // says a word on descriptor 3 and stays
		flags, _ := unix.FcntlInt(3, unix.F_GETFL, 0)
		note("%s starts: write=%v daemon=%s id=%s", name, flags&unix.O_ACCMODE != unix.O_RDONLY,
			os.Getenv("CYRUS_ISDAEMON"), os.Getenv("CYRUS_ID"))
		unix.Write(3, []byte(os.Getenv("LEMMING_TEXT"))) // as daemons do, whatever comes of it
		<-c
		note("%s ends", name)
		return 0
	case "mute": // never says anything
		note("%s starts", name)
		<-c
		note("%s ends", name)
		return 75
	case "stay": // and say nothing
		<-c
		return 75
	case "noted":
		note("%s starts", name)
		code := worker(10)
		note("%s ends", name)
		return code
	case "sleep":
		note("%s sleeps", os.Getenv("LEMMING_TEXT"))
		s := <-c
		note("%s got %v", os.Getenv("LEMMING_TEXT"), s)
		return 75
	case "parent": // goes to the background, as an old daemon does
		os.Setenv(lemmingEnv, "sleep")
		p, err := os.StartProcess("/proc/self/exe", os.Args, &os.ProcAttr{Files: []*os.File{os.Stdin, os.Stdout, os.Stderr},
			Sys: &syscall.SysProcAttr{Setsid: true}})
		if err != nil {
			return 1
		}
		note("child %d", p.Pid)
		return 0
	}
	return 64
}

// note adds a line to the file in one write, so that lines do not mix.
func note(format string, args ...any) {
	f, err := os.OpenFile(os.Getenv("LEMMING_FILE"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err == nil {
		fmt.Fprintf(f, format+"\n", args...)
		f.Close()
	}
}

// diary is the file that lemmings write into.
type diary string

func newDiary(t *testing.T) diary { return diary(filepath.Join(t.TempDir(), "diary")) }

func (d diary) lines() []string {
	b, _ := os.ReadFile(string(d))
	return strings.Split(strings.TrimSuffix(string(b), "\n"), "\n")
}

func (d diary) add(line string) error {
	f, err := os.OpenFile(string(d), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(f, line)
	return errors.Join(err, f.Close())
}

func (d diary) env(mode, text string) []string {
	return []string{lemmingEnv + "=" + mode, "LEMMING_FILE=" + string(d), "LEMMING_TEXT=" + text}
}

// herald is a daemon that is waited for and says word.
func (d diary) herald(name, word string) Service {
	return Service{Name: name, Argv: []string{"lemming"}, Path: self(), Daemon: true, Wait: true, Env: d.env("herald", word)}
}

func (d diary) service(name string) Service {
	s := lemmings(name, "noted")
	s.Env, s.Prefork = d.env("noted", ""), 1
	return s
}

// P25: wait daemons in order, then Opening (P30), then services; the end in reverse; both after a SIGHUP too, when (P26)
// descriptor 3 takes no word any more.
func TestP25_WaitDaemons(t *testing.T) {
	d := newDiary(t)
	r := start(t, Config{Services: []Service{d.herald("one", okay), d.service("imap"), d.herald("two", okay)},
		Opening: func() error { return d.add("open") }})
	r.eventually("all run", func() bool { return slices.Contains(d.lines(), "imap starts") })
	first := []string{"one starts: write=true daemon=1 id=0", "two starts: write=true daemon=1 id=0", "open", "imap starts"}
	if got := d.lines(); !slices.Equal(got, first) {
		t.Errorf("%q, want %q", got, first)
	}
	old := r.greeted(r.dial(r.service(1).Listen)) // it serves, so SIGHUP and SIGTERM do not find it half started
	old.Close()
	r.signals <- syscall.SIGHUP
	r.eventually("a new worker serves", func() bool {
		c := r.greeted(r.dial(r.service(1).Listen))
		defer c.Close()
		return c.pid != old.pid
	})
	r.eventually("all ended once, all run again", func() bool { return len(d.lines()) == len(first)+6 })
	for _, again := range []string{"one starts: write=false daemon=1 id=0", "two starts: write=false daemon=1 id=0"} {
		if !slices.Contains(d.lines(), again) {
			t.Errorf("%q in %q", again, d.lines())
		}
	}
	log := r.log.String() // the second ends when the first has a successor
	if strings.LastIndex(log, "name=one/daemon") > strings.LastIndex(log, "type:DAEMON name:two") {
		t.Error("the second daemon ended before the first was replaced")
	}
	n := len(d.lines())
	r.stop()
	if got, want := d.lines()[n:], []string{"imap ends", "two ends", "one ends"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	for _, line := range []string{"waiting for child ", "exited with status 0"} {
		if strings.Count(r.log.String(), line) != 2 {
			t.Errorf("not two lines %q in %s", line, r.log.String())
		}
	}
}

// P26: a daemon that is started again, waited for or not, can write nothing to descriptor 3 and is told that it is one;
// the word that it would say harms nobody.
func TestP26_DaemonsAgain(t *testing.T) {
	d := newDiary(t)
	plain := d.herald("plain", okay)
	plain.Wait = false
	r := start(t, Config{Services: []Service{d.herald("waited", okay), plain, d.service("imap")}})
	times := func(line string) (n int) {
		for _, l := range d.lines() {
			if l == line {
				n++
			}
		}
		return n
	}
	const waited, again = "waited starts: write=true daemon=1 id=0", "waited starts: write=false daemon=1 id=0"
	const unwaited = "plain starts: write=false daemon=1 id=0"
	r.eventually("all run", func() bool { return times(waited) == 1 && times(unwaited) == 1 && times("imap starts") == 1 })
	for k := range 2 {
		syscall.Kill(r.service(k).Workers[0].PID, syscall.SIGKILL)
	}
	r.eventually("both run again", func() bool { return times(again) == 1 && times(unwaited) == 2 })
	r.greeted(r.dial(r.service(2).Listen)).Close()
	if times(waited) != 1 {
		t.Errorf("the wait daemon was waited for again: %q", d.lines())
	}
}

// P25: a wait daemon that says something else, or nothing, ends the start with exit code 78, and those already started
// with it.
func TestP25_Failure(t *testing.T) {
	for name, c := range map[string]struct {
		bad   func(d diary) Service
		limit time.Duration
		want  string
	}{
		"wrong word": {func(d diary) Service { return d.herald("two", "no\r\n") }, 0, `it wrote "no\r\n"`},
		"half a word": {func(d diary) Service {
			s := d.herald("two", "")
			s.Env = []string{lemmingEnv + "=leave"}
			return s
		}, 0, "two/daemon"},
		"too late": {func(d diary) Service {
			s := d.herald("two", "")
			s.Env = d.env("mute", "")
			return s
		}, 3 * time.Second, "not within 3s"},
	} {
		d := newDiary(t)
		var log syncBuffer
		m, err := New(Config{Services: []Service{d.herald("one", okay), c.bad(d), d.service("imap")}, WaitLimit: c.limit,
			Log: slog.New(slog.NewTextHandler(&log, nil)), Signals: make(chan os.Signal),
			Opening: func() error { return d.add("open") }})
		if err != nil {
			t.Fatal(err)
		}
		var e *Error
		if err := m.Run(t.Context()); !errors.As(err, &e) || e.Code != ExitConfig || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
		lines := d.lines()
		if lines[len(lines)-1] != "one ends" || slices.Contains(lines, "open") || slices.Contains(lines, "imap starts") {
			t.Errorf("%s: %q", name, lines)
		}
		if !strings.Contains(log.String(), `waitdaemon two/daemon did not write`) {
			t.Errorf("%s: %s", name, log.String())
		}
	}
}

// P30: without a ready file nothing is served: the start fails with exit code 71.
func TestP30_OpeningFails(t *testing.T) {
	d := newDiary(t)
	m, err := New(Config{Services: []Service{d.service("imap")}, Signals: make(chan os.Signal),
		Opening: func() error { return errors.New("can't create ready file") }})
	if err != nil {
		t.Fatal(err)
	}
	var e *Error
	if err := m.Run(t.Context()); !errors.As(err, &e) || e.Code != ExitOS {
		t.Error(err)
	}
	if _, err := os.Stat(string(d)); err == nil {
		t.Errorf("%q", d.lines())
	}
}

// P24: a master that waits for a daemon's word obeys SIGTERM.
func TestP24_StopDuringWait(t *testing.T) {
	d := newDiary(t)
	signals, done := make(chan os.Signal, 1), make(chan error, 1)
	s := d.herald("slow", "")
	s.Env = d.env("mute", "")
	m, err := New(Config{Services: []Service{s}, Signals: signals})
	if err != nil {
		t.Fatal(err)
	}
	go func() { done <- m.Run(t.Context()) }()
	r := &test{T: t, m: m}
	r.eventually("it runs", func() bool { return slices.Contains(d.lines(), "slow starts") })
	signals <- syscall.SIGTERM
	if err := <-done; err != nil {
		t.Error(err)
	}
	if !slices.Contains(d.lines(), "slow ends") {
		t.Errorf("%q", d.lines())
	}
}

// P24: so does one that waits for a command of START.
func TestP24_StopDuringStart(t *testing.T) {
	d := newDiary(t)
	signals, done := make(chan os.Signal, 1), make(chan error, 1)
	m, err := New(Config{Start: []Event{{Name: "recover", Argv: []string{"lemming"}, Path: self(),
		Env: d.env("sleep", "recover")}}, Signals: signals})
	if err != nil {
		t.Fatal(err)
	}
	go func() { done <- m.Run(t.Context()) }()
	for !slices.Contains(d.lines(), "recover sleeps") {
		<-time.After(2 * time.Millisecond)
	}
	signals <- syscall.SIGTERM
	if err := <-done; err == nil || !strings.Contains(err.Error(), "told to end") {
		t.Error(err)
	}
	if !slices.Contains(d.lines(), "recover got terminated") {
		t.Errorf("%q", d.lines())
	}
}

// P33: a running event ends by the SIGTERM of the end, which waits for it; a SIGHUP does not reach it (P19).
func TestP33_EventAtTheEnd(t *testing.T) {
	d := newDiary(t)
	r := start(t, Config{Events: []Event{{Name: "expire", Argv: []string{"lemming"}, Period: time.Hour,
		Env: d.env("sleep", "expire")}}})
	r.eventually("it runs", func() bool { return slices.Contains(d.lines(), "expire sleeps") })
	r.signals <- syscall.SIGHUP
	r.eventually("a reload", func() bool { return r.status().Counters.Reloads == 1 })
	r.stop()
	if got := d.lines(); !slices.Equal(got, []string{"expire sleeps", "expire got terminated"}) {
		t.Errorf("%q", got)
	}
}

// P27: a daemon is started again whatever its exit code.
func TestP27_DaemonAgain(t *testing.T) {
	d := newDiary(t)
	s := Service{Name: "idled", Argv: []string{"lemming"}, Path: self(), Daemon: true, Env: d.env("job", "started")}
	r := start(t, Config{Services: []Service{s}})
	r.eventually("three starts", func() bool { return len(d.lines()) >= 3 })
	if r.service(0).Forks < 3 {
		t.Errorf("%+v", r.service(0))
	}
}

// P24: a disk that hangs, here where the ready file is to be, holds up the end no longer than a moment.
func TestP24_HungDisk(t *testing.T) {
	signals, done, hangs, free := make(chan os.Signal, 1), make(chan error, 1), make(chan struct{}), make(chan struct{})
	m, err := New(Config{Signals: signals, Opening: func() error {
		close(hangs)
		<-free
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	go func() { done <- m.Run(t.Context()) }()
	<-hangs
	r := &test{T: t, m: m}
	r.status() // the loop answers meanwhile
	signals <- syscall.SIGTERM
	if err := <-done; err != nil {
		t.Error(err)
	}
	close(free)
	m.writers.Wait()
}
