package imapd

import (
	"strconv"

	"github.com/constance-mail/constance/internal/imap"
	"github.com/constance-mail/constance/internal/mail"
)

// results are what a search found, in the order that was asked for.
type results struct {
	q     *searcher // nil if only their numbers are told
	view  *view     // what these are
	set   mail.UIDSet
	order []mail.UID // as SORT puts set; nil: as in the mailbox
	// scores are those of the results, in their order; nil if nobody asked. RFC 6203 section 4.
	scores []uint8
	// modSeq: a key asked for MODSEQ, which has the answer tell one too. RFC 7162 section 3.1.5.
	modSeq bool
}

// results are what the search has found, sorted if order is not nil.
func (q *searcher) results(c *imap.Search, order []mail.UID) *results {
	return &results{q: q, view: q.view, set: q.found.UIDs, order: order, scores: q.scoresIn(order),
		modSeq: c.Key.Has(imap.SearchModSeq) && len(q.found.UIDs) > 0}
}

// first and last are ends of the results, which are not empty.
func (r *results) first() mail.UID {
	if r.order != nil {
		return r.order[0]
	}
	return r.set[0].Start
}

func (r *results) last() mail.UID {
	if r.order != nil {
		return r.order[len(r.order)-1]
	}
	return r.set[len(r.set)-1].Stop
}

// window is a run of the results.
func (r *results) window(w imap.Window) *results {
	from, to := w.Of(r.set.Len())
	if r.order == nil {
		return &results{view: r.view, set: slice(r.set, from, to)}
	}
	order := r.order[from:to]
	return &results{view: r.view, order: order, set: mail.SetOf(order...)}
}

// slice are the members of a set with the places from up to but without to, counted from 0.
func slice(s mail.UIDSet, from, to int) mail.UIDSet {
	var out mail.UIDSet
	at := 0
	for _, r := range s {
		n := int(r.Stop-r.Start) + 1
		if low, high := max(from-at, 0), min(to-at, n); low < high {
			out.AddRange(r.Start+mail.UID(low), r.Start+mail.UID(high-1))
		}
		at += n
	}
	return out
}

// named are the results that the answer names, or all if it tells how many there are: what "$" stands for then, and
// what MODSEQ is about. RFC 5182 section 2.4, RFC 7162 section 3.1.10, RFC 9394 section 3.2.
func (r *results) named(c *imap.Search) mail.UIDSet {
	const some = imap.ReturnMin | imap.ReturnMax | imap.ReturnPartial
	if len(r.set) == 0 || c.Return&(imap.ReturnAll|imap.ReturnCount) != 0 || c.Return&some == 0 {
		return r.set
	}
	var out mail.UIDSet
	if c.Return&imap.ReturnPartial != 0 {
		out = r.window(c.Partial).set
	}
	if c.Return&imap.ReturnMin != 0 {
		out.Add(r.first())
	}
	if c.Return&imap.ReturnMax != 0 {
		out.Add(r.last())
	}
	return out
}

// highest is the highest ModSeq of the results that the answer names.
func (r *results) highest(c *imap.Search) mail.ModSeq {
	named := r.named(c)
	if named.Len() == r.set.Len() {
		return r.q.found.Highest
	}
	var m mail.ModSeq
	for u := range named.All() {
		if i, ok := r.q.in.Snapshot.Find(u); ok {
			p, row := r.q.in.Snapshot.Locate(i)
			m = max(m, p.ModSeqs[row])
		}
	}
	return m
}

// tellNumbers answers with one number after the other. RFC 3501 section 7.2.5, RFC 5256 section 4, RFC 7162 sections
// 3.1.5 and 3.1.9.
func (s *session) tellNumbers(word string, c *imap.Search, r *results) error {
	s.out.buf = append(s.out.buf, word...)
	write := func(first, last uint32) {
		for n := uint64(first); n <= uint64(last); n++ {
			s.out.buf = strconv.AppendUint(append(s.out.buf, ' '), n, 10)
			_ = s.out.flushLarge() // the error sticks and ends the command
		}
	}
	r.runs(c.UID, write)
	if r.modSeq {
		s.out.buf = strconv.AppendUint(append(s.out.buf, " (MODSEQ "...), uint64(r.highest(c)), 10)
		s.out.buf = append(s.out.buf, ')')
	}
	s.out.buf = append(s.out.buf, "\r\n"...)
	return s.out.flushLarge()
}

