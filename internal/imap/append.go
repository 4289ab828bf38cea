package imap

import (
	"strconv"
	"time"

	"github.com/constance-mail/constance/internal/imap/wire"
	"github.com/constance-mail/constance/internal/mail"
)

// Append is APPEND up to its first literal or URL, which the engine then reads: Decoder.Literal for the
// octets of a literal, then Next. RFC 9051 section 6.3.12.
type Append struct {
	Mailbox string
	Message AppendMessage // the one that is being read
	single  bool          // no other message may follow
}

// AppendMessage is what is said of a message before its octets. RFC 9051 section 6.3.12.
type AppendMessage struct {
	Flags    []mail.Flag
	Date     time.Time // zero if not given
	Catenate bool      // it is made of parts. RFC 4469 section 3
	Part     AppendPart
}

// AppendPart is the octets of a message, or some of them: a literal, or what a URL stands for. RFC 4469
// section 5.
type AppendPart struct {
	URL    string // "" for a literal
	Size   int64  // octets of the literal
	Binary bool   // literal8. RFC 3516 section 4.4
	UTF8   bool   // a literal8 in the form of RFC 6855 section 4
	Sync   bool   // the client waits for the continuation request, which Decoder.Literal sends
}

// AppendNext is what follows a part.
type AppendNext uint8

// What may follow a part.
const (
	AppendEnd         AppendNext = iota // the command is complete
	AppendMorePart                      // another part of the same message
	AppendMoreMessage                   // another message. RFC 3502 section 6.3.11
)

// Verb is "APPEND".
func (*Append) Verb() string { return "APPEND" }

// append = "APPEND" SP mailbox 1*append-message; RFC 3502 section 6.3.11, RFC 9051 section 9. Reading stops
// before the octets of the first literal.
func parseAppend(d *wire.Decoder) Command {
	var c Append
	if !d.MustSP() || !c.parse(d) {
		return nil
	}
	return &c
}

func (c *Append) parse(d *wire.Decoder) bool {
	return d.MustMailbox(&c.Mailbox) && d.MustSP() && c.Message.parse(d)
}

// append-message = append-opts SP append-data; append-opts = [SP flag-list] [SP date-time];
// append-data = literal / literal8 / utf8-literal / "CATENATE" SP "(" cat-part *(SP cat-part) ")";
// RFC 4466 section 6, RFC 4469 section 5, RFC 6855 section 4. The first SP was read.
func (m *AppendMessage) parse(d *wire.Decoder) bool {
	if flagList(d, &m.Flags) && !d.MustSP() || d.Err() != nil {
		return false
	}
	if d.Next('"') && (!d.MustDateTime(&m.Date) || !d.MustSP()) {
		return false
	}
	switch {
	case d.NextText("CATENATE"):
		m.Catenate = true
		return d.MustKeyword("CATENATE") && d.MustSP() && d.MustSpecial('(') && m.Part.parse(d)
	case d.NextText("UTF8"):
		return m.Part.utf8(d)
	}
	return d.MustLiteral(&m.Part.Size, &m.Part.Sync, &m.Part.Binary)
}

// cat-part = "TEXT" SP literal / "URL" SP astring / utf8-literal; RFC 4469 section 5, RFC 6855 section 4.
// TEXT may be a literal8 as well: RFC 3516 has octets of any kind in one.
func (p *AppendPart) parse(d *wire.Decoder) bool {
	if d.NextText("UTF8") {
		return p.utf8(d)
	}
	switch string(d.MustWord()) {
	case "TEXT":
		return d.MustSP() && d.MustLiteral(&p.Size, &p.Sync, &p.Binary)
	case "URL":
		return d.MustSP() && d.MustAString(&p.URL) && (p.URL != "" || d.Fail("empty URL"))
	}
	return d.Fail("expected TEXT, URL or UTF8")
}

// utf8-literal = "UTF8" SP "(" literal8 ")"; RFC 6855 section 4. Reading stops before the octets; end reads
// the ")".
func (p *AppendPart) utf8(d *wire.Decoder) bool {
	p.UTF8 = true
	if !d.MustKeyword("UTF8") || !d.MustSP() || !d.MustSpecial('(') {
		return false
	}
	return d.MustLiteral(&p.Size, &p.Sync, &p.Binary) && (p.Binary || d.Fail("expected a literal8"))
}

// end reads what belongs to a part behind its octets.
func (p *AppendPart) end(d *wire.Decoder) bool { return !p.UTF8 || d.MustSpecial(')') }

// Next is called when the octets of a part were read: it reads what follows up to the next octets, or to the
// end of the command. Errors as Read's.
func (c *Append) Next(d *wire.Decoder) (AppendNext, error) {
	m := &c.Message
	if !m.Part.end(d) {
		return AppendEnd, refused(d)
	}
	if m.Catenate && d.SP() {
		m.Part = AppendPart{}
		if !m.Part.parse(d) {
			return AppendEnd, refused(d)
		}
		return AppendMorePart, nil
	}
	if m.Catenate && !d.MustSpecial(')') {
		return AppendEnd, refused(d)
	}
	*m = AppendMessage{}
	switch {
	case !c.single && d.SP():
		if m.parse(d) {
			return AppendMoreMessage, nil
		}
	case d.MustEnd():
		return AppendEnd, nil
	}
	return AppendEnd, refused(d)
}

// Append appends the command up to and with its first URL, or the announcement of its first literal.
func (c *Append) Append(b []byte, utf8 bool) []byte {
	b = append(appendMailboxCommand(b, "APPEND", c.Mailbox, utf8), ' ')
	return c.Message.Append(b)
}

// Append appends flags, date and the first part.
func (m *AppendMessage) Append(b []byte) []byte {
	if m.Flags != nil {
		b = append(AppendFlags(b, m.Flags), ' ')
	}
	if !m.Date.IsZero() {
		b = append(wire.AppendDateTime(b, m.Date), ' ')
	}
	if !m.Catenate {
		return m.Part.append(b)
	}
	b = append(b, "CATENATE ("...)
	if m.Part.URL == "" && !m.Part.UTF8 {
		b = append(b, "TEXT "...)
	}
	return m.Part.append(b)
}

// append appends a URL, or the announcement of a literal whose octets follow.
func (p *AppendPart) append(b []byte) []byte {
	if p.URL != "" {
		return wire.AppendAString(append(b, "URL "...), p.URL, false)
	}
	if p.UTF8 {
		b = append(b, "UTF8 ("...)
	}
	if p.Binary {
		b = append(b, '~')
	}
	b = strconv.AppendInt(append(b, '{'), p.Size, 10)
	if !p.Sync {
		b = append(b, '+')
	}
	return append(b, "}\r\n"...)
}
