package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestWhy holds the lock of an account, as a process would that hangs: `constance why` names the session that waits, what
// for, and this process.
func TestWhy(t *testing.T) {
	s := clientServer(t)
	c := login(t, s, "alice", "wonderland")
	do(t, c, "APPEND INBOX {14+}\r\nSubject: x\r\n\r\n")
	do(t, c, "SELECT INBOX")
	paths, err := filepath.Glob(filepath.Join(s.Dir, "accounts", "*", "*", "*", "lock"))
	if err != nil || len(paths) == 0 {
		t.Fatal(paths, err)
	}
	var held []*os.File
	for _, path := range paths {
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		if err == nil {
			err = unix.Flock(int(f.Fd()), unix.LOCK_EX)
		}
		if err != nil {
			t.Fatal(err)
		}
		held = append(held, f)
	}
	if err := c.Send("x STORE 1 +FLAGS (\\Seen)\r\n"); err != nil {
		t.Fatal(err)
	}
	var look struct {
		Sessions []struct{ User, Command, Doing string }
		Locks    []struct {
			Holder  int
			Writers []struct {
				Op    string
				Holds bool
			}
		}
	}
	awaitTrue(t, "the session waits for the lock", func() bool {
		look.Sessions, look.Locks = nil, nil
		if err := json.Unmarshal([]byte(s.Run(t, "", "why", "alice", "--json")), &look); err != nil {
			t.Fatal(err)
		}
		return len(look.Sessions) == 1 && look.Sessions[0].Doing == "store write" && len(look.Locks) == 1
	})
	l := look.Locks[0]
	if look.Sessions[0].Command != "STORE" || len(l.Writers) != 1 || l.Writers[0].Holds || l.Writers[0].Op == "" {
		t.Errorf("got %+v", look)
	}
	if l.Holder != os.Getpid() && l.Holder != 0 { // 0 where the kernel tells nobody
		t.Errorf("held by %d, not by %d", l.Holder, os.Getpid())
	}
	if text := s.Run(t, "", "why"); !strings.Contains(text, "alice from 127.0.0.1: STORE for ") || !strings.Contains(text, " waits for it for ") {
		t.Errorf("got %s", text)
	}
	for _, f := range held {
		f.Close()
	}
	for _, want := range []string{"* 1 FETCH", "x OK"} {
		if got, err := c.Read(); err != nil || !strings.HasPrefix(got, want) {
			t.Errorf("got %q, %v", got, err)
		}
	}
}
