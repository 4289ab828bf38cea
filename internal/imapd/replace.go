package imapd

import (
	"context"

	"github.com/constance-mail/constance/internal/imap"
	"github.com/constance-mail/constance/internal/mail"
	"github.com/constance-mail/constance/internal/wait"
)

// replace is REPLACE and UID REPLACE: the new message comes and the old one goes in one step. APPENDUID goes
// out before the old one goes, as an untagged OK. RFC 8508 sections 3.4 and 4.3.
func (s *session) replace(ctx context.Context, c *imap.Replace) error {
	a := appender{s: s, c: &c.To}
	defer a.close()
	old, err := s.replaced(c)
	if err != nil {
		return a.passOver(err)
	}
	if err := a.receive(ctx); err != nil {
		return err
	}
	was := s.slot.Enter(wait.StoreWrite)
	done, err := s.put(ctx, old, &a)
	s.slot.Enter(was)
	switch {
	case err != nil && mail.KindOf(err) == mail.NotFound:
		return refuse(imap.CodeTryCreate, "no such mailbox")
	case err != nil && mail.KindOf(err) == mail.Conflict:
		return refuse(imap.CodeExpungeIssued, "the message to be replaced is no longer there")
	case err != nil:
		return err
	}
	if a.target.discloses() {
		b := imap.AppendCondStart(s.out.buf, imap.Untagged, imap.OK)
		b = imap.AppendAppendUIDCode(b, done.UIDValidity, mail.SetOf(done.UIDs...))
		s.out.buf = imap.AppendText(b, "replaced")
	}
	s.made(s.sel.acct, done.ModSeq)
	return s.syncExpunged(ctx, done.ModSeq)
}

// replaced is the message that is to go.
func (s *session) replaced(c *imap.Replace) (mail.UID, error) {
	uids, err := s.sel.messages(c.Set, c.UID)
	switch {
	case err != nil:
		return 0, err
	case len(uids) == 0:
		return 0, refuse(imap.CodeExpungeIssued, "there is no such message") // RFC 5530 section 3
	}
	return uids[0].Start, nil
}

// put replaces a message; the ModSeq is that of the old one's account. Between two accounts there is no one step: the new
// message is there before the old one goes.
func (s *session) put(ctx context.Context, old mail.UID, a *appender) (mail.Appended, error) {
	from, to := s.sel, a.target
	if from.acct.ID() == to.acct.ID() {
		return to.acct.Replace(ctx, mail.Replacement{Mailbox: from.id, UID: old, To: to.box.ID, Message: a.msgs[0]})
	}
	done, err := to.acct.Append(ctx, to.box.ID, a.msgs)
	if err != nil {
		return done, err
	}
	s.made(to.acct, done.ModSeq)
	done.ModSeq, err = expungeUIDs(context.WithoutCancel(ctx), from.acct, from.id, mail.SetOf(old))
	return done, err
}
