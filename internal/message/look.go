package message

import (
	"io"
	"strings"
)

// Looker is shown the texts of a message one after the other, until it has seen enough.
type Looker interface {
	// Field is shown a header field: its name, a colon, a space, its decoded value.
	Field(text string) (enough bool)
	// Text is shown the text of a part, as Part.Text gives it.
	Text(r io.Reader) (enough bool, err error)
}

// LookAtHeader shows the fields of a header block.
func LookAtHeader(header []byte, l Looker) (enough bool) {
	f := fields{rest: header}
	for f.next() {
		name, value, _ := strings.Cut(string(f.field), ":")
		if l.Field(name + ": " + DecodeHeader(value)) {
			return true
		}
	}
	return false
}

// LookAtBody shows what SEARCH BODY looks at of the message with the octets r: the texts of text parts and of reports, and
// the headers of parts and of messages in messages. RFC 9051 section 6.4.4. Errors are those of r and of l.
func LookAtBody(r io.ReaderAt, p *Part, l Looker) (enough bool, err error) {
	var header []byte
	if p.kind == leaf {
		if header, err = p.ReadHeader(r); err != nil {
			return false, err
		}
	}
	return lookInto(r, p, header, l)
}

// lookInto is LookAtBody for a part, of which a leaf has this header.
func lookInto(r io.ReaderAt, p *Part, header []byte, l Looker) (enough bool, err error) {
	if p.kind == text || p.kind == leaf && isReport(header) {
		return l.Text(p.Text(r))
	}
	for i := range p.parts {
		part := &p.parts[i]
		header, err := part.ReadHeader(r)
		if err != nil || LookAtHeader(header, l) {
			return err == nil, err
		}
		if enough, err := lookInto(r, part, header, l); enough || err != nil {
			return enough, err
		}
	}
	return false, nil
}

// isReport tells whether a part without parts is of the type message, such as message/delivery-status: its text has the
// addresses that somebody looks for. RFC 3464.
func isReport(header []byte) bool {
	f := fields{rest: header}
	for f.next() {
		if equalFold("content-type", f.name()) {
			c, _ := parseContentType(f.value(), nil)
			return equalFold("message", c.main)
		}
	}
	return false
}

// ReadHeader reads the header of a part or message, whose length this package bounds, from the octets of the message.
func (p *Part) ReadHeader(r io.ReaderAt) ([]byte, error) {
	b := make([]byte, p.Header.Length)
	n, err := r.ReadAt(b, p.Header.Offset)
	if n == len(b) {
		err = nil
	}
	return b[:n], err
}
