package e2e

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/constance-mail/constance/internal/imapclient"
)

// lowered is an installation in which root starts the master, and the master then becomes another user: the directories
// of the configuration and of the pid file are root's, the data is that user's.
type lowered struct {
	*process
	dir  string
	uid  string
	imap string
	args []string
	home string // where the master is started, and where only root may be
}

// another is the user that the master becomes. Every system has it.
const another = "nobody"

func newLowered(t *testing.T) *lowered {
	t.Helper()
	if binary == "" {
		t.Skip("-short")
	}
	needsRoot(t, "only root can become another user")
	dir, err := os.MkdirTemp("", "constance-lowered") // not below the test's own directory: others may not be there
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	l := &lowered{dir: dir, imap: freeAddress(t), home: t.TempDir()}
	l.uid = strings.TrimSpace(runProgram(t, dir, "", "id", "-u", another))
	for name, mode := range map[string]os.FileMode{"": 0o755, "conf": 0o755, "run": 0o755, "data": 0o700, "lib": 0o700} {
		if err := os.MkdirAll(l.path(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(l.path(name), mode); err != nil {
			t.Fatal(err)
		}
	}
	runProgram(t, dir, "", "install", "-m", "755", binary, l.path("constance"))
	runProgram(t, dir, "alice:{PLAIN}secret\n", l.path("constance"), "user", "import", "--data", l.path("data"))
	l.write(t, "conf/imapd.conf", "configdirectory: "+l.path("lib")+"\ncyrus_user: "+another+"\n")
	l.services(t, "")
	runProgram(t, dir, "", "chown", "-R", another, l.path("data"), l.path("lib"))
	l.args = []string{"-C", l.path("conf/imapd.conf"), "-M", l.path("conf/cyrus.conf"), "-p", l.path("run/m.pid"),
		"-L", l.path("run/out"), "-D"}
	return l
}

func (l *lowered) path(name string) string { return filepath.Join(l.dir, name) }

// write writes a file that anybody may read.
func (l *lowered) write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(l.path(name), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// services writes a cyrus.conf with the service imap and others.
func (l *lowered) services(t *testing.T, more string) {
	t.Helper()
	l.write(t, "conf/cyrus.conf", fmt.Sprintf("SERVICES {\n imap cmd=\"%s imapd --data %s\" listen=%s prefork=2\n%s}\n",
		l.path("constance"), l.path("data"), l.imap, more))
}

// line is one for services: our imapd once more.
func (l *lowered) line(name, listen string) string {
	return fmt.Sprintf(" %s cmd=\"%s imapd --data %s\" listen=%s prefork=1\n", name, l.path("constance"), l.path("data"), listen)
}

// start starts the master as root and waits until it greets.
func (l *lowered) start(t *testing.T) {
	t.Helper()
	cmd := exec.Command(l.path("constance"), append([]string{"master"}, l.args...)...)
	cmd.Dir, cmd.Env = l.home, append(os.Environ(), "NOTIFY_SOCKET=")
	l.process = launch(t, cmd)
	t.Cleanup(func() {
		l.Stop(t)
		if t.Failed() {
			t.Logf("the master's log:\n%s", l.log)
		}
	})
	if err := l.awaitGreeting(l.imap); err != nil {
		t.Fatal(err)
	}
}

// rights are who a process is and what it may besides: user, permitted, effective and ambient capabilities.
func rights(t *testing.T, pid int) string {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return ""
	}
	var out []string
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); slices.Contains([]string{"Uid:", "CapPrm:", "CapEff:", "CapAmb:"}, f[0]) {
			out = append(out, f[1])
		}
	}
	return strings.Join(out, " ")
}

// check checks that the master is the other user, who may bind low ports, and that all its children are that user and
// may do nothing besides.
func (l *lowered) check(t *testing.T, when string) {
	t.Helper()
	const none, bind = "0000000000000000", "0000000000000400" // CAP_NET_BIND_SERVICE is number 10
	if got, want := rights(t, l.PID), strings.Join([]string{l.uid, bind, bind, none}, " "); got != want {
		t.Errorf("%s: the master has %s, want %s", when, got, want)
	}
	workers := l.Workers()
	if len(workers) < 2 {
		t.Errorf("%s: %d children", when, len(workers))
	}
	for _, pid := range workers {
		if got, want := rights(t, pid), strings.Join([]string{l.uid, none, none, none}, " "); got != "" && got != want {
			t.Errorf("%s: a child has %s, want %s", when, got, want)
		}
	}
}

