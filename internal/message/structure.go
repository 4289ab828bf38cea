package message

import (
	"bytes"
	"strconv"
)

const (
	maxQuoted = 1024     // octets of a string that is quoted; a longer one becomes a literal
	maxString = 16 << 10 // octets of any string in a wire form, beyond which it is cut
	maxList   = 256 << 10
)

// appendString appends v unfolded as a quoted string or, if it is long or not ASCII, as a literal. NUL, which neither
// can hold, becomes '?'. RFC 9051 section 4.3.
func appendString(dst, v []byte) []byte {
	v = unfold(v[:min(len(v), maxString)])
	plain, escapes := len(v) <= maxQuoted, false
	for _, c := range v {
		if c == '"' || c == '\\' {
			escapes = true
		} else if c >= 0x80 || c == 0 {
			plain = false
		}
	}
	switch {
	case plain && !escapes:
		dst = append(dst, '"')
		dst = append(dst, v...)
		return append(dst, '"')
	case plain:
		dst = append(dst, '"')
		for _, c := range v {
			if c == '"' || c == '\\' {
				dst = append(dst, '\\')
			}
			dst = append(dst, c)
		}
		return append(dst, '"')
	}
	dst = append(dst, '{')
	dst = strconv.AppendInt(dst, int64(len(v)), 10)
	dst = append(dst, "}\r\n"...)
	start := len(dst)
	dst = append(dst, v...)
	for i := start; i < len(dst); i++ {
		if dst[i] == 0 {
			dst[i] = '?'
		}
	}
	return dst
}

// appendNString is appendString, or NIL for nil.
func appendNString(dst, v []byte) []byte {
	if v == nil {
		return append(dst, "NIL"...)
	}
	return appendString(dst, v)
}

// appendParams appends body-fld-param.
func appendParams(dst []byte, params []param) []byte {
	if len(params) == 0 {
		return append(dst, "NIL"...)
	}
	for i, p := range params {
		if i == 0 {
			dst = append(dst, '(')
		} else {
			dst = append(dst, ' ')
		}
		dst = appendString(dst, p.name)
		dst = append(dst, ' ')
		dst = appendString(dst, p.value)
	}
	return append(dst, ')')
}

// writeFields writes the wire forms of a part from its content type and the other fields of p.head.
func (p *parser) writeFields(nd *node, c *contentType) {
	w, start := p.wire, len(p.wire)
	if nd.kind != multipart {
		w = appendString(w, c.main)
		w = append(w, ' ')
	}
	w = appendString(w, c.sub)
	w = append(w, ' ')
	w = appendParams(w, c.params)
	nd.basic = span{start, len(w)}
	start = len(w)
	if nd.kind != multipart {
		w = append(w, ' ')
		w = appendNString(w, nonEmpty(p.head.id))
		w = append(w, ' ')
		w = appendNString(w, nonEmpty(p.head.description))
		w = append(w, ' ')
		if cte := mechanism(p.head.encoding); len(cte) > 0 {
			w = appendString(w, cte)
		} else {
			w = append(w, `"7BIT"`...)
		}
	}
	nd.params = span{start, len(w)}
	start = len(w)
	if nd.kind != multipart {
		w = append(w, ' ')
		w = appendNString(w, nonEmpty(p.head.md5))
	}
	w = append(w, ' ')
	w = p.appendDisposition(w)
	w = append(w, ' ')
	w = appendLanguage(w, p.head.language)
	w = append(w, ' ')
	w = appendNString(w, nonEmpty(p.head.location))
	nd.extension = span{start, len(w)}
	p.wire = w
}

// appendDisposition appends body-fld-dsp. RFC 2183.
func (p *parser) appendDisposition(w []byte) []byte {
	kind, rest := token(skipCFWS(p.head.disposition))
	if len(kind) == 0 {
		return append(w, "NIL"...)
	}
	var own [4]param
	w = append(w, '(')
	w = appendString(w, kind)
	w = append(w, ' ')
	w = appendParams(w, parseParams(rest, own[:0]))
	return append(w, ')')
}

// appendLanguage appends body-fld-lang. RFC 3282 section 2.
func appendLanguage(w, v []byte) []byte {
	n, start := 0, len(w)
	for len(v) > 0 && n < maxParams {
		tag, rest := token(skipCFWS(v))
		if len(tag) > 0 {
			if n > 0 {
				w = append(w, ' ')
			} else {
				w = append(w, '(')
			}
			w = appendString(w, tag)
			n++
		}
		i := bytes.IndexByte(rest, ',')
		if i < 0 {
			break
		}
		v = rest[i+1:]
	}
	switch n {
	case 0:
		return append(w[:start], "NIL"...)
	case 1:
		return append(w[:start], w[start+1:]...)
	}
	return append(w, ')')
}

// basicOpaque describes a part that was not looked at.
func (p *parser) basicOpaque(n int32) {
	p.head = header{}
	p.writeFields(&p.nodes[n], &contentType{main: []byte("APPLICATION"), sub: []byte("OCTET-STREAM")})
}

// appendStructure appends the body structure of a part. RFC 9051 section 9 (body).
func (p *parser) appendStructure(dst []byte, n int32) []byte {
	nd := &p.nodes[n]
	dst = append(dst, '(')
	if nd.kind == multipart {
		for c := nd.first; c != 0; c = p.nodes[c].next {
			dst = p.appendStructure(dst, c)
		}
		dst = append(dst, ' ')
		dst = append(dst, p.slice(nd.basic)...)
		dst = append(dst, p.slice(nd.extension)...)
		return append(dst, ')')
	}
	dst = append(dst, p.slice(nd.basic)...)
	dst = append(dst, p.slice(nd.params)...)
	dst = append(dst, ' ')
	dst = strconv.AppendInt(dst, nd.body.Length, 10)
	switch nd.kind {
	case text:
		dst = append(dst, ' ')
		dst = strconv.AppendInt(dst, nd.lines, 10)
	case embedded:
		dst = append(dst, ' ')
		dst = append(dst, p.slice(p.nodes[nd.first].envelope)...)
		dst = append(dst, ' ')
		dst = p.appendStructure(dst, nd.first)
		dst = append(dst, ' ')
		dst = strconv.AppendInt(dst, nd.lines, 10)
	}
	dst = append(dst, p.slice(nd.extension)...)
	return append(dst, ')')
}

func (p *parser) slice(s span) []byte { return p.wire[s.start:s.end] }

// structureSize is about how long the body structure will be.
func (p *parser) structureSize() int { return len(p.wire) + 24*len(p.nodes) }
