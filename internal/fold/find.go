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
	f.text = f.text[:0] // the end of what was looked at, in which the needle may begin
	keep := len(needle) - 1
	err = f.Each(r, func(folded []byte) bool {
		f.text = append(f.text, folded[:min(keep, len(folded))]...)
		found = bytes.Contains(folded, needle) || bytes.Contains(f.text, needle)
		if len(folded) > keep {
			f.text = append(f.text[:0], folded[len(folded)-keep:]...)
		}
		f.text = f.text[:copy(f.text, f.text[max(0, len(f.text)-keep):])]
		return !found
	})
	return found && err == nil, err
}
