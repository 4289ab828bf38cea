package search

import (
	"io"
	"math/bits"
	"strings"

	"github.com/constance-mail/constance/internal/fuzzy"
	"github.com/constance-mail/constance/internal/imap"
	"github.com/constance-mail/constance/internal/mail"
	"github.com/constance-mail/constance/internal/message"
)

// Below FUZZY, keys that look at text find what is about the same (package fuzzy); all others mean what they
// mean without it. A key without words, or with too many, is one of those. RFC 6203 sections 3 and 5.

// fuzzyWords bounds the words of a search that are looked for so: each costs time per word of the messages.
const fuzzyWords = 64

// What it costs, in points, that TEXT finds a word elsewhere than in Subject or From.
const (
	costHeader = 10
	costBody   = 20
)

// likeTests are the tests of the keys that look at text.
var likeTests = map[imap.SearchOp]func(*criterion, *Query, *candidate) verdict{
	imap.SearchFrom: (*criterion).keysLike, imap.SearchTo: (*criterion).keysLike, imap.SearchCc: (*criterion).keysLike,
	imap.SearchBcc: (*criterion).keysLike, imap.SearchSubject: (*criterion).keysLike,
	imap.SearchHeader: (*criterion).headerLike,
	imap.SearchBody:   (*criterion).bodyLike, imap.SearchText: (*criterion).textLike,
}

// compileFuzzy makes what FUZZY is about ready.
func (q *Query) compileFuzzy(k *imap.SearchKey) criterion {
	was := q.fuzzy
	q.fuzzy = true
	c := q.compile(&k.Keys[0])
	q.fuzzy = was
	return c
}

// compileLike makes a key below FUZZY ready; false if it means what it means without.
func (q *Query) compileLike(k *imap.SearchKey) (criterion, bool) {
	test := likeTests[k.Op]
	if test == nil {
		return criterion{}, false
	}
	like, ok := fuzzy.New(k.Text, &q.likeness)
	if !ok || q.words+like.Words() > fuzzyWords {
		return criterion{}, false
	}
	q.words += like.Words()
	c := criterion{test: test, like: like, field: k.Field}
	switch column := textOf[k.Op]; {
	case column != 0:
		c.text = bits.TrailingZeros32(uint32(column / mail.ColMessageID))
		q.want |= column
	case k.Op == imap.SearchHeader && message.Cached([]string{k.Field}):
		c.test = (*criterion).cachedLike
		q.want |= mail.ColHeaders | mail.ColParts
	default:
		q.want |= mail.ColParts
	}
	return c, true
}

// giveFuzzy gives another Query what it must not share with q: what FUZZY texts were last found in.
func (q *Query) giveFuzzy(to *Query) {
	if to.scored = q.scored; q.words > 0 || q.scored {
		to.key = q.key.clone(&to.likeness)
	}
}

func (k *criterion) clone(scratch *fuzzy.Scratch) criterion {
	c := *k
	if k.like != nil {
		c.like = k.like.Clone(scratch)
	}
	c.subs = make([]criterion, len(k.subs))
	for i := range k.subs {
		c.subs[i] = k.subs[i].clone(scratch)
	}
	return c
}

// liked is what the matcher says of what it was shown.
func (k *criterion) liked() verdict {
	k.points = k.like.Points()
	return verdictOf(k.points > 0)
}

func (k *criterion) keysLike(_ *Query, c *candidate) verdict {
	if c.digest == nil {
		return unknown
	}
	k.like.Begin()
	k.like.Text(*c.digest.Texts()[k.text], 0)
	return k.liked()
}

// cachedLike is headerLike for fields that are kept with the digest, unless they were too many.
func (k *criterion) cachedLike(q *Query, c *candidate) verdict {
	switch {
	case c.digest == nil:
		return unknown
	case len(c.digest.Headers) == 0:
		return k.headerLike(q, c)
	}
	return k.fieldsLike(q, c.digest.Headers)
}

func (k *criterion) headerLike(q *Query, c *candidate) verdict {
	if c.body == nil {
		return unknown
	}
	header, err := c.body.header()
	if err != nil {
		return q.fail(err)
	}
	return k.fieldsLike(q, header)
}

func (k *criterion) fieldsLike(q *Query, header []byte) verdict {
	q.fields = message.FilterHeader(q.fields[:0], header, []string{k.field}, false)
	k.like.Begin()
	message.LookAtHeader(q.fields, shown{like: k.like, enough: q.enough(0), what: valuesOnly})
	return k.liked()
}

func (k *criterion) bodyLike(q *Query, c *candidate) verdict {
	if c.body == nil {
		return unknown
	}
	k.like.Begin()
	return k.partsLike(q, c, shown{like: k.like, enough: q.enough(0)})
}

// textLike looks into the header, and if that does not settle it into the body.
func (k *criterion) textLike(q *Query, c *candidate) verdict {
	if c.body == nil {
		return unknown
	}
	header, err := c.body.header()
	if err != nil {
		return q.fail(err)
	}
	k.like.Begin()
	if message.LookAtHeader(header, shown{k.like, q.enough(0), costHeader, wholeHeader}) {
		return k.liked()
	}
	return k.partsLike(q, c, shown{like: k.like, enough: q.enough(costBody), cost: costBody})
}

func (k *criterion) partsLike(q *Query, c *candidate, s shown) verdict {
	root, err := c.body.parts()
	if err == nil {
		_, err = message.LookAtBody(c.body.content, root, s)
	}
	if err != nil {
		return q.fail(err)
	}
	return k.liked()
}

// enough tells when texts of that cost need not be looked at any more: if points are not asked for, as soon
// as all words are found.
func (q *Query) enough(cost uint8) func(*fuzzy.Matcher) bool {
	if !q.scored {
		return (*fuzzy.Matcher).Matched
	}
	return func(m *fuzzy.Matcher) bool { return m.Settled(cost) }
}

// shown is what of a message a matcher is shown. It implements message.Looker.
type shown struct {
	like   *fuzzy.Matcher
	enough func(*fuzzy.Matcher) bool
	cost   uint8
	what   shownFields
}

// shownFields is what fields are shown of.
type shownFields uint8

const (
	wholeFields shownFields = iota
	valuesOnly
	wholeHeader // fields of the message itself: Subject and From cost nothing
)

// Field implements message.Looker.
func (s shown) Field(text string) bool {
	name, value, _ := strings.Cut(text, ":")
	cost := s.cost
	switch {
	case s.what == valuesOnly:
		text = value
	case s.what == wholeHeader && (strings.EqualFold(name, "Subject") || strings.EqualFold(name, "From")):
		cost = 0
	}
	s.like.Text(text, cost)
	return s.enough(s.like)
}

// Text implements message.Looker.
func (s shown) Text(r io.Reader) (bool, error) {
	err := s.like.Read(r, s.cost, s.enough)
	return err == nil && s.enough(s.like), err
}
