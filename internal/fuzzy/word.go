package fuzzy

import (
	"unicode"
	"unicode/utf8"
)

// word is a word of a needle.
type word struct {
	text    []byte
	letters int
	typos   int // how many letters may be wrong

	ascii [utf8.RuneSelf]uint64 // of a letter: bit i: it is the i-th one of the word
	other map[rune]uint64
}

// maxLetters is of how many letters a word may be to have typos: those of a machine word.
const maxLetters = 64

// minLetters is how many letters a word must have to have so many typos.
var minLetters = [...]int{1: 4, 2: 8}

func newWord(text []byte) word {
	w := word{text: append([]byte(nil), text...), letters: utf8.RuneCount(text)}
	digit := false
	for _, r := range string(text) {
		digit = digit || unicode.IsNumber(r)
	}
	if digit || w.letters > maxLetters {
		return w
	}
	for w.typos+1 < len(minLetters) && w.letters >= minLetters[w.typos+1] {
		w.typos++
	}
	bit := uint64(1)
	for _, r := range string(text) {
		if r < utf8.RuneSelf {
			w.ascii[r] |= bit
		} else {
			if w.other == nil {
				w.other = make(map[rune]uint64)
			}
			w.other[r] |= bit
		}
		bit <<= 1
	}
	return w
}

// at is where in the word a letter is.
func (w *word) at(r rune) uint64 {
	if r < utf8.RuneSelf {
		return w.ascii[r]
	}
	return w.other[r]
}

// distance is how many letters have to be changed, added, taken away or exchanged with their neighbour to make the letters those
// of the word, where nothing is changed twice; or some number above typos if it is that many. The columns of the table of distances are
// sets of places at which they grow and shrink by one (H. Hyyrö, A bit-vector algorithm for computing Levenshtein and Damerau
// edit distances, 2003).
func (w *word) distance(letters []rune) int {
	more := len(letters) - w.letters
	if more > w.typos || -more > w.typos {
		return w.typos + 1
	}
	grow, shrink, same, before := ^uint64(0), uint64(0), uint64(0), uint64(0)
	last, d := uint64(1)<<(w.letters-1), w.letters
	for _, r := range letters {
		here := w.at(r)
		exchanged := (^same & here) << 1 & before
		same = (here&grow + grow) ^ grow | here | shrink | exchanged
		right, left := shrink|^(same|grow), same&grow // along the rows
		if right&last != 0 {
			d++
		}
		if left&last != 0 {
			d--
		}
		right = right<<1 | 1
		grow, shrink = left<<1|^(same|right), same&right
		before = here
	}
	return d
}
