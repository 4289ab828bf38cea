package imapd

import (
	"context"
	"errors"
	"iter"
	"slices"

	"github.com/constance-mail/constance/internal/imap"
	"github.com/constance-mail/constance/internal/mail"
	"github.com/constance-mail/constance/internal/wait"
)

// tell tells all that the client wants to know of what others have done: see sync for expunge.
func (s *session) tell(ctx context.Context, expunge bool) error {
	if err := s.pushNotify(ctx); err != nil {
		return err
	}
	if s.wantsSelected(imap.MessageEvents) {
		if err := s.sync(ctx, expunge); err != nil {
			return err
		}
	}
	return s.pushMetadata(ctx)
}

// sync is syncFlags with the flags if the client wants to hear of them.
func (s *session) sync(ctx context.Context, expunge bool) error {
	return s.syncFlags(ctx, expunge, s.wantsSelected(imap.EventFlagChange))
}

// syncFlags tells the client what has changed in the selected mailbox since it was told last: expunges (if they
// are allowed now, else they are held back and the numbers stay), new messages, flags (or they are told later). It
// asks the account's ModSeq first, which costs next to nothing; only if that moved is the mailbox looked at. A
// mailbox that was deleted loses its messages. RFC 9051 sections 5.2 and 7.5.1.
func (s *session) syncFlags(ctx context.Context, expunge, flags bool) error {
	m := s.sel
	if m == nil {
		return nil
	}
	now, err := m.acct.ModSeq(ctx)
	if err != nil {
		return err
	}
	if now <= m.told && !(expunge && m.held) && !(flags && m.flags < m.told) && !m.behind(now) {
		if m.held {
			s.tellHighest()
		}
		return s.out.flushLarge()
	}
	snap, err := s.lookAtSelected(ctx, now)
	if err != nil {
		return err
	}
	s.tellKeywords(snap.Mailbox.Keywords)
	gone := m.view.missing(snap)
	s.updateGone(gone)
	if expunge {
		s.tellExpunged(gone)
		gone = nil
	}
	delayed := m.held || len(gone) > 0
	if !m.held {
		m.before = m.told
	}
	m.held = len(gone) > 0
	last := m.view.max()
	if err := s.tellArrived(ctx, snap); err != nil {
		return err
	}
	m.told = max(now, snap.Mailbox.HighestMod)
	if flags {
		if err := s.tellChanged(snap.Changed(m.flags), mail.UIDSet{{Start: 1, Stop: last}}); err != nil {
			return err
		}
		m.flags = m.told
	}
	if err := s.updateContexts(ctx, snap); err != nil {
		return err
	}
	if delayed {
		s.tellHighest()
	}
	return nil
}

// syncDone is sync for a command that has made its change. Only the connection's end is an error: a NO would have the client
// do it once more, and what cannot be looked at now is told later.
func (s *session) syncDone(ctx context.Context) error {
	return s.unlessBroken(s.sync(ctx, true))
}

// unlessBroken is the error of a sync, after a change that was made, if it is the connection's end.
func (s *session) unlessBroken(err error) error {
	if errors.As(err, new(*brokenError)) {
		return err
	}
	if err != nil {
		s.srv.opts.Log.Warn("a change is not shown yet", "session", s.id, "user", s.user.Login, "verb", s.verb, "error", err)
	}
	return nil
}

// lookAtSelected is the selected mailbox as of now or later: an empty one if it was deleted, or may be read no more.
// RFC 4314 section 5.1.1.
func (s *session) lookAtSelected(ctx context.Context, now mail.ModSeq) (*mail.Snapshot, error) {
	defer s.slot.Enter(s.slot.Enter(wait.StoreRead))
	m := s.sel
	snap, err := m.acct.Snapshot(ctx, m.id)
	gone := err != nil && mail.KindOf(err) == mail.NotFound
	if err == nil && !m.mine {
		m.checked = now
		s.permit(&snap.Mailbox)
		gone = m.may&mail.RightRead == 0
	}
	if gone {
		return mail.NewSnapshot(mail.Mailbox{ID: m.id, Keywords: m.keywords}, nil), nil
	}
	return snap, err
}

// tellHighest tells from where the client can resynchronize, while expunges are held back and once they were told: it
// may have seen higher ModSeqs than theirs. RFC 7162 sections 3.2 and 6.
func (s *session) tellHighest() {
	if s.features&featQResync != 0 {
		s.tellNumber(imap.CodeHighestModSeq, uint64(s.sel.highest()), "nothing up to here was held back")
	}
}

// tellKeywords tells of the flags of the mailbox if there are others than the client knows. RFC 9051 section 7.3.5.
func (s *session) tellKeywords(keywords []mail.Flag) {
	if slices.Equal(s.sel.keywords, keywords) {
		return
	}
	s.sel.keywords = keywords
	s.tellFlags()
}

