package search

import (
	"context"

	"github.com/constance-mail/constance/internal/imap"
	"github.com/constance-mail/constance/internal/mail"
)

// Sort is what was found, with scores if RELEVANCY is a criterion, in the order of the criteria; messages
// that are equal in all of them are as in the mailbox. An error is that of the store or of the context. RFC
// 5256 section 3, RFC 6203 section 6.
func (q *Query) Sort(ctx context.Context, f Found, criteria []imap.SortCriterion) ([]mail.UID, error) {
	uids := listed(f.UIDs)
	p := newPermutation(len(uids))
	values := make([]uint64, len(uids))
	for i := len(criteria) - 1; i >= 0; i-- { // as each sorting is stable, the first criteria prevail
		if criteria[i].Key == imap.SortRelevancy {
			scoreValues(f.Scores, values)
		} else if err := q.values(ctx, criteria[i].Key, uids, values); err != nil {
			return nil, err
		}
		if criteria[i].Reverse {
			for k := range values {
				values[k] = ^values[k]
			}
		}
		p.by(values)
	}
	order := make([]mail.UID, len(uids))
	for i, k := range p.at {
		order[i] = uids[k]
	}
	return order, nil
}

// listed are the members of a set.
func listed(s mail.UIDSet) []mail.UID {
	uids := make([]mail.UID, 0, s.Len())
	for u := range s.All() {
		uids = append(uids, u)
	}
	return uids
}

// permutation is an order of things that are numbered from 0 on.
type permutation struct {
	at, other []uint32 // other is scratch
}

func newPermutation(n int) *permutation {
	p := &permutation{at: make([]uint32, n), other: make([]uint32, n)}
	for i := range p.at {
		p.at[i] = uint32(i)
	}
	return p
}

// by sorts by the values of the things, octet by octet from the least one; what is equal stays as it was.
func (p *permutation) by(values []uint64) {
	all, any := ^uint64(0), uint64(0)
	for _, v := range values {
		all, any = all&v, any|v
	}
	for shift := 0; shift < 64; shift += 8 {
		if (all^any)>>shift&0xff != 0 { // not the same octet in all
			p.byOctet(values, shift)
		}
	}
}

func (p *permutation) byOctet(values []uint64, shift int) {
	var next [256]uint32
	for _, v := range values {
		next[v>>shift&0xff]++
	}
	sum := uint32(0)
	for i, n := range next {
		next[i] = sum
		sum += n
	}
	for _, k := range p.at {
		d := values[k] >> shift & 0xff
		p.other[next[d]] = k
		next[d]++
	}
	p.at, p.other = p.other, p.at
}
