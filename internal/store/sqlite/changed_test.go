package sqlite

import (
	"context"
	"errors"
	"os"
	"testing"

	"github.com/constance-mail/constance/internal/mail"
	"golang.org/x/sys/unix"
)

func TestChanged(t *testing.T) {
	path := t.TempDir() + "/changed"
	if err := os.WriteFile(path, newChanged(), 0o600); err != nil {
		t.Fatal(err)
	}
	a, err := openChanged(path)
	if err != nil {
		t.Fatal(err)
	}
	defer a.close()
	if a.trusted() {
		t.Error("a new file is believed")
	}
	a.renew(5)
	b, err := openChanged(path)
	if err != nil {
		t.Fatal(err)
	}
	defer b.close()
	check := func(want mail.ModSeq, clean bool) {
		t.Helper()
		if m, ok := b.load(); ok != clean || ok && m != want {
			t.Errorf("got %d %v, want %d %v", m, ok, want, clean)
		}
	}
	check(5, true)
	a.dirty()
	check(0, false)
	a.clean(6)
	check(6, true)
	a.dirty()
	a.restore(6)
	check(6, true)
	birth := b.birth()
	a.renew(7)
	check(7, true)
	if b.birth() == birth {
		t.Error("a renewed file has the same birth")
	}
	a.remove()
	check(0, false)
	if !b.gone() {
		t.Error("not gone")
	}
}

// A copied file, as from a backup, is not believed.
func TestChangedCopied(t *testing.T) {
	ctx := context.Background()
	s := openTest(t, t.TempDir(), Options{})
	a := s.Account("alice").(*account)
	deliver(t, a, 1, "text")
	path := s.accountDir("alice") + "/changed"
	old, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	r := deliver(t, a, 1, "text")
	a.shut()
	keep, err := os.Open(path) // so that the copy cannot get its inode
	if err != nil {
		t.Fatal(err)
	}
	defer keep.Close()
	if err := errors.Join(os.Remove(path), os.WriteFile(path, old, 0o600)); err != nil {
		t.Fatal(err)
	}
	if m, err := a.ModSeq(ctx); m != r.ModSeq || err != nil {
		t.Errorf("got %d, %v, want %d", m, err, r.ModSeq)
	}
}

// A writer that died between its marks is made up for.
func TestChangedLeftDirty(t *testing.T) {
	ctx := context.Background()
	s := openTest(t, t.TempDir(), Options{})
	a := s.Account("alice").(*account)
	r := deliver(t, a, 1, "text")
	f, err := a.acquire()
	if err != nil {
		t.Fatal(err)
	}
	defer f.release()
	f.changed.dirty()
	other, err := os.OpenFile(f.dir+"/lock", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if err := unix.Flock(int(other.Fd()), unix.LOCK_EX); err != nil { // somebody still writes
		t.Fatal(err)
	}
	if m, err := a.ModSeq(ctx); m != r.ModSeq || err != nil {
		t.Errorf("while it writes: got %d, %v, want %d", m, err, r.ModSeq)
	}
	if _, ok := f.changed.load(); ok {
		t.Error("cleaned while somebody writes")
	}
	if err := unix.Flock(int(other.Fd()), unix.LOCK_UN); err != nil {
		t.Fatal(err)
	}
	if m, err := a.ModSeq(ctx); m != r.ModSeq || err != nil {
		t.Errorf("after its death: got %d, %v, want %d", m, err, r.ModSeq)
	}
	if _, ok := f.changed.load(); !ok {
		t.Error("still dirty")
	}
}

// TestChangedMissing: an account that was put back without the file has its mail, whether the file is missing or empty, and
// takes more.
func TestChangedMissing(t *testing.T) {
	ctx := context.Background()
	for name, lose := range map[string]func(path string) error{
		"missing": os.Remove,
		"empty":   func(path string) error { return os.Truncate(path, 0) },
	} {
		s := openTest(t, t.TempDir(), Options{})
		a := s.Account("alice").(*account)
		deliver(t, a, 1, "text")
		a.shut()
		if err := lose(s.changedPath("alice")); err != nil {
			t.Fatal(err)
		}
		if err := s.Create(ctx, "alice"); mail.KindOf(err) != mail.Exists {
			t.Errorf("%s: created: %v", name, err)
		}
		deliver(t, a, 1, "text")
		if snap, err := a.Snapshot(ctx, 1); err != nil || snap.Len() != 2 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestChangedHasRoom: the file has its place on the disk before it is mapped.
func TestChangedHasRoom(t *testing.T) {
	path := t.TempDir() + "/changed"
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := openChanged(path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	if blocks(t, path) == 0 {
		t.Error("it has none")
	}
}
