package sqlite

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

func TestDatasync(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "f"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString("x"); err != nil {
		t.Fatal(err)
	}
	if err := fdatasync(int(f.Fd())); err != nil {
		t.Errorf("a file: %v", err)
	}
	if err := fdatasync(-1); !errors.Is(err, unix.EBADF) {
		t.Errorf("no descriptor: %v, want EBADF", err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	if err := fdatasync(int(w.Fd())); !errors.Is(err, unix.EINVAL) {
		t.Errorf("a pipe: %v, want EINVAL", err)
	}
}

// deep uses n frames of stack, so that it moves, and syncs at the bottom of them.
func deep(n, fd int) (sum int, err error) {
	var room [64]int
	for i := range room {
		room[i] = n + i
	}
	if n == 0 {
		err = fdatasync(fd)
	} else {
		sum, err = deep(n-1, fd)
	}
	return sum + room[n%len(room)] - n - n%len(room), err
}

// What the runtime does meanwhile, collecting, moving stacks, looking at them, must not be in its way nor the other way round.
func TestDatasyncAmongOthers(t *testing.T) {
	dir := t.TempDir()
	var syncers sync.WaitGroup
	for range 8 {
		syncers.Go(func() {
			f, err := os.CreateTemp(dir, "")
			if err != nil {
				t.Error(err)
				return
			}
			defer f.Close()
			for i := range 40 {
				if _, err := f.WriteString(strings.Repeat("x", i)); err != nil {
					t.Error(err)
				}
				if sum, err := deep(10*i, int(f.Fd())); err != nil || sum != 0 {
					t.Errorf("sync %d: %v; what was on the stack is off by %d", i, err, sum)
				}
			}
		})
	}
	done := make(chan struct{})
	var others sync.WaitGroup
	others.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
				runtime.GC()
				_ = pprof.Lookup("goroutine").WriteTo(&strings.Builder{}, 1) // a Builder takes everything
			}
		}
	})
	syncers.Wait()
	close(done)
	others.Wait()
}
