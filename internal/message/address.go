package message

import "bytes"

// maxAddresses bounds the addresses of one field; the rest is left out.
const maxAddresses = 4096

// address is one address structure of an envelope. RFC 9051 section 7.5.2.
type address struct {
	name, route, local, host []byte // nil is NIL; unquoted, encoded words as they stand
}

// isGroup tells whether a starts a group, whose name is local, or (local nil) ends it.
func (a *address) isGroup() bool { return a.host == nil }

// addressParser reads an address list of RFC 5322 section 3.4, with the obsolete forms of section 4.4 and much that
// is neither: it never fails, and every octet that is not comment or white space ends up in some address.
type addressParser struct {
	in      []byte
	pos     int
	out     []address
	inGroup bool

	// of the address that is being read
	text    []byte // its words, unquoted, runs of white space as one space
	at      int    // index in text of the last '@' that was not quoted, -1 none
	space   bool   // white space after the last word
	comment []byte // the last comment

	// There is no '"' or '>' left that could end what is open; so that a field full of openings is not searched again
	// and again.
	noQuote, noAngle bool
}

// appendAddresses appends the addresses of a field's value to out.
func appendAddresses(out []address, value []byte) []address {
	p := addressParser{in: value, out: out}
	limit := len(out) + maxAddresses
	p.begin()
	for p.pos < len(p.in) && len(p.out) < limit {
		p.step()
	}
	p.finish()
	p.endGroup()
	return p.out
}

func (p *addressParser) begin() { p.text, p.at, p.space, p.comment = nil, -1, false, nil }

// step reads one token.
func (p *addressParser) step() {
	c := p.in[p.pos]
	switch {
	case isFWS(c) || c == 0:
		p.space = true
		p.pos++
	case c == '(':
		p.comment = p.readComment()
		p.space = true
	case c == ',':
		p.pos++
		p.finish()
	case c == ';':
		p.pos++
		p.finish()
		p.endGroup()
	case c == '<':
		p.pos++
		p.angle()
	case c == ':' && !p.inGroup && len(p.text) > 0 && p.at < 0:
		p.pos++
		p.inGroup = true
		p.out = append(p.out, address{local: p.text})
		p.begin()
	case c == '"':
		p.word(p.readQuoted())
	case c == '@':
		p.pos++
		p.text = append(p.text, '@')
		p.at, p.space = len(p.text)-1, false
	default:
		p.word(p.readAtom())
	}
}

// word adds a word to text.
func (p *addressParser) word(w []byte) {
	if p.space && len(p.text) > 0 && p.text[len(p.text)-1] != '@' {
		p.text = append(p.text, ' ')
	}
	p.space = false
	if p.text == nil {
		p.text = make([]byte, 0, max(48, len(w)))
	}
	p.text = append(p.text, w...)
}

// readAtom reads to the next special; one that means nothing here counts as text.
func (p *addressParser) readAtom() []byte {
	start := p.pos
	for p.pos++; p.pos < len(p.in); p.pos++ {
		switch c := p.in[p.pos]; c {
		case ' ', '\t', '\r', '\n', 0, '(', ',', ';', '<', ':', '"', '@':
			return p.in[start:p.pos]
		}
	}
	return p.in[start:]
}

// readQuoted reads a quoted string and gives what it means. RFC 5322 section 3.2.4. Without an end it is one character.
func (p *addressParser) readQuoted() []byte {
	if p.noQuote {
		p.pos++
		return []byte{'"'}
	}
	text, n := unquote(p.in[p.pos:], '"')
	if n == 0 {
		p.noQuote = true
		p.pos++
		return []byte{'"'}
	}
	p.pos += n
	return text
}

// unquote reads a quoted string up to its end mark: what it means, and its length; 0 if it has no end.
func unquote(in []byte, end byte) (text []byte, n int) {
	plain := true
	for i := 1; i < len(in); i++ {
		switch in[i] {
		case end:
			if plain {
				return in[1:i], i + 1
			}
			return unescape(in[1:i]), i + 1
		case '\\':
			plain = false
			i++
		case '\r', '\n', 0:
			plain = false
		}
	}
	return nil, 0
}

