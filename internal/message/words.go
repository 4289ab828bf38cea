package message

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
)

// maxText bounds the decoded text of a header field, octets of its encoded form.
const maxText = 64 << 10

// DecodeHeader is the text of an unstructured field, or of a phrase, in UTF-8: encoded words (RFC 2047) decoded,
// neighbours merged also where a character or a base64 group is split between them, line ends taken out. What cannot
// be decoded stays as it stands; 8-bit text that is not UTF-8 is taken for windows-1252. For searching and showing.
func DecodeHeader(s string) string {
	if len(s) > maxText {
		s = s[:maxText]
	}
	return decodeText([]byte(s), nil)
}

// decodeText is DecodeHeader with the charset of bare 8-bit text, nil for windows-1252.
func decodeText(v []byte, bare encoding.Encoding) string {
	if len(v) > maxText {
		v = v[:maxText]
	}
	v = unfold(v)
	if !bytes.Contains(v, []byte("=?")) {
		return clean(bareText(v, bare))
	}
	d := wordDecoder{bare: bare}
	for len(v) > 0 {
		i := bytes.Index(v, []byte("=?"))
		if i < 0 {
			break
		}
		w, n := parseWord(v[i:])
		if n == 0 || !isKnown(w.charset) {
			d.text(v[:i+max(n, 2)])
			v = v[i+max(n, 2):]
			continue
		}
		if !d.pending || len(trim(v[:i])) > 0 { // white space between encoded words is not shown
			d.text(v[:i])
		}
		d.word(w)
		v = v[i+n:]
	}
	d.text(v)
	return clean(d.out.String())
}

// clean takes out what would disturb: NUL and other controls become spaces, tabs too; invalid UTF-8 becomes U+FFFD.
func clean(s string) string {
	for i := range len(s) {
		if s[i] < ' ' || s[i] == 0x7f {
			s = strings.Map(func(r rune) rune {
				if r < ' ' || r == 0x7f {
					return ' '
				}
				return r
			}, s)
			break
		}
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}

// bareText is text without encoded words in UTF-8.
func bareText(v []byte, bare encoding.Encoding) string {
	if utf8.Valid(v) {
		return string(v)
	}
	if bare == nil {
		bare = charmap.Windows1252
	}
	out, err := bare.NewDecoder().Bytes(v)
	if err != nil {
		return string(v)
	}
	return string(out)
}

// encodedWord is one encoded word. RFC 2047 section 2.
type encodedWord struct {
	charset []byte // without language (RFC 2231 section 5)
	base64  bool
	text    []byte
}

// parseWord reads the encoded word that v begins with, and its length; 0 if it is none. Spaces in it, which some
// mailers leave, are taken.
func parseWord(v []byte) (w encodedWord, n int) {
	rest := v[2:]
	q := bytes.IndexByte(rest, '?')
	if q <= 0 || q > 64 || len(rest) < q+4 || rest[q+2] != '?' {
		return w, 0
	}
	w.charset, _, _ = bytes.Cut(rest[:q], []byte{'*'})
	for _, c := range w.charset {
		if c <= ' ' || c >= 0x7f {
			return w, 0
		}
	}
	switch rest[q+1] {
	case 'b', 'B':
		w.base64 = true
	case 'q', 'Q':
	default:
		return w, 0
	}
	text := rest[q+3:]
	end := bytes.Index(text, []byte("?="))
	if end < 0 {
		return w, 0
	}
	w.text = text[:end]
	return w, 2 + q + 3 + end + 2
}

// wordDecoder collects the octets of neighbouring encoded words of the same charset before it decodes them.
type wordDecoder struct {
	out     strings.Builder
	bare    encoding.Encoding
	pending bool   // the last thing was an encoded word
	charset []byte // of octets
	octets  []byte
	bits    base64Bits
}

// text ends a run of encoded words.
func (d *wordDecoder) text(v []byte) {
	d.flush()
	if len(v) > 0 {
		d.pending = false
		d.out.WriteString(bareText(v, d.bare))
	}
}

// word takes the next encoded word.
func (d *wordDecoder) word(w encodedWord) {
	if len(d.octets) > 0 || d.bits.n > 0 {
		if !equalFold(string(d.charset), w.charset) {
			d.flush()
		} else if !w.base64 {
			d.bits = base64Bits{}
		}
	}
	d.pending = true
	d.charset = w.charset
	if w.base64 {
		d.octets = d.bits.decode(d.octets, w.text)
		return
	}
	for i := 0; i < len(w.text); i++ {
		c := w.text[i]
		switch {
		case c == '_':
			c = ' '
		case c == '=' && i+2 < len(w.text) && hexValue(w.text[i+1]) < 16 && hexValue(w.text[i+2]) < 16:
			c = hexValue(w.text[i+1])<<4 | hexValue(w.text[i+2])
			i += 2
		}
		d.octets = append(d.octets, c)
	}
}

// flush decodes what was collected.
func (d *wordDecoder) flush() {
	if len(d.octets) > 0 {
		d.out.WriteString(decodeCharset(d.octets, string(d.charset)))
	}
	d.octets, d.bits = d.octets[:0], base64Bits{}
}

func isKnown(charset []byte) bool {
	if equalFold("utf-8", charset) {
		return true
	}
	_, ok := Charset(string(charset))
	return ok
}

// decodeCharset is octets of a charset in UTF-8.
func decodeCharset(octets []byte, charset string) string {
	if (len(charset) == 5 || len(charset) == 8) && utf8.Valid(octets) &&
		(equalFold(charset, "utf-8") || isASCII(octets) && equalFold(charset, "us-ascii")) {
		return string(octets)
	}
	e, ok := Charset(charset)
	if !ok {
		return bareText(octets, nil)
	}
	out, err := e.NewDecoder().Bytes(octets)
	if err != nil {
		return bareText(octets, nil)
	}
	return string(out)
}

func isASCII(b []byte) bool {
	for _, c := range b {
		if c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// hexValue is the value of a hexadecimal digit, 255 if c is none.
func hexValue(c byte) byte {
	switch {
	case '0' <= c && c <= '9':
		return c - '0'
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10
	}
	return 255
}