// runs yields the results, as UIDs or message numbers, in their order as ascending runs.
func (r *results) runs(uid bool, yield func(first, last uint32)) {
	number := r.numbers(uid)
	if r.order == nil {
		if !uid {
			r.view.seqRanges(r.set, yield)
			return
		}
		for _, u := range r.set {
			yield(uint32(u.Start), uint32(u.Stop))
		}
		return
	}
	for i := 0; i < len(r.order); {
		first := number(r.order[i])
		last := first
		for i++; i < len(r.order) && number(r.order[i]) == last+1; i++ {
			last++
		}
		yield(first, last)
	}
}

// numbers is how a result is named: by UID or by message number.
func (r *results) numbers(uid bool) func(u mail.UID) uint32 {
	if uid {
		return func(u mail.UID) uint32 { return uint32(u) }
	}
	return r.view.seq
}

// tellESearch is the extended answer. RFC 9051 section 7.3.4, RFC 4731 section 3, RFC 5267 section 3, RFC 7162 section
// 3.1.10, RFC 9394 section 3.1.
func (s *session) tellESearch(c *imap.Search, r *results) error {
	if c.Extended && c.Return == imap.ReturnSave {
		return nil // nothing is answered: RFC 5182 section 2.1
	}
	s.out.buf = appendESearchStart(s.out.buf, s.tag, c.UID)
	return s.tellResults(c, r)
}

// tellResults ends an ESEARCH response with what was asked for of the results.
func (s *session) tellResults(c *imap.Search, r *results) error {
	want := c.Return
	if want&^imap.ReturnSave == 0 {
		want = imap.ReturnAll
	}
	number := r.numbers(c.UID)
	some := len(r.set) > 0
	if want&imap.ReturnMin != 0 && some {
		s.out.buf = strconv.AppendUint(append(s.out.buf, " MIN "...), uint64(number(r.first())), 10)
	}
	if want&imap.ReturnMax != 0 && some {
		s.out.buf = strconv.AppendUint(append(s.out.buf, " MAX "...), uint64(number(r.last())), 10)
	}
	if want&imap.ReturnAll != 0 && some {
		s.out.buf = append(s.out.buf, " ALL "...)
		s.tellSet(c, r)
	}
	if want&imap.ReturnPartial != 0 {
		s.tellWindow(c, r)
	}
	if want&imap.ReturnRelevancy != 0 {
		s.tellRelevancy(c, r)
	}
	if want&imap.ReturnCount != 0 {
		s.out.buf = strconv.AppendInt(append(s.out.buf, " COUNT "...), int64(r.set.Len()), 10)
	}
	if r.modSeq {
		s.out.buf = strconv.AppendUint(append(s.out.buf, " MODSEQ "...), uint64(r.highest(c)), 10)
	}
	s.out.buf = append(s.out.buf, "\r\n"...)
	return s.out.flushLarge()
}

// appendESearchStart begins an ESEARCH response. A tag holds nothing that has to be quoted.
func appendESearchStart(b []byte, tag string, uid bool) []byte {
	b = append(append(append(b, `* ESEARCH (TAG "`...), tag...), `")`...)
	if uid {
		b = append(b, " UID"...)
	}
	return b
}

// tellWindow appends PARTIAL. RFC 9394 section 4 (ret-data-partial).
func (s *session) tellWindow(c *imap.Search, r *results) {
	s.out.buf = append(c.Partial.Append(append(s.out.buf, " PARTIAL ("...)), ' ')
	if part := r.window(c.Partial); len(part.set) > 0 {
		s.tellSet(c, part)
	} else {
		s.out.buf = append(s.out.buf, "NIL"...)
	}
	s.out.buf = append(s.out.buf, ')')
}

// tellSet appends results, which are not empty, as a sequence-set. RFC 5267 section 3.2.
func (s *session) tellSet(c *imap.Search, r *results) {
	more := false
	r.runs(c.UID, func(first, last uint32) {
		if more {
			s.out.buf = append(s.out.buf, ',')
		}
		more = true
		s.out.buf = strconv.AppendUint(s.out.buf, uint64(first), 10)
		if last != first {
			s.out.buf = strconv.AppendUint(append(s.out.buf, ':'), uint64(last), 10)
		}
		_ = s.out.flushLarge() // the error sticks and ends the command
	})
}
