package message

import (
	"bytes"
	"sort"
)

// The bounds of the parameters of a field; what is beyond is left out.
const (
	maxParams     = 64
	maxParamValue = 4096
)

// param is a parameter of Content-Type or Content-Disposition as BODYSTRUCTURE has it.
type param struct{ name, value []byte }

// contentType is a Content-Type, or another field of that form. RFC 2045 section 5.1.
type contentType struct {
	main, sub []byte
	params    []param
}

// param is the value of a parameter, nil if it is missing.
func (c *contentType) param(name string) []byte {
	for _, p := range c.params {
		if equalFold(name, p.name) {
			return p.value
		}
	}
	return nil
}

// parseContentType reads a Content-Type; ok is false if it does not begin with a type and a subtype.
func parseContentType(v []byte, params []param) (c contentType, ok bool) {
	main, rest := token(skipCFWS(v))
	rest = skipCFWS(rest)
	if len(main) == 0 {
		return c, false
	}
	if len(rest) == 0 || rest[0] != '/' {
		if !equalFold("text", main) { // which means text/plain, as some old mailers write
			return c, false
		}
		c.main, c.sub = main, []byte("plain")
		c.params = parseParams(rest, params)
		return c, true
	}
	sub, rest := token(skipCFWS(rest[1:]))
	if len(sub) == 0 {
		return c, false
	}
	c.main, c.sub = main, sub
	c.params = parseParams(rest, params)
	return c, true
}

// skipCFWS passes over comments and white space.
func skipCFWS(v []byte) []byte {
	for len(v) > 0 {
		switch {
		case isFWS(v[0]) || v[0] == 0:
			v = v[1:]
		case v[0] == '(':
			v = v[skipComment(v):]
		default:
			return v
		}
	}
	return v
}

// token reads a token. RFC 2045 section 5.1, and 8-bit characters.
func token(v []byte) (t, rest []byte) {
	for i, c := range v {
		switch c {
		case '(', ')', '<', '>', '@', ',', ';', ':', '\\', '"', '/', '[', ']', '?', '=', 0x7f:
			return v[:i], v[i:]
		}
		if c <= ' ' {
			return v[:i], v[i:]
		}
	}
	return v, nil
}

// parseParams reads "; name=value" as often as it comes and puts the pieces of RFC 2231 together.
func parseParams(v []byte, params []param) []param {
	pieces := false
	for len(params) < maxParams {
		i := bytes.IndexByte(v, ';') // what precedes it does not belong here
		if i < 0 {
			break
		}
		v = skipCFWS(v[i+1:])
		name, rest := token(v)
		if rest = skipCFWS(rest); len(name) == 0 || len(rest) == 0 || rest[0] != '=' {
			v = rest
			continue
		}
		value, rest := paramValue(skipCFWS(rest[1:]))
		v = rest
		pieces = pieces || bytes.IndexByte(name, '*') > 0
		params = append(params, param{name, value[:min(len(value), maxParamValue)]})
	}
	if pieces {
		return joinParams(params)
	}
	return params
}

// paramValue reads a quoted string or, since mailers forget the quotes, everything up to the next ';' or comment.
func paramValue(v []byte) (value, rest []byte) {
	if len(v) > 0 && v[0] == '"' {
		if text, n := unquote(v, '"'); n > 0 {
			return text, v[n:]
		}
		v = v[1:]
	}
	end := len(v)
	for i, c := range v {
		if c == ';' || c == '(' && i > 0 && isFWS(v[i-1]) || (c == '\r' || c == '\n') && !folded(v[i:]) {
			end = i
			break
		}
	}
	return unfold(trim(v[:end])), v[end:]
}

// folded tells whether the line end that v begins with continues the line.
func folded(v []byte) bool {
	v = v[min(len(v), lineLen(v)):]
	return len(v) > 0 && isSpace(v[0])
}

// piece is one parameter in the form of RFC 2231 section 3: name*number*=value.
type piece struct {
	name     []byte
	number   int
	extended bool
	value    []byte
}

// joinParams puts continued parameters together, each in the place of its first piece. Those with a charset get the
// name "name*" and, so that every client can read them, the form of RFC 2231 section 4 in UTF-8.
func joinParams(params []param) []param {
	var out []param
	done := map[string]bool{}
	for _, p := range params {
		first, ok := parsePiece(p)
		if !ok {
			out = append(out, p)
			continue
		}
		key := asciiLower(first.name)
		if done[key] {
			continue
		}
		done[key] = true
		var all []piece
		for _, q := range params {
			if c, ok := parsePiece(q); ok && equalFold(key, c.name) {
				all = append(all, c)
			}
		}
		out = append(out, joinPieces(all))
	}
	return out
}

// asciiLower is b with its ASCII letters in lower case.
func asciiLower(b []byte) string {
	out := make([]byte, len(b))
	for i, c := range b {
		out[i] = lower(c)
	}
	return string(out)
}

func parsePiece(p param) (piece, bool) {
	star := bytes.IndexByte(p.name, '*')
	if star <= 0 {
		return piece{}, false
	}
	c := piece{name: p.name[:star], value: p.value}
	rest := p.name[star+1:]
	if len(rest) == 0 { // "name*="
		c.extended = true
		return c, true
	}
	c.number, rest = digits(rest)
	c.extended = len(rest) == 1 && rest[0] == '*'
	return c, c.extended || len(rest) == 0
}

func joinPieces(all []piece) param {
	sort.SliceStable(all, func(i, j int) bool { return all[i].number < all[j].number })
	out := param{name: all[0].name}
	charset, extended := "", false
	var octets []byte
	for i, c := range all {
		if i > 0 && c.number == all[i-1].number {
			continue
		}
		if !c.extended {
			octets = append(octets, c.value...)
			continue
		}
		v := c.value
		if !extended {
			extended = true
			if parts := bytes.SplitN(v, []byte("'"), 3); len(parts) == 3 {
				charset, v = string(parts[0]), parts[2]
			}
		}
		octets = appendPercentDecoded(octets, v)
	}
	out.value = octets
	if extended {
		out.name = append(append([]byte(nil), out.name...), '*')
		out.value = appendExtended(nil, decodeCharset(octets, charset))
	}
	return out
}

func appendPercentDecoded(dst, v []byte) []byte {
	for i := 0; i < len(v); i++ {
		c := v[i]
		if c == '%' && i+2 < len(v) && hexValue(v[i+1]) < 16 && hexValue(v[i+2]) < 16 {
			c = hexValue(v[i+1])<<4 | hexValue(v[i+2])
			i += 2
		}
		dst = append(dst, c)
	}
	return dst
}

// appendExtended appends text as an extended-value of RFC 2231 section 7.
func appendExtended(dst []byte, text string) []byte {
	const hex = "0123456789ABCDEF"
	dst = append(dst, "utf-8''"...)
	for i := range len(text) {
		c := text[i]
		if 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '.' || c == '-' || c == '_' {
			dst = append(dst, c)
			continue
		}
		dst = append(dst, '%', hex[c>>4], hex[c&15])
	}
	return dst
}
