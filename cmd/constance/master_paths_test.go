package main

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// verb runs a verb of the program somewhere else than where the master was started; its exit code and all its output.
func (s *site) verb(args ...string) (code int, out string) {
	s.Helper()
	self, err := os.Executable()
	if err != nil {
		s.Fatal(err)
	}
	c := exec.Command(self, args...)
	c.Dir, c.Env = "/", append(os.Environ(), runEnv+"=1")
	b, err := c.CombinedOutput()
	if c.ProcessState == nil {
		s.Fatal(err)
	}
	return c.ProcessState.ExitCode(), string(b)
}

// A master in the background works in another directory than that in which it was started. Names that were relative to
// that one, the program's own included, are found by reloads, by upgrades, and by reloads after those.
func TestRelativePaths(t *testing.T) {
	const daemon = "DAEMON {\n %s cmd=\"/bin/sleep 1000\"\n}\n"
	s := newSite(t, fmt.Sprintf(daemon, "first"))
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"bin", "cores"} {
		if err := os.Mkdir(s.path(dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(self, s.path("bin/constance")); err != nil {
		t.Fatal(err)
	}
	c := s.command("-d", "--control", "m.sock", "-L", "out")
	c.Args[0] = "bin/constance"
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	defer s.end(syscall.SIGTERM)
	pid, err := strconv.Atoi(strings.TrimSpace(s.read("m.pid")))
	if err != nil {
		t.Fatal(err)
	}
	for k, verb := range []string{"reload", "upgrade", "reload", "upgrade", "reload"} {
		s.write("cyrus.conf", fmt.Sprintf(daemon, fmt.Sprintf("a%d", k)))
		for _, verb := range []string{verb, "reload"} { // an upgrade's own reload comes after its answer
			if code, out := s.verb("master", verb, "--control", s.path("m.sock")); code != 0 {
				t.Fatalf("%d %s: exit code %d, %q", k, verb, code, out)
			}
		}
		if _, out := s.verb("master", "status", "--control", s.path("m.sock")); !strings.Contains(out, fmt.Sprintf("a%d: ", k)) {
			t.Errorf("%d %s: the configuration is not the present one:\n%s", k, verb, out)
		}
		if dir, err := os.Readlink(fmt.Sprintf("/proc/%d/cwd", pid)); err != nil || dir != s.path("cores") {
			t.Errorf("%d %s: it works in %s, %v", k, verb, dir, err)
		}
	}
	s.write("cyrus.conf", "SERVICES {\n a cmd=/bin/true }\n")
	for _, verb := range []string{"reload", "upgrade"} {
		if code, out := s.verb("master", verb, "--control", s.path("m.sock")); code != 1 ||
			!strings.Contains(out, "cyrus.conf:2:18: ") {
			t.Errorf("%s to a fault: exit code %d, %q", verb, code, out)
		}
	}
}

// A configuration that breaks after the successor was asked costs nothing: what was in force stays.
func TestUpgradeWhileTheFileBreaks(t *testing.T) {
	s := newSite(t, "DAEMON {\n a cmd=\"/bin/sleep 1000\"\n}\n")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	s.write("late", "#!/bin/sh\nif [ $1 = handover-check ]; then echo 'DAEMON {' > "+s.path("cyrus.conf")+
		"; echo ' a cmd=' >> "+s.path("cyrus.conf")+"; exit 0; fi\nexec "+self+" \"$@\"\n")
	if err := os.Chmod(s.path("late"), 0o700); err != nil {
		t.Fatal(err)
	}
	if code, out := s.run("-d", "--control", "m.sock", "-L", "out"); code != 0 {
		t.Fatalf("exit code %d: %s", code, out)
	}
	defer s.end(syscall.SIGTERM)
	code, out := s.verb("master", "upgrade", "--control", s.path("m.sock"), "--binary", s.path("late"))
	if code != 0 || !strings.Contains(out, "upgraded: process ") {
		t.Errorf("exit code %d, %q: %s", code, out, s.read("out"))
	}
	if _, out := s.verb("master", "status", "--control", s.path("m.sock")); !strings.Contains(out, "a: 1 ready") {
		t.Errorf("the daemon is not as it was:\n%s", out)
	}
	if code, out := s.verb("master", "reload", "--control", s.path("m.sock")); code != 1 ||
		!strings.Contains(out, "nothing has changed") {
		t.Errorf("reload: exit code %d, %q", code, out)
	}
}
