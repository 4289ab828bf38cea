package wire

import (
	"unicode/utf16"
	"unicode/utf8"
)

const base64Alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,"

var base64Value = func() (v [256]byte) {
	for i := range v {
		v[i] = 0xff
	}
	for i := range len(base64Alphabet) {
		v[base64Alphabet[i]] = byte(i)
	}
	return v
}()

// DecodeName makes UTF-8 of a mailbox name in modified UTF-7. False: it is none, or not the one way to write the
// name. RFC 3501 section 5.1.3.
func DecodeName(s string) (string, bool) {
	plain := true
	for i := range len(s) {
		if s[i] < 0x20 || s[i] > 0x7e {
			return "", false
		}
		plain = plain && s[i] != '&'
	}
	if plain {
		return s, true
	}
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] != '&' {
			out = append(out, s[i])
			continue
		}
		start := i + 1
		for i++; i < len(s) && s[i] != '-'; i++ {
		}
		if i == len(s) {
			return "", false
		}
		if i == start {
			out = append(out, '&')
			continue
		}
		var ok bool
		if out, ok = decodeShift(out, s[start:i]); !ok || i+2 < len(s) && s[i+1] == '&' && s[i+2] != '-' {
			return "", false // a shift right after a shift should have been one
		}
	}
	return string(out), true
}

// decodeShift decodes what stands between "&" and "-": UTF-16 in base64 without padding, of characters that cannot
// stand for themselves.
func decodeShift(out []byte, s string) ([]byte, bool) {
	bits, n, high := uint32(0), 0, rune(0)
	for i := range len(s) {
		v := base64Value[s[i]]
		if v == 0xff {
			return nil, false
		}
		bits, n = bits<<6|uint32(v), n+6
		if n < 16 {
			continue
		}
		n -= 16
		r := rune(bits >> n & 0xffff)
		switch {
		case high != 0:
			if r = utf16.DecodeRune(high, r); r == utf8.RuneError {
				return nil, false
			}
			high = 0
		case r >= 0xdc00 && r < 0xe000 || r >= 0x20 && r <= 0x7e:
			return nil, false
		case r >= 0xd800 && r < 0xdc00:
			high = r
			continue
		}
		out = utf8.AppendRune(out, r)
	}
	return out, high == 0 && n < 6 && bits&(1<<n-1) == 0
}

// AppendName appends a mailbox name (UTF-8) in modified UTF-7. RFC 3501 section 5.1.3.
func AppendName(b []byte, name string) []byte {
	bits, n, shifted := uint32(0), 0, false
	put := func(u rune) {
		bits, n = bits<<16|uint32(u), n+16
		for n >= 6 {
			n -= 6
			b = append(b, base64Alphabet[bits>>n&63])
		}
	}
	unshift := func() {
		if !shifted {
			return
		}
		if n > 0 {
			b = append(b, base64Alphabet[bits<<(6-n)&63])
		}
		b = append(b, '-')
		bits, n, shifted = 0, 0, false
	}
	for _, r := range name {
		if r >= 0x20 && r <= 0x7e {
			unshift()
			b = append(b, byte(r))
			if r == '&' {
				b = append(b, '-')
			}
			continue
		}
		if !shifted {
			b = append(b, '&')
			shifted = true
		}
		if r1, r2 := utf16.EncodeRune(r); r1 != utf8.RuneError {
			put(r1)
			put(r2)
		} else {
			put(r)
		}
	}
	unshift()
	return b
}
