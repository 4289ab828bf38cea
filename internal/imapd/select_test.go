package imapd

import (
	"context"
	"testing"

	"github.com/constance-mail/constance/internal/mail"
)

// outlineStore tells of mailboxes without their snapshots, as a store does with a large one, and when one is read.
type outlineStore struct {
	mail.Store
	read chan mail.MailboxID
}

func (s *outlineStore) Account(id mail.AccountID) mail.Account {
	return &outlineAccount{s.Store.Account(id), s}
}

type outlineAccount struct {
	mail.Account
	s *outlineStore
}

func (a *outlineAccount) Outline(ctx context.Context, m mail.MailboxID) (*mail.Outline, error) {
	o, err := a.Account.Outline(ctx, m)
	if err == nil {
		o.Snapshot = nil
	}
	return o, err
}

func (a *outlineAccount) Snapshot(ctx context.Context, m mail.MailboxID) (*mail.Snapshot, error) {
	a.s.read <- m
	return a.Account.Snapshot(ctx, m)
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

// QRESYNC tells what changed, so it takes the snapshot and the outline of it.
func TestResyncReadsSnapshot(t *testing.T) {
	store := &outlineStore{read: make(chan mail.MailboxID, 9)}
	s := startServer(t, func(o *Options) { store.Store = o.Store; o.Store = store })
	s.deliver("alice", "INBOX")
	k := s.login("alice")
	k.do("ENABLE QRESYNC")
	k.do("SELECT INBOX (QRESYNC (1 1))")
	if n := len(store.read); n != 1 {
		t.Errorf("%d snapshots were read", n)
	}
}
