package imap

import (
	"cmp"
	"slices"
	"strconv"

	"github.com/constance-mail/constance/internal/imap/wire"
	"github.com/constance-mail/constance/internal/mail"
)

// NumSet is a sequence-set: message numbers or UIDs as the client wrote them, not resolved. RFC 9051 section 9.
type NumSet struct {
	Saved  bool       // "$": the saved search result; Ranges is nil then. RFC 5182
	Ranges []NumRange // in the order written
}

// NumRange is from one number to another, in either order; Star stands for the largest number in use.
type NumRange struct{ Start, Stop uint32 }

// Star is "*" in a NumRange.
const Star = 0

// Resolve is the set as numbers, with largest for "*": ascending ranges that neither overlap nor touch. The type is
// mail's for its methods; for a set of message numbers its UIDs are message numbers. With nothing in use
// (largest 0) "*" is nothing. A saved result resolves to nil.
func (s NumSet) Resolve(largest uint32) mail.UIDSet {
	var out mail.UIDSet
	ranges := s.Ranges
	if !slices.IsSortedFunc(ranges, byStart) { // else many ranges would be inserted in the middle one by one
		ranges = slices.SortedFunc(slices.Values(ranges), byStart)
	}
	for _, r := range ranges {
		if r.Start == Star {
			r.Start = largest
		}
		if r.Stop == Star {
			r.Stop = largest
		}
		if r.Start != 0 && r.Stop != 0 {
			out.AddRange(mail.UID(r.Start), mail.UID(r.Stop))
		}
	}
	return out
}

func byStart(a, b NumRange) int { return cmp.Compare(min(a.Start, a.Stop), min(b.Start, b.Stop)) }

// Max is the largest number written in the set, 0 if there is only "*" or "$".
func (s NumSet) Max() uint32 {
	n := uint32(0)
	for _, r := range s.Ranges {
		n = max(n, r.Start, r.Stop)
	}
	return n
}

// Append appends the set as written.
func (s NumSet) Append(b []byte) []byte {
	if s.Saved {
		return append(b, '$')
	}
	for i, r := range s.Ranges {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendSeqNumber(b, r.Start)
		if r.Stop != r.Start {
			b = append(b, ':')
			b = appendSeqNumber(b, r.Stop)
		}
	}
	return b
}

// seq-number = nz-number / "*"; RFC 9051 section 9.
func appendSeqNumber(b []byte, n uint32) []byte {
	if n == Star {
		return append(b, '*')
	}
	return strconv.AppendUint(b, uint64(n), 10)
}

// maxRanges bounds the ranges of one set.
const maxRanges = 10_000

// mustNumSet reads sequence-set = (seq-number / seq-range) ["," sequence-set] / seq-last-command;
// seq-range = seq-number ":" seq-number; RFC 9051 section 9.
func mustNumSet(d *wire.Decoder, s *NumSet) bool {
	if d.Special('$') {
		s.Saved = true
		return true
	}
	for {
		var r NumRange
		if !mustSeqNumber(d, &r.Start) {
			return false
		}
		r.Stop = r.Start
		if d.Special(':') && !mustSeqNumber(d, &r.Stop) {
			return false
		}
		if len(s.Ranges) == maxRanges {
			return d.Fail("set has too many ranges")
		}
		s.Ranges = append(s.Ranges, r)
		if !d.Special(',') {
			return d.Err() == nil
		}
	}
}

// seq-number = nz-number / "*"; RFC 9051 section 9.
func mustSeqNumber(d *wire.Decoder, n *uint32) bool {
	*n = Star
	return d.Special('*') || d.MustNZNumber(n)
}

// mustUIDSet reads a sequence-set without "*" and "$". RFC 9051 section 9 (uid-set), RFC 7162 section 7 (known-uids).
func mustUIDSet(d *wire.Decoder, s *mail.UIDSet) bool {
	var set NumSet
	if !mustNumSet(d, &set) {
		return false
	}
	for _, r := range set.Ranges {
		if r.Start == Star || r.Stop == Star {
			return d.Fail("* is not allowed here")
		}
	}
	if set.Saved {
		return d.Fail("$ is not allowed here")
	}
	*s = set.Resolve(Star)
	return true
}
