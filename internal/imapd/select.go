package imapd

import (
	"context"

	"github.com/constance-mail/constance/internal/imap"
	"github.com/constance-mail/constance/internal/mail"
	"github.com/constance-mail/constance/internal/wait"
)

// selectMailbox is SELECT and EXAMINE. RFC 9051 sections 6.3.2 and 6.3.3, RFC 7162 sections 3.1.8 and 3.2.5.
func (s *session) selectMailbox(ctx context.Context, c *imap.Select) error {
	if c.QResync != nil && s.features&featQResync == 0 {
		return bad("QRESYNC needs ENABLE QRESYNC") // RFC 7162 section 3.2.5
	}
	if s.sel != nil { // also if what follows fails: RFC 9051 section 6.3.2
		s.deselect()
		s.out.buf = imap.AppendCond(s.out.buf, imap.Untagged, imap.OK, imap.CodeClosed, "previous mailbox closed")
	}
	if c.CondStore || c.QResync != nil {
		s.enable(featCondStore)
	}
	was := s.slot.Enter(wait.StoreRead)
	m, o, err := s.outlineOf(ctx, c)
	s.slot.Enter(was)
	if err != nil {
		return err
	}
	m.readOnly, m.unread, s.sel = c.Examine, o.Snapshot == nil, m
	s.claimRecent(ctx, o.UIDs)
	s.sel.view = newView(o.UIDs)
	s.state = inSelected
	s.tellSelected(o)
	if c.QResync != nil {
		if err := s.resync(ctx, o, c.QResync); err != nil {
			s.deselect()
			return err
		}
	}
	if c.Examine || m.may&changing(o.Mailbox.Personal) == 0 {
		s.okCode([]byte("[" + string(imap.CodeReadOnly) + "]"))
	} else {
		s.okCode([]byte("[" + string(imap.CodeReadWrite) + "]"))
	}
	return nil
}

// outlineOf is a mailbox as it is now, ready to be selected, with what changed since the client knew it. Its told is read
// before: everything up to there is in it.
func (s *session) outlineOf(ctx context.Context, c *imap.Select) (*selected, *mail.Outline, error) {
	at, err := s.place(ctx, c.Mailbox)
	if err != nil {
		return nil, nil, err
	}
	told, err := at.acct.ModSeq(ctx)
	if err != nil {
		return nil, nil, err
	}
	m, err := at.find(ctx, s.needs)
	if err != nil {
		return nil, nil, err
	}
	since := mail.Never
	if c.QResync != nil {
		since = c.QResync.ModSeq
	}
	o, err := at.acct.Outline(ctx, m.box.ID, since)
	if err != nil {
		return nil, nil, err
	}
	upTo := max(told, o.Mailbox.HighestMod)
	return &selected{place: m.place, id: m.box.ID, may: m.may, checked: told, told: upTo, flags: upTo,
		keywords: o.Mailbox.Keywords}, o, nil
}

// readAhead has the snapshot of a mailbox that was selected without it read while the client, which has its answer, does
// nothing: the next command will want it.
func (s *session) readAhead(ctx context.Context) {
	if s.over || s.sel == nil || !s.sel.unread || s.out.flush() != nil {
		return
	}
	s.sel.unread = false
	was := s.slot.Enter(wait.StoreRead)
	_, _ = s.sel.acct.Snapshot(ctx, s.sel.id) // who needs it meets the same error
	s.slot.Enter(was)
}

// deselect leaves the selected state.
func (s *session) deselect() { s.sel, s.state = nil, authenticated }

