package imap

import (
	"slices"
	"strings"

	"github.com/constance-mail/constance/internal/imap/wire"
)

// Sort is SORT, or UID SORT. RFC 5256 section 3, RFC 5267 section 3.
type Sort struct {
	Search   Search // with a Charset
	Criteria []SortCriterion
}

// SortCriterion is what to sort by. RFC 5256 section 3.
type SortCriterion struct {
	Key     SortKey
	Reverse bool // in descending order
}

// SortKey says which of a message's values is compared.
type SortKey uint8

// The sort keys. RFC 5256 section 3, RFC 5957 section 4, RFC 6203 section 6.
const (
	SortArrival SortKey = iota
	SortCc
	SortDate
	SortFrom
	SortSize
	SortSubject
	SortTo
	SortDisplayFrom
	SortDisplayTo
	SortRelevancy // the highest first
)

// sortWords are the words of the sort keys, in their order.
var sortWords = [...]string{"ARRIVAL", "CC", "DATE", "FROM", "SIZE", "SUBJECT", "TO", "DISPLAYFROM", "DISPLAYTO",
	"RELEVANCY"}

// maxCriteria bounds the criteria of one SORT. More than there are keys, each in both directions, say nothing new.
const maxCriteria = 2 * len(sortWords)

// Verb is "SORT".
func (*Sort) Verb() string { return "SORT" }

// Append appends the command.
func (c *Sort) Append(b []byte, utf8 bool) []byte {
	b = append(c.Search.appendReturn(appendUID(b, c.Search.UID, "SORT")), '(')
	for i, s := range c.Criteria {
		if i > 0 {
			b = append(b, ' ')
		}
		if s.Reverse {
			b = append(b, "REVERSE "...)
		}
		b = append(b, sortWords[s.Key]...)
	}
	b = append(wire.AppendAString(append(b, ") "...), c.Search.Charset, utf8), ' ')
	return c.Search.appendProgram(b, utf8)
}

// sort = "SORT" [search-return-opts] SP sort-criteria SP search-criteria; RFC 5256 section 5, RFC 5267 section 5.
func parseSort(d *wire.Decoder) Command { return parseSortCommand(d, &Sort{}) }

func parseUIDSort(d *wire.Decoder) Command {
	return parseSortCommand(d, &Sort{Search: Search{UID: true}})
}

func parseSortCommand(d *wire.Decoder, c *Sort) Command {
	if !d.MustSP() {
		return nil
	}
	if !d.Next('(') && (!d.MustKeyword("RETURN") || !c.Search.returns(d)) {
		return nil
	}
	if !d.MustList(func() bool { return c.criterion(d) }) {
		return nil
	}
	if len(c.Criteria) == 0 {
		d.Fail("nothing to sort by")
		return nil
	}
	if !d.MustSP() || !c.Search.criteria(d) {
		return nil
	}
	return end(d, c)
}

// sort-criterion = ["REVERSE" SP] sort-key; RFC 5256 section 5.
func (c *Sort) criterion(d *wire.Decoder) bool {
	var s SortCriterion
	w := d.MustWord()
	if string(w) == "REVERSE" {
		s.Reverse = true
		if !d.MustSP() {
			return false
		}
		w = d.MustWord()
	}
	i := slices.Index(sortWords[:], string(w))
	if i < 0 {
		return d.Fail("unknown sort key")
	}
	if len(c.Criteria) == maxCriteria {
		return d.Fail("too many sort criteria")
	}
	s.Key = SortKey(i)
	c.Criteria = append(c.Criteria, s)
	return true
}

// search-criteria = charset 1*(SP search-key); RFC 5256 section 5.
func (c *Search) criteria(d *wire.Decoder) bool {
	if !d.MustAString(&c.Charset) || !d.MustSP() {
		return false
	}
	if c.Charset = strings.ToUpper(c.Charset); c.Charset == "" {
		return d.Fail("no charset")
	}
	p := searchParser{d: d}
	return p.and(&c.Key, searchStart(d))
}
