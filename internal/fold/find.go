package fold

import (
	"bytes"
	"errors"
	"io"
	"unicode/utf8"
)

// Finder looks for text in streams, with a buffer that it uses again and again. For one goroutine.
type Finder struct {
	raw    []byte
	folded []byte
}

// findPiece is how much text a Finder looks at in one go, octets.
const findPiece = 32 << 10

// Contains tells whether text holds needle, which is folded.
func (f *Finder) Contains(text string, needle []byte) bool {
	f.folded = Append(f.folded[:0], text)
	return bytes.Contains(f.folded, needle)
}

// Find tells whether the UTF-8 text of r holds needle, which is folded. Memory does not grow with the text.
func (f *Finder) Find(r io.Reader, needle []byte) (bool, error) {
	if len(needle) == 0 {
		return true, nil
	}
	if f.raw == nil {
		f.raw = make([]byte, findPiece)
	}
	f.folded = f.folded[:0]
	kept := 0 // octets of a character that was cut at the end of the last piece
	for {
		n, err := io.ReadAtLeast(r, f.raw[kept:], 1)
		if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			return false, err
		}
		piece := f.raw[:kept+n]
		whole := len(piece)
		if err == nil {
			whole -= cutRune(piece)
		}
		f.folded = Append(f.folded, piece[:whole])
		if bytes.Contains(f.folded, needle) {
			return true, nil
		}
		if err != nil {
			return false, nil
		}
		kept = copy(f.raw, piece[whole:])
		// the end may be the beginning of the needle
		f.folded = f.folded[:copy(f.folded, f.folded[max(0, len(f.folded)-len(needle)+1):])]
	}
}

// cutRune is how many octets at the end of b begin a character that needs more.
func cutRune(b []byte) int {
	for n := 1; n < utf8.UTFMax && n <= len(b); n++ {
		if c := b[len(b)-n]; utf8.RuneStart(c) {
			if utf8.FullRune(b[len(b)-n:]) {
				return 0
			}
			return n
		}
	}
	return 0
}
