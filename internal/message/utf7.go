package message

import (
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/transform"
)

// utf7 is UTF-7 (RFC 2152), for reading only.
type utf7 struct{}

// NewDecoder decodes to UTF-8.
func (utf7) NewDecoder() *encoding.Decoder { return &encoding.Decoder{Transformer: &utf7Decoder{}} }

// NewEncoder does not write UTF-7: nobody should.
func (utf7) NewEncoder() *encoding.Encoder { return encoding.Replacement.NewEncoder() }

// utf7Decoder remembers a shifted sequence that is not finished.
type utf7Decoder struct {
	shifted bool
	empty   bool   // nothing came after the '+' yet
	bits    uint32 // not yet used, the last n of them
	n       uint
	high    rune // a high surrogate that waits for its low one, 0 none
}

// Reset forgets all state.
func (d *utf7Decoder) Reset() { *d = utf7Decoder{} }

// Transform decodes UTF-7 to UTF-8; what is no UTF-7 is passed on as it stands, or as U+FFFD.
func (d *utf7Decoder) Transform(dst, src []byte, _ bool) (nDst, nSrc int, err error) {
	for nSrc < len(src) {
		if nDst+2*utf8.UTFMax > len(dst) {
			return nDst, nSrc, transform.ErrShortDst
		}
		c := src[nSrc]
		nSrc++
		nDst += d.octet(dst[nDst:], c)
	}
	return nDst, nSrc, nil
}

// octet decodes one octet to at most two characters.
func (d *utf7Decoder) octet(dst []byte, c byte) (n int) {
	if !d.shifted {
		if c == '+' {
			*d = utf7Decoder{shifted: true, empty: true}
			return 0
		}
		return putOctet(dst, c)
	}
	v := base64Value[c]
	if v >= 64 {
		empty, high := d.empty, d.high
		d.Reset()
		switch {
		case c == '-' && empty:
			dst[0] = '+'
			return 1
		case high != 0:
			n = utf8.EncodeRune(dst, utf8.RuneError)
		}
		if c != '-' {
			n += putOctet(dst[n:], c)
		}
		return n
	}
	d.empty = false
	d.bits, d.n = d.bits<<6|uint32(v), d.n+6
	if d.n < 16 {
		return 0
	}
	d.n -= 16
	unit := rune(d.bits >> d.n & 0xffff)
	return d.unit(dst, unit)
}

// unit takes one unit of UTF-16.
func (d *utf7Decoder) unit(dst []byte, u rune) (n int) {
	if d.high != 0 {
		r := utf16.DecodeRune(d.high, u)
		d.high = 0
		n = utf8.EncodeRune(dst, r) // U+FFFD if they do not belong together
		if r != utf8.RuneError {
			return n
		}
	}
	if 0xd800 <= u && u < 0xdc00 {
		d.high = u
		return n
	}
	return n + utf8.EncodeRune(dst[n:], u)
}

func putOctet(dst []byte, c byte) int {
	if c < utf8.RuneSelf {
		dst[0] = c
		return 1
	}
	return utf8.EncodeRune(dst, utf8.RuneError)
}
