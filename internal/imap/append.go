package imap

import (
	"strconv"
	"time"

	"github.com/constance-mail/constance/internal/imap/wire"
	"github.com/constance-mail/constance/internal/mail"
)

// Append is APPEND up to its first literal, which the engine then reads: Decoder.Literal for the octets, then Next.
// RFC 9051 section 6.3.12.
type Append struct {
	Mailbox string
	Message AppendMessage
}

// AppendMessage is what is said of a message before its literal. RFC 9051 section 6.3.12, RFC 3516 section 4.4.
type AppendMessage struct {
	Flags  []mail.Flag
	Date   time.Time // zero if not given
	Size   int64     // octets
	Binary bool      // literal8
	Sync   bool      // the client waits for the continuation request, which Decoder.Literal sends
}

// Verb is "APPEND".
func (*Append) Verb() string { return "APPEND" }

// append = "APPEND" SP mailbox 1*append-message; RFC 3502 section 6.3.11, RFC 9051 section 9. Reading stops before
// the first literal's octets.
func parseAppend(d *wire.Decoder) Command {
	var c Append
	if !d.MustSP() || !d.MustMailbox(&c.Mailbox) || !d.MustSP() || !c.Message.parse(d) {
		return nil
	}
	return &c
}

// append-message = append-opts SP append-data; append-opts = [SP flag-list] [SP date-time];
// append-data = literal / literal8; RFC 9051 section 9, RFC 3516 section 7. The first SP was read.
func (m *AppendMessage) parse(d *wire.Decoder) bool {
	if flagList(d, &m.Flags) && !d.MustSP() || d.Err() != nil {
		return false
	}
	if d.Next('"') && (!d.MustDateTime(&m.Date) || !d.MustSP()) {
		return false
	}
	return d.MustLiteral(&m.Size, &m.Sync, &m.Binary)
}

// Next is called when a message's octets were read: it reads the announcement of another one (RFC 3502), or the end
// of
// the command (false). Errors as Read's; without one, and false, the command is complete.
func (c *Append) Next(d *wire.Decoder) (bool, error) {
	c.Message = AppendMessage{}
	if d.SP() {
		if c.Message.parse(d) {
			return true, nil
		}
	} else if d.MustEnd() {
		return false, nil
	}
	return false, refused(d)
}

// Append appends the command up to and with the announcement of its first message's literal.
func (c *Append) Append(b []byte, utf8 bool) []byte {
	b = append(appendMailboxCommand(b, "APPEND", c.Mailbox, utf8), ' ')
	return c.Message.Append(b)
}

// Append appends flags, date and the announcement of the literal, whose octets follow.
func (m *AppendMessage) Append(b []byte) []byte {
	if m.Flags != nil {
		b = append(AppendFlags(b, m.Flags), ' ')
	}
	if !m.Date.IsZero() {
		b = append(wire.AppendDateTime(b, m.Date), ' ')
	}
	if m.Binary {
		b = append(b, '~')
	}
	b = strconv.AppendInt(append(b, '{'), m.Size, 10)
	if !m.Sync {
		b = append(b, '+')
	}
	return append(b, "}\r\n"...)
}
