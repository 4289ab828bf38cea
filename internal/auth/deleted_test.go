package auth

import (
	"testing"
	"time"

	"github.com/constance-mail/constance/internal/mail"
)

func TestDeletedLogin(t *testing.T) {
	at := time.Date(2026, 11, 25, 22, 0, 1, 23, time.UTC)
	name := DeletedLogin("alice@example.org", at.In(time.FixedZone("", 3600)))
	if name != "DELETED/alice@example.org/20261125T220001.000000023" {
		t.Error(name)
	}
	login, when, ok := Deleted(name)
	if login != "alice@example.org" || !when.Equal(at) || !ok {
		t.Error(login, when, ok)
	}
	if _, err := CleanLogin(name); err == nil {
		t.Error("one can log in by it")
	}
	for _, other := range []string{"", "alice", "DELETED/", "DELETED/alice", "DELETED/alice/", "DELETED//20261125T220001.000000000",
		"DELETED/alice/yesterday", "deleted/alice/20261125T220001.000000000"} {
		if _, _, ok := Deleted(other); ok {
			t.Errorf("%q is taken for one", other)
		}
	}
}

func TestCheckRenamed(t *testing.T) {
	for _, good := range []string{"alice", "alice@example.org", DeletedLogin("alice", time.Now())} {
		if err := CheckRenamed(good); err != nil {
			t.Error(good, err)
		}
	}
	for _, bad := range []string{"", "Alice", "a b", "a/b", "DELETED/alice", " alice"} {
		if err := CheckRenamed(bad); err == nil || mail.KindOf(err) != mail.Invalid {
			t.Errorf("%q: %v", bad, err)
		}
	}
}
