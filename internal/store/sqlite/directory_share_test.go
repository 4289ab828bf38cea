package sqlite

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/constance-mail/constance/internal/auth"
	"github.com/constance-mail/constance/internal/mail"
)

// sharing checks the contract of auth.Sharing.
func sharing(t *testing.T, d, other auth.Directory) {
	ctx := context.Background()
	users := []auth.User{{Login: "bob", Account: "b"}, {Login: "alice", Account: "a"}, {Login: "zoe", Account: "a"},
		{Login: "team", Account: "t", Shared: true}}
	if err := d.Add(ctx, users, false); err != nil {
		t.Fatal(err)
	}
	if u, err := other.Lookup(ctx, "team"); err != nil || !u.Shared {
		t.Error(u, err)
	}
	for _, g := range [][2]string{{"staff", "bob"}, {"all", "bob"}, {"all", "bob"}, {"all", "alice"}} {
		if err := d.SetMember(ctx, g[0], g[1], true); err != nil {
			t.Fatal(err)
		}
	}
	for _, g := range [][2]string{{"", "bob"}, {"a b", "bob"}, {"all", "Bob"}, {"all", ""}} {
		if err := d.SetMember(ctx, g[0], g[1], true); err == nil || mail.KindOf(err) != mail.Invalid {
			t.Errorf("%q: %v", g, err)
		}
	}
	if g, err := other.Groups(ctx, "bob"); err != nil || !slices.Equal(g, []string{"all", "staff"}) {
		t.Error(g, err)
	}
	if err := errors.Join(d.SetMember(ctx, "staff", "bob", false), d.SetMember(ctx, "staff", "alice", false)); err != nil {
		t.Error(err)
	}
	if err := errors.Join(d.Add(ctx, []auth.User{{Login: "eve"}}, false), d.SetMember(ctx, "all", "eve", true),
		d.Remove(ctx, "eve")); err != nil {
		t.Error(err)
	}
	if g, err := other.Groups(ctx, "eve"); err != nil || len(g) > 0 {
		t.Errorf("the groups of one who was removed: %v, %v", g, err)
	}
	var all []string
	stop := errors.New("stop")
	err := d.Members(ctx, func(g, l string) error { all = append(all, g+" "+l); return nil })
	if err != nil || !slices.Equal(all, []string{"all alice", "all bob"}) {
		t.Error(all, err)
	}
	if err := d.Members(ctx, func(string, string) error { return stop }); err != stop {
		t.Error(err)
	}
	share := func(account mail.AccountID, ids ...string) {
		t.Helper()
		if err := d.Share(ctx, account, func() ([]string, error) { return ids, nil }); err != nil {
			t.Fatal(err)
		}
	}
	want := func(want string, ids ...string) {
		t.Helper()
		us, err := other.Sharers(ctx, ids)
		var got []string
		for _, u := range us {
			got = append(got, u.Login)
		}
		if err != nil || strings.Join(got, " ") != want {
			t.Errorf("%v: got %v %v, want %q", ids, got, err, want)
		}
	}
	share("a", "bob", "anyone")
	share("t", "group:all", "bob")
	share("gone", "bob") // an account that no login name opens
	want("alice team", "bob", "anyone")
	want("alice", "anyone", "carol")
	want("team", "group:all")
	want("", "carol")
	share("a", "carol")
	want("team", "bob", "anyone")
	if err := d.Share(ctx, "a", func() ([]string, error) { return nil, stop }); !errors.Is(err, stop) {
		t.Error(err)
	}
	want("alice", "carol")
	share("a")
	want("", "carol")
}

func TestSharing(t *testing.T) {
	dir := t.TempDir()
	sharing(t, openTestDirectory(t, dir), openTestDirectory(t, dir))
	m := auth.NewMemory()
	sharing(t, m, m)
}

