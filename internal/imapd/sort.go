package imapd

import (
	"context"

	"github.com/constance-mail/constance/internal/imap"
	"github.com/constance-mail/constance/internal/mail"
)

// sort is SORT and UID SORT. RFC 5256 section 3, RFC 5267 section 3.
func (s *session) sort(ctx context.Context, c *imap.Sort) error {
	if err := s.onlyUTF8(&c.Search); err != nil {
		return err
	}
	return s.saving(&c.Search, func() (*results, error) {
		q, err := s.searched(ctx, &c.Search, true, sortsByRelevancy(c.Criteria))
		if err != nil {
			return nil, err
		}
		order, err := q.sorted(ctx, c.Criteria)
		if err != nil {
			return nil, err
		}
		r := q.results(&c.Search, order)
		defer s.keepUpdated(&c.Search, c.Criteria, r)
		if c.Search.Extended {
			return r, s.tellESearch(&c.Search, r)
		}
		return r, s.tellNumbers("* SORT", &c.Search, r)
	})
}

// sorted is what was found in the order of the criteria; messages that are equal in all of them are as in the mailbox.
// The last criterion is sorted by first: as each sorting is stable, those before it prevail.
func (q *searcher) sorted(ctx context.Context, criteria []imap.SortCriterion) ([]mail.UID, error) {
	uids := make([]mail.UID, 0, q.found.Len())
	for u := range q.found.All() {
		uids = append(uids, u)
	}
	p := newPermutation(len(uids))
	values := make([]uint64, len(uids))
	for i := len(criteria) - 1; i >= 0; i-- {
		if err := q.values(ctx, criteria[i].Key, uids, values); err != nil {
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
