// Package fuzzy tells how well a text matches what somebody typed: the measure behind SEARCH FUZZY. RFC 6203.
//
// Both are cut into words, folded (package fold) and without accents. A text matches if each word of the needle is in it
// somewhere: as a word, in a word, or with few wrong letters. So a text that holds the needle as it stands matches, too. How
// well is points from 1 to 100: the mean of the words' points, each from where it was found best,
//
//	100  as a word
//	 90  at the beginning of a word
//	 70  in a word
//	 50  as a word, one letter wrong, missing, too much, or two exchanged; of words of 4 letters or more
//	 21  the same twice; of words of 8 letters or more
//
// less what the place costs (Matcher.Begin), less 10 if the words stand nowhere one after the other in the needle's order. A
// word with a digit is a number or a name, where another letter means another thing: it is found as it is or not at all.
//
// The same text always gets the same points. Memory does not grow with the text; time is the text's length times the words.
package fuzzy

import (
	"bytes"
	"io"
	"unicode"
	"unicode/utf8"

	"github.com/constance-mail/constance/internal/fold"
)

// MaxWords is how many words a needle has at most.
const MaxWords = 16

// The points of a word, and what it costs that words are not in order.
const (
	pointsWhole = 100
	pointsBegin = 90
	pointsIn    = 70
	disorder    = 10
)

// pointsTypos are the points of a word with so many letters wrong.
var pointsTypos = [...]uint8{pointsWhole, 50, 21}

// The bounds of needles and of their words, octets; those of words when folded.
const (
	maxNeedle = 1024
	maxWord   = 255
)

// longWord is from where on a word of a text, octets, is only looked through.
const longWord = 1024

// Scratch is memory that the matchers of one goroutine share. The zero value is ready.
type Scratch struct {
	folder fold.Folder
	folded []byte
}

// Matcher matches texts against a needle. It is shown the texts of one thing (of a message) after each other, and words may be in
// any of them. For one goroutine.
type Matcher struct {
	scratch *Scratch
	words   []word          // immutable
	best    [MaxWords]uint8 // points of each word so far; 0: it was not found

	cost    uint8  // of the text that is looked at
	chain   uint32 // bit i: the words of the text just read are the needle's up to the i-th
	inOrder bool

	token   []byte // the word of the text that is being read
	letters []rune // of token, when they are needed
	long    bool   // token is only the end of a word
	inLong  uint32 // bit i: the needle's i-th word was in what was before
}

// New is a matcher for a needle in UTF-8. false: it has no words, or more or longer ones than are looked for.
func New(needle string, scratch *Scratch) (*Matcher, bool) {
	if len(needle) > maxNeedle || !utf8.ValidString(needle) {
		return nil, false
	}
	m := &Matcher{scratch: scratch}
	rest := fold.Append(nil, needle)
	for {
		var more bool
		if rest, more = m.next(rest); len(m.token) > 0 {
			if len(m.words) == MaxWords || len(m.token) > maxWord {
				return nil, false
			}
			m.words = append(m.words, newWord(m.token))
			m.token = m.token[:0]
		}
		if !more {
			return m, len(m.words) > 0
		}
	}
}

// Clone is a matcher for the same needle, for another goroutine.
func (m *Matcher) Clone(scratch *Scratch) *Matcher { return &Matcher{scratch: scratch, words: m.words} }

// Words is how many words the needle has.
func (m *Matcher) Words() int { return len(m.words) }

// Begin begins with the texts of another thing.
func (m *Matcher) Begin() {
	m.best = [MaxWords]uint8{}
	m.inOrder = false
}

// Text shows a text in UTF-8. Each word's points are less the cost there, but never less than 1.
func (m *Matcher) Text(text string, cost uint8) {
	s := m.scratch
	s.folded = fold.Append(s.folded[:0], text)
	m.start(cost)
	m.add(s.folded)
	m.end()
}

// Read shows a text piece by piece, as long as there is more to be had than Enough. Errors are those of r.
func (m *Matcher) Read(r io.Reader, cost uint8, enough func(*Matcher) bool) error {
	m.start(cost)
	err := m.scratch.folder.Each(r, func(folded []byte) bool {
		m.add(folded)
		return !enough(m)
	})
	m.end()
	return err
}

// Matched tells whether all words were found.
func (m *Matcher) Matched() bool { return m.foundAll(1) }

// Settled tells whether texts of that cost, or of a higher one, have nothing to add to the points.
func (m *Matcher) Settled(cost uint8) bool { return m.inOrder && m.foundAll(pointsWhole-cost) }

