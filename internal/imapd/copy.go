package imapd

import (
	"context"

	"github.com/constance-mail/constance/internal/imap"
	"github.com/constance-mail/constance/internal/mail"
)

// copy is COPY and UID COPY. RFC 9051 section 6.4.7.
func (s *session) copy(ctx context.Context, c *imap.Copy) error {
	uids, target, err := s.transfer(ctx, c.Set, c.UID, c.Mailbox)
	if err != nil {
		return err
	}
	if err := s.copyable(uids); err != nil {
		return err
	}
	done := mail.Copied{}
	err = s.during(ctx, uids.Len(), func(ctx context.Context) (err error) {
		done, err = s.copyTo(ctx, uids, target)
		return err
	})
	if err != nil {
		return err
	}
	s.made(target.acct, done.ModSeq)
	if len(done.To) > 0 && target.discloses() {
		s.okCode(imap.AppendCopyUIDCode(nil, done.UIDValidity, done.From, done.To))
	}
	return nil // some may be gone: a NO would say that nothing was copied (RFC 9051 section 6.4.7)
}

// move is MOVE and UID MOVE. COPYUID goes out before the originals go, as an untagged OK. RFC 6851 section 4.3.
func (s *session) move(ctx context.Context, c *imap.Move) error {
	uids, target, err := s.transfer(ctx, c.Set, c.UID, c.Mailbox)
	if err != nil {
		return err
	}
	uids = s.limited(uids)
	done, gone := mail.Copied{}, mail.ModSeq(0)
	err = s.during(ctx, uids.Len(), func(ctx context.Context) (err error) {
		done, gone, err = s.moveTo(ctx, uids, target)
		return err
	})
	if err != nil {
		return err
	}
	if len(done.To) == 0 {
		return nil
	}
	if target.discloses() {
		b := imap.AppendCondStart(s.out.buf, imap.Untagged, imap.OK)
		b = imap.AppendCopyUIDCode(b, done.UIDValidity, done.From, done.To)
		s.out.buf = imap.AppendText(b, "moved")
	}
	s.made(target.acct, done.ModSeq)
	s.made(s.sel.acct, gone)
	return s.syncExpunged(ctx, gone)
}

// transfer finds the messages and the target of COPY and MOVE. A target that is not there could be created: TRYCREATE.
func (s *session) transfer(ctx context.Context, set imap.NumSet, uid bool, name string) (
	uids mail.UIDSet, target found, err error) {
	if uids, err = s.sel.messages(set, uid); err != nil {
		return nil, target, err
	}
	target, err = s.find(ctx, name)
	if mail.KindOf(err) == mail.NotFound && err != nil {
		return nil, target, refuse(imap.CodeTryCreate, "no such mailbox")
	}
	return uids, target, err
}
