package cyrusconf

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/constance-mail/constance/internal/master"
)

// lines collects a log.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// errors are the lines of that level.
func (l *lines) errors() (list []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for line := range strings.Lines(l.b.String()) {
		if strings.Contains(line, "level=ERROR") {
			list = append(list, line)
		}
	}
	return list
}

// running is a master with a cyrus.conf.
type running struct {
	*testing.T
	m    *master.Master
	file string
	hup  chan os.Signal
	log  lines
}

func run(t *testing.T, text string) *running {
	t.Helper()
	r := &running{T: t, file: filepath.Join(t.TempDir(), "cyrus.conf"), hup: make(chan os.Signal, 1)}
	r.write(text)
	c, _, err := Load(r.file, Options{})
	if err != nil {
		t.Fatal(err)
	}
	ready := make(chan struct{})
	c.Ready, c.Signals, c.Log = func() { close(ready) }, r.hup, slog.New(slog.NewTextHandler(&r.log, nil))
	c.Load = func(context.Context, *slog.Logger) (master.Config, error) {
		fresh, _, err := Load(r.file, Options{})
		return fresh, err
	}
	if r.m, err = master.New(c); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- r.m.Run(context.Background()) }()
	t.Cleanup(func() {
		r.hup <- syscall.SIGTERM
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	select {
	case <-ready:
	case err := <-done:
		t.Fatal(err)
	}
	return r
}

func (r *running) write(text string) {
	r.Helper()
	if err := os.WriteFile(r.file, []byte(text), 0o600); err != nil {
		r.Fatal(err)
	}
}

func (r *running) status() master.Status {
	r.Helper()
	s, err := r.m.Status(r.Context())
	if err != nil {
		r.Fatal(err)
	}
	return s
}

func (r *running) eventually(what string, right func() bool) {
	r.Helper()
	deadline := time.After(20 * time.Second)
	for !right() {
		select {
		case <-deadline:
			r.Fatalf("never: %s; %+v", what, r.status())
		case <-time.After(2 * time.Millisecond):
		}
	}
}

// people are the listeners, the children and the events' runs, as far as a bad reload must not change them.
func (r *running) people() string {
	var b strings.Builder
	s := r.status()
	for _, sv := range s.Services {
		fmt.Fprint(&b, sv.Name, " ", sv.Listen, " prefork ", sv.Prefork)
		for _, w := range sv.Workers {
			fmt.Fprint(&b, " ", w.PID, " ", w.State)
		}
		fmt.Fprintln(&b)
	}
	for _, e := range s.Events {
		fmt.Fprintln(&b, e.Name, e.PID)
	}
	return b.String()
}

// P18: SIGHUP with a bad file of each kind: listeners, children and events stay as they are, and one line of the log says
// where the fault is. Then a good one works.
func TestP18_EachKindOfBadFile(t *testing.T) {
	sock := filepath.Join(t.TempDir(), "s")
	good := `SERVICES {
  imap cmd="/bin/sleep 1000" listen="` + sock + `" prefork=2
}
DAEMON {
  idled cmd="/bin/sleep 1001"
}
EVENTS {
  long cmd="/bin/sleep 1002" period=60
  daily cmd="/bin/sleep 1003" at=` + time.Now().Add(-time.Hour).Format("1504") + `
}
`
	r := run(t, good)
	r.eventually("four children", func() bool {
		s := r.status()
		return len(s.Services) == 2 && len(s.Services[0].Workers) == 2 && s.Services[0].Starting == 0 &&
			len(s.Services[1].Workers) == 1 && s.Services[1].Starting == 0 && s.Events[0].PID != 0
	})
	before := r.people()
	replace := func(old, new string) func() {
		return func() { r.write(strings.Replace(good, old, new, 1)) }
	}
	for n, c := range []struct {
		name  string
		spoil func()
		want  string
	}{
		{"syntax", replace("prefork=2", "prefork 2"), ": bad character ' ' in argument on line 2"},
		{"a brace", replace("prefork=2", "}"), ": bad character '}' in argument"},
		{"no such program", replace("/bin/sleep 1000", "/nonexistent"), ":2:13: cannot find executable for service 'imap'"},
		{"a daemon's", replace("/bin/sleep 1001", "/nonexistent"), ":5:14: cannot find executable for daemon 'idled'"},
		{"a name twice", replace("idled", "imap"), ":5:3: multiple entries for service 'imap'"},
		{"no listen", replace(`listen="`+sock+`"`, ""), ":2:3: unable to find command or port for service 'imap'"},
		{"a port", replace(sock, "99999"), ":2:38: service 'imap': invalid listen '99999'"},
		{"at", replace("at=", "at=9"), "invalid at=hhmm specification"},
		{"cron", replace("period=60", `cron="*/0 * * * *"`), ":8:38: unable to parse cron spec '*/0 * * * *': step of 0"},
		{"an address that cannot be had", replace(sock, "/nonexistent/s"), ":2:3: unable to bind to imap/unix socket: No such"},
		{"no file", func() { os.Remove(r.file) }, "can't open configuration file " + r.file + ": no such file"},
		{"a directory", func() { os.Mkdir(r.file, 0o700) }, "can't open configuration file " + r.file + ": is a directory"},
	} {
		c.spoil()
		told := len(r.log.errors())
		r.hup <- syscall.SIGHUP
		r.eventually(c.name+" is refused", func() bool { return r.status().Counters.BadReloads == uint64(n+1) })
		r.eventually("a line about "+c.name, func() bool { return len(r.log.errors()) > told })
		list := r.log.errors()[told:]
		if len(list) != 1 || !strings.Contains(list[0], c.want) || !strings.Contains(list[0], "nothing has changed") {
			t.Errorf("%s: %q, want one line with %q", c.name, list, c.want)
		}
		if after := r.people(); after != before {
			t.Errorf("%s:\n%sbecame\n%s", c.name, before, after)
		}
	}
	os.Remove(r.file)
	r.write(strings.Replace(good, "prefork=2", "prefork=3", 1))
	r.hup <- syscall.SIGHUP
	r.eventually("a good file is taken", func() bool {
		s := r.status()
		return s.Counters.Reloads == 1 && s.Services[0].Prefork == 3 && s.Services[0].Ready == 3
	})
	if s := r.status(); s.Events[0].PID == 0 || !strings.Contains(before, fmt.Sprint("long ", s.Events[0].PID)) {
		t.Errorf("a run of an event did not outlive the reload: %+v", s.Events)
	}
}
