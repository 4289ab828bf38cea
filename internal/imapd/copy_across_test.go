package imapd

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/constance-mail/constance/internal/auth"
	"github.com/constance-mail/constance/internal/mail"
)

// appendMany puts n small messages into INBOX.
func appendMany(k *client, n int) {
	k.t.Helper()
	for i := 0; i < n; i += 100 {
		c := "APPEND INBOX"
		for j := i; j < min(n, i+100); j++ {
			m := fmt.Sprintf("Subject: %d\r\n\r\nbody\r\n", j)
			c += fmt.Sprintf(" (\\Flagged) {%d+}\r\n%s", len(m), m)
		}
		k.do(c)
	}
}

// COPY to another account carries more than one chunk, in order.
func TestCopyAcross(t *testing.T) {
	s, _, _ := sharingServer(t, 10)
	owner, k := s.login("u1"), s.login("u7")
	appendMany(owner, 2*acrossMessages+50)
	k.do(`SELECT "Other Users/u1"`)
	out := strings.Join(k.do("UID COPY 2:* INBOX"), "")
	if want := fmt.Sprintf(" 2:%d 1:%d]", 2*acrossMessages+50, 2*acrossMessages+49); !strings.Contains(out, want) {
		t.Errorf("got %s, want %s", out, want)
	}
	k.do("EXAMINE INBOX")
	out = strings.Join(k.do("FETCH 1,400 (FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)])"), "\n")
	if !strings.Contains(out, "Subject: 1\n") || !strings.Contains(out, "Subject: 400\n") || strings.Count(out, `\Flagged`) != 2 {
		t.Errorf("got %s", out)
	}
}

// A COPY or MOVE that fails on its way leaves nothing in the target, and everything where it was.
func TestCopyAcrossAllOrNone(t *testing.T) {
	s, _, _ := sharingServer(t, 10)
	owner, k := s.login("u1"), s.login("u7")
	appendMany(owner, acrossMessages+50)
	owner.do("SETACL INBOX u7 lrte")
	acct := s.store.Account("u7")
	if err := acct.SetQuota(t.Context(), mail.Quota{Messages: acrossMessages + 20}); err != nil {
		t.Fatal(err)
	}
	k.do(`SELECT "Other Users/u1"`)
	for _, c := range []string{"UID COPY 1:* INBOX", "UID MOVE 1:* INBOX"} {
		out := k.cmd(c)
		if last := out[len(out)-1]; !strings.HasPrefix(last, "NO [OVERQUOTA]") {
			t.Errorf("%s: %s", c, last)
		}
		if box, err := acct.Mailbox(t.Context(), "INBOX"); err != nil || box.Messages != 0 {
			t.Errorf("%s leaves %d messages, %v", c, box.Messages, err)
		}
		if box, err := s.store.Account("u1").Mailbox(t.Context(), "INBOX"); err != nil || box.Messages != acrossMessages+50 {
			t.Errorf("%s leaves %d originals, %v", c, box.Messages, err)
		}
	}
}

// hookedStore calls a function behind each Append and each change of flags.
type hookedStore struct {
	mail.Store
	then func()
}

func (h *hookedStore) Account(id mail.AccountID) mail.Account {
	return &hookedAccount{h.Store.Account(id), h}
}

type hookedAccount struct {
	mail.Account
	hook *hookedStore
}

func (a *hookedAccount) As(viewer mail.AccountID) mail.Account {
	return &hookedAccount{a.Account.As(viewer), a.hook}
}

func (a *hookedAccount) Append(ctx context.Context, box mail.MailboxID, m []mail.NewMessage) (mail.Appended, error) {
	done, err := a.Account.Append(ctx, box, m)
	a.hook.then()
	return done, err
}

func (a *hookedAccount) SetFlags(ctx context.Context, box mail.MailboxID, c mail.FlagChange) (mail.FlagsChanged, error) {
	done, err := a.Account.SetFlags(ctx, box, c)
	a.hook.then()
	return done, err
}

// A STORE that is done is answered OK, also if nobody can look at the messages any more.
func TestShutdownBehindStore(t *testing.T) {
	hook := &hookedStore{then: func() {}}
	s := startServer(t, func(o *Options) { hook.Store = o.Store; o.Store = hook })
	k := s.login("u1")
	appendMany(k, 1)
	k.do("SELECT INBOX")
	hook.then = s.cancel
	out := k.cmd("STORE 1 +FLAGS (k1)")
	if last := out[len(out)-1]; !strings.HasPrefix(last, "OK") {
		t.Errorf("STORE: %s", last)
	}
}

// A shutdown while a message is on its way to another account leaves it in one place, and the client knows in which.
func TestShutdownAcross(t *testing.T) {
	for _, c := range []string{"UID MOVE 1 INBOX", "UID REPLACE 1 INBOX {18+}\r\nSubject: x\r\n\r\nbody"} {
		hook := &hookedStore{then: func() {}}
		d := auth.NewMemory()
		if err := d.Add(t.Context(), []auth.User{{Login: "u1", Account: "u1"}, {Login: "u7", Account: "u7"}}, false); err != nil {
			t.Fatal(err)
		}
		s := startServer(t, func(o *Options) {
			hook.Store = o.Store
			o.Store, o.Sharing = hook, Sharing{Directory: d, Others: "Other Users"}
		})
		owner, k := s.login("u1"), s.login("u7")
		appendMany(owner, 1)
		owner.do("SETACL INBOX u7 lrte")
		owner.do("LOGOUT")
		k.do(`SELECT "Other Users/u1"`)
		hook.then = s.cancel
		out := k.cmd(c)
		if last := out[len(out)-1]; !strings.HasPrefix(last, "OK") {
			t.Errorf("%s: %s", c, last)
		}
		for who, want := range map[mail.AccountID]uint32{"u1": 0, "u7": 1} {
			if box, err := s.store.Account(who).Mailbox(t.Context(), "INBOX"); err != nil || box.Messages != want {
				t.Errorf("%s: %s has %d messages, %v", c, who, box.Messages, err)
			}
		}
	}
}
