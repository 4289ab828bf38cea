package sqlite

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/constance-mail/constance/internal/mail"
)

// TestRaise: a number only grows, and each caller is told what it was; none is there at first.
func TestRaise(t *testing.T) {
	file, err := os.Create(filepath.Join(t.TempDir(), "recent"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for _, c := range []struct {
		off        int64
		next, want mail.UID
	}{{4, 10, 1}, {4, 10, 10}, {4, 7, 10}, {4, 11, 10}, {4000, 3, 1}, {4, 11, 11}, {8, 2, 1}} {
		got, err := raise(int(file.Fd()), c.off, c.next)
		if err != nil || got != c.want {
			t.Errorf("to %d at %d: %d, %v, want %d", c.next, c.off, got, err, c.want)
		}
	}
}

// openedIn is how many files of a directory this process has open, by the end of their names.
func openedIn(t *testing.T, dir, suffix string) (n int) {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list {
		to, err := os.Readlink("/proc/self/fd/" + e.Name())
		if err == nil && strings.HasPrefix(to, dir) && strings.HasSuffix(to, suffix) {
			n++
		}
	}
	return n
}

// TestRecentFile: the file of what is recent is open while the account is hot, and not a moment longer.
func TestRecentFile(t *testing.T) {
	ctx, dir := context.Background(), t.TempDir()
	s := openTest(t, dir, Options{})
	a := s.Account("u").(*account)
	claim := func(want mail.UID) {
		t.Helper()
		if got, err := a.ClaimRecent(ctx, 1); err != nil || got != want {
			t.Fatalf("claimed from %d, %v, want %d", got, err, want)
		}
	}
	deliver(t, a, 1, "one")
	claim(1)
	deliver(t, a, 1, "two")
	claim(2)
	if n := openedIn(t, dir, "/recent"); n != 1 {
		t.Errorf("%d are open while the account is in use", n)
	}
	f := a.opened()
	f.cool()
	if n := openedIn(t, dir, "/recent"); n != 0 {
		t.Errorf("%d are open after it was cooled", n)
	}
	if first, err := f.claim(1, 9); err != nil || first != 3 {
		t.Errorf("while cool: %d, %v", first, err)
	}
	if n := openedIn(t, dir, "/recent"); n != 0 {
		t.Errorf("%d are open while the account is cool", n)
	}
}
