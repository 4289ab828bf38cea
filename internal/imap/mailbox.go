package imap

import (
	"github.com/constance-mail/constance/internal/imap/wire"
)

// Delete is DELETE. RFC 9051 section 6.3.5.
type Delete struct{ Mailbox string }

// Rename is RENAME. RFC 9051 section 6.3.6.
type Rename struct{ From, To string }

// Subscribe is SUBSCRIBE. RFC 9051 section 6.3.7.
type Subscribe struct{ Mailbox string }

// Unsubscribe is UNSUBSCRIBE. RFC 9051 section 6.3.8.
type Unsubscribe struct{ Mailbox string }

// Verb is "DELETE".
func (*Delete) Verb() string { return "DELETE" }

// Verb is "RENAME".
func (*Rename) Verb() string { return "RENAME" }

// Verb is "SUBSCRIBE".
func (*Subscribe) Verb() string { return "SUBSCRIBE" }

// Verb is "UNSUBSCRIBE".
func (*Unsubscribe) Verb() string { return "UNSUBSCRIBE" }

// appendMailboxCommand appends a verb and a mailbox name.
func appendMailboxCommand(b []byte, verb, mailbox string, utf8 bool) []byte {
	b = append(b, verb...)
	b = append(b, ' ')
	return appendMailbox(b, mailbox, utf8)
}

// appendMailbox appends a mailbox name as a client sends it.
func appendMailbox(b []byte, name string, utf8 bool) []byte {
	if !utf8 {
		name = string(wire.AppendName(nil, name))
	}
	return wire.AppendAString(b, name, utf8)
}

// Append appends the command.
func (c *Delete) Append(b []byte, utf8 bool) []byte {
	return appendMailboxCommand(b, "DELETE", c.Mailbox, utf8)
}

// Append appends the command.
func (c *Rename) Append(b []byte, utf8 bool) []byte {
	b = append(appendMailboxCommand(b, "RENAME", c.From, utf8), ' ')
	return appendMailbox(b, c.To, utf8)
}

// Append appends the command.
func (c *Subscribe) Append(b []byte, utf8 bool) []byte {
	return appendMailboxCommand(b, "SUBSCRIBE", c.Mailbox, utf8)
}

// Append appends the command.
func (c *Unsubscribe) Append(b []byte, utf8 bool) []byte {
	return appendMailboxCommand(b, "UNSUBSCRIBE", c.Mailbox, utf8)
}

// delete = "DELETE" SP mailbox; RFC 9051 section 9.
func parseDelete(d *wire.Decoder) Command {
	var c Delete
	_ = d.MustSP() && d.MustMailbox(&c.Mailbox) // the error sticks
	return end(d, &c)
}

// rename = "RENAME" SP mailbox SP mailbox; RFC 9051 section 9.
func parseRename(d *wire.Decoder) Command {
	var c Rename
	_ = d.MustSP() && d.MustMailbox(&c.From) && d.MustSP() && d.MustMailbox(&c.To) // the error sticks
	return end(d, &c)
}

// subscribe = "SUBSCRIBE" SP mailbox; RFC 9051 section 9.
func parseSubscribe(d *wire.Decoder) Command {
	var c Subscribe
	_ = d.MustSP() && d.MustMailbox(&c.Mailbox) // the error sticks
	return end(d, &c)
}

// unsubscribe = "UNSUBSCRIBE" SP mailbox; RFC 9051 section 9.
func parseUnsubscribe(d *wire.Decoder) Command {
	var c Unsubscribe
	_ = d.MustSP() && d.MustMailbox(&c.Mailbox) // the error sticks
	return end(d, &c)
}
