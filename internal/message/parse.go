package message

import (
	"bytes"
	"io"
)

// kind is what a part consists of.
type kind uint8

const (
	leaf      kind = iota
	text           // a leaf of type text
	multipart      //
	embedded       // message/rfc822 or message/global: its one child is the message in it
)

// span is a range of the parser's wire octets.
type span struct{ start, end int }

// node is a part while the message is parsed. Nodes refer to each other by index.
type node struct {
	head, body  Extent
	lines       int64 // '\n' in body
	kind        kind
	encoding    Encoding
	html        bool // text/html
	plain       bool // text/plain
	attached    bool // its disposition is attachment. RFC 2183 section 2.2
	alternative bool // multipart/alternative
	charset     string
	first       int32 // child, 0 none
	next        int32 // sibling, 0 none

	// Wire forms: of a part that has no parts, type to encoding; of a multipart, the subtype; the parameters; the
	// extension data behind them; of a message, its envelope.
	basic, params, extension, envelope span
}

// parser builds the tree of parts in one pass.
type parser struct {
	scanner
	nodes      []node
	boundaries [][]byte // of the multiparts that are open, the outermost first
	wire       []byte

	// Work space of the header that is being read.
	floor     int64 // where the last header ended: no body around it ends before
	head      header
	params    []param
	addresses []address

	digest *digester // takes what it wants from the header of the message itself
}

// role is how a part comes to be.
type role uint8

const (
	part       role = iota // of a multipart
	digestPart             // of a multipart/digest, RFC 2046 section 5.1.5
	entire                 // a message
)

func (p *parser) add() int32 {
	p.nodes = append(p.nodes, node{})
	return int32(len(p.nodes) - 1)
}

// full tells whether a bound is reached beyond which no further part is described.
func (p *parser) full() bool { return len(p.nodes) >= maxParts || len(p.wire) >= maxWire }

// entity reads a header and the body that belongs to it.
func (p *parser) entity(n int32, as role, depth int) ending {
	start := p.offset()
	block := p.scanner.header(p.boundaries)
	p.head.read(block, as == entire)
	if as == entire {
		p.nodes[n].envelope = p.envelope()
		if p.digest != nil {
			p.digest.header(p, block)
			p.digest = nil
		}
	}
	boundary, digest := p.describe(n, as == digestPart, depth)
	p.nodes[n].head = Extent{start, p.offset() - start}
	p.floor = p.offset()
	bodyStart, before := p.offset(), p.lines
	var e ending
	switch p.nodes[n].kind {
	case multipart:
		e = p.multipart(n, boundary, digest, depth)
	case embedded:
		c := p.add()
		p.nodes[n].first = c
		e = p.entity(c, entire, depth+1)
	default:
		e = p.body(p.boundaries)
	}
	p.close(n, bodyStart, before, e)
	return e
}

// close sets where a body ended. A boundary right after a header leaves it empty: that line end stays the header's.
func (p *parser) close(n int32, start, lines int64, e ending) {
	p.nodes[n].body = Extent{start, max(start, p.floor, e.at) - start}
	p.nodes[n].lines = max(0, e.lines-lines)
}

// multipart reads the parts between boundaries. A multipart in which there are none has one part, its whole body as
// text, for a body structure must name one.
func (p *parser) multipart(n int32, boundary []byte, digest bool, depth int) ending {
	start, before := p.offset(), p.lines
	own := len(p.boundaries)
	if len(boundary) > 0 {
		p.boundaries = append(p.boundaries, boundary)
	}
	as := part
	if digest {
		as = digestPart
	}
	e := p.body(p.boundaries) // the preamble
	prev := int32(0)
	for len(boundary) > 0 && e.level == own && !e.last {
		full := prev != 0 && p.full()
		c := p.add()
		if prev == 0 {
			p.nodes[n].first = c
		} else {
			p.nodes[prev].next = c
		}
		prev = c
		if full {
			e = p.opaque(c, own)
			break
		}
		e = p.entity(c, as, depth+1)
	}
	p.boundaries = p.boundaries[:own]
	if prev == 0 {
		c := p.add()
		p.nodes[n].first = c
		p.head = header{}
		p.describe(c, false, depth)
		p.nodes[c].head = Extent{start, 0}
		p.close(c, start, before, e)
	}
	if e.level == own && len(boundary) > 0 { // the epilogue
		e = p.body(p.boundaries)
	}
	return e
}

// opaque makes one part of all that is left in the multipart whose boundary has that level.
func (p *parser) opaque(c int32, level int) ending {
	start, before := p.offset(), p.lines
	e := p.body(p.boundaries[:level])
	p.basicOpaque(c)
	p.nodes[c].head = Extent{start, 0}
	p.close(c, start, before, e)
	return e
}