// renaming checks the contract of Rename and Logins.
func renaming(t *testing.T, d, other auth.Directory) {
	ctx := context.Background()
	kept := auth.DeletedLogin("bob", time.Unix(1700000000, 5))
	err := errors.Join(
		d.Add(ctx, []auth.User{{Login: "alice", Account: "a", Hash: "h"}, {Login: "bob", Account: "b", Shared: true}}, false),
		d.SetMember(ctx, "staff", "bob", true), d.SetMember(ctx, "all", "bob", true), d.SetMember(ctx, "all", "carol", true),
		d.Share(ctx, "b", func() ([]string, error) { return []string{"alice"}, nil }),
		d.Rename(ctx, "bob", "carol"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		from, to string
		want     mail.Kind
	}{
		{"bob", "dave", mail.NotFound}, {"carol", "alice", mail.Exists}, {"carol", "carol", mail.Exists},
		{"carol", "Dave", mail.Invalid}, {"carol", "a/b", mail.Invalid}, {"carol", "", mail.Invalid},
		{"carol", "DELETED/bob", mail.Invalid},
	} {
		if err := d.Rename(ctx, c.from, c.to); err == nil || mail.KindOf(err) != c.want {
			t.Errorf("%s to %s: %v", c.from, c.to, err)
		}
	}
	look := func(login, groups, sharers, logins string) {
		t.Helper()
		u, err := other.Lookup(ctx, login)
		g, err2 := other.Groups(ctx, login)
		s, err3 := other.Sharers(ctx, []string{"alice"})
		l, err4 := other.Logins(ctx, "b")
		if err := errors.Join(err, err2, err3, err4); err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, u := range s {
			names = append(names, u.Login)
		}
		got := [...]string{strings.Join(g, " "), strings.Join(names, " "), strings.Join(l, " ")}
		if u.Account != "b" || !u.Shared || u.Login != login || got != [...]string{groups, sharers, logins} {
			t.Errorf("%+v %q", u, got)
		}
	}
	look("carol", "all staff", "carol", "carol")
	if err := d.Rename(ctx, "carol", kept); err != nil { // nothing of a deleted account is offered
		t.Fatal(err)
	}
	look(kept, "all staff", "", kept)
	if err := d.Add(ctx, []auth.User{{Login: "zoe", Account: "b", Shared: true}}, false); err != nil {
		t.Fatal(err)
	}
	look("zoe", "", "zoe", kept+" zoe")
	if err := d.Rename(ctx, kept, "carol"); err != nil {
		t.Fatal(err)
	}
	look("carol", "all staff", "carol", "carol zoe")
	if l, err := d.Logins(ctx, "nobody's"); err != nil || len(l) != 0 {
		t.Error(l, err)
	}
}

func TestRenaming(t *testing.T) {
	dir := t.TempDir()
	renaming(t, openTestDirectory(t, dir), openTestDirectory(t, dir))
	m := auth.NewMemory()
	renaming(t, m, m)
}

// A directory of the first version gets what it lacks, and keeps its users.
func TestDirectoryMigration(t *testing.T) {
	dir := t.TempDir()
	all := directoryMigrations
	directoryMigrations = all[:1]
	d, err := OpenDirectory(dir)
	if err == nil {
		err = d.(*directory).write(t.Context(), "add", "", func(c *conn) error {
			return c.exec("INSERT INTO user VALUES ('alice', 'a', 'h', 0)")
		})
	}
	directoryMigrations = all
	if err = errors.Join(err, d.Close()); err != nil {
		t.Fatal(err)
	}
	u, err := openTestDirectory(t, dir).Lookup(t.Context(), "alice")
	if err != nil || u != (auth.User{Login: "alice", Account: "a", Hash: "h"}) {
		t.Error(u, err)
	}
	directoryMigrations = all[:1]
	defer func() { directoryMigrations = all }()
	if _, err := OpenDirectory(dir); err == nil {
		t.Error("an older program opens a newer directory")
	}
}

// What is visible is found by indexes: no step of the plan looks at all rows of a table.
func TestSharersPlan(t *testing.T) {
	d := openTestDirectory(t, t.TempDir()).(*directory)
	for _, q := range []string{sharersQuery, "SELECT grp FROM member WHERE login = ? ORDER BY grp",
		"SELECT login FROM user WHERE account = ? ORDER BY login",
		"DELETE FROM share WHERE account = ?"} {
		err := d.read(t.Context(), func(c *conn) error {
			s, err := c.prep("EXPLAIN QUERY PLAN " + q)
			if err != nil {
				return err
			}
			return s.text(1, "x").each(func() error {
				if step := s.ColumnText(3); strings.Contains(step, "SCAN") {
					t.Errorf("%s: %s", q, step)
				}
				return nil
			})
		})
		if err != nil {
			t.Error(err)
		}
	}
}

// BenchmarkSharers looks for what is visible to somebody among many accounts: 20 of them share with him.
func BenchmarkSharers(b *testing.B) {
	for _, n := range []int{1000, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			ctx := context.Background()
			d := openTestDirectory(b, b.TempDir()).(*directory)
			users := make([]auth.User, n)
			for i := range users {
				users[i] = auth.User{Login: fmt.Sprintf("user%d", i), Account: mail.AccountID(fmt.Sprintf("a%d", i))}
			}
			if err := d.Add(ctx, users, false); err != nil {
				b.Fatal(err)
			}
			err := d.write(ctx, "share", "", func(c *conn) error {
				return c.exec(fmt.Sprintf(`INSERT INTO share SELECT 'user' || (rowid * 7919 %% %d), account FROM
					(SELECT row_number() OVER () AS rowid, account FROM user)`, n))
			})
			if err != nil {
				b.Fatal(err)
			}
			for i := range 20 {
				id := users[i*(n/20)].Account
				if err := d.Share(ctx, id, func() ([]string, error) { return []string{"bob"}, nil }); err != nil {
					b.Fatal(err)
				}
			}
			for b.Loop() {
				got, err := d.Sharers(ctx, []string{"bob", mail.Anyone, "group:staff"})
				if err != nil || len(got) != 20 {
					b.Fatal(len(got), err)
				}
			}
		})
	}
}
