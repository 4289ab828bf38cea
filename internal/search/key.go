package search

import (
	"math"
	"math/bits"
	"strconv"
	"strings"
	"time"

	"github.com/constance-mail/constance/internal/fold"
	"github.com/constance-mail/constance/internal/fuzzy"
	"github.com/constance-mail/constance/internal/imap"
	"github.com/constance-mail/constance/internal/mail"
	"github.com/constance-mail/constance/internal/message"
)

// verdict is what a criterion says of a message, given what was read of it so far.
type verdict uint8

const (
	no verdict = iota
	yes
	unknown // more has to be read
	// What is above says yes, and how well: see relevancy.go.
)

func verdictOf(b bool) verdict {
	if b {
		return yes
	}
	return no
}

// candidate is a message that a search looks at, with what was read of it so far: first the columns of the
// snapshot, then its digest, then its content.
type candidate struct {
	page   *mail.Page
	row    int
	digest *mail.Digest // nil: not read yet
	body   *bodyText    // nil: not opened yet
}

// criterion is a search key made ready: numbers as intervals, sets resolved, text folded.
type criterion struct {
	test     func(k *criterion, q *Query, c *candidate) verdict
	subs     []criterion
	uids     mail.UIDSet
	bits     mail.FlagSet
	number   func(p *mail.Page, row int) int64
	from, to int64 // the half-open interval that number must be in
	text     int   // which of Digest.Texts must hold needle
	needle   []byte
	hit      int            // which of Query.hits are the key's
	asked    int            // of the texts that the index is asked for, from 1; 0 none
	field    string         // a header field's name
	like     *fuzzy.Matcher // of FUZZY texts
	points   uint8          // of the message that it said yes to last; 0: there is no more or less
}

// numberOf are the columns that can be asked for as an interval, without reading more than the snapshot.
var numberOf = map[imap.SearchOp]func(p *mail.Page, row int) int64{
	imap.SearchLarger:      func(p *mail.Page, row int) int64 { return p.Sizes[row] },
	imap.SearchSmaller:     func(p *mail.Page, row int) int64 { return p.Sizes[row] },
	imap.SearchBefore:      func(p *mail.Page, row int) int64 { return p.Internal[row] },
	imap.SearchOn:          func(p *mail.Page, row int) int64 { return p.Internal[row] },
	imap.SearchSince:       func(p *mail.Page, row int) int64 { return p.Internal[row] },
	imap.SearchOlder:       func(p *mail.Page, row int) int64 { return p.Internal[row] },
	imap.SearchYounger:     func(p *mail.Page, row int) int64 { return p.Internal[row] },
	imap.SearchSavedBefore: func(p *mail.Page, row int) int64 { return p.Saved[row] },
	imap.SearchSavedOn:     func(p *mail.Page, row int) int64 { return p.Saved[row] },
	imap.SearchSavedSince:  func(p *mail.Page, row int) int64 { return p.Saved[row] },
	imap.SearchModSeq:      func(p *mail.Page, row int) int64 { return int64(p.ModSeqs[row]) },
	imap.SearchEmailID:     func(p *mail.Page, row int) int64 { return int64(p.Contents[row]) },
	imap.SearchUIDAfter:    func(p *mail.Page, row int) int64 { return int64(p.UIDs[row]) },
	imap.SearchUIDBefore:   func(p *mail.Page, row int) int64 { return int64(p.UIDs[row]) },
}

// textOf are the decoded fields that are kept with the digest.
var textOf = map[imap.SearchOp]mail.Columns{imap.SearchFrom: mail.ColFrom, imap.SearchTo: mail.ColTo,
	imap.SearchCc: mail.ColCc, imap.SearchBcc: mail.ColBcc, imap.SearchSubject: mail.ColSubject}

const day = 24 * 60 * 60 // seconds

