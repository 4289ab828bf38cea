package imap

import (
	"github.com/constance-mail/constance/internal/imap/wire"
)

// List is LIST. RFC 9051 section 6.3.9, RFC 5258, RFC 6154, RFC 5819.
type List struct {
	Extended  bool // any of the extended syntax was used
	Select    ListOptions
	Reference string
	Patterns  []string
	Return    ListOptions
	Status    StatusItems // with ListStatus in Return
	Metadata  []string    // entries in lower case, with ListMetadata in Return
}

// LSub is LSUB. RFC 3501 section 6.3.9.
type LSub struct{ Reference, Pattern string }

// ListOptions are the options of an extended LIST, as bits. RFC 9051 sections 6.3.9.1 and 6.3.9.2.
type ListOptions uint8

// The options: which are allowed for selection and which for return stands behind them.
const (
	ListSubscribed     ListOptions = 1 << iota // both
	ListRemote                                 // selection
	ListRecursiveMatch                         // selection
	ListSpecialUse                             // both, RFC 6154 section 4
	ListChildren                               // return
	ListStatus                                 // return, RFC 5819
	ListMetadata                               // return, RFC 9590
	ListMyRights                               // return, RFC 8440
)

// Verb is "LIST".
func (*List) Verb() string { return "LIST" }

// Verb is "LSUB".
func (*LSub) Verb() string { return "LSUB" }

// listWord is an option and its word.
type listWord struct {
	bit  ListOptions
	word string
}

// The words of the options. RFC 9051 section 9, RFC 5819 section 4, RFC 6154 section 6,
// RFC 8440 section 5.
var (
	listSelects = []listWord{{ListSubscribed, "SUBSCRIBED"}, {ListRemote, "REMOTE"},
		{ListRecursiveMatch, "RECURSIVEMATCH"}, {ListSpecialUse, "SPECIAL-USE"}}
	listReturns = []listWord{{ListSubscribed, "SUBSCRIBED"}, {ListChildren, "CHILDREN"},
		{ListSpecialUse, "SPECIAL-USE"}, {ListStatus, "STATUS"}, {ListMyRights, "MYRIGHTS"},
		{ListMetadata, "METADATA"}}
)

// maxPatterns bounds the patterns of one LIST.
const maxPatterns = 100

// list = "LIST" [SP list-select-opts] SP mailbox SP mbox-or-pat [SP list-return-opts]; RFC 9051 section 9.
func parseList(d *wire.Decoder) Command {
	var c List
	if !d.MustSP() {
		return nil
	}
	if d.List(func() bool { return c.selectOption(d) }) {
		c.Extended = true
		if c.Select&(ListRecursiveMatch|ListSubscribed) == ListRecursiveMatch {
			d.Fail("RECURSIVEMATCH needs SUBSCRIBED") // RFC 9051 section 6.3.9.1, RFC 6154 section 6
		}
		d.MustSP()
	}
	if d.Err() != nil || !d.MustMailbox(&c.Reference) || !d.MustSP() || !c.patterns(d) {
		return nil
	}
	if d.SP() {
		c.Extended = true
		_ = d.MustKeyword("RETURN") && d.MustSP() &&
			d.MustList(func() bool { return c.returnOption(d) }) // the error sticks
	}
	return end(d, &c)
}

// mbox-or-pat = list-mailbox / patterns; patterns = "(" list-mailbox *(SP list-mailbox) ")"; RFC 9051 section 9.
func (c *List) patterns(d *wire.Decoder) bool {
	one := func() bool {
		var p string
		if !d.MustListMailbox(&p) {
			return false
		}
		if len(c.Patterns) == maxPatterns {
			return d.Fail("too many patterns")
		}
		c.Patterns = append(c.Patterns, p)
		return true
	}
	if !d.List(one) {
		return d.Err() == nil && one()
	}
	c.Extended = true
	return len(c.Patterns) > 0 || d.Fail("no pattern")
}

func findOption(words []listWord, w []byte) ListOptions {
	for _, o := range words {
		if o.word == string(w) {
			return o.bit
		}
	}
	return 0
}

// list-select-opt; RFC 9051 section 9.
func (c *List) selectOption(d *wire.Decoder) bool {
	o := findOption(listSelects, d.MustWord())
	c.Select |= o
	return o != 0 || d.Fail("unknown selection option")
}

// return-option; RFC 9051 section 9.
func (c *List) returnOption(d *wire.Decoder) bool {
	o := findOption(listReturns, d.MustWord())
	c.Return |= o
	switch o {
	case ListStatus:
		return d.MustSP() && mustStatusItems(d, &c.Status)
	case ListMetadata: // return-option =/ "METADATA" SP entries; RFC 9590 section 5
		return d.MustSP() && mustEntries(d, &c.Metadata)
	}
	return o != 0 || d.Fail("unknown return option")
}

// lsub = "LSUB" SP mailbox SP list-mailbox; RFC 3501 section 9.
func parseLSub(d *wire.Decoder) Command {
	var c LSub
	_ = d.MustSP() && d.MustMailbox(&c.Reference) && d.MustSP() && d.MustListMailbox(&c.Pattern) // the error sticks
	return end(d, &c)
}

// Append appends the command.
func (c *List) Append(b []byte, utf8 bool) []byte {
	b = append(b, "LIST "...)
	if c.Select != 0 {
		b = append(c.appendListOptions(b, c.Select, listSelects), ' ')
	}
	b = append(appendMailbox(b, c.Reference, utf8), ' ')
	if c.Extended {
		b = append(b, '(')
	}
	for i, p := range c.Patterns {
		if i > 0 {
			b = append(b, ' ')
		}
		b = appendPattern(b, p, utf8)
	}
	if c.Extended {
		b = append(b, ')')
	}
	if c.Return != 0 {
		b = c.appendListOptions(append(b, " RETURN "...), c.Return, listReturns)
	}
	return b
}

// appendPattern appends a name that may hold wildcards, as a client sends it.
func appendPattern(b []byte, p string, utf8 bool) []byte {
	if !utf8 {
		p = string(wire.AppendName(nil, p))
	}
	return wire.AppendClientString(b, p, utf8)
}

func (c *List) appendListOptions(b []byte, o ListOptions, words []listWord) []byte {
	b = append(b, '(')
	first := true
	for _, w := range words {
		if o&w.bit == 0 {
			continue
		}
		if !first {
			b = append(b, ' ')
		}
		first = false
		b = append(b, w.word...)
		switch w.bit {
		case ListStatus:
			b = appendStatusItems(append(b, ' '), c.Status)
		case ListMetadata:
			b = appendEntries(append(b, ' '), c.Metadata)
		}
	}
	return append(b, ')')
}

// Append appends the command.
func (c *LSub) Append(b []byte, utf8 bool) []byte {
	b = append(appendMailboxCommand(b, "LSUB", c.Reference, utf8), ' ')
	return appendPattern(b, c.Pattern, utf8)
}
