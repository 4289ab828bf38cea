package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/constance-mail/constance/internal/master"
)

// site is a directory with the files of a master.
type site struct {
	*testing.T
	dir string
}

func newSite(t *testing.T, cyrusConf string) *site {
	s := &site{t, t.TempDir()}
	s.write("cyrus.conf", cyrusConf)
	s.write("imapd.conf", "configdirectory: "+s.dir+"\nproc_path: {configdirectory}/proc\n")
	return s
}

func (s *site) path(name string) string { return filepath.Join(s.dir, name) }

func (s *site) write(name, text string) {
	s.Helper()
	if err := os.WriteFile(s.path(name), []byte(text), 0o600); err != nil {
		s.Fatal(err)
	}
}

func (s *site) read(name string) string {
	b, _ := os.ReadFile(s.path(name))
	return string(b)
}

// command is the verb master with the files of the site, given as names relative to it.
func (s *site) command(args ...string) *exec.Cmd {
	self, err := os.Executable()
	if err != nil {
		s.Fatal(err)
	}
	c := exec.Command(self, append([]string{"master", "-C", "imapd.conf", "-M", "cyrus.conf", "-p", "m.pid", "-r", "ready",
		"--control", "off"}, args...)...)
	c.Dir = s.dir
	c.Env = append(os.Environ(), runEnv+"=1", "CYRUS_USER=root", "NOTIFY_SOCKET=")
	return c
}

// run runs it to its end.
func (s *site) run(args ...string) (code int, out string) {
	s.Helper()
	c := s.command(args...)
	var b bytes.Buffer
	c.Stderr = &b
	if err := c.Run(); c.ProcessState == nil {
		s.Fatal(err)
	}
	return c.ProcessState.ExitCode(), b.String()
}

// end ends the master in the background by a signal and waits for that.
func (s *site) end(sig syscall.Signal) {
	s.Helper()
	pid, err := strconv.Atoi(strings.TrimSpace(s.read("m.pid")))
	if err != nil {
		s.Fatal(err)
	}
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		s.Fatal(err)
	}
	defer unix.Close(fd)
	unix.PidfdSendSignal(fd, sig, nil, 0)
	if n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 30_000); n != 1 {
		s.Fatal("it does not end:", err)
	}
}

// P28: with -d the exit code is that of the whole start.
func TestP28_BackgroundExitCode(t *testing.T) {
	for name, c := range map[string]struct {
		conf string
		args []string
		code int
	}{
		"a command of START fails": {"START {\n a cmd=/bin/true\n b cmd=/bin/false\n c cmd=/bin/true\n}\n", nil, 1},
		"a fault in the file":      {"SERVICES {\n a cmd=/bin/true }\n", nil, master.ExitConfig},
		"a daemon is not ready":    {"DAEMON {\n a cmd=/bin/true wait=y\n}\n", nil, master.ExitConfig},
		"no directory for the pid": {"START {\n}\n", []string{"-p", "none/m.pid"}, master.ExitOS},
		"no ready file":            {"START {\n}\n", []string{"-r", "none/ready"}, master.ExitOS},
	} {
		s := newSite(t, c.conf)
		if code, out := s.run(append([]string{"-d"}, c.args...)...); code != c.code {
			t.Errorf("%s: exit code %d, want %d: %s", name, code, c.code, out)
		}
		if _, err := os.Stat(s.path("ready")); err == nil {
			t.Errorf("%s: a ready file", name)
		}
	}
}

// P28, P29, P30: a master in the background: pid file, ready file, working directory, no terminal, end.
func TestP29_Background(t *testing.T) {
	s := newSite(t, "")
	s.write("cyrus.conf", "DAEMON {\n a cmd="+s.path("daemon")+"\n}\n")
	s.write("daemon", "#!/bin/sh\necho said; exec sleep 1000\n")
	if err := os.Chmod(s.path("daemon"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(s.path("cores"), 0o700); err != nil {
		t.Fatal(err)
	}
	if code, out := s.run("-d", "-L", "out"); code != 0 {
		t.Fatalf("exit code %d: %s", code, out)
	}
	defer s.end(syscall.SIGTERM)
	pidFile := s.read("m.pid")
	pid, err := strconv.Atoi(strings.TrimSuffix(pidFile, "\n"))
	if err != nil || pidFile != fmt.Sprintf("%d\n", pid) {
		t.Errorf("pid file %q", pidFile)
	}
	if cwd, _ := os.Readlink(fmt.Sprintf("/proc/%d/cwd", pid)); cwd != s.path("cores") {
		t.Errorf("it works in %s", cwd)
	}
	if out, _ := os.Readlink(fmt.Sprintf("/proc/%d/fd/2", pid)); out != s.path("out") {
		t.Errorf("it writes to %s", out)
	}
	ready, err := os.Stat(s.path("ready"))
	lock, err2 := os.Stat(s.path("m.pid"))
	if err != nil || err2 != nil || ready.ModTime().Before(lock.ModTime()) {
		t.Errorf("ready file %v, pid file %v", err, err2)
	}
	if _, err := os.Stat(s.path("m.pid.lock")); err == nil {
		t.Error("the lock of the start is still there")
	}
	for _, flag := range []string{"-d", "-D"} {
		if code, out := s.run(flag); code != master.ExitOS || !strings.Contains(out, "is another master still running?") {
			t.Errorf("a second master with %s: exit code %d, %s", flag, code, out)
		}
	}
	if s.read("m.pid") != pidFile || s.read("ready") != "" {
		t.Errorf("the pid file has become %q", s.read("m.pid"))
	}
	for deadline := time.After(20 * time.Second); !strings.Contains(s.read("out"), "said\n"); {
		select {
		case <-deadline:
			t.Fatalf("the daemon said %q", s.read("out"))
		case <-time.After(2 * time.Millisecond):
		}
	}
}

// P30: the ready file is gone after the end, the pid file is not.
func TestP30_ReadyFileGone(t *testing.T) {
	s := newSite(t, "START {\n}\n")
	if code, out := s.run("-d"); code != 0 {
		t.Fatalf("exit code %d: %s", code, out)
	}
	if _, err := os.Stat(s.path("ready")); err != nil {
		t.Error(err)
	}
	s.end(syscall.SIGTERM)
	if _, err := os.Stat(s.path("ready")); err == nil {
		t.Error("the ready file stays")
	}
	if s.read("m.pid") == "" {
		t.Error("the pid file is gone")
	}
}

// P29: two starts at once: exit code 75; a symbolic link in place of the lock: 71.
func TestP29_StartLock(t *testing.T) {
	s := newSite(t, "")
	s.write("cyrus.conf", "START {\n a cmd="+s.path("slow")+"\n}\n")
	s.write("slow", "#!/bin/sh\necho started > "+s.path("began")+"\nread x < "+s.path("go")+"\n")
	os.Chmod(s.path("slow"), 0o700)
	if err := unix.Mkfifo(s.path("go"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := s.command("-d")
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	for s.read("began") == "" {
		<-time.After(2 * time.Millisecond)
	}
	if code, out := s.run("-d"); code != exitLater || !strings.Contains(out, "can't get exclusive lock on") {
		t.Errorf("exit code %d, %s", code, out)
	}
	s.write("go", "\n")
	if err := c.Wait(); err != nil {
		t.Error(err)
	}
	s.end(syscall.SIGTERM)
	os.Symlink(s.path("precious"), s.path("m.pid.lock"))
	if code, out := s.run("-d"); code != master.ExitOS || !strings.Contains(out, "can't open pidfile lock") {
		t.Errorf("exit code %d, %s", code, out)
	}
}