// tellFlags tells of the flags of the mailbox. RFC 9051 sections 7.1 (PERMANENTFLAGS) and 7.3.5.
func (s *session) tellFlags() {
	m := s.sel
	flags := slices.Clone(mail.SystemFlags[:])
	used := 0
	for _, k := range m.keywords {
		if k != "" {
			flags = append(flags, k)
			used++
		}
	}
	s.out.buf = imap.AppendFlagsResponse(s.out.buf, flags)
	b := imap.AppendCondStart(s.out.buf, imap.Untagged, imap.OK)
	if m.readOnly {
		b = imap.AppendPermanentFlagsCode(b, nil, false)
	} else { // RFC 4314 section 5.1.1
		more := m.may&mail.RightWrite != 0 && used < mail.MaxKeywords
		b = imap.AppendPermanentFlagsCode(b, permitted(flags, m.may), more)
	}
	s.out.buf = imap.AppendText(b, "flags that can be changed")
}

// tellExpunged tells that messages are gone and takes them out of the view. RFC 9051 section 7.5.1, RFC 7162 section
// 3.2.10.
func (s *session) tellExpunged(gone mail.UIDSet) {
	m := s.sel
	if len(gone) == 0 {
		return
	}
	if s.features&(featQResync|featUIDOnly) != 0 {
		s.out.buf = imap.AppendVanished(s.out.buf, gone, false)
	} else {
		for i := len(gone) - 1; i >= 0; i-- { // from the end, so that the numbers of the others still hold
			for u := gone[i].Stop; u >= gone[i].Start; u-- {
				s.out.buf = imap.AppendExpunge(s.out.buf, m.view.seq(u))
			}
			_ = s.out.flushLarge() // the error sticks and ends the command
		}
	}
	m.view.remove(gone)
}

// tellArrived tells of new messages and adds them to the view. RFC 9051 section 7.4.1, RFC 3501 section 7.3.2.
func (s *session) tellArrived(ctx context.Context, snap *mail.Snapshot) error {
	m := s.sel
	arrived := m.view.arrived(snap)
	if len(arrived) == 0 {
		return nil
	}
	s.claimRecent(ctx, arrived)
	m.view.add(arrived)
	s.out.buf = imap.AppendExists(s.out.buf, m.view.len())
	s.tellRecent()
	return s.fetchArrived(ctx, snap, arrived)
}

// claimRecent makes those of uids \Recent here that are so nowhere else. IMAP4rev2 has no \Recent, and EXAMINE takes
// none. Where it cannot be noted, as on a full disk, nothing is \Recent: that keeps nobody from mail. RFC 3501 section
// 2.3.2.
func (s *session) claimRecent(ctx context.Context, uids mail.UIDSet) {
	m := s.sel
	if m.readOnly || s.features&featRev2 != 0 || len(uids) == 0 {
		return
	}
	first, err := m.acct.ClaimRecent(ctx, m.id)
	switch last := uids[len(uids)-1].Stop; {
	case err == nil && first != 0 && first <= last:
		m.recent.AddRange(first, last)
	case err != nil && mail.KindOf(err) != mail.NotFound: // a mailbox that goes is told at the next sync
		s.srv.opts.Log.Warn("nothing is recent", "session", s.id, "user", s.user.Login, "error", err)
	}
}

func (s *session) tellRecent() {
	if s.features&featRev2 == 0 {
		s.out.buf = imap.AppendRecent(s.out.buf, uint32(s.sel.view.contained(s.sel.recent).Len()))
	}
}

// tellChanged tells the flags of those messages of uids that changed. RFC 9051 section 7.5.2, RFC 7162 section 3.1.4.2.
func (s *session) tellChanged(changed iter.Seq[mail.Mark], uids mail.UIDSet) error {
	for c := range changed {
		n := s.sel.view.seq(c.UID)
		if n == 0 || !uids.Contains(c.UID) {
			continue
		}
		s.appendChanged(c, n)
		if err := s.out.flushLarge(); err != nil {
			return err
		}
	}
	return s.out.flushLarge()
}

func (s *session) appendChanged(c mail.Mark, seq uint32) {
	b := s.appendFetchStart(s.out.buf, seq, c.UID)
	if s.features&featUIDOnly == 0 {
		b = append(imap.AppendFetchUID(b, c.UID), ' ')
	}
	b = s.sel.appendFlags(b, c.UID, c.Flags)
	if s.features&featCondStore != 0 {
		b = imap.AppendFetchModSeq(append(b, ' '), c.ModSeq)
	}
	s.out.buf = imap.AppendFetchEnd(b)
}

// appendFetchStart appends the start of a FETCH response, or of a UIDFETCH response. RFC 9586 section 3.3.
func (s *session) appendFetchStart(b []byte, seq uint32, u mail.UID) []byte {
	if s.features&featUIDOnly != 0 {
		return imap.AppendUIDFetchStart(b, u)
	}
	return imap.AppendFetchStart(b, seq)
}

// appendFlags appends the data item FLAGS of a message.
func (m *selected) appendFlags(b []byte, u mail.UID, flags mail.FlagSet) []byte {
	return imap.AppendFetchFlags(b, flags, m.keywords, len(m.recent) > 0 && m.recent.Contains(u))
}

// messages are the UIDs that a set stands for, as far as the client knows of them. A message number that is not in use
// is the client's mistake; a UID is not. RFC 9051 section 9 (seq-number).
func (m *selected) messages(set imap.NumSet, uid bool) (mail.UIDSet, error) {
	n := m.view.len()
	if !uid && !set.Saved && (set.Max() > n || n == 0) {
		return nil, bad("there is no message with that number")
	}
	return m.view.resolve(set, uid, m.saved), nil
}
