package fold

import (
	"errors"
	"io"
	"unicode/utf8"
)

// Folder folds streams, with buffers that it uses again and again. For one goroutine.
type Folder struct {
	Collation Collation

	raw    []byte
	folded []byte
}

// piece is how much text a Folder folds in one go, octets.
const piece = 32 << 10

// Each folds the UTF-8 text of r piece by piece, no character cut, until yield returns false. A piece is valid during the
// call only. Errors are those of r.
func (f *Folder) Each(r io.Reader, yield func(folded []byte) (more bool)) error {
	if f.raw == nil {
		f.raw = make([]byte, piece)
	}
	kept := 0 // octets of a character that was cut at the end of the last piece
	for {
		n, err := io.ReadAtLeast(r, f.raw[kept:], 1)
		if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			return err
		}
		got := f.raw[:kept+n]
		whole := len(got)
		if err == nil {
			whole -= cutRune(got)
		}
		f.folded = AppendAs(f.Collation, f.folded[:0], got[:whole])
		if !yield(f.folded) || err != nil {
			return nil
		}
		kept = copy(f.raw, got[whole:])
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
