package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestTrace traces a user in all processes of a running server: a session that runs already, and those that come.
func TestTrace(t *testing.T) {
	s := clientServer(t)
	running := login(t, s, "alice", "wonderland")
	file := filepath.Join(t.TempDir(), "alice.trace")
	cmd := exec.Command(s.Binary, "trace", "alice", "--file", file, "--for", "5m", "--data", s.Dir)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	text := func() string {
		b, _ := os.ReadFile(file) // it may not be there yet
		return string(b)
	}
	awaitTrue(t, "the running session is traced", func() bool {
		do(t, running, "NOOP")
		return strings.Contains(text(), " NOOP\n")
	})
	do(t, running, "APPEND INBOX {26+}\r\nSubject: x\r\n\r\nconfidential")
	do(t, login(t, s, "bob", "humbug"), "STATUS INBOX (UNSEEN)")
	awaitTrue(t, "sessions of every worker are traced", func() bool {
		do(t, login(t, s, "alice", "wonderland"), "STATUS INBOX (MESSAGES)")
		return strings.Count(text(), "STATUS INBOX (MESSAGES)") > 3 && strings.Contains(text(), "APPENDUID")
	})
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("ended by SIGINT: %v", err)
	}
	got := text()
	for _, not := range []string{"wonderland", "confidential", "UNSEEN", "humbug"} {
		if strings.Contains(got, not) {
			t.Errorf("%q is in\n%s", not, got)
		}
	}
	if fi, err := os.Stat(file); err != nil || fi.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", fi.Mode(), err)
	}
	again := exec.Command(s.Binary, "trace", "alice", "--file", file, "--data", s.Dir)
	if err := again.Run(); err == nil {
		t.Error("a file that was there is overwritten")
	}
	small := exec.Command(s.Binary, "trace", "alice", "--file", "-", "--limit", "100", "--data", s.Dir)
	var out strings.Builder
	small.Stdout = &out
	if err := small.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- small.Wait() }()
	awaitTrue(t, "a trace ends at its limit", func() bool {
		do(t, running, "NOOP")
		select {
		case err := <-ended:
			return err != nil
		default:
			return false
		}
	})
	if out.Len() > 100 {
		t.Errorf("%d octets were written", out.Len())
	}
}
