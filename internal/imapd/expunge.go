package imapd

import (
	"context"

	"github.com/constance-mail/constance/internal/imap"
	"github.com/constance-mail/constance/internal/mail"
)

// expunge is EXPUNGE and UID EXPUNGE. What went is told by sync, as for everybody else. RFC 9051 sections 6.4.3 and 6.4.9.
func (s *session) expunge(ctx context.Context, c *imap.Expunge) error {
	var uids mail.UIDSet // nil: all
	if c.UID {
		var err error
		if uids, err = s.sel.messages(c.Set, true); err != nil {
			return err
		}
		if uids, err = s.limitExpunge(ctx, uids); err != nil || len(uids) == 0 {
			return err
		}
	} else if uids = s.sel.view.uids(); len(uids) == 0 {
		return nil
	}
	m := s.sel
	var gone mail.UIDSet
	var modSeq mail.ModSeq
	err := s.during(ctx, uids.Len(), func(ctx context.Context) (err error) {
		gone, modSeq, err = m.acct.Expunge(ctx, m.id, uids)
		return err
	})
	if err != nil {
		return err
	}
	if len(gone) == 0 {
		return s.syncDone(ctx)
	}
	s.made(m.acct, modSeq)
	return s.syncExpunged(ctx, modSeq)
}

// syncExpunged is syncDone for a command that took messages away, by the change modSeq: its tagged OK says from where the
// client can resynchronize. RFC 7162 sections 3.2.7 and 3.2.9, RFC 6851 section 4.4, RFC 8508 section 4.5.
func (s *session) syncExpunged(ctx context.Context, modSeq mail.ModSeq) error {
	if err := s.syncDone(ctx); err != nil {
		return err
	}
	if m := s.sel; s.features&featQResync != 0 && m.told >= modSeq {
		s.okCode(imap.AppendNumberCode(nil, imap.CodeHighestModSeq, uint64(min(modSeq, m.highest()))))
	}
	return nil
}

// vanishedSince tells which of the asked for messages are gone, before the changed ones. RFC 7162 section 3.2.6.
func (s *session) vanishedSince(ctx context.Context, snap *mail.Snapshot, c *imap.Fetch) error {
	asked := c.Set.Resolve(uint32(s.sel.view.max()))
	if c.Set.Saved {
		asked = s.sel.saved
	}
	gone, complete, err := s.sel.acct.Vanished(ctx, s.sel.id, c.ChangedSince)
	if err != nil {
		return err
	}
	if !complete && snap.Mailbox.UIDNext > 1 { // all that once was and is not now
		gone = (mail.UIDSet{{Start: 1, Stop: snap.Mailbox.UIDNext - 1}}).Minus(snap.UIDSet())
	}
	// what has a message number still is told by sync: this response takes no number away (RFC 7162 section 3.2.10.1)
	if gone = gone.Intersect(asked).Minus(s.sel.view.uids()); len(gone) > 0 {
		s.out.buf = imap.AppendVanished(s.out.buf, gone, true)
	}
	return nil
}
