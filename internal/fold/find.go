package fold

import (
	"bytes"
	"io"
)

// Finder looks for text in streams, with a buffer that it uses again and again. For one goroutine.
type Finder struct {
	Folder
	text []byte // folded
}

// Contains tells whether text holds needle, which is folded in the Finder's collation.
func (f *Finder) Contains(text string, needle []byte) bool {
	f.text = AppendAs(f.Collation, f.text[:0], text)
	return bytes.Contains(f.text, needle)
}

// Find tells whether the UTF-8 text of r holds needle, which is folded. Memory does not grow with the text.
func (f *Finder) Find(r io.Reader, needle []byte) (found bool, err error) {
	if len(needle) == 0 {
		return true, nil
	}
	f.text = f.text[:0]
	err = f.Each(r, func(folded []byte) bool {
		// the end of the piece before may be the beginning of the needle
		f.text = f.text[:copy(f.text, f.text[max(0, len(f.text)-len(needle)+1):])]
		f.text = append(f.text, folded...)
		found = bytes.Contains(f.text, needle)
		return !found
	})
	return found && err == nil, err
}
