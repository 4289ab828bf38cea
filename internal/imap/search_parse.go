package imap

import (
	"slices"
	"strings"

	"github.com/constance-mail/constance/internal/imap/wire"
	"github.com/constance-mail/constance/internal/mail"
)

// The bounds of SEARCH: keys, and keys in each other.
const (
	maxSearchKeys  = 1000
	maxSearchDepth = 50
)

// searchArg is what follows a search key's word.
type searchArg uint8

const (
	argNone searchArg = iota
	argString
	argFlag
	argHeader
	argNumber
	argSeconds
	argDate
	argSet
	argUID
	argModSeq
	argID
	argFilter
	argKey
	argTwoKeys
	argSystemFlag // none: the word says the flag
)

// searchWord is a key's word in the grammar and what it makes.
type searchWord struct {
	op   SearchOp
	arg  searchArg
	not  bool      // the key is the SearchNot of this
	flag mail.Flag // of argSystemFlag
}

// searchWords is search-key by its words. RFC 9051 section 9, RFC 3501 section 9, RFC 5032, RFC 6203, RFC 7162, RFC 8474, RFC
// 8514, RFC 9738.
var searchWords = map[string]searchWord{
	"ALL":      {op: SearchAll},
	"ANSWERED": {SearchKeyword, argSystemFlag, false, mail.Answered}, "UNANSWERED": {SearchKeyword, argSystemFlag,
		true, mail.Answered},
	"DELETED": {SearchKeyword, argSystemFlag, false, mail.Deleted}, "UNDELETED": {SearchKeyword, argSystemFlag, true,
		mail.Deleted},
	"DRAFT": {SearchKeyword, argSystemFlag, false, mail.Draft}, "UNDRAFT": {SearchKeyword, argSystemFlag, true,
		mail.Draft},
	"FLAGGED": {SearchKeyword, argSystemFlag, false, mail.Flagged}, "UNFLAGGED": {SearchKeyword, argSystemFlag, true,
		mail.Flagged},
	"SEEN": {SearchKeyword, argSystemFlag, false, mail.Seen}, "UNSEEN": {SearchKeyword, argSystemFlag, true,
		mail.Seen},
	"KEYWORD": {op: SearchKeyword, arg: argFlag}, "UNKEYWORD": {op: SearchKeyword, arg: argFlag, not: true},
	"RECENT": {op: SearchRecent}, "OLD": {op: SearchRecent, not: true}, "NEW": {op: SearchAnd},
	"BCC": {op: SearchBcc, arg: argString}, "CC": {op: SearchCc, arg: argString}, "FROM": {op: SearchFrom,
		arg: argString},
	"SUBJECT": {op: SearchSubject, arg: argString}, "TO": {op: SearchTo, arg: argString},
	"BODY": {op: SearchBody, arg: argString}, "TEXT": {op: SearchText, arg: argString},
	"HEADER": {op: SearchHeader, arg: argHeader},
	"LARGER": {op: SearchLarger, arg: argNumber}, "SMALLER": {op: SearchSmaller, arg: argNumber},
	"BEFORE": {op: SearchBefore, arg: argDate}, "ON": {op: SearchOn, arg: argDate}, "SINCE": {op: SearchSince,
		arg: argDate},
	"SENTBEFORE": {op: SearchSentBefore, arg: argDate}, "SENTON": {op: SearchSentOn, arg: argDate},
	"SENTSINCE":   {op: SearchSentSince, arg: argDate},
	"SAVEDBEFORE": {op: SearchSavedBefore, arg: argDate}, "SAVEDON": {op: SearchSavedOn, arg: argDate},
	"SAVEDSINCE": {op: SearchSavedSince, arg: argDate}, "SAVEDATESUPPORTED": {op: SearchSaveDateSupported},
	"OLDER": {op: SearchOlder, arg: argSeconds}, "YOUNGER": {op: SearchYounger, arg: argSeconds},
	"UID": {op: SearchUID, arg: argSet}, "UIDAFTER": {op: SearchUIDAfter, arg: argUID}, "UIDBEFORE": {op: SearchUIDBefore,
		arg: argUID},
	"MODSEQ":  {op: SearchModSeq, arg: argModSeq},
	"EMAILID": {op: SearchEmailID, arg: argID}, "THREADID": {op: SearchThreadID, arg: argID},
	"FILTER": {op: SearchFilter, arg: argFilter},
	"NOT":    {op: SearchNot, arg: argKey}, "OR": {op: SearchOr, arg: argTwoKeys},
	"FUZZY": {op: SearchFuzzy, arg: argKey},
}

