package search

import "github.com/constance-mail/constance/internal/imap"

// Relevancy is how well a message matches, from 1 to 100: its score. It is computed if it is asked for, and
// comes with the verdict of a whole search. An AND has the mean of its FUZZY texts, an OR the best one; what
// matches exactly counts in neither, but decides an OR. RFC 6203 section 4.

// full is the score of a message that matches a search in which nothing is more or less: where FUZZY is about
// flags, or stands in an OR with another key that matches.
const full = 100

// yesBy is yes, with a score.
func yesBy(score uint8) verdict { return unknown + verdict(score) }

func (v verdict) score() uint8 { return uint8(v - unknown) }

// ready makes the key of a search ready.
func (q *Query) ready(k *imap.SearchKey, scored bool) {
	if q.scored = scored; !scored {
		q.key = q.compile(k)
		return
	}
	q.key = criterion{test: (*criterion).withScore, subs: []criterion{q.compile(k)}}
}

// withScore is a whole search with the score of its key.
func (k *criterion) withScore(q *Query, c *candidate) verdict {
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
var scoredLogic = map[imap.SearchOp]func(*criterion, *Query, *candidate) verdict{
	imap.SearchAnd: (*criterion).scoredAnd, imap.SearchOr: (*criterion).scoredOr,
}

func (k *criterion) scoredAnd(q *Query, c *candidate) verdict {
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
func (k *criterion) scoredOr(q *Query, c *candidate) verdict {
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

// scoreValues fills values with what SORT orders what was found by: the highest score comes first. RFC 6203
// section 6.
func scoreValues(scores []uint8, values []uint64) {
	for i, score := range scores {
		values[i] = uint64(full - score)
	}
}
