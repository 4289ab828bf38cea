// Package trigram tells which texts cannot hold a string, by the groups of three characters that a text is made of: a
// text holds a string only if it has all groups of the string. Of scripts in which a word is two characters (Han, Kana) pairs
// count, too. Begin with Set for a text and Query for a string; both are folded by package fold before.
//
// A group becomes a word of letters and digits, so that an index of words, such as FTS5 of SQLite, is an index of groups.
// Different groups may share a word: that only leaves a text a candidate that is none.
package trigram

import (
	"io"
	"unicode/utf8"

	"github.com/constance-mail/constance/internal/fold"
)

// group is two or three characters, the last one lowest, 21 bits each.
type group uint64

const (
	charBits = 21
	charMask = 1<<charBits - 1
)

// Set is the groups of a text. The zero Set is empty. For one goroutine.
type Set struct {
	Limit  int // of different groups, 0 for none
	folder fold.Folder
	groups []group            // in the order in which they were met
	ascii  []uint64           // bits: those of groups that are ASCII
	others map[group]struct{} // the others
	over   bool
}

// Over tells whether a text had more groups than Limit; what the set holds is useless then.
func (s *Set) Over() bool { return s.over }

// Reset empties the set.
func (s *Set) Reset() {
	for _, g := range s.groups {
		if i, ok := g.ascii(); ok {
			s.ascii[i/64] = 0
		}
	}
	clear(s.others)
	s.groups, s.over = s.groups[:0], false
}

// AddText adds the groups of a text in UTF-8, which is folded here. No group reaches into the text that is added next.
func (s *Set) AddText(text string) {
	var w window
	s.add(&w, fold.Append(nil, text))
}

// AddFrom is AddText of what r reads, in pieces. Errors are those of r.
func (s *Set) AddFrom(r io.Reader) error {
	var w window
	return s.folder.Each(r, func(folded []byte) bool {
		s.add(&w, folded)
		return !s.over
	})
}

// add adds the groups that end in a piece of folded text.
func (s *Set) add(w *window, folded []byte) {
	if s.ascii == nil {
		s.ascii, s.others = make([]uint64, 1<<asciiBits/64), make(map[group]struct{})
	}
	for len(folded) > 0 && !s.over {
		r, n := utf8.DecodeRune(folded) // an octet that is not UTF-8 is U+FFFD
		folded = folded[n:]
		w.next(r, s.insert)
		s.over = s.Limit > 0 && len(s.groups) > s.Limit
	}
}

func (s *Set) insert(g group) {
	if i, ok := g.ascii(); ok {
		if s.ascii[i/64]&(1<<(i%64)) == 0 {
			s.ascii[i/64] |= 1 << (i % 64)
			s.groups = append(s.groups, g)
		}
		return
	}
	if _, there := s.others[g]; !there {
		s.others[g] = struct{}{}
		s.groups = append(s.groups, g)
	}
}

// AppendWords appends the words of all groups, each with a space after it.
func (s *Set) AppendWords(b []byte) []byte {
	for _, g := range s.groups {
		b = append(g.append(b), ' ')
	}
	return b
}

// window is the last characters of a text.
type window struct {
	last uint64 // two characters
	n    int    // how many there were
}

// next yields the groups that end in r.
func (w *window) next(r rune, yield func(group)) {
	c := uint64(r) & charMask
	if w.n >= 2 {
		yield(group(w.last<<charBits | c))
	}
	if before := rune(w.last & charMask); w.n >= 1 && isWide(before) && isWide(r) {
		yield(group(uint64(before)<<charBits | c))
	}
	w.last = (w.last<<charBits | c) & (1<<(2*charBits) - 1)
	w.n++
}

// isWide tells whether r is of a script whose words may be two characters: Han, Kana, Bopomofo, and what is beside them.
func isWide(r rune) bool { return 0x2e80 <= r && r < 0xa000 || 0x20000 <= r }

// asciiBits is how many bits a group has whose characters are ASCII.
const asciiBits = 3 * 7

// ascii is a number below 1 << asciiBits for the group, false if it has other characters.
func (g group) ascii() (int, bool) {
	const a = 1<<7 - 1
	if g&^(a<<(2*charBits)|a<<charBits|a) != 0 {
		return 0, false
	}
	return int(g>>(2*charBits)<<14 | g>>charBits&a<<7 | g&a), true
}

// append appends the word of a group. Letters and digits of ASCII stand for themselves; other ASCII gets its top bit set,
// which makes it a letter to FTS5's tokenizer "ascii", as are the octets of all other characters.
func (g group) append(b []byte) []byte {
	if first := rune(g >> (2 * charBits)); first != 0 {
		b = appendChar(b, first)
	}
	b = appendChar(b, rune(g>>charBits&charMask))
	return appendChar(b, rune(g&charMask))
}

func appendChar(b []byte, r rune) []byte {
	switch {
	case r >= utf8.RuneSelf:
		return utf8.AppendRune(b, r)
	case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9':
		return append(b, byte(r))
	}
	return append(b, byte(r)|utf8.RuneSelf)
}