// login is a session with one of the workers.
func (l *lowered) login(t *testing.T, addr string) *imapclient.Client {
	t.Helper()
	c, _, err := imapclient.Dial(addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	do(t, c, "LOGIN alice secret")
	return c
}

// A master that root started and that has become another user is upgraded: it stays that user, with the right to bind low
// ports and no other, its children have none, and sessions go on. What a reload can open and what not is the same after
// one upgrade and after two, and it says so.
func TestUpgradeOfAnotherUser(t *testing.T) {
	l := newLowered(t)
	l.start(t)
	l.check(t, "at the start")
	session := l.login(t, l.imap)
	for k := range 2 {
		before := l.Workers()
		out := constance(t, false, "master", "upgrade", "-p", l.path("run/m.pid"))
		if !strings.HasPrefix(out, fmt.Sprintf("upgraded: process %d runs ", l.PID)) {
			t.Fatalf("upgrade: %q", out)
		}
		awaitTrue(t, "new workers", func() bool { return len(without(l.Workers(), before)) == 2 })
		l.check(t, "after an upgrade")
		do(t, session, "NOOP")
		l.login(t, l.imap).Close()
		l.reloads(t, k)
	}
}

// reloads adds listeners: above and below port 1024, and where only root may make a socket.
func (l *lowered) reloads(t *testing.T, round int) {
	t.Helper()
	for _, addr := range []string{freeAddress(t), lowAddress(t)} {
		l.services(t, l.line("more", addr))
		if out := constance(t, false, "master", "reload", "-p", l.path("run/m.pid")); !strings.Contains(out, "service more: ") {
			t.Errorf("%d: %s: %q", round, addr, out)
		}
		l.login(t, addr).Close()
	}
	l.services(t, l.line("more", l.path("run/imap")))
	out := constance(t, true, "master", "reload", "-p", l.path("run/m.pid"))
	for _, want := range []string{"reload refused, nothing has changed", "more", l.path("run/imap"), "Permission denied"} {
		if !strings.Contains(out, want) {
			t.Errorf("%d: no %q in %q", round, want, out)
		}
	}
	l.services(t, "")
	constance(t, false, "master", "reload", "-p", l.path("run/m.pid"))
	l.check(t, "after reloads")
}

// lowAddress is one below port 1024 that nobody has.
func lowAddress(t *testing.T) string {
	t.Helper()
	for port := 1023; port > 600; port-- {
		addr := fmt.Sprintf("127.0.0.1:%d", port)
		if l, err := net.Listen("tcp", addr); err == nil {
			l.Close()
			return addr
		}
	}
	t.Fatal("no port below 1024 is free")
	return ""
}

// At its end a master that has become another user cannot remove its control socket from a directory of root's. That is
// no error; whoever asks is told that no master answers, and the next one takes the name.
func TestControlSocketOfAnotherUser(t *testing.T) {
	l := newLowered(t)
	for range 2 {
		l.start(t)
		if out := constance(t, false, "master", "status", "-p", l.path("run/m.pid")); !strings.Contains(out, fmt.Sprint("master ", l.PID)) {
			t.Errorf("status: %q", out)
		}
		l.Stop(t)
		if l.err != nil {
			t.Errorf("it ended with %v", l.err)
		}
		for line := range strings.Lines(l.Log()) {
			if strings.Contains(line, "level=WARN") || strings.Contains(line, "level=ERROR") {
				t.Errorf("logged: %s", line)
			}
		}
		if out := constance(t, true, "master", "status", "-p", l.path("run/m.pid")); !strings.Contains(out, "no master answers") {
			t.Errorf("status after the end: %q", out)
		}
	}
	if err := syscall.Kill(l.PID, 0); err == nil {
		t.Error("it is still there")
	}
}
