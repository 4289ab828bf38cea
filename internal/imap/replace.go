package imap

import "github.com/constance-mail/constance/internal/imap/wire"

// Replace is REPLACE, or UID REPLACE: an APPEND of one message that takes another one's place. RFC 8508
// section 3.
type Replace struct {
	UID bool
	Set NumSet // one number
	To  Append
}

// Verb is "REPLACE".
func (*Replace) Verb() string { return "REPLACE" }

// replace = "REPLACE" SP seq-number SP mailbox append-message; RFC 8508 section 5. Reading stops as that of
// APPEND does.
func parseReplace(d *wire.Decoder) Command { return parseReplaceCommand(d, &Replace{}) }

func parseUIDReplace(d *wire.Decoder) Command { return parseReplaceCommand(d, &Replace{UID: true}) }

func parseReplaceCommand(d *wire.Decoder, c *Replace) Command {
	c.To.single = true
	if !d.MustSP() || !mustNumSet(d, &c.Set) {
		return nil
	}
	if r := c.Set.Ranges; len(r) != 1 || r[0].Start != r[0].Stop {
		d.Fail("expected one number")
		return nil
	}
	if !d.MustSP() || !c.To.parse(d) {
		return nil
	}
	return c
}

// Append appends the command as Append.Append does.
func (c *Replace) Append(b []byte, utf8 bool) []byte {
	b = append(c.Set.Append(appendUID(b, c.UID, "REPLACE")), ' ')
	b = append(wire.AppendMailbox(b, c.To.Mailbox, utf8), ' ')
	return c.To.Message.Append(b)
}
