package deflate

import (
	"math/bits"
	"sync"
	"unsafe"
)

// endOfBlock is the symbol that ends a block. RFC 1951 section 3.2.5.
const endOfBlock = 256

// Bounds of codes, in bits and in symbols. RFC 1951 sections 3.2.2 and 3.2.7.
const (
	longest     = 15                    // bits of a code
	longestPair = longest + 5 + 15 + 13 // bits of a match
	quick       = 9                     // bits that are looked up at once
	maxLit      = 286                   // symbols of literals and lengths that a dynamic block may have
	maxDist     = 30                    // of distances
	symbols     = 288                   // in the fixed code
)

// code is a Huffman code. RFC 1951 section 3.2.2.
type code struct {
	entry  [1 << quick]uint16 // symbol << 4 | bits, by the next bits of the input; 0: look further
	count  [longest + 1]uint16
	symbol [symbols]uint16 // in the order of the codes
}

// init makes the code in which symbol i has lengths[i] bits, 0 for none. False: there is no such code. One that is not
// complete is allowed if it has one symbol of one bit, or none.
func (c *code) init(lengths []uint8) bool {
	*c = code{}
	for _, n := range lengths {
		c.count[n]++
	}
	c.count[0] = 0
	left, used := 1, 0
	for n := 1; n <= longest; n++ {
		if left = 2*left - int(c.count[n]); left < 0 {
			return false
		}
		used += int(c.count[n])
	}
	if left > 0 && used > 0 && !(used == 1 && c.count[1] == 1) {
		return false
	}
	var first, index [longest + 1]uint16
	for n := 1; n < longest; n++ {
		first[n+1] = (first[n] + c.count[n]) << 1
		index[n+1] = index[n] + c.count[n]
	}
	for sym, n := range lengths {
		if n == 0 {
			continue
		}
		c.symbol[index[n]] = uint16(sym)
		c.enter(first[n], uint(n), sym)
		first[n]++
		index[n]++
	}
	return true
}

// enter enters a code of n bits into the table, if it is short enough. Codes come with their first bit highest, the
// input has it lowest.
func (c *code) enter(bitsOf uint16, n uint, sym int) {
	if n > quick {
		return
	}
	for i := int(bits.Reverse16(bitsOf) >> (16 - n)); i < len(c.entry); i += 1 << n {
		c.entry[i] = uint16(sym)<<4 | uint16(n)
	}
}

// decode is the symbol that the bits begin with, of which n are there, and how many it has: 0 if they do not suffice. No
// code begins so: a symbol beyond all that there are.
func (c *code) decode(bits uint64, n uint) (sym int, used uint) {
	if e := c.entry[bits&(1<<quick-1)]; e != 0 {
		if used = uint(e & 15); used <= n {
			return int(e >> 4), used
		}
		return 0, 0
	}
	return c.decodeLong(bits, n)
}

// decodeLong goes bit by bit, and compares with the first code of each length.
func (c *code) decodeLong(bits uint64, n uint) (sym int, used uint) {
	at, first, index := 0, 0, 0
	for used = 1; used <= longest; used++ {
		if used > n {
			return 0, 0
		}
		at |= int(bits & 1)
		bits >>= 1
		count := int(c.count[used])
		if at-count < first {
			return int(c.symbol[index+at-first]), used
		}
		index += count
		first = (first + count) << 1
		at <<= 1
	}
	return symbols, longest
}

// span is what a symbol for lengths or distances stands for: base, and more by so many extra bits.
type span struct {
	base  int
	extra uint
}

// lengths are the spans of the symbols from 257, distances those of distance symbols. RFC 1951 section 3.2.5.
var (
	lengths   = lengthSpans()
	distances = spans(maxDist, 1, 2)
)

// spans are n spans from base; the number of extra bits rises by one after each group, the first group is twice as large.
func spans(n, base, group int) []span {
	out := make([]span, n)
	for i := range out {
		extra := uint(max(i/group-1, 0))
		out[i] = span{base, extra}
		base += 1 << extra
	}
	return out
}

