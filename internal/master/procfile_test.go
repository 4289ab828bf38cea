package master

import (
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// P39: daemons and running events have a file while they live, and so have services that write their own; it is gone
// when the process is, however it ended.
func TestP39_ProcFiles(t *testing.T) {
	d, dir := newDiary(t), filepath.Join(t.TempDir(), "proc")
	daemon := Service{Name: "idled", Argv: []string{"lemming"}, Daemon: true, Env: d.env("mute", "")}
	r := start(t, Config{Services: []Service{daemon, lemmings("imap", "single")}, ProcDir: dir,
		Events: []Event{{Name: "expire", Argv: []string{"lemming"}, Period: time.Hour, Env: d.env("sleep", "expire")}}})
	text := func(pid int) string {
		b, _ := os.ReadFile(filepath.Join(dir, strconv.Itoa(pid)))
		return string(b)
	}
	pid := func() int { // of the daemon; 0 while it is being started
		if w := r.service(0).Workers; len(w) > 0 {
			return w[0].PID
		}
		return 0
	}
	event := func() int { return r.status().Events[0].PID }
	r.eventually("both files", func() bool { return text(pid()) == "idled\t\t\t\t\n" && text(event()) == "expire\t\t\t\t\n" })
	c := r.greeted(r.dial(r.service(1).Listen))
	if err := os.WriteFile(filepath.Join(dir, strconv.Itoa(c.pid)), []byte("imap\thost\tuser\t\tIdle\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	killed := []int{pid(), event(), c.pid}
	for _, pid := range killed {
		syscall.Kill(pid, syscall.SIGKILL)
	}
	r.eventually("no files of the dead", func() bool {
		return !slices.ContainsFunc(killed, func(pid int) bool { return text(pid) != "" })
	})
	r.stop()
	if list, err := os.ReadDir(dir); err != nil || len(list) > 0 {
		t.Errorf("%v %v", list, err)
	}
}

// P39: at the start the files of the dead are removed; those of the living, and what is none, stay.
func TestP39_Stale(t *testing.T) {
	dir := t.TempDir()
	dead := exec.Command(self(), "-test.run=^$")
	if err := dead.Run(); err != nil {
		t.Fatal(err)
	}
	old, own := strconv.Itoa(dead.Process.Pid), strconv.Itoa(os.Getpid())
	for _, name := range []string{old, old + ".new", own, own + ".new", "README", ".hidden", "007x", "0"} {
		os.WriteFile(filepath.Join(dir, name), []byte("x"), 0o600)
	}
	os.Mkdir(filepath.Join(dir, "4000000"), 0o700)
	newProcFiles(dir, slog.New(slog.DiscardHandler)).clean()
	var left []string
	list, _ := os.ReadDir(dir)
	for _, e := range list {
		left = append(left, e.Name())
	}
	want := []string{".hidden", "0", "007x", "4000000", "README", own, own + ".new"}
	slices.Sort(want)
	if slices.Sort(left); !slices.Equal(left, want) {
		t.Errorf("%q, want %q", left, want)
	}
	newProcFiles(filepath.Join(dir, "none"), slog.New(slog.DiscardHandler)).clean() // no directory is no fault
}

// A process id that is used again keeps the file of the new process; a late word about the old one does not take it away.
func TestProcFileOfAReusedID(t *testing.T) {
	dir := t.TempDir()
	p := newProcFiles(dir, slog.New(slog.DiscardHandler))
	pid := os.Getpid()
	ended := time.Now().Add(-time.Minute)
	if err := p.write(pid, "imap"); err != nil {
		t.Fatal(err)
	}
	if err := p.remove(pid, ended); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(p.path(pid)); err != nil {
		t.Error("the new process's file is gone:", err)
	}
	if err := p.remove(pid, time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(p.path(pid)); err == nil {
		t.Error("the file stays")
	}
}

// What waits for a disk that hangs is bounded; what did not fit is made up for.
func TestProcFilesAreBounded(t *testing.T) {
	p := newProcFiles(t.TempDir(), slog.New(slog.DiscardHandler))
	for pid := 1; pid <= procTasksMax+10; pid++ {
		p.ends(pid << 22) // no process has such a number
	}
	if len(p.todo) != procTasksMax || !p.sweep {
		t.Errorf("%d wait, sweep %v", len(p.todo), p.sweep)
	}
	p.catchUp()
	if len(p.todo) != 0 || p.sweep {
		t.Errorf("%d wait, sweep %v", len(p.todo), p.sweep)
	}
}

// A directory that cannot be written to is said, and costs nothing else.
func TestProcFileErrors(t *testing.T) {
	file := filepath.Join(t.TempDir(), "f")
	os.WriteFile(file, nil, 0o600)
	var log syncBuffer
	p := newProcFiles(filepath.Join(file, "proc"), slog.New(slog.NewTextHandler(io.Writer(&log), nil)))
	p.begins(os.Getpid(), "idled")
	p.catchUp()
	p.ends(os.Getpid())
	p.catchUp()
	if !strings.Contains(log.String(), "IOERROR: proc file") {
		t.Error(log.String())
	}
}
