package imapd

import (
	"context"

	"github.com/constance-mail/constance/internal/imap"
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
		order, err := q.query.Sort(ctx, q.found, c.Criteria)
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
