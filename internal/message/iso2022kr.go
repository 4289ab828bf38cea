package message

import (
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/transform"
)

// iso2022kr is ISO-2022-KR (RFC 1557), for reading only: between SO and SI stand the characters of EUC-KR
// without their high bits.
type iso2022kr struct{}

// NewDecoder decodes to UTF-8.
func (iso2022kr) NewDecoder() *encoding.Decoder {
	return &encoding.Decoder{Transformer: transform.Chain(&krShift{}, korean.EUCKR.NewDecoder())}
}

// NewEncoder does not write ISO-2022-KR.
func (iso2022kr) NewEncoder() *encoding.Encoder { return encoding.Replacement.NewEncoder() }

// krShift makes EUC-KR of ISO-2022-KR.
type krShift struct{ shifted bool }

// Reset forgets all state.
func (k *krShift) Reset() { k.shifted = false }

// Transform takes out the shifts and the designation ESC $ ) C.
func (k *krShift) Transform(dst, src []byte, atEOF bool) (nDst, nSrc int, err error) {
	for nSrc < len(src) {
		c := src[nSrc]
		switch {
		case c == 0x1b && len(src)-nSrc < 4 && !atEOF:
			return nDst, nSrc, transform.ErrShortSrc
		case c == 0x1b && len(src)-nSrc >= 4 && string(src[nSrc:nSrc+4]) == "\x1b$)C":
			nSrc += 4
			continue
		case c == 0x0e:
			k.shifted = true
		case c == 0x0f:
			k.shifted = false
		case nDst == len(dst):
			return nDst, nSrc, transform.ErrShortDst
		default:
			if c == '\n' { // a line begins unshifted
				k.shifted = false
			}
			if k.shifted && c > ' ' {
				c |= 0x80
			}
			dst[nDst] = c
			nDst++
		}
		nSrc++
	}
	return nDst, nSrc, nil
}
