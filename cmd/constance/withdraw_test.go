package main

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/constance-mail/constance/internal/imapd"
	"github.com/constance-mail/constance/internal/mail"
)

// aclOf are the identifiers in the ACL of a user's INBOX.
func aclOf(t *testing.T, dir, user string) (out []string) {
	t.Helper()
	var rows []grantRow
	if err := json.Unmarshal([]byte(ok(t, dir, "", "mailbox", "acl", user, "INBOX", "--json")), &rows); err != nil {
		t.Fatal(err)
	}
	for _, r := range rows {
		out = append(out, r.Identifier)
	}
	return out
}

// sharedAll is a data directory in which alice shares with everybody there is.
func sharedAll(t *testing.T) (dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "data")
	for _, login := range []string{"alice", "bob", "carol", "dave"} {
		ok(t, dir, "secret\n", "user", "add", login)
	}
	for _, words := range [][]string{{"bob", "lr"}, {"carol", "lrs"}, {"dave", "p"}, {"anyone", "p"}, {"group:staff", "lr"},
		{"-bob", "w"}, {"-anyone", "x"}, {"alice", "lr"}} {
		ok(t, dir, "", append([]string{"mailbox", "acl", "alice", "INBOX", "--"}, words...)...)
	}
	ok(t, dir, "", "group", "add", "staff", "bob", "carol")
	return dir
}

// Who gets a login name that somebody else had inherits neither rights nor groups.
func TestNameIsForgotten(t *testing.T) {
	dir := sharedAll(t)
	ok(t, dir, "", "user", "remove", "bob")
	ok(t, dir, "", "user", "rename", "carol", "carola")
	got := aclOf(t, dir, "alice")
	for _, id := range []string{"bob", "carol", "carola"} {
		if slices.Contains(got, id) {
			t.Errorf("%s is in the ACL still: %q", id, got)
		}
	}
	if out := ok(t, dir, "", "group", "list"); strings.Contains(out, "bob") || !strings.Contains(out, "carola") {
		t.Errorf("groups: %q", out)
	}
	ok(t, dir, "secret\n", "user", "add", "bob")
	p := &program{data: dir, getenv: func(string) string { return "" }}
	err := p.with(func(b *backend) error {
		users, err := b.users.Sharers(t.Context(), []string{"bob", "carola"})
		if len(users) > 0 {
			t.Errorf("something is shared with the next one: %v", users)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// The purge finds what no index knows: names that were deleted by IMAP, that give no lookup, that only deny.
func TestPurgeForgetsNames(t *testing.T) {
	dir := sharedAll(t)
	for _, login := range []string{"bob", "carol", "dave"} {
		deleteUser(t, dir, login, time.Now())
	}
	ok(t, dir, "", "purge", "--after", "1000d")
	got := aclOf(t, dir, "alice")
	slices.Sort(got)
	if want := []string{"-anyone", "alice", "anyone", "group:staff"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// The server's own annotations are purged and verified like a user's account, if there are any.
func TestServerAccountIsVisited(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	ok(t, dir, "secret\n", "user", "add", "alice")
	if out := ok(t, dir, "", "verify"); out != "1 accounts, no problem\n" {
		t.Errorf("without annotations: %q", out)
	}
	p := &program{data: dir, getenv: func(string) string { return "" }}
	err := p.with(func(b *backend) error {
		_, err := b.store.Account(imapd.ServerAccount).Annotate(t.Context(), 0, imapd.ServerAccount,
			[]mail.Annotation{{Name: "/shared/comment", Value: "hello"}})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if out := ok(t, dir, "", "verify"); out != "2 accounts, no problem\n" {
		t.Errorf("verify: %q", out)
	}
	var sum purgeSum
	if err := json.Unmarshal([]byte(ok(t, dir, "", "purge", "--json")), &sum); err != nil || sum.Accounts != 2 || sum.Failed != 0 {
		t.Errorf("purge: %+v %v", sum, err)
	}
}
