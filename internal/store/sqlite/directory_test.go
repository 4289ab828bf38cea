package sqlite

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/constance-mail/constance/internal/auth"
	"github.com/constance-mail/constance/internal/mail"
)

func openTestDirectory(t testing.TB, dir string) auth.Directory {
	t.Helper()
	d, err := OpenDirectory(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

func TestDirectory(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	d, other := openTestDirectory(t, dir), openTestDirectory(t, dir) // as another process would
	wantKind := func(err error, want mail.Kind) {
		t.Helper()
		if err == nil || mail.KindOf(err) != want {
			t.Errorf("got %v, want kind %v", err, want)
		}
	}
	users := []auth.User{{Login: "bob", Hash: "{PLAIN}b"}, {Login: "alice", Account: "a1"}}
	if err := d.Add(ctx, users, false); err != nil {
		t.Fatal(err)
	}
	bob, err := other.Lookup(ctx, "bob")
	if err != nil || bob.Hash != "{PLAIN}b" || !bob.Account.Valid() {
		t.Fatal(bob, err)
	}
	err = d.Add(ctx, []auth.User{{Login: "carol"}, {Login: "bob"}}, false)
	wantKind(err, mail.Exists)
	var e *mail.Error
	if !errors.As(err, &e) || e.Item != "bob" {
		t.Errorf("%v does not name bob", err)
	}
	_, err = d.Lookup(ctx, "carol")
	wantKind(err, mail.NotFound)
	wantKind(d.Add(ctx, []auth.User{{Login: "x", Account: "../x"}}, false), mail.Invalid)
	if err := other.Add(ctx, []auth.User{{Login: "bob", Hash: "new", Account: "zz"}}, true); err != nil {
		t.Fatal(err)
	}
	if u, err := d.Lookup(ctx, "bob"); err != nil || u.Hash != "new" || u.Account != bob.Account {
		t.Error(u, err)
	}
	if err := errors.Join(d.SetHash(ctx, "bob", "h2"), d.SetDisabled(ctx, "bob", true)); err != nil {
		t.Fatal(err)
	}
	if u, err := other.Lookup(ctx, "bob"); err != nil || u.Hash != "h2" || !u.Disabled {
		t.Error(u, err)
	}
	wantKind(d.SetHash(ctx, "nobody", "h"), mail.NotFound)
	wantKind(d.SetDisabled(ctx, "nobody", true), mail.NotFound)
	wantKind(d.Remove(ctx, "nobody"), mail.NotFound)
	if err := d.Remove(ctx, "bob"); err != nil {
		t.Fatal(err)
	}
	_, err = other.Lookup(ctx, "bob")
	wantKind(err, mail.NotFound)
}

func manyUsers(n int) []auth.User {
	users := make([]auth.User, n)
	for i := range users {
		users[i] = auth.User{Login: fmt.Sprintf("user%05d", i), Hash: "{PLAIN}secret"}
	}
	return users
}

func TestDirectoryList(t *testing.T) {
	ctx := context.Background()
	d := openTestDirectory(t, t.TempDir())
	if err := d.Add(ctx, manyUsers(1000), false); err != nil {
		t.Fatal(err)
	}
	n := 0
	err := d.List(ctx, func(u auth.User) error {
		if want := fmt.Sprintf("user%05d", n); u.Login != want {
			t.Fatalf("got %s, want %s", u.Login, want)
		}
		n++
		return nil
	})
	if n != 1000 || err != nil {
		t.Error(n, err)
	}
	stop := errors.New("stop")
	if err := d.List(ctx, func(auth.User) error { return stop }); !errors.Is(err, stop) {
		t.Error(err)
	}
}

func TestDirectoryClosed(t *testing.T) {
	d, err := OpenDirectory(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(d.Close(), d.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Lookup(context.Background(), "x"); mail.KindOf(err) != mail.Unavailable {
		t.Error(err)
	}
	if err := d.SetHash(context.Background(), "x", ""); mail.KindOf(err) != mail.Unavailable {
		t.Error(err)
	}
}

func BenchmarkDirectory(b *testing.B) {
	ctx := context.Background()
	b.Run("Add20000", func(b *testing.B) {
		for b.Loop() {
			if err := openTestDirectory(b, b.TempDir()).Add(ctx, manyUsers(20000), false); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("Lookup", func(b *testing.B) {
		d := openTestDirectory(b, b.TempDir())
		if err := d.Add(ctx, manyUsers(20000), false); err != nil {
			b.Fatal(err)
		}
		b.ReportAllocs()
		for b.Loop() {
			if _, err := d.Lookup(ctx, "user12345"); err != nil {
				b.Fatal(err)
			}
		}
	})
}
