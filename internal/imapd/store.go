package imapd

import (
	"context"
	"strconv"

	"github.com/constance-mail/constance/internal/imap"
	"github.com/constance-mail/constance/internal/mail"
)

// store is STORE and UID STORE. RFC 9051 section 6.4.6, RFC 7162 section 3.1.3.
func (s *session) store(ctx context.Context, c *imap.Store) error {
	if c.Conditional {
		s.enable(featCondStore) // RFC 7162 section 3.1
	}
	uids, err := s.sel.messages(c.Set, c.UID)
	if err != nil {
		return err
	}
	if uids = s.limited(uids); len(uids) == 0 {
		return nil
	}
	m, change := s.sel, mail.FlagChange{UIDs: uids, Op: c.Op, Flags: c.Flags, Conditional: c.Conditional,
		UnchangedSince: c.UnchangedSince}
	if err := restrict(&change, m.may); err != nil {
		return err
	}
	var done mail.FlagsChanged
	err = s.during(ctx, uids.Len(), func(ctx context.Context) (err error) {
		done, err = m.acct.SetFlags(ctx, m.id, change)
		return err
	})
	if err != nil {
		return err
	}
	s.made(m.acct, done.ModSeq)
	snap, err := s.sel.acct.Snapshot(ctx, s.sel.id)
	if err != nil { // it is done all the same: what the messages look like is told later
		return s.modified(done.Failed, c.UID)
	}
	s.tellKeywords(snap.Mailbox.Keywords)
	told := uids.Minus(done.Failed)
	switch {
	case c.Silent && s.features&featCondStore == 0:
		told = nil
	case c.Silent:
		told = done.Changed // only their MODSEQ: RFC 7162 section 3.1.3
	}
	found, err := s.tellStored(snap, told, c)
	if err != nil {
		return err
	}
	s.sel.known(done.ModSeq)
	switch {
	case len(done.Failed) > 0:
		return s.modified(done.Failed, c.UID)
	case !c.UID && told != nil && !c.Silent && found < told.Len():
		return refuse(imap.CodeExpungeIssued, "some of the messages are no longer there")
	}
	return nil
}

// tellStored tells the flags, or with .SILENT the ModSeq, of messages that were stored to; found are those still there.
func (s *session) tellStored(snap *mail.Snapshot, uids mail.UIDSet, c *imap.Store) (found int, err error) {
	for _, r := range uids {
		for i, _ := snap.Find(r.Start); i < snap.Len(); i++ {
			p, row := snap.Locate(i)
			first := row
			for ; row < len(p.UIDs) && p.UIDs[row] <= r.Stop; row++ {
				s.appendStored(p, row, c)
			}
			found += row - first
			if err := s.out.flushLarge(); err != nil {
				return found, err
			}
			if row < len(p.UIDs) {
				break
			}
			i += row - first - 1
		}
	}
	return found, nil
}

func (s *session) appendStored(p *mail.Page, row int, c *imap.Store) {
	b := s.appendFetchStart(s.out.buf, s.sel.view.seq(p.UIDs[row]), p.UIDs[row])
	if (c.UID || s.features&featCondStore != 0) && s.features&featUIDOnly == 0 { // RFC 7162 section 3.2.4
		b = strconv.AppendUint(append(b, "UID "...), uint64(p.UIDs[row]), 10)
		b = append(b, ' ')
	}
	if !c.Silent {
		b = append(s.sel.appendFlags(b, p.UIDs[row], p.Flags[row]), ' ')
	}
	if s.features&featCondStore != 0 {
		b = append(appendModSeq(b, p.ModSeqs[row]), ' ')
	}
	s.out.buf = append(b[:len(b)-1], ")\r\n"...)
}

// modified is the answer to a conditional STORE that left messages alone, if it did. RFC 7162 section 3.1.3.
func (s *session) modified(failed mail.UIDSet, uid bool) error {
	if len(failed) == 0 {
		return nil
	}
	if !uid {
		var seqs mail.UIDSet
		s.sel.view.seqRanges(failed, func(first, last uint32) { seqs.AddRange(mail.UID(first), mail.UID(last)) })
		failed = seqs
	}
	s.okCode(imap.AppendModifiedCode(nil, failed))
	return nil
}
