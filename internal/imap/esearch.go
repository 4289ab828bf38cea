package imap

import (
	"strconv"

	"github.com/constance-mail/constance/internal/imap/wire"
	"github.com/constance-mail/constance/internal/mail"
)

// ESearch is ESEARCH: a search of several mailboxes, answered by UIDs. RFC 7377 section 2.
type ESearch struct {
	Sources []MailboxFilter // none: the selected mailbox
	Search  Search          // with UID and Extended set
}

// Verb is "ESEARCH".
func (*ESearch) Verb() string { return "ESEARCH" }

// maxSources bounds the sources of one ESEARCH.
const maxSources = 100

// esearch = "ESEARCH" [SP esearch-source-opts] [SP search-return-opts] SP search-program; RFC 7377 section 4.
func parseESearch(d *wire.Decoder) Command {
	c := ESearch{Search: Search{UID: true, Extended: true, Return: ReturnAll}}
	if !d.MustSP() {
		return nil
	}
	w := searchStart(d)
	if string(w) == "IN" {
		if !d.MustSP() || !c.sources(d) || !d.MustSP() {
			return nil
		}
		w = searchStart(d)
	}
	if !c.Search.program(d, w) {
		return nil
	}
	return end(d, &c)
}

// esearch-source-opts = "IN" SP "(" source-mbox [SP "(" scope-options ")"] ")"; RFC 7377 section 4.
// source-mbox = filter-mailboxes *(SP filter-mailboxes); RFC 7377 section 4. No scope option is defined.
func (c *ESearch) sources(d *wire.Decoder) bool {
	return d.MustList(func() bool {
		var f MailboxFilter
		switch {
		case !f.parse(d):
			return false
		case f.Kind == FilterSelectedDelayed:
			return d.Fail("selected-delayed is for NOTIFY") // RFC 7377 section 2.2
		case len(c.Sources) == maxSources:
			return d.Fail("too many sources")
		}
		c.Sources = append(c.Sources, f)
		return true
	}) && (len(c.Sources) > 0 || d.Fail("no source"))
}

// Append appends the command.
func (c *ESearch) Append(b []byte, utf8 bool) []byte {
	b = append(b, "ESEARCH "...)
	for i := range c.Sources {
		if i == 0 {
			b = append(b, "IN ("...)
		} else {
			b = append(b, ' ')
		}
		b = c.Sources[i].append(b, utf8)
	}
	if len(c.Sources) > 0 {
		b = append(b, ") "...)
	}
	s := c.Search.Append(nil, utf8)
	return append(b, s[len("UID SEARCH "):]...)
}

// AppendESearchSource appends the start of an ESEARCH response about one of several mailboxes. RFC 7377
// section 2.1.
func AppendESearchSource(b []byte, tag, mailbox string, v mail.UIDValidity, utf8 bool) []byte {
	b = wire.AppendQuoted(append(b, "* ESEARCH (TAG "...), tag)
	b = wire.AppendMailbox(append(b, " MAILBOX "...), mailbox, utf8)
	b = strconv.AppendUint(append(b, " UIDVALIDITY "...), uint64(v), 10)
	return append(b, ") UID"...)
}
