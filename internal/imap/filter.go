package imap

import (
	"github.com/constance-mail/constance/internal/imap/wire"
)

// MailboxFilter says which mailboxes a NOTIFY or an ESEARCH is about. RFC 5465 section 6, RFC 7377 section
// 2.2.
type MailboxFilter struct {
	Kind  FilterKind
	Names []string // of FilterSubtree, FilterSubtreeOne, FilterMailboxes
}

// FilterKind is the kind of a MailboxFilter.
type FilterKind uint8

// The kinds.
const (
	FilterSelected FilterKind = iota
	FilterSelectedDelayed
	FilterInboxes
	FilterPersonal
	FilterSubscribed
	FilterSubtree
	FilterSubtreeOne // RFC 7377 section 2.2
	FilterMailboxes
)

// filterWords are the words of the kinds.
var filterWords = [...]string{"SELECTED", "SELECTED-DELAYED", "INBOXES", "PERSONAL", "SUBSCRIBED", "SUBTREE",
	"SUBTREE-ONE", "MAILBOXES"}

// selected tells whether it is about the selected mailbox.
func (k FilterKind) selected() bool { return k <= FilterSelectedDelayed }

// maxFilterNames bounds the names of one filter.
const maxFilterNames = 1000

// filter-mailboxes = filter-mailboxes-selected / filter-mailboxes-other; RFC 5465 section 8, RFC 7377 section
// 4.
func (f *MailboxFilter) parse(d *wire.Decoder) bool {
	w := d.MustWord()
	known := false
	for i, s := range filterWords {
		if s == string(w) {
			f.Kind, known = FilterKind(i), true
		}
	}
	if !known {
		return d.Fail("unknown mailbox filter")
	}
	return f.Kind < FilterSubtree || d.MustSP() && f.names(d)
}

// one-or-more-mailbox = mailbox / "(" mailbox *(SP mailbox) ")"; RFC 5465 section 8.
func (f *MailboxFilter) names(d *wire.Decoder) bool {
	one := func() bool {
		var name string
		if !d.MustMailbox(&name) {
			return false
		}
		if len(f.Names) == maxFilterNames {
			return d.Fail("too many mailboxes")
		}
		f.Names = append(f.Names, name)
		return true
	}
	if !d.List(one) {
		return d.Err() == nil && one()
	}
	return len(f.Names) > 0 || d.Fail("no mailbox")
}

func (f *MailboxFilter) append(b []byte, utf8 bool) []byte {
	b = append(b, filterWords[f.Kind]...)
	if f.Kind < FilterSubtree {
		return b
	}
	b = append(b, " ("...)
	for i, n := range f.Names {
		if i > 0 {
			b = append(b, ' ')
		}
		b = appendMailbox(b, n, utf8)
	}
	return append(b, ')')
}
