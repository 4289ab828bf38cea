package sqlite

import (
	"context"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/constance-mail/constance/internal/mail"
)

const textCrashDir = "CONSTANCE_TEXT_CRASH_DIR"

// TestTextKilled kills two processes that index the same account, somewhere in their work, again and again: a search never
// loses a match, and in the end the index is whole.
func TestTextKilled(t *testing.T) {
	if dir := os.Getenv(textCrashDir); dir != "" {
		textCrashChild(t, dir)
		return
	}
	if testing.Short() {
		t.Skip("kills processes for some seconds")
	}
	e := newTextTest(t, 600)
	r := rand.New(rand.NewPCG(1, 2))
	for range 12 {
		first, second := startTextCrash(t, e.s.dir), startTextCrash(t, e.s.dir)
		for _, c := range []*exec.Cmd{first, second} {
			for over := time.After(time.Duration(r.IntN(300)) * time.Millisecond); over != nil; {
				n := 1 + r.IntN(len(e.ids))
				if got := e.candidates("word" + strconv.Itoa(n) + "."); !slices.Contains(got, n) {
					t.Fatalf("message %d is left out of %v", n, got)
				}
				select {
				case <-over:
					over = nil
				default:
				}
			}
			if err := c.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			_ = c.Wait() // it was killed, which is an error
		}
		e.fill(5)
	}
	if sum := e.index(); sum.Contents != int64(len(e.ids)) {
		t.Errorf("got %+v", sum)
	}
	e.wantOnly("in the end", "word77.", 77)
	if problems := verify(t, e.a); len(problems) > 0 {
		t.Error(problems)
	}
}

func startTextCrash(t *testing.T, dir string) *exec.Cmd {
	t.Helper()
	c := exec.Command(os.Args[0], "-test.run=^TestTextKilled$", "-test.count=1")
	c.Env = append(os.Environ(), textCrashDir+"="+dir)
	c.Stderr = os.Stderr
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Process.Kill() }) // it is dead, unless the test has failed
	return c
}

// textCrashChild makes the index anew until it is killed.
func textCrashChild(t *testing.T, dir string) {
	a := openTest(t, dir, Options{InlineLimit: 1000}).Account("alice")
	for how := mail.IndexMake; ; how = mail.IndexAnew - how {
		_, err := a.IndexText(context.Background(), how)
		if err != nil && mail.KindOf(err) != mail.Unavailable && !strings.Contains(err.Error(), "locked") {
			t.Fatal(err)
		}
	}
}
