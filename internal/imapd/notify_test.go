package imapd

import (
	"testing"

	"github.com/constance-mail/constance/internal/imap"
	"github.com/constance-mail/constance/internal/mail"
)

// RFC 5465 sections 5.1 to 5.3.
func TestChangedItems(t *testing.T) {
	const (
		both   = imap.EventMessageNew | imap.EventMessageExpunge
		counts = imap.StatusMessages | imap.StatusUIDNext | imap.StatusUIDValidity
	)
	before := notifiedBox{validity: 1, next: 5, messages: 4, unseen: 2, highest: 9}
	same := mail.Mailbox{UIDValidity: 1, UIDNext: 5, Messages: 4, Unseen: 2, HighestMod: 9}
	changed := func(f func(*mail.Mailbox)) mail.Mailbox { m := same; f(&m); return m }
	arrived := changed(func(m *mail.Mailbox) { m.UIDNext, m.Messages, m.HighestMod = 6, 5, 10 })
	flagged := changed(func(m *mail.Mailbox) { m.HighestMod = 10 })
	for _, c := range []struct {
		box      mail.Mailbox
		events   imap.Events
		features features
		want     imap.StatusItems
	}{
		{same, both | imap.EventFlagChange, featCondStore, 0},
		{arrived, 0, featCondStore, 0},
		{arrived, both, 0, counts},
		{arrived, both, featCondStore, counts | imap.StatusHighestModSeq},
		{changed(func(m *mail.Mailbox) { m.Messages = 3 }), both, 0, counts},
		{flagged, both, featCondStore, 0},
		{flagged, both | imap.EventFlagChange, 0, 0},
		{flagged, both | imap.EventFlagChange, featCondStore, imap.StatusHighestModSeq | imap.StatusUIDValidity},
		{changed(func(m *mail.Mailbox) { m.Unseen = 1 }), both | imap.EventFlagChange, 0,
			imap.StatusUnseen | imap.StatusUIDValidity},
		{changed(func(m *mail.Mailbox) { m.UIDValidity = 2 }), both | imap.EventFlagChange, 0,
			imap.StatusUnseen | imap.StatusUIDValidity},
	} {
		s := &session{}
		s.features = c.features
		if got := s.changedItems(&c.box, &before, c.events); got != c.want {
			t.Errorf("%+v events %b features %b: got %b, want %b", c.box, c.events, c.features, got, c.want)
		}
	}
}

// What one change brought is not told as another's.
func TestWithout(t *testing.T) {
	page := &mail.Page{UIDs: []mail.UID{3, 4, 5, 9}, ModSeqs: []mail.ModSeq{1, 7, 7, 8}}
	snap := mail.NewSnapshot(mail.Mailbox{}, []*mail.Page{page})
	if got := without(snap, mail.UIDSet{{Start: 4, Stop: 9}}, 7).String(); got != "9" {
		t.Errorf("got %s", got)
	}
	if got := without(snap, mail.UIDSet{{Start: 3, Stop: 3}, {Start: 5, Stop: 5}}, 0).String(); got != "3,5" {
		t.Errorf("got %s", got)
	}
}
