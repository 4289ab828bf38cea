package service

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// deadlines is a listener of which only the deadline matters.
type deadlines struct{ at time.Time }

func (d *deadlines) SetDeadline(t time.Time) error { d.at = t; return nil }

// A sign of life is given while the accept loop turns, or has ended as it should, and the check returns.
func TestPulse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ln, hang := &deadlines{}, make(chan struct{})
		calls := 0
		p := &pulse{every: time.Second, ln: ln, begun: time.Now(), check: func() { calls++; <-hang }}
		beats := func(want bool, when string) {
			t.Helper()
			synctest.Wait()
			if got := p.beats(); got != want {
				t.Errorf("%s: %v", when, got)
			}
			synctest.Wait()
		}
		p.turn()
		if want := time.Now().Add(time.Second); !ln.at.Equal(want) {
			t.Errorf("Accept would return at %v, not %v", ln.at, want)
		}
		<-time.After(time.Second)
		beats(true, "a turn a second ago") // and the check is called
		<-time.After(time.Second)
		beats(true, "two seconds ago, and the check takes one")
		<-time.After(time.Millisecond)
		beats(false, "the loop does not turn")
		p.turn()
		beats(true, "it turns again")
		<-time.After(time.Second)
		p.turn()
		beats(false, "the check takes more than two seconds")
		p.over.Store(true)
		beats(false, "the loop has ended, but the check still does not return")
		close(hang)
		beats(true, "it returned")
		if calls != 2 {
			t.Errorf("%d calls of the check", calls)
		}
		<-time.After(time.Hour)
		beats(true, "a loop that has ended need not turn")
	})
}

// Nobody asked, or a listener without deadlines: the loop waits without a deadline, and nothing can be late.
func TestNoPulse(t *testing.T) {
	for name, p := range map[string]*pulse{
		"not asked": {ln: &deadlines{}}, "no deadlines": {every: 1, begun: time.Now().Add(-time.Hour)},
	} {
		p.turn()
		if d, ok := p.ln.(*deadlines); ok && !d.at.IsZero() {
			t.Errorf("%s: a deadline", name)
		}
		if p.every > 0 && !p.beats() {
			t.Errorf("%s: no sign of life", name)
		}
		if p.every == 0 && p.pause(os.ErrDeadlineExceeded) {
			t.Errorf("%s: a deadline that nobody set", name)
		}
	}
}

// The accept loop turns while nobody connects, and while there is no room.
func TestAcceptLoopTurns(t *testing.T) {
	for name, clients := range map[string]int{"idle": 0, "full": 1} {
		r := start(t, Options{Limit: 1, Life: 10 * time.Millisecond}, echo)
		for range clients {
			line(t, r.dial(t), "hello\n")
		}
		for n := 0; n < 20; {
			var b [MessageSize]byte
			r.status.SetReadDeadline(time.Now().Add(20 * time.Second))
			if _, err := io.ReadFull(r.status, b[:]); err != nil {
				t.Fatalf("%s: after %d signs of life: %v", name, n, err)
			}
			if active, _, ok := ParseLife(ParseMessage(b[:]).Code); ok && active == clients {
				n++
			}
		}
	}
}

// With an accept loop that hangs, signs of life end, although every timer runs.
func TestHungAcceptLoopGivesNoSign(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript()
		w := &worker{o: Options{Limit: 1, Life: time.Second}, ln: &deafScript{s}, stats: new(Stats),
			room: make(chan struct{}, 1), drain: make(chan struct{})}
		w.o.Listener = w.ln
		w.pulse = newPulse(&w.o)
		done := make(chan error)
		go func() { done <- w.accept(context.Background()) }()
		synctest.Wait()
		if !w.pulse.beats() {
			t.Error("it hangs already")
		}
		<-time.After(2*time.Second + 1)
		if w.pulse.beats() {
			t.Error("a sign of life of a worker that accepts nothing")
		}
		close(w.drain)
		s.Close()
		<-done
		if !w.pulse.beats() {
			t.Error("draining is no hanging")
		}
	})
}

// deafScript is a listener that does not heed its deadline.
type deafScript struct{ *script }

func (deafScript) SetDeadline(time.Time) error { return nil }

// Stacks go to the file that the master made, and to none that it did not make.
func TestStacksFile(t *testing.T) {
	dir := t.TempDir()
	path := StacksFile(dir, "imap", 42)
	if filepath.Dir(path) != dir || filepath.Base(path) != "imap.42.hung" {
		t.Error(path)
	}
	if err := appendStacks(path, stacks()); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Error("it was made")
	}
	os.WriteFile(path, []byte("kernel\n"), 0o600)
	if err := appendStacks(path, stacks()); err != nil {
		t.Error(err)
	}
	if b, _ := os.ReadFile(path); !strings.HasPrefix(string(b), "kernel\n") || !strings.Contains(string(b), "TestStacksFile") {
		t.Errorf("%s", b)
	}
	link := StacksFile(dir, "imap", 43)
	os.Symlink(path, link)
	if err := appendStacks(link, []byte("x")); err == nil {
		t.Error("a symbolic link is followed")
	}
}
