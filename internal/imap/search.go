package imap

import (
	"strconv"
	"strings"
	"time"

	"github.com/constance-mail/constance/internal/imap/wire"
	"github.com/constance-mail/constance/internal/mail"
)

// Search is SEARCH, or UID SEARCH. RFC 9051 section 6.4.4, RFC 4731, RFC 5182.
type Search struct {
	UID      bool
	Extended bool         // RETURN was given; the answer is an ESEARCH. RFC 9051 always answers so
	Return   SearchReturn // RETURN () is ReturnAll
	Partial  Window       // of ReturnPartial
	Fetch    []FetchItem  // of ReturnUpdate: of new messages among the results. RFC 5465 section 7
	Charset  string       // in capitals, "" if not given
	Key      SearchKey
}

// SearchReturn is what RETURN asks for, as bits. RFC 4731 section 3.1.
type SearchReturn uint16

// The result options.
const (
	ReturnMin SearchReturn = 1 << iota
	ReturnMax
	ReturnAll
	ReturnCount
	ReturnSave      // RFC 5182
	ReturnPartial   // RFC 9394 section 3.1
	ReturnContext   // the search may come again: only a hint. RFC 5267 section 4.2
	ReturnUpdate    // changes of the results are told. RFC 5267 section 4.3
	ReturnRelevancy // how well each result matches what FUZZY is about. RFC 6203 section 4
)

// returnWords are the words of the result options, in the order of their bits.
var returnWords = [...]string{"MIN", "MAX", "ALL", "COUNT", "SAVE", "PARTIAL", "CONTEXT", "UPDATE", "RELEVANCY"}

// Window is a run of results by their places, both included, as it was written: the first result is 1, or with FromEnd
// the last one is. First may be larger than Last: that is the same run. RFC 9394 section 4 (partial-range).
type Window struct {
	First, Last uint32
	FromEnd     bool
}

// Append appends the window as written.
func (w Window) Append(b []byte) []byte {
	minus := ""
	if w.FromEnd {
		minus = "-"
	}
	b = strconv.AppendUint(append(b, minus...), uint64(w.First), 10)
	b = append(append(b, ':'), minus...)
	return strconv.AppendUint(b, uint64(w.Last), 10)
}

// Len is how many places the window has; 1 for the zero Window.
func (w Window) Len() int { return int(max(w.First, w.Last)-min(w.First, w.Last)) + 1 }

// Of is the window's run in n results, in their order from the first one: from (counted from 0) up to but without to.
func (w Window) Of(n int) (from, to int) {
	low, high := int(min(w.First, w.Last)), int(max(w.First, w.Last))
	if w.FromEnd {
		low, high = n-high+1, n-low+1
	}
	from, to = max(low-1, 0), min(high, n)
	return from, max(from, to)
}

// SearchKey is a criterion. Op says which of the other fields mean something.
type SearchKey struct {
	Op    SearchOp
	Keys  []SearchKey // SearchAnd: any number, SearchOr: two, SearchNot and SearchFuzzy: one
	Set   NumSet      // SearchSeq, SearchUID
	Text  string      // the text to look for, EmailID's and ThreadID's identifier, SearchKeyword's flag
	Field string      // SearchHeader: the field's name; SearchModSeq: the entry name, "" if not given
	Day   time.Time   // SearchBefore ... SearchSavedSince: midnight UTC of that calendar day
	N     int64       // SearchLarger, SearchSmaller: octets; SearchOlder, SearchYounger: seconds; ModSeq's and UIDs'
}

// SearchOp is what a SearchKey looks at.
type SearchOp uint8

// The criteria. Others of the grammar are made from these: UNSEEN is SearchNot of SearchKeyword `\Seen`, NEW is
// SearchAnd of SearchRecent and UNSEEN, OLD SearchNot of SearchRecent. RFC 9051 section 6.4.4.
const (
	SearchAll       SearchOp = iota
	SearchAnd                // every one of Keys
	SearchOr                 // one of Keys
	SearchNot                // not Keys[0]
	SearchFuzzy              // what is about Keys[0]. RFC 6203 section 3
	SearchSeq                // message numbers, or the saved result
	SearchUID                // UIDs
	SearchUIDAfter           // UIDs above N. RFC 9738 section 3.2
	SearchUIDBefore          // UIDs below N. RFC 9738 section 3.2
	SearchKeyword            // has flag Text: a system flag or a keyword
	SearchRecent             // RFC 3501 section 6.4.4
	SearchBcc
	SearchCc
	SearchFrom
	SearchSubject
	SearchTo
	SearchBody
	SearchText
	SearchHeader // a field Field that holds Text ("" for any)
	SearchLarger
	SearchSmaller
	SearchBefore
	SearchOn
	SearchSince
	SearchSentBefore
	SearchSentOn
	SearchSentSince
	SearchSavedBefore // RFC 8514 section 4.2, as the next three
	SearchSavedOn
	SearchSavedSince
	SearchSaveDateSupported
	SearchOlder    // internal date at least N seconds ago. RFC 5032
	SearchYounger  // internal date at most N seconds ago. RFC 5032
	SearchModSeq   // mod-sequence at least N. RFC 7162 section 3.1.5
	SearchEmailID  // RFC 8474 section 6
	SearchThreadID // RFC 8474 section 6
	SearchFilter   // the filter named Text. RFC 5466
)