// lengthSpans: the last one is 258 alone.
func lengthSpans() []span {
	return append(spans(28, 3, 4), span{258, 0})
}

// The fixed codes. RFC 1951 section 3.2.6.
var (
	fixedLit  = fixedCode(144, 8, 256, 9, 280, 7, 288, 8)
	fixedDist = fixedCode(32, 5)
)

// fixedCode is a code of runs: the symbols below the first number have as many bits as the second says, and so on.
func fixedCode(runs ...int) (c code) {
	var l []uint8
	for i := 0; i < len(runs); i += 2 {
		for len(l) < runs[i] {
			l = append(l, uint8(runs[i+1]))
		}
	}
	c.init(l)
	return c
}

// tables are what a dynamic block needs.
type tables struct {
	lit, dist code
	lengths   [maxLit + maxDist]uint8
	nlit      int // of literals and lengths
	all       int // with those of distances
	ncode     int // of the code for lengths
	have      int // of lengths
	codeKnown bool
}

const tablesSize = int(unsafe.Sizeof(tables{}))

var tablePool = sync.Pool{New: func() any { return new(tables) }}

// order is the order in which the lengths of the code for lengths come. RFC 1951 section 3.2.7.
var order = [...]uint8{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}

// counts reads how many lengths follow. RFC 1951 section 3.2.7.
func (d *Inflater) counts() error {
	if !d.has(14) {
		return errStarved
	}
	t := tablePool.Get().(*tables)
	d.tables = t
	t.nlit = d.take(5) + 257
	t.all = t.nlit + d.take(5) + 1
	t.ncode = d.take(4) + 4
	t.have, t.codeKnown = 0, false
	clear(t.lengths[:])
	if t.nlit > maxLit || t.all-t.nlit > maxDist {
		return ErrCorrupt
	}
	d.state = inLengths
	return nil
}

// lengths reads the lengths of the codes, first those of the code for lengths. RFC 1951 section 3.2.7.
func (d *Inflater) lengths() error {
	t := d.tables
	for ; !t.codeKnown && t.have < t.ncode; t.have++ {
		if !d.has(3) {
			return errStarved
		}
		t.lengths[order[t.have]] = uint8(d.take(3))
	}
	if !t.codeKnown {
		if !t.dist.init(t.lengths[:len(order)]) { // its place is free until then
			return ErrCorrupt
		}
		t.codeKnown, t.have = true, 0
	}
	for t.have < t.all {
		if err := d.lengthsOf(t); err != nil {
			return err
		}
	}
	if !t.lit.init(t.lengths[:t.nlit]) || !t.dist.init(t.lengths[t.nlit:t.all]) {
		return ErrCorrupt
	}
	d.lit, d.dist, d.state = &t.lit, &t.dist, inCodes
	return nil
}

// repeats are what the symbols from 16 of the code for lengths repeat: the least, and more by extra bits.
var repeats = [...]span{{3, 2}, {3, 3}, {11, 7}}

// lengthsOf reads one symbol of the code for lengths: a length, or several.
func (d *Inflater) lengthsOf(t *tables) error {
	d.refill()
	sym, n := t.dist.decode(d.bits, d.n)
	switch {
	case n == 0:
		return errStarved
	case sym <= longest:
		d.take(n)
		t.lengths[t.have] = uint8(sym)
		t.have++
		return nil
	case sym >= len(order):
		return ErrCorrupt
	}
	r := repeats[sym-16]
	if n+r.extra > d.n {
		return errStarved
	}
	d.take(n)
	times := r.base + d.take(r.extra)
	value := uint8(0)
	if sym == 16 {
		if t.have == 0 {
			return ErrCorrupt
		}
		value = t.lengths[t.have-1]
	}
	if t.have+times > t.all {
		return ErrCorrupt
	}
	for range times {
		t.lengths[t.have] = value
		t.have++
	}
	return nil
}
