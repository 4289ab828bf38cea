package imapd

import (
	"sort"

	"github.com/constance-mail/constance/internal/imap"
	"github.com/constance-mail/constance/internal/mail"
)

// A view is a mailbox as the client knows it: which UIDs, and so which sequence numbers. It lags behind the mailbox
// until the client was told (see sync.go), so that numbers never shift under a command. It costs memory per run of
// consecutive UIDs, not per message.
type view struct {
	spans []span
}

// span is the messages with the UIDs start to stop, which follow n others.
type span struct {
	start, stop mail.UID
	n           uint32
}

func (p span) len() uint32 { return uint32(p.stop-p.start) + 1 }

// newView is a view of these messages.
func newView(uids mail.UIDSet) view {
	v := view{spans: make([]span, 0, len(uids))}
	v.add(uids)
	return v
}

// len is the number of messages, and the highest sequence number.
func (v *view) len() uint32 {
	if len(v.spans) == 0 {
		return 0
	}
	last := v.spans[len(v.spans)-1]
	return last.n + last.len()
}

// max is the highest UID, 0 if there is none.
func (v *view) max() mail.UID {
	if len(v.spans) == 0 {
		return 0
	}
	return v.spans[len(v.spans)-1].stop
}

// uid is the UID of message seq, 0 if there is no such message.
func (v *view) uid(seq uint32) mail.UID {
	if seq == 0 || seq > v.len() {
		return 0
	}
	p := v.spans[sort.Search(len(v.spans), func(i int) bool { return v.spans[i].n >= seq })-1]
	return p.start + mail.UID(seq-p.n-1)
}

// seq is the sequence number of the message with that UID, 0 if the view has no such message.
func (v *view) seq(u mail.UID) uint32 {
	i := v.at(u)
	if i == len(v.spans) || v.spans[i].start > u {
		return 0
	}
	return v.spans[i].n + uint32(u-v.spans[i].start) + 1
}

// at is the index of the first span that ends at or after u.
func (v *view) at(u mail.UID) int {
	return sort.Search(len(v.spans), func(i int) bool { return v.spans[i].stop >= u })
}

// uids are the UIDs of all messages.
func (v *view) uids() mail.UIDSet {
	out := make(mail.UIDSet, len(v.spans))
	for i, p := range v.spans {
		out[i] = mail.UIDRange{Start: p.start, Stop: p.stop}
	}
	return out
}

// contained are those of uids that the view has.
func (v *view) contained(uids mail.UIDSet) mail.UIDSet {
	var out mail.UIDSet
	for _, r := range uids {
		for i := v.at(r.Start); i < len(v.spans) && v.spans[i].start <= r.Stop; i++ {
			out = append(out, mail.UIDRange{Start: max(r.Start, v.spans[i].start), Stop: min(r.Stop, v.spans[i].stop)})
		}
	}
	return out
}

// uidRange are the UIDs of the messages first to last, in either order; numbers beyond the end stand for nothing.
func (v *view) uidRange(first, last uint32) mail.UIDSet {
	if first > last {
		first, last = last, first
	}
	first, last = max(first, 1), min(last, v.len())
	if first > last {
		return nil
	}
	return v.contained(mail.UIDSet{{Start: v.uid(first), Stop: v.uid(last)}})
}

// seqRanges yields the sequence numbers of those of uids that the view has, as ascending runs that do not touch.
func (v *view) seqRanges(uids mail.UIDSet, yield func(first, last uint32)) {
	var first, last uint32
	for _, r := range v.contained(uids) {
		n := v.seq(r.Start)
		if last != 0 && n == last+1 {
			last += uint32(r.Stop-r.Start) + 1
			continue
		}
		if last != 0 {
			yield(first, last)
		}
		first, last = n, n+uint32(r.Stop-r.Start)
	}
	if last != 0 {
		yield(first, last)
	}
}

// resolve are the UIDs that a set stands for, as far as the view has them; saved is what "$" stands for.
func (v *view) resolve(set imap.NumSet, uid bool, saved mail.UIDSet) mail.UIDSet {
	switch {
	case set.Saved:
		return v.contained(saved)
	case uid:
		return v.contained(set.Resolve(uint32(v.max())))
	}
	var out mail.UIDSet
	for _, r := range set.Resolve(v.len()) {
		out = append(out, v.uidRange(uint32(r.Start), uint32(r.Stop))...)
	}
	return out
}

// bounds are UIDs that hold, of the messages of the view, those that a set stands for, and perhaps others that are none of
// its messages: as many ranges as the set was written with, however scattered the view is. saved as for resolve.
func (v *view) bounds(set imap.NumSet, uid bool, saved mail.UIDSet) mail.UIDSet {
	switch {
	case set.Saved:
		return saved
	case uid:
		return set.Resolve(uint32(v.max()))
	}
	var out mail.UIDSet
	for _, r := range set.Resolve(v.len()) {
		if first, last := uint32(r.Start), min(uint32(r.Stop), v.len()); first <= last {
			out.AddRange(v.uid(first), v.uid(last))
		}
	}
	return out
}

// add appends messages, all of them above max.
func (v *view) add(uids mail.UIDSet) {
	for _, r := range uids {
		if n := len(v.spans); n > 0 && v.spans[n-1].stop+1 == r.Start {
			v.spans[n-1].stop = r.Stop
			continue
		}
		v.spans = append(v.spans, span{r.Start, r.Stop, v.len()})
	}
}

// remove takes messages away, so that those above get lower numbers.
func (v *view) remove(uids mail.UIDSet) {
	if len(uids) > 0 {
		*v = newView(v.uids().Minus(uids))
	}
}

// missing are the messages of the view that the snapshot no longer has.
func (v *view) missing(s *mail.Snapshot) mail.UIDSet {
	if at, ok := s.Find(v.max()); len(v.spans) > 0 {
		if ok {
			at++
		}
		if at == int(v.len()) { // a UID never comes back, so as many as before means the same ones
			return nil
		}
	}
	return v.uids().Minus(s.UIDSet())
}

// arrived are the messages of the snapshot that came after those of the view.
func (v *view) arrived(s *mail.Snapshot) mail.UIDSet {
	var out mail.UIDSet
	known := v.max()
	first := sort.Search(len(s.Pages), func(i int) bool { uids := s.Pages[i].UIDs; return uids[len(uids)-1] > known })
	for _, p := range s.Pages[first:] {
		uids := p.UIDs[sort.Search(len(p.UIDs), func(i int) bool { return p.UIDs[i] > known }):]
		if n := len(uids); int(uids[n-1]-uids[0]) == n-1 {
			out.AddRange(uids[0], uids[n-1])
			continue
		}
		for _, u := range uids {
			out.Add(u)
		}
	}
	return out
}