// Has tells whether the key, or one in it, looks at that.
func (k *SearchKey) Has(op SearchOp) bool {
	for i := range k.Keys {
		if k.Keys[i].Has(op) {
			return true
		}
	}
	return k.Op == op
}

// Verb is "SEARCH".
func (*Search) Verb() string { return "SEARCH" }

// searchOpWords are the words with which a key is written, in the order of SearchOp; "" is written otherwise.
var searchOpWords = [...]string{SearchAll: "ALL", SearchOr: "OR", SearchNot: "NOT", SearchFuzzy: "FUZZY", SearchUID: "UID",
	SearchUIDAfter: "UIDAFTER", SearchUIDBefore: "UIDBEFORE",
	SearchRecent: "RECENT",
	SearchBcc:    "BCC", SearchCc: "CC", SearchFrom: "FROM", SearchSubject: "SUBJECT", SearchTo: "TO",
	SearchBody: "BODY",
	SearchText: "TEXT", SearchHeader: "HEADER", SearchLarger: "LARGER", SearchSmaller: "SMALLER",
	SearchBefore: "BEFORE",
	SearchOn:     "ON", SearchSince: "SINCE", SearchSentBefore: "SENTBEFORE", SearchSentOn: "SENTON",
	SearchSentSince: "SENTSINCE", SearchSavedBefore: "SAVEDBEFORE", SearchSavedOn: "SAVEDON",
	SearchSavedSince: "SAVEDSINCE", SearchSaveDateSupported: "SAVEDATESUPPORTED", SearchOlder: "OLDER",
	SearchYounger: "YOUNGER", SearchModSeq: "MODSEQ", SearchEmailID: "EMAILID", SearchThreadID: "THREADID",
	SearchFilter: "FILTER"}

// Append appends the command.
func (c *Search) Append(b []byte, utf8 bool) []byte {
	b = c.appendReturn(appendUID(b, c.UID, "SEARCH"))
	if c.Charset != "" {
		b = append(wire.AppendAString(append(b, "CHARSET "...), c.Charset, utf8), ' ')
	}
	return c.appendProgram(b, utf8)
}

func (c *Search) appendReturn(b []byte) []byte {
	if !c.Extended {
		return b
	}
	b = append(b, "RETURN ("...)
	for i, w := range returnWords {
		if c.Return&(1<<i) != 0 {
			b = append(append(b, w...), ' ')
		}
		if c.Return&(1<<i) == ReturnPartial {
			b = append(c.Partial.Append(b), ' ')
		}
		if c.Return&(1<<i) == ReturnUpdate && len(c.Fetch) > 0 {
			b = append(appendFetchItems(b, c.Fetch), ' ')
		}
	}
	return append(b[:len(b)-1], ") "...)
}

// appendProgram appends the keys.
func (c *Search) appendProgram(b []byte, utf8 bool) []byte {
	if c.Key.Op == SearchAnd {
		return appendSearchKeys(b, c.Key.Keys, utf8)
	}
	return c.Key.append(b, utf8)
}

func appendSearchKeys(b []byte, keys []SearchKey, utf8 bool) []byte {
	for i := range keys {
		if i > 0 {
			b = append(b, ' ')
		}
		b = keys[i].append(b, utf8)
	}
	return b
}

func (k *SearchKey) append(b []byte, utf8 bool) []byte {
	switch {
	case k.Op == SearchAnd:
		return append(appendSearchKeys(append(b, '('), k.Keys, utf8), ')')
	case k.Op == SearchKeyword && k.Text[0] == '\\' && mail.Flag(k.Text).Bit(nil) != 0:
		return append(b, strings.ToUpper(k.Text[1:])...)
	case k.Op == SearchKeyword:
		return append(append(b, "KEYWORD "...), k.Text...)
	}
	b = append(b, searchOpWords[k.Op]...)
	if k.Op != SearchSeq && k.Op != SearchAll && k.Op != SearchRecent && k.Op != SearchSaveDateSupported {
		b = append(b, ' ')
	}
	switch k.Op {
	case SearchNot, SearchOr, SearchFuzzy:
		b = appendSearchKeys(b, k.Keys, utf8)
	case SearchSeq, SearchUID:
		b = k.Set.Append(b)
	case SearchHeader:
		b = append(wire.AppendAString(b, k.Field, utf8), ' ')
		b = wire.AppendAString(b, k.Text, utf8)
	case SearchModSeq:
		if k.Field != "" || k.Text != "" {
			b = append(append(append(wire.AppendClientString(b, k.Field, utf8), ' '), k.Text...), ' ')
		}
		b = strconv.AppendInt(b, k.N, 10)
	case SearchLarger, SearchSmaller, SearchOlder, SearchYounger, SearchUIDAfter, SearchUIDBefore:
		b = strconv.AppendInt(b, k.N, 10)
	default:
		if searchWords[searchOpWords[k.Op]].arg == argDate {
			return wire.AppendDate(b, k.Day)
		}
		if k.Text != "" || k.Op != SearchAll && k.Op != SearchRecent && k.Op != SearchSaveDateSupported {
			b = wire.AppendAString(b, k.Text, utf8)
		}
	}
	return b
}
