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

	"github.com/constance-mail/constance/internal/proc"
)

// constance runs a verb of the binary and returns its output; failing is fatal unless it is to fail.
func constance(t *testing.T, fails bool, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), binary, args...).CombinedOutput()
	if (err != nil) != fails {
		t.Fatalf("constance %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// "master upgrade" replaces the program of a server and then its workers: sessions live on, newcomers are served by the
// new workers, and the data directory's lock is kept.
func TestServeUpgrade(t *testing.T) {
	s, conns := manyServer(t, 4)
	for round := range 3 {
		old := imapWorkers(t, s)
		out := constance(t, false, "master", "upgrade", "--data", s.Dir)
		if want := fmt.Sprintf("upgraded: process %d runs ", s.PID); !strings.HasPrefix(out, want) {
			t.Fatalf("%q, want %q", out, want)
		}
		awaitTrue(t, "new workers", func() bool {
			now := imapWorkers(t, s)
			return len(now) > 0 && !slices.ContainsFunc(keys(old), func(pid int) bool { return now[pid] })
		})
		for _, c := range conns {
			do(t, c, "NOOP")
		}
		conns = append(conns, login(t, s, fmt.Sprintf("u%d", round+1), "secret"))
	}
	out := constance(t, true, "master", "upgrade", "--data", s.Dir, "--binary", "/bin/false")
	if !strings.Contains(out, "upgrade refused, nothing has changed: /bin/false cannot take over: exit status 1") {
		t.Errorf("%q", out)
	}
	out = constance(t, true, "serve", "--data", s.Dir, "--listen", "imap=off", "--listen", "imaps=off",
		"--listen", "lmtp=off", "--listen", "http=off")
	if !strings.Contains(out, "runs on "+s.Dir+" already") {
		t.Errorf("a second server: %q", out)
	}
	for _, c := range conns {
		do(t, c, "NOOP")
	}
}

func keys(m map[int]bool) (out []int) {
	for k := range m {
		out = append(out, k)
	}
	return out
}

// A configuration that the new program does not accept is found before the old one is gone.
func TestServeUpgradeWithABadConfiguration(t *testing.T) {
	s := clientServer(t)
	c := login(t, s, "alice", "wonderland")
	write(t, filepath.Join(s.Dir, "constance.toml"), "[tls]\nmin_version = 1.2\n")
	out := constance(t, true, "master", "upgrade", "--data", s.Dir)
	if !strings.Contains(out, "constance.toml:2: tls.min_version") {
		t.Errorf("%q", out)
	}
	do(t, c, "NOOP")
	if err := os.Remove(filepath.Join(s.Dir, "constance.toml")); err != nil {
		t.Fatal(err)
	}
	constance(t, false, "master", "upgrade", "--data", s.Dir)
	do(t, c, "LOGOUT")
}

// The same for "constance master": pid file and children stay, with a worker of a foreign kind.
func TestMasterUpgrade(t *testing.T) {
	if binary == "" {
		t.Skip("-short")
	}
	dir := t.TempDir()
	conf := write(t, filepath.Join(dir, "cyrus.conf"), "SERVICES {\n  echo cmd=\"/bin/sleep 1000\" listen=\""+dir+
		"/sock\" prefork=1\n}\nDAEMON {\n  idle cmd=\"/bin/sleep 1000\"\n}\n")
	pidFile := filepath.Join(dir, "m.pid")
	cmd := exec.Command(binary, "master", "-C", filepath.Join(dir, "none"), "-M", conf, "-p", pidFile, "-D")
	cmd.Env = append(os.Environ(), "CYRUS_USER=root")
	log := &logBuffer{}
	cmd.Stderr = log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		cmd.Process.Signal(os.Interrupt)
		if err := cmd.Wait(); err != nil || t.Failed() {
			t.Error(err, log.buf.String())
		}
	}()
	children := func() []int { return proc.Children(cmd.Process.Pid) }
	awaitTrue(t, "two children", func() bool { return len(children()) == 2 })
	c, err := net.Dial("unix", filepath.Join(dir, "sock"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close() // nobody accepts: it waits all the time
	before := children()
	constance(t, false, "master", "upgrade", "-p", pidFile)
	awaitTrue(t, "two other children", func() bool {
		now := children()
		return len(now) >= 2 && !slices.ContainsFunc(before, func(pid int) bool { return slices.Contains(now, pid) })
	})
	if text := readFile(t, pidFile); text != fmt.Sprintln(cmd.Process.Pid) {
		t.Errorf("pid file %q", text)
	}
	out := constance(t, true, "master", "-M", conf, "-p", pidFile, "-C", filepath.Join(dir, "none"), "-D")
	if !strings.Contains(out, "is another master still running?") {
		t.Errorf("a second master: %q", out)
	}
}

// P42: a server that is killed and started again at once goes on: no session is cut, newcomers are served, and the workers
// that were left behind go with their last session.
func TestP42_ServeKilled(t *testing.T) {
	s, conns := manyServer(t, 4)
	old := imapWorkers(t, s)
	if err := syscall.Kill(s.PID, syscall.SIGKILL); err != nil { // and nobody but the master
		t.Fatal(err)
	}
	s.Restart(t, "--workers", "2")
	fresh := login(t, s, "u1", "secret")
	for _, c := range append(conns, fresh) { // who comes at once may get an old worker yet
		do(t, c, "NOOP")
		do(t, c, "LOGOUT")
	}
	awaitTrue(t, "the end of the old workers", func() bool {
		return !slices.ContainsFunc(keys(old), alive)
	})
}
