package imap

import (
	"github.com/constance-mail/constance/internal/imap/wire"
)

// Status is STATUS. RFC 9051 section 6.3.11.
type Status struct {
	Mailbox string
	Items   StatusItems
}

// StatusItems are STATUS's data items, as bits. RFC 9051 section 6.3.11.
type StatusItems uint16

// The items.
const (
	StatusMessages       StatusItems = 1 << iota
	StatusRecent                     // RFC 3501 section 6.3.10
	StatusUIDNext                    //
	StatusUIDValidity                //
	StatusUnseen                     //
	StatusDeleted                    //
	StatusSize                       // RFC 8438
	StatusHighestModSeq              // RFC 7162 section 3.1.7
	StatusMailboxID                  // RFC 8474 section 4.3
	StatusAppendLimit                // RFC 7889 section 3.1
	StatusDeletedStorage             // RFC 9208 section 4.1.4
)

// Verb is "STATUS".
func (*Status) Verb() string { return "STATUS" }

// statusWords are the words of the items, in the order of their bits.
var statusWords = [...]string{"MESSAGES", "RECENT", "UIDNEXT", "UIDVALIDITY", "UNSEEN", "DELETED", "SIZE",
	"HIGHESTMODSEQ", "MAILBOXID", "APPENDLIMIT", "DELETED-STORAGE"}

// status = "STATUS" SP mailbox SP "(" status-att *(SP status-att) ")"; RFC 9051 section 9.
func parseStatus(d *wire.Decoder) Command {
	var c Status
	_ = d.MustSP() && d.MustMailbox(&c.Mailbox) && d.MustSP() && mustStatusItems(d, &c.Items) // the error sticks
	return end(d, &c)
}

// mustStatusItems reads "(" status-att *(SP status-att) ")"; RFC 9051 section 9.
func mustStatusItems(d *wire.Decoder, items *StatusItems) bool {
	one := func() bool {
		w := d.MustWord()
		for i, s := range statusWords {
			if s == string(w) {
				*items |= 1 << i
				return true
			}
		}
		return d.Fail("unknown status item")
	}
	return d.MustList(one) && (*items != 0 || d.Fail("no status item"))
}

func appendStatusItems(b []byte, items StatusItems) []byte {
	b = append(b, '(')
	first := true
	for i, s := range statusWords {
		if items&(1<<i) == 0 {
			continue
		}
		if !first {
			b = append(b, ' ')
		}
		first = false
		b = append(b, s...)
	}
	return append(b, ')')
}

// Append appends the command.
func (c *Status) Append(b []byte, utf8 bool) []byte {
	b = append(appendMailboxCommand(b, "STATUS", c.Mailbox, utf8), ' ')
	return appendStatusItems(b, c.Items)
}