// header is the fields of one header that matter here, as they stand in the window: valid until the scanner moves. nil
// is a missing field, so an empty one is not nil.
type header struct {
	contentType, encoding, disposition, id, description, language, location, md5 []byte

	date, subject, messageID, inReplyTo, references []byte
	from, sender, replyTo, to, cc, bcc              []byte
}

// read takes the fields of a block; of repeated ones the first, but all addresses.
func (h *header) read(block []byte, entire bool) {
	*h = header{}
	f := fields{rest: block}
	for f.next() {
		if f.colon < 0 {
			continue
		}
		name := f.name()
		dst := h.slot(name)
		switch {
		case dst == nil || !entire && (len(name) < 8 || lower(name[0]) != 'c' || lower(name[1]) != 'o'):
		case *dst == nil:
			v := orEmpty(f.value())
			*dst = v[:len(v):len(v)] // so that what is appended goes elsewhere
		case h.isAddress(dst):
			*dst = append(append(*dst, ','), f.value()...)
		}
	}
}

func (h *header) isAddress(dst *[]byte) bool {
	switch dst {
	case &h.from, &h.sender, &h.replyTo, &h.to, &h.cc, &h.bcc:
		return true
	}
	return false
}

// slot is where the value of a field belongs, nil if it does not matter.
func (h *header) slot(name []byte) *[]byte {
	var low [32]byte
	if len(name) > len(low) {
		return nil
	}
	for i, c := range name {
		low[i] = lower(c)
	}
	switch string(low[:len(name)]) {
	case "content-type":
		return &h.contentType
	case "content-transfer-encoding":
		return &h.encoding
	case "content-disposition":
		return &h.disposition
	case "content-id":
		return &h.id
	case "content-description":
		return &h.description
	case "content-language":
		return &h.language
	case "content-location":
		return &h.location
	case "content-md5":
		return &h.md5
	case "date":
		return &h.date
	case "subject":
		return &h.subject
	case "message-id":
		return &h.messageID
	case "in-reply-to":
		return &h.inReplyTo
	case "references":
		return &h.references
	case "from":
		return &h.from
	case "sender":
		return &h.sender
	case "reply-to":
		return &h.replyTo
	case "to":
		return &h.to
	case "cc":
		return &h.cc
	case "bcc":
		return &h.bcc
	}
	return nil
}

// parse reads the whole message.
func parse(r io.ReaderAt, size int64, d *digester) (*parser, error) {
	window := windows.Get().(*[]byte)
	p := &parser{scanner: scanner{r: r, size: size, buf: *window}, digest: d}
	p.nodes = make([]node, 1, 16) // [0] is the message; no child is it, so 0 can mean none
	p.wire = make([]byte, 0, 2048)
	p.entity(0, entire, 0)
	if len(p.buf) == windowSize {
		windows.Put(window)
	}
	p.buf, p.head = nil, header{}
	return p, p.err
}

// describe writes the wire forms of a part's fields and finds out what kind it is. RFC 2045 section 5.2: without a
// Content-Type that can be read it is plain text.
func (p *parser) describe(n int32, digest bool, depth int) (boundary []byte, isDigest bool) {
	nd := &p.nodes[n]
	nd.encoding = encodingOf(p.head.encoding)
	disposition, _ := token(skipCFWS(p.head.disposition))
	nd.attached = equalFold("attachment", disposition)
	c, ok := parseContentType(p.head.contentType, p.params[:0])
	switch {
	case ok:
		p.params = c.params
	case digest && p.head.contentType == nil:
		c = contentType{main: []byte("MESSAGE"), sub: []byte("RFC822")}
	default:
		c = contentType{main: []byte("TEXT"), sub: []byte("PLAIN"), params: plainASCII}
	}
	deep := depth >= maxDepth || p.full()
	switch {
	case equalFold("text", c.main):
		nd.kind = text
		nd.html, nd.plain = equalFold("html", c.sub), equalFold("plain", c.sub)
		nd.charset = string(c.param("charset"))
		nd.charset = nd.charset[:min(len(nd.charset), maxCharset)]
	case equalFold("multipart", c.main) && !deep:
		nd.kind = multipart
		b := bytes.TrimRight(c.param("boundary"), " \t")
		boundary = append(boundary, b[:min(len(b), maxBoundary)]...)
		isDigest = equalFold("digest", c.sub)
		nd.alternative = equalFold("alternative", c.sub)
	case equalFold("message", c.main) && isMessage(c.sub) && !deep:
		nd.kind = embedded
	case equalFold("multipart", c.main), equalFold("message", c.main) && isMessage(c.sub):
		c.main, c.sub = []byte("APPLICATION"), []byte("OCTET-STREAM") // what a structure may not say of a leaf
	}
	p.writeFields(nd, &c)
	return boundary, isDigest
}

var plainASCII = []param{{[]byte("CHARSET"), []byte("US-ASCII")}}

func isMessage(sub []byte) bool { return equalFold("rfc822", sub) || equalFold("global", sub) }