func unescape(in []byte) []byte {
	out := make([]byte, 0, len(in))
	for i := 0; i < len(in); i++ {
		c := in[i]
		if c == '\\' && i+1 < len(in) {
			i++
			c = in[i]
		}
		if c != '\r' && c != '\n' && c != 0 {
			out = append(out, c)
		}
	}
	return out
}

// readComment reads a comment, which can hold others, and gives its text. Without an end it is all that
// is left of the field.
func (p *addressParser) readComment() []byte {
	start := p.pos + 1
	p.pos += skipComment(p.in[p.pos:])
	stop := p.pos
	if stop > start && p.in[stop-1] == ')' {
		stop--
	}
	return unescape(p.in[start:stop])
}

// skipComment is the length of the comment that in begins with. RFC 5322 section 3.2.2.
func skipComment(in []byte) int {
	depth := 0
	for i := 0; i < len(in); i++ {
		switch in[i] {
		case '\\':
			i++
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return len(in)
}

// angle reads "route:local@host>" and what follows up to the next address. The text so far is the name.
func (p *addressParser) angle() {
	name := p.text
	p.begin()
	var route []byte
	p.noAngle = p.noAngle || bytes.IndexByte(p.in[p.pos:], '>') < 0
loop:
	for p.pos < len(p.in) {
		switch c := p.in[p.pos]; {
		case c == '>':
			break loop
		case p.noAngle && (c == ',' || c == ';'):
			break loop
		case isFWS(c) || c == 0 || c == '<':
			p.pos++
		case c == '(':
			p.readComment()
		case c == '"':
			p.text = append(p.text, p.readQuoted()...)
		case c == ':' && len(p.text) > 0 && p.text[0] == '@':
			route, p.text, p.at = p.text, nil, -1
			p.pos++
		case c == '@':
			p.at = len(p.text)
			p.text = append(p.text, c)
			p.pos++
		default:
			p.text = append(p.text, c)
			p.pos++
		}
	}
	a := p.split()
	a.name, a.route = trim(name), route
	p.tail()
	if len(a.name) == 0 {
		a.name = nonEmpty(p.comment)
	}
	p.out = append(p.out, a)
	p.begin()
}

// tail passes over what stands between an address in angle brackets and the next separator.
func (p *addressParser) tail() {
	for p.pos < len(p.in) {
		switch p.in[p.pos] {
		case '(':
			p.comment = p.readComment()
		case '"':
			p.readQuoted()
		case ',', ';':
			return
		default:
			p.pos++
		}
	}
}

// split makes an address of text: local@host.
func (p *addressParser) split() address {
	if p.at < 0 {
		return address{local: orEmpty(trim(p.text)), host: []byte{}} // a host that is NIL would make it a group
	}
	return address{local: orEmpty(trim(p.text[:p.at])), host: orEmpty(joinDots(trim(p.text[p.at+1:])))}
}

// joinDots takes out the spaces around the dots of a domain. RFC 5322 section 4.4 (obs-domain).
func joinDots(b []byte) []byte {
	if bytes.IndexByte(b, ' ') < 0 {
		return b
	}
	b = bytes.ReplaceAll(b, []byte(" ."), []byte("."))
	return bytes.ReplaceAll(b, []byte(". "), []byte("."))
}

// finish ends an address that has no angle brackets; its name may be in a comment.
func (p *addressParser) finish() {
	if len(p.text) > 0 {
		a := p.split()
		a.name = nonEmpty(p.comment)
		p.out = append(p.out, a)
	}
	p.begin()
}

func (p *addressParser) endGroup() {
	if p.inGroup {
		p.out = append(p.out, address{})
	}
	p.inGroup = false
}

func orEmpty(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// nonEmpty is b without white space around, nil if that is empty.
func nonEmpty(b []byte) []byte {
	if b = trim(b); len(b) == 0 {
		return nil
	}
	return b
}