// compile makes a key ready.
func (q *Query) compile(k *imap.SearchKey) criterion {
	if q.fuzzy {
		if c, ok := q.compileLike(k); ok {
			return c
		}
	}
	c := criterion{needle: fold.AppendAs(q.in.Collation, nil, k.Text)}
	switch k.Op {
	case imap.SearchAll, imap.SearchSaveDateSupported:
		c.test = func(*criterion, *Query, *candidate) verdict { return yes }
	case imap.SearchAnd, imap.SearchOr, imap.SearchNot:
		q.compileLogic(&c, k)
	case imap.SearchFuzzy:
		c = q.compileFuzzy(k)
	case imap.SearchUID:
		c.test, c.uids = (*criterion).inSet, k.Set.Resolve(uint32(q.in.Last))
	case imap.SearchRecent:
		c.test, c.uids = (*criterion).inSet, q.in.Recent
	case imap.SearchKeyword:
		c.test, c.bits = (*criterion).hasFlag, mail.Flag(k.Text).Bit(q.in.Snapshot.Mailbox.Keywords)
	case imap.SearchFrom, imap.SearchTo, imap.SearchCc, imap.SearchBcc, imap.SearchSubject,
		imap.SearchHeader, imap.SearchBody, imap.SearchText:
		q.compileText(&c, k)
	case imap.SearchSentBefore, imap.SearchSentOn, imap.SearchSentSince:
		c.test = (*criterion).sent
		c.from, c.to = interval(k, q.now)
		c.from, c.to = c.from/day, c.to/day
		q.want |= mail.ColDates
	case imap.SearchThreadID:
		c.test = (*criterion).inThread
		c.from, c.to = q.objectID('T', k.Text)
		q.want |= mail.ColDates
	case imap.SearchEmailID:
		c.test, c.number = (*criterion).inInterval, numberOf[k.Op]
		c.from, c.to = q.objectID('M', k.Text)
	default:
		c.test, c.number = (*criterion).inInterval, numberOf[k.Op]
		c.from, c.to = interval(k, q.now)
	}
	return c
}

func (q *Query) compileLogic(c *criterion, k *imap.SearchKey) {
	for i := range k.Keys {
		c.subs = append(c.subs, q.compile(&k.Keys[i]))
	}
	switch k.Op {
	case imap.SearchAnd:
		c.test = (*criterion).and
	case imap.SearchOr:
		c.test = (*criterion).or
	default:
		c.test = (*criterion).not
	}
	if test := scoredLogic[k.Op]; test != nil && q.scored {
		c.test = test
	}
}

// compileText makes a key ready that looks at text. Its needle is ready already.
func (q *Query) compileText(c *criterion, k *imap.SearchKey) {
	switch k.Op {
	case imap.SearchHeader:
		q.compileHeader(c, k)
	case imap.SearchBody:
		c.test, c.asked = (*criterion).inBody, q.indexed(c.needle)
		q.want |= mail.ColParts
	case imap.SearchText:
		c.test, c.asked = (*criterion).inText, q.indexed(c.needle)
		q.want |= mail.ColParts
	default:
		c.test, c.text = (*criterion).inKeys, bits.TrailingZeros32(uint32(textOf[k.Op]/mail.ColMessageID))
		q.want |= textOf[k.Op]
		q.hits = append(q.hits, hits{text: c.text, needle: c.needle})
		c.hit = len(q.hits) - 1
	}
}

func (q *Query) compileHeader(c *criterion, k *imap.SearchKey) {
	c.field = k.Field
	if message.Cached([]string{k.Field}) {
		c.test = (*criterion).inCached
		q.want |= mail.ColHeaders | mail.ColParts // where the fields were too many to be kept
		return
	}
	c.test, c.asked = (*criterion).inHeader, q.indexed(c.needle)
	q.want |= mail.ColParts
}

// interval is which numbers a key lets through: octets, seconds since 1970, ModSeqs, UIDs.
func interval(k *imap.SearchKey, now time.Time) (from, to int64) {
	from, to = math.MinInt64, math.MaxInt64
	midnight := k.Day.Unix()
	switch k.Op {
	case imap.SearchUIDAfter:
		from = k.N + 1
	case imap.SearchLarger:
		from = min(k.N, math.MaxInt64-1) + 1
	case imap.SearchSmaller, imap.SearchUIDBefore:
		to = k.N
	case imap.SearchBefore, imap.SearchSentBefore, imap.SearchSavedBefore:
		to = midnight
	case imap.SearchOn, imap.SearchSentOn, imap.SearchSavedOn:
		from, to = midnight, midnight+day
	case imap.SearchSince, imap.SearchSentSince, imap.SearchSavedSince:
		from = midnight
	case imap.SearchOlder:
		to = now.Unix() - k.N + 1
	case imap.SearchYounger:
		from = now.Unix() - k.N
	case imap.SearchModSeq:
		from = k.N
	}
	return from, to
}

// objectID is the interval that holds the number of an object identifier of this account only, or nothing.
func (q *Query) objectID(kind byte, id string) (from, to int64) {
	prefix := string(kind) + string(q.in.Account.ID()) + "-"
	n, err := strconv.ParseInt(strings.TrimPrefix(id, prefix), 36, 63)
	if err != nil || !strings.HasPrefix(id, prefix) {
		return 0, 0
	}
	return n, n + 1
}

