package message

import (
	"encoding/binary"
	"errors"

	"github.com/constance-mail/constance/internal/mail"
)

const (
	partsVersion = 1
	maxCharset   = 64
	minPart      = 7 // octets of a part in Digest.Parts
)

// Extent is a range of the stored octets.
type Extent struct{ Offset, Length int64 }

// End is the offset after the range.
func (e Extent) End() int64 { return e.Offset + e.Length }

// Part is a message or a part of one: where its header and its body are in the stored octets. Header includes the
// empty line. Body does not include the line end before the boundary that follows.
type Part struct {
	Header, Body Extent
	Encoding     Encoding
	Charset      string // of text, as the message names it; may be ""
	kind         kind
	html         bool
	parts        []Part // of a multipart its parts, of an embedded message the message
}

// Parts are the parts of a multipart; of an embedded message the one message in it; nil of all others.
func (p *Part) Parts() []Part { return p.parts }

// IsText tells whether the type is text, and html whether it is text/html.
func (p *Part) IsText() (isText, html bool) { return p.kind == text, p.html }

// IsLeaf tells whether the part has no parts: neither a multipart nor a message.
func (p *Part) IsLeaf() bool { return p.kind == leaf || p.kind == text }

// appendParts appends Digest.Parts: a version, the number of parts, and the parts from the outside in. Header offsets
// are relative to the body around.
func (p *parser) appendParts(b []byte) []byte {
	b = append(b, partsVersion)
	b = binary.AppendUvarint(b, uint64(len(p.nodes)))
	return p.appendPart(b, 0, 0)
}

func (p *parser) appendPart(b []byte, n int32, around int64) []byte {
	nd := &p.nodes[n]
	flags := byte(nd.kind) | byte(nd.encoding)<<2
	if nd.html {
		flags |= 1 << 7
	}
	b = append(b, flags)
	b = binary.AppendUvarint(b, uint64(nd.head.Offset-around))
	b = binary.AppendUvarint(b, uint64(nd.head.Length))
	b = binary.AppendUvarint(b, uint64(nd.body.Offset-nd.head.Offset-nd.head.Length))
	b = binary.AppendUvarint(b, uint64(nd.body.Length))
	b = append(b, byte(len(nd.charset)))
	b = append(b, nd.charset...)
	count := 0
	for c := nd.first; c != 0; c = p.nodes[c].next {
		count++
	}
	b = binary.AppendUvarint(b, uint64(count))
	for c := nd.first; c != 0; c = p.nodes[c].next {
		b = p.appendPart(b, c, nd.body.Offset)
	}
	return b
}

var errParts = errors.New("damaged tree of parts")

// DecodeParts reads Digest.Parts. Whatever b holds, the extents that come out are inside of each other. Kind Corrupt.
func DecodeParts(b []byte) (*Part, error) {
	if len(b) == 0 || b[0] != partsVersion {
		return nil, &mail.Error{Op: "decode parts", Kind: mail.Corrupt, Err: errParts}
	}
	d := partDecoder{b: b[1:]}
	total := d.number()
	if total == 0 || total > int64(len(b)/minPart+1) || total > maxParts+maxDepth*2 {
		return nil, &mail.Error{Op: "decode parts", Kind: mail.Corrupt, Err: errParts}
	}
	slab := make([]Part, total)
	d.free = slab[1:]
	const all = 1 << 60
	d.part(&slab[0], Extent{0, all}, 0)
	if d.bad || len(d.b) != 0 || len(d.free) != 0 {
		return nil, &mail.Error{Op: "decode parts", Kind: mail.Corrupt, Err: errParts}
	}
	return &slab[0], nil
}

type partDecoder struct {
	b    []byte
	free []Part
	bad  bool
}

// number reads a number that is no negative int64; 0 once something was wrong.
func (d *partDecoder) number() int64 {
	v, n := binary.Uvarint(d.b)
	if n <= 0 || v > 1<<60 {
		d.bad, d.b = true, nil
		return 0
	}
	d.b = d.b[n:]
	return int64(v)
}

func (d *partDecoder) octet() byte {
	if len(d.b) == 0 {
		d.bad = true
		return 0
	}
	c := d.b[0]
	d.b = d.b[1:]
	return c
}

// part reads a part that must lie within around.
func (d *partDecoder) part(p *Part, around Extent, depth int) {
	flags := d.octet()
	p.kind = kind(flags & 3)
	p.Encoding = Encoding(flags >> 2 & 0x1f)
	p.html = flags&(1<<7) != 0
	p.Header = d.extent(around.Offset, around.End())
	p.Body = d.extent(p.Header.End(), around.End())
	if n := int(d.octet()); n > maxCharset || n > len(d.b) {
		d.bad = true
	} else {
		p.Charset = string(d.b[:n])
		d.b = d.b[n:]
	}
	count := d.number()
	switch {
	case p.Encoding > unknownEncoding, depth > maxDepth+1, count > int64(len(d.free)),
		p.kind == embedded && count != 1, p.kind == multipart && count == 0, p.IsLeaf() && count != 0:
		d.bad = true
	}
	if d.bad || count == 0 {
		return
	}
	p.parts, d.free = d.free[:count:count], d.free[count:]
	for i := range p.parts {
		if d.part(&p.parts[i], p.Body, depth+1); d.bad {
			return
		}
	}
}

// extent reads an extent that must lie within start and end.
func (d *partDecoder) extent(start, end int64) Extent {
	gap, length := d.number(), d.number()
	if gap > end-start || length > end-start-gap {
		d.bad = true
		return Extent{}
	}
	return Extent{start + gap, length}
}

// find is the part with these part numbers, nil if there is none. RFC 9051 section 6.4.5.1.
func (p *Part) find(path []int) *Part {
	msg, at := p, (*Part)(nil) // numbers count the parts of msg, or those of at
	for _, n := range path {
		parts := []Part(nil)
		switch {
		case msg != nil && msg.kind != multipart: // a message that is no multipart has a part 1, itself
			if n != 1 {
				return nil
			}
			at, msg = msg, nil
			if at.kind == embedded {
				msg = &at.parts[0]
			}
			continue
		case msg != nil:
			parts = msg.parts
		case at.kind == multipart:
			parts = at.parts
		}
		if n < 1 || n > len(parts) {
			return nil
		}
		at, msg = &parts[n-1], nil
		if at.kind == embedded {
			msg = &at.parts[0]
		}
	}
	return at
}

// Locate is where a section is, and whether there is such a section. Of HEADER.FIELDS it is the whole header, for
// FilterHeader. RFC 9051 section 6.4.5.1.
func (p *Part) Locate(s Section) (Extent, bool) {
	msg, at := p, p
	if len(s.Path) > 0 {
		if at = p.find(s.Path); at == nil {
			return Extent{}, false
		}
		if msg = nil; at.kind == embedded {
			msg = &at.parts[0]
		}
	}
	switch {
	case s.What == MIME && len(s.Path) > 0:
		return at.Header, true
	case s.What == Whole && len(s.Path) > 0:
		return at.Body, true
	case s.What == Whole:
		return Extent{p.Header.Offset, p.Body.End() - p.Header.Offset}, true
	case msg == nil || s.What == MIME:
		return Extent{}, false
	case s.What == Text:
		return msg.Body, true
	}
	return msg.Header, true
}
