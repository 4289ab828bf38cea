package sqlite

import (
	"context"
	"os"
	"runtime"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/constance-mail/constance/internal/mail"
)

// TestWriters: who waits for the lock is seen, with those behind, and nobody once it is done.
func TestWriters(t *testing.T) {
	st, err := Open(t.TempDir(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	s := st.(*store)
	ctx := context.Background()
	acct := st.Account("ann")
	if _, err := acct.CreateMailbox(ctx, "first", nil); err != nil {
		t.Fatal(err)
	}
	if got := s.Writers(); len(got) != 0 {
		t.Errorf("nobody writes, but %+v", got)
	}
	f, err := os.OpenFile(s.accountDir("ann")+"/lock", os.O_RDWR, 0)
	if err == nil {
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX)
	}
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for _, name := range []string{"a", "b", "c"} {
		wg.Go(func() {
			if _, err := acct.CreateMailbox(ctx, name, nil); err != nil {
				t.Error(err)
			}
		})
	}
	var got []Writer
	for len(got) == 0 || got[0].Waiting < 2 {
		runtime.Gosched()
		got = s.Writers()
	}
	w := got[0]
	if len(got) != 1 || w.Account != mail.AccountID("ann") || w.Op == "" || w.Holds || w.Since.IsZero() || w.Lock != f.Name() {
		t.Errorf("got %+v", got)
	}
	f.Close()
	wg.Wait()
	if got := s.Writers(); len(got) != 0 {
		t.Errorf("all is done, but %+v", got)
	}
}