func (m *Matcher) foundAll(points uint8) bool {
	for _, p := range m.best[:len(m.words)] {
		if p < points {
			return false
		}
	}
	return true
}

// Points is how well the texts match, from 1 to 100; 0: not.
func (m *Matcher) Points() uint8 {
	if !m.Matched() {
		return 0
	}
	sum := 0
	for _, p := range m.best[:len(m.words)] {
		sum += int(p)
	}
	sum /= len(m.words)
	if !m.inOrder {
		sum -= disorder
	}
	return uint8(max(sum, 1))
}

func (m *Matcher) start(cost uint8) {
	m.cost, m.chain, m.token = cost, 0, m.token[:0]
}

func (m *Matcher) end() {
	if len(m.token) > 0 {
		m.match()
	}
}

// add reads a piece of a folded text.
func (m *Matcher) add(folded []byte) {
	for more := true; more; {
		if folded, more = m.next(folded); more && len(m.token) > 0 {
			m.match()
		}
	}
}

// next appends to token up to the end of the word, or of b if there is no more.
func (m *Matcher) next(b []byte) (rest []byte, more bool) {
	for len(b) > 0 {
		if n := wordOctets(b[:min(len(b), longWord)]); n > 0 {
			m.token, b = append(m.token, b[:n]...), b[n:]
			m.shorten()
			continue
		}
		r, n := utf8.DecodeRune(b)
		switch {
		case firstAccent <= r && r <= lastAccent: // as if it were not there
		case r >= utf8.RuneSelf && (unicode.IsLetter(r) || unicode.IsMark(r) || unicode.IsNumber(r)):
			m.token = append(m.token, b[:n]...)
			m.shorten()
		default:
			return b[n:], true
		}
		b = b[n:]
	}
	return nil, false
}

// The accents of Latin, Greek and Cyrillic letters. The marks of other scripts are letters of a kind.
const firstAccent, lastAccent = 0x300, 0x36f

// wordOctets is how many letters and digits of ASCII b begins with.
func wordOctets(b []byte) int {
	for i, c := range b {
		if ('A' > c || c > 'Z') && ('0' > c || c > '9') && ('a' > c || c > 'z') {
			return i
		}
	}
	return len(b)
}

// shorten looks through a long word, and leaves what a needle's word may begin in.
func (m *Matcher) shorten() {
	if len(m.token) <= longWord || m.words == nil {
		return
	}
	m.long = true
	for i := range m.words {
		if bytes.Contains(m.token, m.words[i].text) {
			m.found(i, pointsIn)
			m.inLong |= 1 << i
		}
	}
	m.token = m.token[:copy(m.token, m.token[len(m.token)-maxWord:])]
}

// found notes the points of a word.
func (m *Matcher) found(i int, points uint8) {
	if points > m.cost {
		points -= m.cost
	} else {
		points = 1
	}
	m.best[i] = max(m.best[i], points)
}

// match compares token with the words of the needle, and is ready for the next one.
func (m *Matcher) match() {
	hits := uint32(0)
	m.letters = m.letters[:0]
	for i := range m.words {
		points := m.points(&m.words[i], m.inLong>>i&1 != 0)
		if points > 0 {
			m.found(i, points)
			hits |= 1 << i
		}
	}
	m.chain = (m.chain<<1 | 1) & hits
	m.inOrder = m.inOrder || m.chain>>(len(m.words)-1)&1 != 0
	m.token, m.long, m.inLong = m.token[:0], false, 0
}

// points are the points of a word of the needle for token; inLong: it was in what was before token.
func (m *Matcher) points(w *word, inLong bool) uint8 {
	at := bytes.Index(m.token, w.text)
	switch {
	case m.long && (at >= 0 || inLong):
		return pointsIn
	case m.long:
		return 0
	case at == 0 && len(m.token) == len(w.text):
		return pointsWhole
	case at == 0:
		return pointsBegin
	case at > 0:
		return pointsIn
	case w.typos == 0 || len(m.token) > utf8.UTFMax*(w.letters+w.typos) || len(m.token) < w.letters-w.typos:
		return 0
	}
	m.spell()
	if d := w.distance(m.letters); d <= w.typos {
		return pointsTypos[d]
	}
	return 0
}

// spell makes letters those of token, if they are not yet.
func (m *Matcher) spell() {
	if len(m.letters) > 0 {
		return
	}
	for b := m.token; len(b) > 0; {
		r, n := utf8.DecodeRune(b)
		m.letters, b = append(m.letters, r), b[n:]
	}
}