// searchParser counts what the bounds are about.
type searchParser struct {
	d           *wire.Decoder
	keys, depth int
}

// search = "SEARCH" [search-return-opts] SP search-program; RFC 9051 section 9.
func parseSearch(d *wire.Decoder) Command { return parseSearchCommand(d, &Search{}) }

func parseUIDSearch(d *wire.Decoder) Command { return parseSearchCommand(d, &Search{UID: true}) }

// search-program = ["CHARSET" SP charset SP] search-key *(SP search-key); RFC 9051 section 9.
func parseSearchCommand(d *wire.Decoder, c *Search) Command {
	if !d.MustSP() || !c.program(d, searchStart(d)) {
		return nil
	}
	return end(d, c)
}

// program reads [search-return-opts SP] search-program; w is its first word.
func (c *Search) program(d *wire.Decoder, w []byte) bool {
	if string(w) == "RETURN" {
		if c.Return = 0; !c.returns(d) {
			return false
		}
		w = searchStart(d)
	}
	if string(w) == "CHARSET" {
		if !d.MustSP() || !d.MustAString(&c.Charset) || !d.MustSP() {
			return false
		}
		c.Charset = strings.ToUpper(c.Charset)
		w = searchStart(d)
	}
	p := searchParser{d: d}
	return p.and(&c.Key, w)
}

// searchStart reads the word at the start of a key; nil if the key starts otherwise.
func searchStart(d *wire.Decoder) []byte {
	if isNextDigit(d) {
		return nil
	}
	return d.Word()
}

// search-return-opts = SP "RETURN" SP "(" [search-return-opt *(SP search-return-opt)] ")"; RFC 9051 section 9. RETURN
// was read; the space behind the options is too.
func (c *Search) returns(d *wire.Decoder) bool {
	c.Extended = true
	var last SearchReturn
	if !d.MustSP() || !d.MustList(func() bool { return c.option(d, &last) }) || !d.MustSP() {
		return false
	}
	if c.Return&(ReturnAll|ReturnPartial) == ReturnAll|ReturnPartial {
		return d.Fail("either ALL or PARTIAL") // RFC 9394 section 3.1
	}
	if c.Return == 0 {
		c.Return = ReturnAll
	}
	return true
}

// option reads search-return-opt; RFC 9051 section 9, RFC 6203 section 7, RFC 9394 section 4. last is the one before it: the
// attributes of UPDATE may stand behind a space (RFC 5465 section 7) and without one (section 8).
func (c *Search) option(d *wire.Decoder, last *SearchReturn) bool {
	if *last == ReturnUpdate && d.Next('(') {
		*last = 0
		return c.attributes(d)
	}
	i := slices.Index(returnWords[:], string(d.MustWord()))
	if i < 0 {
		return d.Fail("unknown result option")
	}
	bit := SearchReturn(1) << i
	if bit == ReturnPartial && c.Return&bit != 0 {
		return d.Fail("PARTIAL twice") // RFC 9394 section 3.1
	}
	c.Return |= bit
	*last = bit
	switch {
	case bit == ReturnPartial:
		return d.MustSP() && mustWindow(d, &c.Partial)
	case bit == ReturnUpdate && d.Next('('):
		return c.option(d, last)
	}
	return true
}

// "(" fetch-att *(SP fetch-att) ")" of modifier-update; RFC 5465 section 8.
func (c *Search) attributes(d *wire.Decoder) bool {
	if len(c.Fetch) > 0 {
		return d.Fail("UPDATE has attributes twice")
	}
	var f Fetch
	if !d.MustList(func() bool { return f.item(d) }) {
		return false
	}
	c.Fetch = f.Items
	return len(f.Items) > 0 || d.Fail("nothing to fetch")
}

// partial-range = nz-number ":" nz-number / MINUS nz-number ":" MINUS nz-number; RFC 9394 section 4.
func mustWindow(d *wire.Decoder, w *Window) bool {
	w.FromEnd = d.Special('-')
	if !d.MustNZNumber(&w.First) || !d.MustSpecial(':') || w.FromEnd && !d.MustSpecial('-') {
		return false
	}
	return d.MustNZNumber(&w.Last)
}

