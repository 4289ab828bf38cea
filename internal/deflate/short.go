package deflate

import (
	"encoding/binary"
	"math/bits"
	"sync"
)

// shortPiece is the size in octets up to which a piece is compressed by appendShort: the fixed codes, and matches in what
// was said before. compress/flate looks for none in a piece below 128 octets, and describes a code of its own in each.
const shortPiece = 512

// Of a match: the fewest octets that are looked for, and the most that one may have. RFC 1951 section 3.2.5.
const (
	minMatch = 4
	maxMatch = 258
)

// hashBits is the size of the table of where four octets were seen last.
const hashBits = 12

// matcher finds in its text what was there before.
type matcher struct {
	text [historySize + shortPiece]byte
	seen [1 << hashBits]uint16 // by hash: where, plus one
}

var matchers = sync.Pool{New: func() any { return new(matcher) }}

// appendShort appends one fixed block and the empty stored block of a flush, or a stored block if that is shorter.
func appendShort(b, history, p []byte) []byte {
	m := matchers.Get().(*matcher)
	defer matchers.Put(m)
	clear(m.seen[:])
	at := copy(m.text[:], history)
	end := at + copy(m.text[at:], p)
	for i := 0; i < at; i++ {
		m.look(i, end)
	}
	w := bitWriter{b: b}
	w.bits(0b010, 3) // not the last block, fixed codes. RFC 1951 section 3.2.3
	for at < end {
		at += m.appendNext(&w, at, end)
	}
	w.code(fixedCodes[endOfBlock])
	w.bits(0, 3)
	w.align()
	if short := len(w.b) - len(b); short < len(p)+5 {
		return append(w.b, 0, 0, 0xff, 0xff)
	}
	return appendStored(b, p)
}

// appendStored appends a stored block, which ends at an octet, and a flush. RFC 1951 section 3.2.4.
func appendStored(b, p []byte) []byte {
	b = append(b, 0)
	b = binary.LittleEndian.AppendUint16(b, uint16(len(p)))
	b = binary.LittleEndian.AppendUint16(b, ^uint16(len(p)))
	b = append(b, p...)
	return append(b, 0, 0, 0, 0xff, 0xff)
}

// look is where the octets at i were seen last, -1 if nowhere, and notes that they are here.
func (m *matcher) look(i, end int) int {
	if i+minMatch > end {
		return -1
	}
	h := binary.LittleEndian.Uint32(m.text[i:]) * 0x9e3779b1 >> (32 - hashBits)
	was := int(m.seen[h]) - 1
	m.seen[h] = uint16(i + 1)
	return was
}

// appendNext appends a match or a literal for what is at at, and returns how many octets that is.
func (m *matcher) appendNext(w *bitWriter, at, end int) int {
	from := m.look(at, end)
	n := 0
	if from >= 0 {
		for at+n < end && n < maxMatch && m.text[from+n] == m.text[at+n] {
			n++
		}
	}
	if n < minMatch {
		w.code(fixedCodes[m.text[at]])
		return 1
	}
	i := spanOf(lengths, n)
	w.code(fixedCodes[endOfBlock+1+i])
	w.bits(n-lengths[i].base, lengths[i].extra)
	i = spanOf(distances, at-from)
	w.bits(int(bits.Reverse8(uint8(i))>>3), 5)
	w.bits(at-from-distances[i].base, distances[i].extra)
	for k := at + 1; k < at+n; k++ {
		m.look(k, end)
	}
	return n
}

// spanOf is the last span that begins at v or below.
func spanOf(list []span, v int) int {
	low, high := 0, len(list)
	for high-low > 1 {
		if mid := (low + high) / 2; list[mid].base <= v {
			low = mid
		} else {
			high = mid
		}
	}
	return low
}

// fixedCodes are the codes of the symbols, with their first bit lowest. RFC 1951 section 3.2.6.
var fixedCodes = codesOf(&fixedLit)

// word is a code as it is written.
type word struct {
	bits uint16
	n    uint
}

// codesOf turns a code round: in the order of its symbols, each code is the last one and one more.
func codesOf(c *code) (out [symbols]word) {
	at, index := 0, 0
	for n := 1; n <= longest; n++ {
		for range c.count[n] {
			out[c.symbol[index]] = word{bits.Reverse16(uint16(at)) >> (16 - n), uint(n)}
			at++
			index++
		}
		at <<= 1
	}
	return out
}

// bitWriter appends bits to b, the first one lowest. RFC 1951 section 3.1.1.
type bitWriter struct {
	b    []byte
	held uint64
	n    uint
}

func (w *bitWriter) code(c word) { w.bits(int(c.bits), c.n) }

// bits appends the lowest n bits of v, which has no others.
func (w *bitWriter) bits(v int, n uint) {
	w.held |= uint64(v) << w.n
	for w.n += n; w.n >= 8; w.n -= 8 {
		w.b = append(w.b, byte(w.held))
		w.held >>= 8
	}
}

// align fills up the last octet.
func (w *bitWriter) align() {
	if w.n > 0 {
		w.bits(0, 8-w.n)
	}
}
