package main

import (
	"context"
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/constance-mail/constance/internal/mail"
)

func TestGroups(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	ok(t, dir, "secret\n", "user", "add", "alice")
	ok(t, dir, "secret\n", "user", "add", "bob")
	ok(t, dir, "", "group", "add", "Staff", "alice", "bob")
	ok(t, dir, "", "group", "add", "chess", "bob")
	ok(t, dir, "", "group", "remove", "staff", "alice", "nobody")
	var got []memberRow
	if err := json.Unmarshal([]byte(ok(t, dir, "", "group", "list", "--json")), &got); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got, []memberRow{{"chess", "bob"}, {"staff", "bob"}}) {
		t.Errorf("groups %v", got)
	}
	if out := ok(t, dir, "", "group", "list", "chess"); strings.Contains(out, "staff") || !strings.Contains(out, "bob") {
		t.Errorf("list %q", out)
	}
	for _, a := range [][]string{{"group", "add", "staff", "nobody"}, {"group", "add", "a b", "bob"}} {
		if r := call(t, dir, "", a...); r.code != exitFailed {
			t.Errorf("%v: %+v", a, r)
		}
	}
}

func TestMailboxACL(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	ok(t, dir, "secret\n", "user", "add", "alice")
	ok(t, dir, "secret\n", "user", "add", "bob")
	ok(t, dir, "", "user", "add", "--shared", "support")
	acl := func(user string) []grantRow {
		t.Helper()
		var got []grantRow
		if err := json.Unmarshal([]byte(ok(t, dir, "", "mailbox", "acl", user, "INBOX", "--json")), &got); err != nil {
			t.Fatal(err)
		}
		return got
	}
	if got := acl("support"); len(got) != 0 {
		t.Errorf("a new shared account: %v", got)
	}
	for _, words := range [][]string{{"bob", "lrsd"}, {"group:staff", "lr"}, {"bob", "+w"}, {"anyone", "p"}, {"anyone", "none"}} {
		ok(t, dir, "", append([]string{"mailbox", "acl", "support", "INBOX", "--"}, words...)...)
	}
	ok(t, dir, "", "mailbox", "acl", "support", "INBOX", "--", "-bob", "w")
	ok(t, dir, "", "mailbox", "acl", "support", "INBOX", "--", "bob", "-s")
	if got := acl("support"); !slices.Equal(got, []grantRow{{"bob", "lrwte"}, {"group:staff", "lr"}, {"-bob", "w"}}) {
		t.Errorf("got %v", got)
	}
	ok(t, dir, "", "mailbox", "acl", "alice", "INBOX", "alice", "lr")
	if got := acl("alice"); !slices.Equal(got, []grantRow{{"alice", "lrkxa"}}) {
		t.Errorf("got %v", got)
	}
	for _, words := range [][]string{{"nobody", "l"}, {"bob", "q"}, {"bob", ""}, {"bob"}, {"bob", "+"}} {
		if r := call(t, dir, "", append([]string{"mailbox", "acl", "alice", "INBOX"}, words...)...); r.code == 0 {
			t.Errorf("%q: %+v", words, r)
		}
	}
	ok(t, dir, "", "mailbox", "personal", "support", "INBOX", "none")
	if got := ok(t, dir, "", "mailbox", "personal", "support", "INBOX"); !strings.Contains(got, "none") {
		t.Errorf("personal: %q", got)
	}
	if r := call(t, dir, "", "mailbox", "personal", "support", "INBOX", "some"); r.code != exitFailed {
		t.Errorf("%+v", r)
	}
}

// verify writes the index anew: what it lacks comes, what it has too much goes.
func TestVerifySharing(t *testing.T) {
	ctx := context.Background()
	dir := filepath.Join(t.TempDir(), "data")
	ok(t, dir, "secret\n", "user", "add", "alice")
	ok(t, dir, "", "mailbox", "acl", "alice", "INBOX", "anyone", "lr")
	visible := func(identifier string) int {
		t.Helper()
		var n int
		p := &program{data: dir, getenv: func(string) string { return "" }}
		err := p.with(func(b *backend) error {
			users, err := b.users.Sharers(ctx, []string{identifier})
			n = len(users)
			if u, e := b.user(ctx, "alice"); e == nil && err == nil {
				err = b.users.Share(ctx, u.Account, func() ([]string, error) { return []string{"ghost"}, nil })
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if n := visible(mail.Anyone); n != 1 {
		t.Errorf("%d users share with anyone", n)
	}
	if n := visible(mail.Anyone); n != 0 {
		t.Errorf("%d users share with anyone in a damaged index", n)
	}
	ok(t, dir, "", "verify")
	if n := visible("ghost"); n != 0 {
		t.Errorf("%d users share with a ghost", n)
	}
	ok(t, dir, "", "verify", "alice")
	if n := visible(mail.Anyone); n != 1 {
		t.Errorf("%d users share with anyone after verify", n)
	}
}