// tellSelected tells all that SELECT has to. RFC 9051 section 6.3.2, RFC 3501 section 6.3.1.
func (s *session) tellSelected(o *mail.Outline) {
	m := &o.Mailbox
	s.tellFlags()
	s.out.buf = imap.AppendExists(s.out.buf, s.sel.view.len())
	s.tellRecent()
	if n := o.FirstUnseen; n > 0 && s.features&(featRev2|featUIDOnly) == 0 {
		s.tellNumber(imap.CodeUnseen, uint64(n), "first unseen message")
	}
	s.tellNumber(imap.CodeUIDValidity, uint64(m.UIDValidity), "UIDs valid")
	s.tellNumber(imap.CodeUIDNext, uint64(m.UIDNext), "predicted next UID")
	s.tellNumber(imap.CodeHighestModSeq, uint64(m.HighestMod), "highest")
	b := imap.AppendCondStart(s.out.buf, imap.Untagged, imap.OK)
	s.out.buf = imap.AppendText(imap.AppendMailboxIDCode(b, m.ID.ObjectID(s.sel.acct.ID())), "mailbox identifier")
	if s.features&featRev2 != 0 {
		s.out.buf = imap.AppendList(s.out.buf, &imap.ListData{Name: s.sel.full(m.Name), Uses: m.Uses}, s.utf8())
	}
}

func (s *session) tellNumber(code imap.RespCode, n uint64, text string) {
	b := imap.AppendCondStart(s.out.buf, imap.Untagged, imap.OK)
	s.out.buf = imap.AppendText(imap.AppendNumberCode(b, code, n), text)
}

// resync tells a client that knew the mailbox before what is gone and what changed since. RFC 7162 section 3.2.5.
func (s *session) resync(ctx context.Context, o *mail.Outline, q *imap.QResync) error {
	if q.UIDValidity != o.Mailbox.UIDValidity {
		return nil
	}
	was := s.slot.Enter(wait.StoreRead)
	gone, complete, err := s.sel.acct.Vanished(ctx, o.Mailbox.ID, q.ModSeq)
	s.slot.Enter(was)
	if err != nil {
		return err
	}
	if !complete && o.Mailbox.UIDNext > 1 { // all that once was
		gone = mail.UIDSet{{Start: 1, Stop: o.Mailbox.UIDNext - 1}}
		if same := s.matched(q); same > 0 {
			gone = gone.Minus(mail.UIDSet{{Start: 1, Stop: same}})
		}
	}
	gone = gone.Minus(s.sel.view.uids()) // what went since is told later
	changed := mail.UIDSet{{Start: 1, Stop: max(1, s.sel.view.max())}}
	if q.Known != nil {
		gone, changed = gone.Intersect(q.Known), q.Known
	}
	if len(gone) > 0 {
		s.out.buf = imap.AppendVanished(s.out.buf, gone, true)
	}
	return s.tellChanged(o.Changed, changed)
}

// matched is the UID up to which the client's numbers are those of the mailbox: it has missed no expunge below.
// RFC 7162 section 3.2.5.2.
func (s *session) matched(q *imap.QResync) mail.UID {
	same := mail.UID(0)
	uids := make([]mail.UID, 0, min(q.MatchUIDs.Len(), 1000))
	for u := range q.MatchUIDs.All() {
		if uids = append(uids, u); len(uids) == cap(uids) {
			break
		}
	}
	i := 0
	for n := range q.MatchSeqs.All() {
		if i == len(uids) || s.sel.view.uid(uint32(n)) != uids[i] {
			break
		}
		same = uids[i]
		i++
	}
	return same
}

// closeMailbox is CLOSE: it expunges without telling, not even the new ModSeq: changes of others could hide behind it.
// RFC 9051 section 6.4.1, RFC 7162 section 3.2.8.
func (s *session) closeMailbox(ctx context.Context, _ *imap.Close) error {
	m := s.sel
	if err := s.recheck(ctx); err != nil {
		return err
	}
	if !m.readOnly && m.may&mail.RightExpunge != 0 { // RFC 4314 section 4
		var change mail.ModSeq
		err := s.during(ctx, int(m.view.len()), func(ctx context.Context) (err error) {
			_, change, err = m.acct.Expunge(ctx, m.id, nil)
			return err
		})
		if err != nil && mail.KindOf(err) != mail.NotFound {
			return err
		}
		s.made(m.acct, change)
	}
	s.deselect()
	return nil
}

// unselect is UNSELECT. RFC 9051 section 6.4.2.
func (s *session) unselect(context.Context, *imap.Unselect) error {
	s.deselect()
	return nil
}
