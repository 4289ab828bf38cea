// Package fold makes text comparable: what SEARCH looks for and looks into, what SORT and THREAD order, and what an
// index of text holds all pass through Append, so that all of them agree on which texts are equal.
//
// It is the collation i;unicode-casemap of RFC 5051: each character becomes its titlecase character, and that becomes
// what Unicode decomposes it into, marks and compatibility forms included. The results are compared octet by octet. A
// character's form does not depend on its neighbours, so the form of a text is the forms of its pieces one after the
// other, and a text that holds another holds it folded too. What is not UTF-8 stands for itself.
package fold

import (
	"sync"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// asciiRun is how much of a text is taken for ASCII at a time.
const asciiRun = 64

// Append appends the folded form of s to b.
func Append[T string | []byte](b []byte, s T) []byte {
	for i := 0; i < len(s); {
		if s[i] < utf8.RuneSelf {
			at := len(b)
			b = append(b, s[i:min(i+asciiRun, len(s))]...)
			n := upper(b[at:])
			b = b[:at+n]
			i += n
			continue
		}
		r, n := decodeRune(s[i:min(i+utf8.UTFMax, len(s))])
		if r == utf8.RuneError && n == 1 {
			b = append(b, s[i])
		} else {
			b = appendRune(b, r)
		}
		i += n
	}
	return b
}

// Collation says which texts are equal. The zero is what Append does.
type Collation uint8

// The collations. RFC 5051, RFC 4790 section 9.
const (
	UnicodeCasemap Collation = iota
	ASCIICasemap             // only the letters of ASCII have cases
	Octet                    // octets stand for themselves
)

// Collations are all of them, in their order.
var Collations = [...]string{UnicodeCasemap: "i;unicode-casemap", ASCIICasemap: "i;ascii-casemap", Octet: "i;octet"}

func (c Collation) String() string { return Collations[c] }

// AppendAs appends the form of s in that collation to b.
func AppendAs[T string | []byte](c Collation, b []byte, s T) []byte {
	switch c {
	case Octet:
		return append(b, s...)
	case ASCIICasemap:
		at := len(b)
		b = append(b, s...)
		for rest := b[at:]; len(rest) > 0; {
			if n := upper(rest); n > 0 {
				rest = rest[n:]
			} else {
				rest = rest[1:]
			}
		}
		return b
	default:
		return Append(b, s)
	}
}

func decodeRune[T string | []byte](s T) (rune, int) {
	var b [utf8.UTFMax]byte
	return utf8.DecodeRune(b[:copy(b[:], s)])
}

// appendRune appends the form of a character that is not ASCII.
func appendRune(b []byte, r rune) []byte {
	switch {
	case r < tableEnd:
		return append(b, table()[r-utf8.RuneSelf]...)
	case ideographFirst <= r && r <= ideographLast:
		return utf8.AppendRune(b, r)
	}
	return appendSlowly(b, r)
}

// appendSlowly is appendRune by what Unicode says of the character.
func appendSlowly(b []byte, r rune) []byte {
	if hangulFirst <= r && r <= hangulLast {
		return appendHangul(b, r-hangulFirst)
	}
	var raw [utf8.UTFMax]byte
	title := raw[:utf8.EncodeRune(raw[:], unicode.ToTitle(r))]
	if d := norm.NFKD.Properties(title).Decomposition(); d != nil {
		return append(b, d...)
	}
	return append(b, title...)
}

// The syllables of Hangul decompose by their number. Unicode, section 3.12.
const (
	hangulFirst, hangulLast = 0xac00, 0xd7a3
	hangulL, hangulV        = 0x1100, 0x1161
	hangulT                 = 0x11a7 // no third letter
	hangulVs, hangulTs      = 21, 28
)

func appendHangul(b []byte, n rune) []byte {
	b = utf8.AppendRune(b, hangulL+n/(hangulVs*hangulTs))
	b = utf8.AppendRune(b, hangulV+n/hangulTs%hangulVs)
	if t := n % hangulTs; t != 0 {
		b = utf8.AppendRune(b, hangulT+t)
	}
	return b
}

// tableEnd is the end of what table holds: Latin, Greek and Cyrillic.
const tableEnd = 0x530

// table is appendSlowly for the characters that are most of what is not ASCII, made when the first of them comes.
var table = sync.OnceValue(makeTable)

func makeTable() *[tableEnd - utf8.RuneSelf]string {
	var t [tableEnd - utf8.RuneSelf]string
	for i := range t {
		t[i] = string(appendSlowly(nil, rune(utf8.RuneSelf+i)))
	}
	return &t
}

// The CJK unified ideographs have neither case nor parts.
const ideographFirst, ideographLast = 0x4e00, 0x9fff
