package imapd

import (
	"slices"
	"strconv"

	"github.com/constance-mail/constance/internal/imap"
	"github.com/constance-mail/constance/internal/mail"
)

// Relevancy is how well a message matches, from 1 to 100: its score. It is computed if it is asked for, and comes with the
// verdict of a whole search. An AND has the mean of its FUZZY texts, an OR the best one; what matches exactly counts in neither,
// but decides an OR. RFC 6203 section 4.

// full is the score of a message that matches a search in which nothing is more or less: where FUZZY is about flags, or stands
// in an OR with another key that matches.
const full = 100

// yesBy is yes, with a score.
func yesBy(score uint8) verdict { return unknown + verdict(score) }

func (v verdict) score() uint8 { return uint8(v - unknown) }

// ready makes the key of a search ready.
func (q *searcher) ready(k *imap.SearchKey, scored bool) {
	if q.scored = scored; !scored {
		q.key = q.compile(k)
		return
	}
	q.key = criterion{test: (*criterion).withScore, subs: []criterion{q.compile(k)}}
}

// withScore is a whole search with the score of its key.
func (k *criterion) withScore(q *searcher, c *candidate) verdict {
	sub := &k.subs[0]
	v := sub.test(sub, q, c)
	switch {
	case v != yes:
		return v
	case sub.points == 0:
		return yesBy(full)
	}
	return yesBy(sub.points)
}

// scoredLogic are the tests of AND and OR in a search with scores.
var scoredLogic = map[imap.SearchOp]func(*criterion, *searcher, *candidate) verdict{
	imap.SearchAnd: (*criterion).scoredAnd, imap.SearchOr: (*criterion).scoredOr,
}

func (k *criterion) scoredAnd(q *searcher, c *candidate) verdict {
	v := k.and(q, c)
	if v != yes {
		return v
	}
	sum, n := 0, 0
	for i := range k.subs {
		if points := k.subs[i].points; points > 0 {
			sum, n = sum+int(points), n+1
		}
	}
	k.points = uint8(sum / max(n, 1))
	return yes
}

// scoredOr looks at all keys, as the last one may be the best.
func (k *criterion) scoredOr(q *searcher, c *candidate) verdict {
	v := no
	k.points = 0
	for i := range k.subs {
		sub := &k.subs[i]
		switch sub.test(sub, q, c) {
		case unknown:
			v = unknown
		case yes:
			if sub.points == 0 {
				k.points = 0
				return yes
			}
			k.points = max(k.points, sub.points)
		}
	}
	if v == no {
		v = verdictOf(k.points > 0)
	}
	return v
}

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
func (q *searcher) scoresByUID() scoresByUID { return scoresByUID{newView(q.found), q.scores} }

// scoresIn are the scores of what was found in that order; nil is the order of the mailbox.
func (q *searcher) scoresIn(order []mail.UID) []uint8 {
	if !q.scored || order == nil {
		return q.scores
	}
	all, out := q.scoresByUID(), make([]uint8, len(order))
	for i, u := range order {
		out[i] = all.get(u)
	}
	return out
}

// scoreValues fills values with what SORT orders what was found by: the highest score comes first. RFC 6203 section 6.
func (q *searcher) scoreValues(values []uint64) {
	for i, score := range q.scores {
		values[i] = uint64(full - score)
	}
}

// sortsByRelevancy tells whether the order depends on scores.
func sortsByRelevancy(criteria []imap.SortCriterion) bool {
	return slices.ContainsFunc(criteria, func(c imap.SortCriterion) bool { return c.Key == imap.SortRelevancy })
}

// tellRelevancy appends the scores of the results that ALL or PARTIAL tells of, in their order. RFC 6203 section 7
// (search-return-data).
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

// rescore adds the scores of new results to those of an updated search, which stay what they were when the client was told of
// them, and leaves q with those of all.
func (u *updating) rescore(q *searcher, added, all mail.UIDSet) {
	now, next := q.scoresByUID(), scoresByUID{uids: newView(u.set)}
	for uid := range u.set.All() {
		score := u.scores.get(uid)
		if added.Contains(uid) {
			score = now.get(uid)
		}
		next.of = append(next.of, score)
	}
	u.scores, q.scores = next, nil
	for uid := range all.All() {
		q.scores = append(q.scores, next.get(uid))
	}
}