// and reads search-key *(SP search-key), of which all must match; w is the first one's word.
func (p *searchParser) and(k *SearchKey, w []byte) bool {
	if !p.key(k, w) {
		return false
	}
	if !p.d.Next(' ') {
		return true
	}
	*k = SearchKey{Op: SearchAnd, Keys: []SearchKey{*k}}
	for p.d.SP() {
		var next SearchKey
		if !p.key(&next, searchStart(p.d)) {
			return false
		}
		k.Keys = append(k.Keys, next)
	}
	return p.d.Err() == nil
}

// key reads one search-key; w is its word, nil for a set of message numbers or a parenthesis. RFC 9051 section 9.
func (p *searchParser) key(k *SearchKey, w []byte) bool {
	if p.keys++; p.keys > maxSearchKeys {
		return p.d.Fail("too many search keys")
	}
	if p.depth++; p.depth > maxSearchDepth {
		return p.d.Fail("too many search keys in each other")
	}
	defer func() { p.depth-- }()
	if w == nil {
		return p.unnamed(k)
	}
	word, ok := searchWords[string(w)]
	if !ok {
		return p.d.Fail("unknown search key")
	}
	k.Op = word.op
	if word.arg == argSystemFlag {
		k.Text = string(word.flag)
	}
	if word.arg != argNone && word.arg != argSystemFlag && (!p.d.MustSP() || !p.argument(k, word.arg)) {
		return false
	}
	if k.Op == SearchAnd { // NEW
		k.Keys = []SearchKey{{Op: SearchRecent}, {Op: SearchNot, Keys: []SearchKey{{Op: SearchKeyword,
			Text: string(mail.Seen)}}}}
	}
	if word.not {
		*k = SearchKey{Op: SearchNot, Keys: []SearchKey{*k}}
	}
	return true
}

// unnamed reads sequence-set / "(" search-key *(SP search-key) ")"; RFC 9051 section 9.
func (p *searchParser) unnamed(k *SearchKey) bool {
	if p.d.Open() {
		return p.and(k, searchStart(p.d)) && (p.d.Close() || p.d.Fail(`expected ")" or a search key`))
	}
	if !p.d.Next('*') && !p.d.Next('$') && !isNextDigit(p.d) {
		return p.d.Fail("expected a search key")
	}
	k.Op = SearchSeq
	return mustNumSet(p.d, &k.Set)
}

func (p *searchParser) argument(k *SearchKey, arg searchArg) bool {
	d := p.d
	switch arg {
	case argString:
		return d.MustAString(&k.Text)
	case argFlag:
		if !d.MustFlag(&k.Text) {
			return false
		}
		k.Text = string(canonicalFlag(k.Text))
		return true
	case argHeader:
		return d.MustAString(&k.Field) && d.MustSP() && d.MustAString(&k.Text)
	case argNumber:
		return d.MustNumber64(&k.N)
	case argSeconds:
		return d.MustNZNumber64(&k.N)
	case argDate:
		return d.MustDate(&k.Day)
	case argSet:
		return mustNumSet(d, &k.Set)
	case argUID:
		return uidKey(d, k)
	case argModSeq:
		return modSeqKey(d, k)
	case argID:
		return d.MustAString(&k.Text)
	case argFilter:
		return mustFilterName(d, &k.Text)
	case argKey:
		k.Keys = make([]SearchKey, 1)
		return p.key(&k.Keys[0], searchStart(d))
	case argTwoKeys:
		k.Keys = make([]SearchKey, 2)
		return p.key(&k.Keys[0], searchStart(d)) && d.MustSP() && p.key(&k.Keys[1], searchStart(d))
	case argNone, argSystemFlag:
	}
	return true
}

// uniqueid = nz-number; RFC 9738 section 3.2, RFC 9051 section 9.
func uidKey(d *wire.Decoder, k *SearchKey) bool {
	var uid uint32
	ok := d.MustNZNumber(&uid)
	k.N = int64(uid)
	return ok
}

// search-modsequence = "MODSEQ" [search-modseq-ext] SP mod-sequence-valzer; search-modseq-ext = SP entry-name SP
// entry-type-req; RFC 7162 section 7.
func modSeqKey(d *wire.Decoder, k *SearchKey) bool {
	if d.Next('"') {
		if !d.MustString(&k.Field) || !d.MustSP() {
			return false
		}
		switch w := d.MustWord(); string(w) {
		case "PRIV", "SHARED", "ALL":
			k.Text = string(w)
		default:
			return d.Fail("expected priv, shared or all")
		}
		if !d.MustSP() {
			return false
		}
	}
	return d.MustNumber64(&k.N)
}
