package imap

import (
	"time"
)

// Search is SEARCH, or UID SEARCH. RFC 9051 section 6.4.4, RFC 4731, RFC 5182.
type Search struct {
	UID      bool
	Extended bool         // RETURN was given; the answer is an ESEARCH. RFC 9051 always answers so
	Return   SearchReturn // RETURN () is ReturnAll
	Charset  string       // in capitals, "" if not given
	Key      SearchKey
}

// SearchReturn is what RETURN asks for, as bits. RFC 4731 section 3.1.
type SearchReturn uint8

// The result options.
const (
	ReturnMin SearchReturn = 1 << iota
	ReturnMax
	ReturnAll
	ReturnCount
	ReturnSave // RFC 5182
)

// SearchKey is a criterion. Op says which of the other fields mean something.
type SearchKey struct {
	Op    SearchOp
	Keys  []SearchKey // SearchAnd: any number, SearchOr: two, SearchNot: one
	Set   NumSet      // SearchSeq, SearchUID
	Text  string      // the text to look for, EmailID's and ThreadID's identifier, SearchKeyword's flag
	Field string      // SearchHeader: the field's name; SearchModSeq: the entry name, "" if not given
	Day   time.Time   // SearchBefore ... SearchSavedSince: midnight UTC of that calendar day
	N     int64       // SearchLarger, SearchSmaller: octets; SearchOlder, SearchYounger: seconds; SearchModSeq
}

// SearchOp is what a SearchKey looks at.
type SearchOp uint8

// The criteria. Others of the grammar are made from these: UNSEEN is SearchNot of SearchKeyword `\Seen`, NEW is
// SearchAnd of SearchRecent and UNSEEN, OLD SearchNot of SearchRecent. RFC 9051 section 6.4.4.
const (
	SearchAll     SearchOp = iota
	SearchAnd              // every one of Keys
	SearchOr               // one of Keys
	SearchNot              // not Keys[0]
	SearchSeq              // message numbers, or the saved result
	SearchUID              // UIDs
	SearchKeyword          // has flag Text: a system flag or a keyword
	SearchRecent           // RFC 3501 section 6.4.4
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
)
