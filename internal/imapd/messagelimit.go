package imapd

import (
	"context"
	"errors"
	"strconv"

	"github.com/constance-mail/constance/internal/imap"
	"github.com/constance-mail/constance/internal/mail"
)

// bounded is what the limit on messages made of the command in progress.
type bounded struct {
	lowest mail.UID // of the messages that it works on, if these are not all that it asked for; 0: they are
	looked int      // messages that the mailboxes of an ESEARCH had it look at
}

// messageLimit and saveLimit are what their capabilities announce: one of them at most. RFC 9738 section 3.
func (s *session) messageLimit() string { return strconv.Itoa(s.srv.opts.MessageLimit) }
func (s *session) limitsAll() bool      { return s.srv.opts.MessageLimit > 0 && !s.srv.opts.LimitSaving }
func (s *session) limitsSaving() bool   { return s.srv.opts.MessageLimit > 0 && s.srv.opts.LimitSaving }

// tooMany tells whether n messages are more than a command works on.
func (s *session) tooMany(n int) bool { return s.limitsAll() && n > s.srv.opts.MessageLimit }

// limited are those of a command's messages that it works on: as many as the limit allows, from the highest UID down. The
// answer tells the lowest. RFC 9738 section 3.1.
func (s *session) limited(uids mail.UIDSet) mail.UIDSet {
	if !s.limitsAll() {
		return uids
	}
	n := uids.Len()
	if !s.tooMany(n) {
		return uids
	}
	uids = slice(uids, n-s.srv.opts.MessageLimit, n)
	s.bound.lowest = uids[0].Start
	return uids
}

// copyable refuses a COPY of too many messages: it copies all, or none. The answer tells the lowest UID of as many as the
// limit allows. RFC 9738 section 3.1.
func (s *session) copyable(uids mail.UIDSet) error {
	limit := s.srv.opts.MessageLimit
	if limit == 0 {
		return nil
	}
	if n := uids.Len(); n > limit {
		return s.overLimit(slice(uids, n-limit, n)[0].Start)
	}
	return nil
}

// appendable refuses an APPEND of n messages if these are too many: it appends all, or none. RFC 9738 section 3.1.
func (s *session) appendable(n int) error {
	if limit := s.srv.opts.MessageLimit; limit > 0 && n > limit {
		return s.overLimit(0)
	}
	return nil
}

func (s *session) overLimit(lowest mail.UID) error {
	return refuse(imap.MessageLimitCode(s.srv.opts.MessageLimit, lowest), "too many messages for one command")
}

// bounded is run for no more messages than a FETCH answers for, which are asked. Of CHANGEDSINCE only those count that
// changed. RFC 9738 section 3.1.
func (f *fetcher) bounded(ctx context.Context, uids mail.UIDSet) (found int, asked mail.UIDSet, err error) {
	if since := f.plan.since; since > 0 && f.s.tooMany(uids.Len()) {
		uids = uids.Intersect(where(f.snap, func(p *mail.Page, row int) bool { return p.ModSeqs[row] > since }))
	}
	if asked = f.s.limited(uids); f.plan.since == 0 {
		f.total = asked.Len()
	}
	if f.s.bound.lowest != 0 {
		found, err = f.runDown(ctx, asked)
	} else {
		found, err = f.run(ctx, asked)
	}
	return found, asked, err
}

// runDown is run from the highest UID down, as it has to be where there are more messages. RFC 9738 section 3.1.
func (f *fetcher) runDown(ctx context.Context, uids mail.UIDSet) (found int, err error) {
	f.down = true
	for n := uids.Len(); n > 0; n -= fetchChunk {
		k, err := f.run(ctx, slice(uids, n-fetchChunk, n))
		if found += k; err != nil {
			return found, err
		}
	}
	return found, nil
}

// limitExpunge are the messages that a UID EXPUNGE is about: only those with \Deleted count. RFC 9738 section 3.1.
func (s *session) limitExpunge(ctx context.Context, uids mail.UIDSet) (mail.UIDSet, error) {
	if !s.tooMany(uids.Len()) {
		return uids, nil
	}
	snap, err := s.sel.acct.Snapshot(ctx, s.sel.id)
	if err != nil {
		return nil, err
	}
	deleted := where(snap, func(p *mail.Page, row int) bool { return p.Flags[row]&mail.BitDeleted != 0 })
	return s.limited(uids.Intersect(deleted)), nil
}

// where are the messages of a mailbox with something.
func where(snap *mail.Snapshot, has func(p *mail.Page, row int) bool) (uids mail.UIDSet) {
	for _, p := range snap.Pages {
		for row, u := range p.UIDs {
			if has(p, row) {
				uids.Add(u)
			}
		}
	}
	return uids
}

// limitSearch is a key for no more messages than a SEARCH looks at: those with the highest UIDs that its sets of messages
// leave. RFC 9738 section 3.1.
func (s *session) limitSearch(q *searcher, k imap.SearchKey) imap.SearchKey {
	if s.tooMany(int(q.view.len())) {
		s.limited(q.among(q.view.uids(), &k))
	}
	if s.bound.lowest == 0 {
		return k
	}
	return imap.SearchKey{Op: imap.SearchAnd,
		Keys: []imap.SearchKey{{Op: imap.SearchUIDAfter, N: int64(s.bound.lowest) - 1}, k}}
}

// wholeSearch refuses SORT, THREAD and ESEARCH that would have to look at too many messages: what a part of them gives is
// of no use, or in which mailbox to go on could not be told. RFC 9738 section 3.3.
func (s *session) wholeSearch(q *searcher, k *imap.SearchKey) error {
	if !s.limitsAll() {
		return nil
	}
	if s.bound.looked += q.among(q.view.uids(), k).Len(); s.tooMany(s.bound.looked) {
		return s.overLimit(0)
	}
	return nil
}

// among are those of uids that the sets of messages which a key asks for do not leave out.
func (q *searcher) among(uids mail.UIDSet, k *imap.SearchKey) mail.UIDSet {
	switch k.Op {
	case imap.SearchAnd, imap.SearchFuzzy:
		for i := range k.Keys {
			uids = q.among(uids, &k.Keys[i])
		}
	case imap.SearchSeq, imap.SearchUID:
		return uids.Intersect(q.view.resolve(k.Set, k.Op == imap.SearchUID, q.saved))
	case imap.SearchUIDAfter:
		return uids.Minus(mail.UIDSet{{Start: 1, Stop: mail.UID(k.N)}})
	case imap.SearchUIDBefore:
		return uids.Intersect(mail.UIDSet{{Start: 0, Stop: mail.UID(k.N) - 1}})
	default:
	}
	return uids
}

// tellLimit tells the lowest UID of the messages that a command worked on, which ended with err: by the code of its tagged
// OK, or beside it if there is another one. RFC 9738 section 3.1.
func (s *session) tellLimit(err error) {
	if s.bound.lowest == 0 {
		return
	}
	code := imap.MessageLimitCode(s.srv.opts.MessageLimit, s.bound.lowest)
	if err == nil && len(s.code) == 0 {
		s.okCode([]byte("[" + string(code) + "]"))
		return
	}
	var r *refusal // after what could be done was done
	if err == nil || errors.As(err, &r) && (r.code == imap.CodeExpungeIssued || r.code == imap.CodeUnknownCTE) {
		s.out.buf = imap.AppendCond(s.out.buf, imap.Untagged, imap.NO, code, "there are more messages")
	}
}
