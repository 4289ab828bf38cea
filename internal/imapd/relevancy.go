package imapd

import (
	"slices"
	"strconv"

	"github.com/constance-mail/constance/internal/imap"
	"github.com/constance-mail/constance/internal/mail"
)

// scoresByUID are the scores of messages.
type scoresByUID struct {
	uids view
	of   []uint8 // in the order of uids
}

// get is the score of a message, 0 if there is none.
func (s *scoresByUID) get(u mail.UID) uint8 {
	if i := s.uids.seq(u); i > 0 {
		return s.of[i-1]
	}
	return 0
}

// scoresByUID are those of what was found.
func (q *searcher) scoresByUID() scoresByUID {
	return scoresByUID{newView(q.found.UIDs), q.found.Scores}
}

// scoresIn are the scores of what was found in that order; nil is the order of the mailbox.
func (q *searcher) scoresIn(order []mail.UID) []uint8 {
	if q.found.Scores == nil || order == nil {
		return q.found.Scores
	}
	all, out := q.scoresByUID(), make([]uint8, len(order))
	for i, u := range order {
		out[i] = all.get(u)
	}
	return out
}

// sortsByRelevancy tells whether the order depends on scores.
func sortsByRelevancy(criteria []imap.SortCriterion) bool {
	return slices.ContainsFunc(criteria, func(c imap.SortCriterion) bool { return c.Key == imap.SortRelevancy })
}

// tellRelevancy appends the scores of the results that ALL or PARTIAL tells of, in their order. RFC 6203
// section 7 (search-return-data).
func (s *session) tellRelevancy(c *imap.Search, r *results) {
	told := r.scores
	if c.Return&imap.ReturnPartial != 0 {
		from, to := c.Partial.Of(len(told))
		told = told[from:to]
	}
	s.out.buf = append(s.out.buf, " RELEVANCY ("...)
	for i, score := range told {
		if i > 0 {
			s.out.buf = append(s.out.buf, ' ')
		}
		s.out.buf = strconv.AppendUint(s.out.buf, uint64(score), 10)
		_ = s.out.flushLarge() // the error sticks and ends the command
	}
	s.out.buf = append(s.out.buf, ')')
}

// rescore adds the scores of new results to those of an updated search, which stay what they were when the
// client was told of them, and gives those of all.
func (u *updating) rescore(q *searcher, added, all mail.UIDSet) []uint8 {
	now, next := q.scoresByUID(), scoresByUID{uids: newView(u.set)}
	for uid := range u.set.All() {
		score := u.scores.get(uid)
		if added.Contains(uid) {
			score = now.get(uid)
		}
		next.of = append(next.of, score)
	}
	u.scores = next
	var scores []uint8
	for uid := range all.All() {
		scores = append(scores, next.get(uid))
	}
	return scores
}
