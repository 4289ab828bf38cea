package imap

import (
	"github.com/constance-mail/constance/internal/imap/wire"
)

// Copy is COPY, or UID COPY. RFC 9051 section 6.4.7.
type Copy struct {
	UID     bool
	Set     NumSet
	Mailbox string
}

// Move is MOVE, or UID MOVE. RFC 9051 section 6.4.8, RFC 6851.
type Move struct {
	UID     bool
	Set     NumSet
	Mailbox string
}

// Expunge is EXPUNGE, or UID EXPUNGE with a set. RFC 9051 sections 6.4.3 and 6.4.9.
type Expunge struct {
	UID bool
	Set NumSet // with UID only
}

// Verb is "COPY".
func (*Copy) Verb() string { return "COPY" }

// Verb is "MOVE".
func (*Move) Verb() string { return "MOVE" }

// Verb is "EXPUNGE".
func (*Expunge) Verb() string { return "EXPUNGE" }

// copy = "COPY" SP sequence-set SP mailbox; RFC 9051 section 9.
func parseCopy(d *wire.Decoder) Command { return parseCopyCommand(d, &Copy{}) }

func parseUIDCopy(d *wire.Decoder) Command { return parseCopyCommand(d, &Copy{UID: true}) }

func parseCopyCommand(d *wire.Decoder, c *Copy) Command {
	_ = d.MustSP() && mustNumSet(d, &c.Set) && d.MustSP() && d.MustMailbox(&c.Mailbox) // the error sticks
	return end(d, c)
}

// move = "MOVE" SP sequence-set SP mailbox; RFC 9051 section 9.
func parseMove(d *wire.Decoder) Command { return parseMoveCommand(d, &Move{}) }

func parseUIDMove(d *wire.Decoder) Command { return parseMoveCommand(d, &Move{UID: true}) }

func parseMoveCommand(d *wire.Decoder, c *Move) Command {
	_ = d.MustSP() && mustNumSet(d, &c.Set) && d.MustSP() && d.MustMailbox(&c.Mailbox) // the error sticks
	return end(d, c)
}

func parseExpunge(d *wire.Decoder) Command { return end(d, &Expunge{}) }

// uid-expunge = "UID" SP "EXPUNGE" SP sequence-set; RFC 9051 section 9.
func parseUIDExpunge(d *wire.Decoder) Command {
	c := &Expunge{UID: true}
	_ = d.MustSP() && mustNumSet(d, &c.Set) // the error sticks
	return end(d, c)
}

// Append appends the command.
func (c *Copy) Append(b []byte, utf8 bool) []byte {
	b = append(c.Set.Append(appendUID(b, c.UID, "COPY")), ' ')
	return appendMailbox(b, c.Mailbox, utf8)
}

// Append appends the command.
func (c *Move) Append(b []byte, utf8 bool) []byte {
	b = append(c.Set.Append(appendUID(b, c.UID, "MOVE")), ' ')
	return appendMailbox(b, c.Mailbox, utf8)
}

// Append appends the command.
func (c *Expunge) Append(b []byte, _ bool) []byte {
	if !c.UID {
		return append(b, "EXPUNGE"...)
	}
	return c.Set.Append(append(b, "UID EXPUNGE "...))
}
