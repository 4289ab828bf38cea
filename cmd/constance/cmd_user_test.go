package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/constance-mail/constance/internal/auth"
	"github.com/constance-mail/constance/internal/mail"
	"github.com/constance-mail/constance/internal/store/sqlite"
)

// deleteUser does what DELETE of an account does by IMAP, at another time.
func deleteUser(t *testing.T, dir, login string, at time.Time) string {
	t.Helper()
	d, err := sqlite.OpenDirectory(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	kept := auth.DeletedLogin(login, at)
	if err := d.Rename(t.Context(), login, kept); err != nil {
		t.Fatal(err)
	}
	return kept
}

// createWork creates a mailbox Work of a user.
func createWork(t *testing.T, dir, login string) {
	t.Helper()
	d, err := sqlite.OpenDirectory(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	s, err := sqlite.Open(dir, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	u, err := d.Lookup(t.Context(), login)
	if err == nil {
		_, err = s.Account(u.Account).CreateMailbox(t.Context(), "Work", nil)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// mailboxesOf are the mailboxes of a user as the verb lists them.
func mailboxesOf(t *testing.T, dir, login string) string {
	t.Helper()
	return ok(t, dir, "", "mailbox", "list", login)
}

// logins are the names that `user list` has.
func logins(t *testing.T, dir string) string {
	t.Helper()
	var users []userRow
	if err := json.Unmarshal([]byte(ok(t, dir, "", "user", "list", "--json")), &users); err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, u := range users {
		out = append(out, u.Login)
	}
	return strings.Join(out, " ")
}

func TestUserRename(t *testing.T) {
	dir := t.TempDir()
	ok(t, dir, "secret\n", "user", "add", "carol")
	ok(t, dir, "secret\n", "user", "add", "dave")
	createWork(t, dir, "carol")
	ok(t, dir, "", "user", "rename", "Carol", "Carola")
	if got := logins(t, dir); got != "carola dave" {
		t.Error(got)
	}
	if got := mailboxesOf(t, dir, "carola"); !strings.Contains(got, "Work") {
		t.Error(got)
	}
	for _, c := range [][3]string{
		{"carola", "dave", "constance: there is a user dave already\n"},
		{"eve", "eva", "constance: there is no user eve\nconstance: hint: `constance user list` lists all users\n"},
		{"dave", "a b", "constance: login "},
		{"dave", "DELETED/dave/20261125T220001.000000000", "constance: login "},
	} {
		if r := call(t, dir, "", "user", "rename", c[0], c[1]); r.code != exitFailed || !strings.HasPrefix(r.errors, c[2]) {
			t.Errorf("%v: %+v", c, r)
		}
	}
}

// What an administrator deletes by IMAP can be had back, until the purge.
func TestDeletedUser(t *testing.T) {
	dir := t.TempDir()
	for _, login := range []string{"carol", "dave", "erin"} {
		ok(t, dir, "secret\n", "user", "add", login)
		createWork(t, dir, login)
	}
	old, young := time.Now().Add(-15*24*time.Hour), time.Now()
	carol := deleteUser(t, dir, "carol", young)
	dave, erin := deleteUser(t, dir, "dave", old), deleteUser(t, dir, "erin", old)
	d, err := sqlite.OpenDirectory(dir)
	if err != nil {
		t.Fatal(err)
	}
	u, err := d.Lookup(t.Context(), erin)
	if err == nil { // somebody else has the same account
		err = d.Add(t.Context(), []auth.User{{Login: "erika", Account: u.Account}}, false)
	}
	gone, err2 := d.Lookup(t.Context(), dave)
	if err != nil || err2 != nil || d.Close() != nil {
		t.Fatal(err, err2)
	}
	var sum purgeSum
	if err := json.Unmarshal([]byte(ok(t, dir, "", "purge", "--json")), &sum); err != nil || sum.Removed != 1 || sum.Failed != 0 {
		t.Errorf("%+v %v", sum, err)
	}
	if got := logins(t, dir); got != carol+" "+erin+" erika" {
		t.Error(got)
	}
	if got := mailboxesOf(t, dir, "erika"); !strings.Contains(got, "Work") {
		t.Error(got)
	}
	ok(t, dir, "", "user", "rename", carol, "carol")
	if got := mailboxesOf(t, dir, "carol"); !strings.Contains(got, "Work") {
		t.Error(got)
	}
	carol = deleteUser(t, dir, "carol", young)
	ok(t, dir, "", "user", "remove", carol, "--mail")
	if got := logins(t, dir); got != erin+" erika" {
		t.Error(got)
	}
	s, err := sqlite.Open(dir, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := s.Account(gone.Account).Mailbox(t.Context(), "Work"); mail.KindOf(err) != mail.NotFound {
		t.Errorf("the mail is still there: %v", err)
	}
}
