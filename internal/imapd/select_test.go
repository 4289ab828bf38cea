package imapd

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/constance-mail/constance/internal/mail"
)

// outlineStore tells of mailboxes without their snapshots, as a store does with a large one, and when one is read.
type outlineStore struct {
	mail.Store
	read           chan mail.MailboxID
	beforeVanished func()
}

func (s *outlineStore) Account(id mail.AccountID) mail.Account {
	return &outlineAccount{s.Store.Account(id), s}
}

type outlineAccount struct {
	mail.Account
	s *outlineStore
}

func (a *outlineAccount) Outline(ctx context.Context, m mail.MailboxID, since mail.ModSeq) (*mail.Outline, error) {
	o, err := a.Account.Outline(ctx, m, since)
	if err == nil {
		o.Snapshot = nil
	}
	return o, err
}

func (a *outlineAccount) Snapshot(ctx context.Context, m mail.MailboxID) (*mail.Snapshot, error) {
	a.s.read <- m
	return a.Account.Snapshot(ctx, m)
}

func (a *outlineAccount) Vanished(ctx context.Context, m mail.MailboxID, since mail.ModSeq) (mail.UIDSet, bool, error) {
	if a.s.beforeVanished != nil {
		a.s.beforeVanished()
	}
	return a.Account.Vanished(ctx, m, since)
}

func TestSnapshotAfterSelect(t *testing.T) {
	store := &outlineStore{read: make(chan mail.MailboxID)}
	s := startServer(t, func(o *Options) { store.Store = o.Store; o.Store = store })
	s.deliver("alice", "INBOX")
	k := s.login("alice")
	k.send("a SELECT INBOX\r\n")
	k.until("a") // while nobody has taken the snapshot's word: the answer is there first
	if m := <-store.read; m != 1 {
		t.Errorf("the snapshot of mailbox %d was read", m)
	}
	k.do("NOOP")
	k.send("b UNSELECT\r\nc SELECT INBOX\r\nd LOGOUT\r\n") // nothing more is wanted of it
	k.until("d")
	k.Close()
	<-s.ends
}

// QRESYNC tells what changed before the snapshot is read. What goes meanwhile is told as gone from the mailbox that was
// selected, not as gone before.
func TestResyncBeforeSnapshot(t *testing.T) {
	store := &outlineStore{read: make(chan mail.MailboxID, 9)}
	s := startServer(t, func(o *Options) { store.Store = o.Store; o.Store = store })
	for range 3 {
		s.deliver("alice", "INBOX")
	}
	k := s.login("alice")
	k.do("ENABLE QRESYNC")
	selected := strings.Join(k.do("EXAMINE INBOX"), " ")
	_, validity, _ := strings.Cut(selected, "[UIDVALIDITY ")
	_, highest, _ := strings.Cut(selected, "[HIGHESTMODSEQ ")
	validity, _, _ = strings.Cut(validity, "]")
	highest, _, _ = strings.Cut(highest, "]")
	other := s.login("alice")
	other.do("SELECT INBOX")
	other.do("STORE 1,3 +FLAGS (\\Deleted)")
	other.do("UID EXPUNGE 1")
	store.beforeVanished = func() { other.do("UID EXPUNGE 3") }
	<-store.read // that of EXAMINE
	for len(store.read) > 0 {
		<-store.read
	}
	got := k.do("SELECT INBOX (QRESYNC (" + validity + " " + highest + "))")
	if !slices.Contains(got, "* 2 EXISTS") || !slices.Contains(got, "* VANISHED (EARLIER) 1") {
		t.Errorf("%q", got)
	}
	if !slices.ContainsFunc(got, func(l string) bool { return strings.HasPrefix(l, "* 2 FETCH (UID 3 FLAGS (\\Deleted") }) {
		t.Errorf("no flags of what had changed: %q", got)
	}
	if !slices.Contains(got, "* VANISHED 3") {
		t.Errorf("what went meanwhile is not told: %q", got)
	}
}