func (k *criterion) and(q *Query, c *candidate) verdict {
	v := yes
	for i := range k.subs {
		switch k.subs[i].test(&k.subs[i], q, c) {
		case no:
			return no
		case unknown:
			v = unknown
		}
	}
	return v
}

func (k *criterion) or(q *Query, c *candidate) verdict {
	v := no
	for i := range k.subs {
		switch k.subs[i].test(&k.subs[i], q, c) {
		case yes:
			return yes
		case unknown:
			v = unknown
		}
	}
	return v
}

func (k *criterion) not(q *Query, c *candidate) verdict {
	switch k.subs[0].test(&k.subs[0], q, c) {
	case no:
		return yes
	case yes:
		return no
	}
	return unknown
}

func (k *criterion) inSet(_ *Query, c *candidate) verdict {
	return verdictOf(k.uids.Contains(c.page.UIDs[c.row]))
}

func (k *criterion) hasFlag(_ *Query, c *candidate) verdict {
	return verdictOf(c.page.Flags[c.row]&k.bits != 0)
}

func (k *criterion) inInterval(_ *Query, c *candidate) verdict {
	n := k.number(c.page, c.row)
	return verdictOf(k.from <= n && n < k.to)
}

// sent compares the day that the Date field names, in its own zone. RFC 9051 section 6.4.4.
func (k *criterion) sent(_ *Query, c *candidate) verdict {
	if c.digest == nil {
		return unknown
	}
	n := int64(c.digest.SentDay)
	return verdictOf(c.digest.Sent != mail.NoDate && k.from <= n && n < k.to)
}

func (k *criterion) inThread(_ *Query, c *candidate) verdict {
	if c.digest == nil {
		return unknown
	}
	return verdictOf(k.from <= int64(c.digest.Thread) && int64(c.digest.Thread) < k.to)
}

func (k *criterion) inKeys(q *Query, c *candidate) verdict {
	if c.digest == nil {
		return q.hit(k, c.page.UIDs[c.row])
	}
	return verdictOf(q.find.Contains(*c.digest.Texts()[k.text], k.needle))
}

// inCached looks into the header fields that are kept with the digest; a message whose fields were too many
// to be kept has to be opened.
func (k *criterion) inCached(q *Query, c *candidate) verdict {
	switch {
	case c.digest == nil:
		return unknown
	case len(c.digest.Headers) == 0:
		return k.inHeader(q, c)
	}
	return verdictOf(q.fieldHolds(c.digest.Headers, k))
}

func (k *criterion) inHeader(q *Query, c *candidate) verdict {
	switch {
	case q.leftOut(k, c):
		return no
	case c.body == nil:
		return unknown
	}
	header, err := c.body.header()
	if err != nil {
		return q.fail(err)
	}
	return verdictOf(q.fieldHolds(header, k))
}

// fieldHolds tells whether one of the fields of that name holds the text.
func (q *Query) fieldHolds(header []byte, k *criterion) bool {
	q.fields = message.FilterHeader(q.fields[:0], header, []string{k.field}, false)
	for rest := q.fields; len(rest) > 0; {
		var field []byte
		field, rest = cutField(rest)
		_, value, ok := strings.Cut(string(field), ":")
		if ok && q.find.Contains(message.DecodeHeader(value), k.needle) {
			return true
		}
	}
	return false
}

// cutField cuts the first field, with its folded lines, off a header.
func cutField(header []byte) (field, rest []byte) {
	for i := 0; i+1 < len(header); i++ {
		if header[i] == '\n' && header[i+1] != ' ' && header[i+1] != '\t' {
			return header[:i+1], header[i+1:]
		}
	}
	return header, nil
}

func (k *criterion) inBody(q *Query, c *candidate) verdict { return k.inOpened(q, c, false) }

func (k *criterion) inText(q *Query, c *candidate) verdict { return k.inOpened(q, c, true) }

// inOpened looks into the decoded text of the body, and with header into that before it.
func (k *criterion) inOpened(q *Query, c *candidate, header bool) verdict {
	switch {
	case q.leftOut(k, c):
		return no
	case c.body == nil:
		return unknown
	}
	found, err := c.body.holds(&q.find, k.needle, header)
	if err != nil {
		return q.fail(err)
	}
	return verdictOf(found)
}
