// Package deflate is the compressed data format of RFC 1951, for a conversation: what one side has said and flushed must
// reach the other side at once, and an idle conversation must cost next to nothing.
//
// An Inflater yields every octet that the input so far determines, wherever that input ends: compress/flate waits for
// more after the partial flush of zlib, which does not end at an octet, and so a command that has arrived is not seen. It
// stops at each flush, so that whoever asks can tell what came before from what came after. A Deflater holds no
// compressor between two pieces.
package deflate

import (
	"encoding/binary"
	"errors"
	"io"
)

// ErrCorrupt says that the input is no stream of RFC 1951, or refers back to what was never there.
var ErrCorrupt = errors.New("malformed compressed data")

// errStarved says that the input ends before the next step; errFlush that a flush was reached.
var (
	errStarved = errors.New("more input is needed")
	errFlush   = errors.New("flush")
)

// Sizes of the window in octets: it grows with what was received, to what a stream may refer back to. RFC 1951 section 2.
const (
	windowMin = 512
	windowMax = 32 << 10
)

// state is where an Inflater stands.
type state uint8

const (
	atHeader state = iota // of a block
	atLength              // of a stored block
	inStored
	atCounts  // of a dynamic block
	inLengths // of its codes
	inCodes   // of a fixed or dynamic block
	atEnd     // of the stream
)

// Inflater decodes one stream. The zero is at its beginning. It is for one goroutine.
type Inflater struct {
	state state
	final bool // the block in progress is the last
	fixed bool // it has the fixed codes
	empty bool // it has yielded nothing yet
	flush bool // nothing has followed an empty block

	src  []byte // what Inflate was given
	read int    // of it
	bits uint64 // read and not used, the next one lowest
	n    uint   // how many

	window []byte // what was decoded last
	at     int    // where the next octet goes
	end    int    // how far it may go now
	filled bool   // the window has been round

	stored           int // octets of the stored block to come
	length, distance int // of the match that is being copied
	lit, dist        *code
	tables           *tables // of a dynamic block
	err              error   // sticks
}

// Inflate decodes from src into dst: how many octets of dst are written and how many of src are read. It stops when dst
// is full, when src has nothing that could be decoded further, and at a flush (an empty block); call again while octets
// of src are left. Errors: io.EOF at the end of the stream, ErrCorrupt; what was written before counts.
func (d *Inflater) Inflate(dst, src []byte) (written, read int, err error) {
	d.src, d.read = src, 0
	for err == nil && written < len(dst) {
		from := d.room(len(dst) - written)
		err = d.step()
		written += copy(dst[written:], d.window[from:d.at])
	}
	if err != errStarved { // else all of it belongs to what could not be decoded
		d.giveBack()
	}
	d.src = nil
	if err == errStarved || err == errFlush || written > 0 {
		err = nil
	}
	return written, d.read, err
}

// Ended tells whether the stream can end here: nothing follows a flush, or it has ended. After the partial flush of zlib
// up to seven bits of the empty block are not sent.
func (d *Inflater) Ended() bool {
	return d.state == atEnd || d.state == atHeader && d.flush || d.state == inCodes && d.fixed && d.empty
}

// Size is the memory that it holds, in octets.
func (d *Inflater) Size() int {
	n := cap(d.window)
	if d.tables != nil {
		n += tablesSize
	}
	return n
}

// room sees to it that something can be written at at, at most want octets, and returns at.
func (d *Inflater) room(want int) int {
	switch {
	case d.at < len(d.window):
	case len(d.window) < windowMax:
		w := make([]byte, max(2*len(d.window), windowMin))
		copy(w, d.window)
		d.window = w
	default:
		d.at, d.filled = 0, true
	}
	d.end = min(len(d.window), d.at+want)
	return d.at
}

// step goes on as far as the state, the input and end allow.
func (d *Inflater) step() error {
	if d.err == nil {
		if err := d.advance(); err == ErrCorrupt {
			d.err = err
		} else {
			return err
		}
	}
	return d.err
}

func (d *Inflater) advance() error {
	switch d.state {
	case atHeader:
		return d.header()
	case atLength:
		return d.storedLength()
	case inStored:
		return d.copyStored()
	case atCounts:
		return d.counts()
	case inLengths:
		return d.lengths()
	case inCodes:
		return d.codes()
	}
	return io.EOF
}

// refill reads octets until more than 56 bits are there, or none are left.
func (d *Inflater) refill() {
	if len(d.src)-d.read >= 8 {
		d.bits |= binary.LittleEndian.Uint64(d.src[d.read:]) << d.n
		d.read += int(63-d.n) >> 3
		d.n |= 56
		return
	}
	for d.n <= 56 && d.read < len(d.src) {
		d.bits |= uint64(d.src[d.read]) << d.n
		d.read++
		d.n += 8
	}
}

// giveBack un-reads what was read ahead. What was read by an earlier call is never ahead: it waited for more.
func (d *Inflater) giveBack() {
	whole := min(int(d.n>>3), d.read)
	d.read -= whole
	d.n -= uint(whole) << 3
	d.bits &= 1<<d.n - 1
}

// has tells whether so many bits, at most 32, are there.
func (d *Inflater) has(n uint) bool {
	if d.n < n {
		d.refill()
	}
	return d.n >= n
}

// take takes so many bits, which are there.
func (d *Inflater) take(n uint) int {
	v := d.bits & (1<<n - 1)
	d.bits >>= n
	d.n -= n
	return int(v)
}

// header reads the header of a block. RFC 1951 section 3.2.3.
func (d *Inflater) header() error {
	if !d.has(3) {
		return errStarved
	}
	d.final, d.empty, d.flush = d.take(1) == 1, true, false
	switch d.take(2) {
	case 0:
		d.take(d.n & 7) // to the end of the octet
		d.state = atLength
	case 1:
		d.lit, d.dist, d.fixed, d.state = &fixedLit, &fixedDist, true, inCodes
	case 2:
		d.state = atCounts
	default:
		return ErrCorrupt
	}
	return nil
}

// endBlock goes on behind a block.
func (d *Inflater) endBlock() error {
	if d.tables != nil {
		tablePool.Put(d.tables)
		d.tables = nil
	}
	d.lit, d.dist, d.fixed, d.state = nil, nil, false, atHeader
	switch {
	case d.final:
		d.state = atEnd
	case d.empty:
		d.flush = true
		return errFlush
	}
	return nil
}

// storedLength reads the length of a stored block. RFC 1951 section 3.2.4.
func (d *Inflater) storedLength() error {
	if !d.has(32) {
		return errStarved
	}
	d.stored = d.take(16)
	if d.take(16) != d.stored^0xffff {
		return ErrCorrupt
	}
	d.giveBack()
	d.state = inStored
	if d.stored == 0 {
		return d.endBlock()
	}
	return nil
}

func (d *Inflater) copyStored() error {
	n := copy(d.window[d.at:min(d.end, d.at+d.stored)], d.src[d.read:])
	if n == 0 {
		return errStarved
	}
	d.at += n
	d.read += n
	d.stored -= n
	d.empty = false
	if d.stored == 0 {
		return d.endBlock()
	}
	return nil
}

// codes decodes literals and matches. RFC 1951 section 3.2.5.
func (d *Inflater) codes() error {
	d.copyMatch()
	for d.at < d.end {
		if d.n < longestPair {
			d.refill()
		}
		sym, n := d.lit.decode(d.bits, d.n)
		switch {
		case n == 0:
			return errStarved
		case sym < endOfBlock:
			d.bits >>= n
			d.n -= n
			d.window[d.at] = byte(sym)
			d.at++
			d.empty = false
		case sym == endOfBlock:
			d.take(n)
			return d.endBlock()
		default:
			if err := d.match(sym, n); err != nil {
				return err
			}
			d.empty = false
			d.copyMatch()
		}
	}
	return nil
}

// match reads the rest of a match whose length has the symbol sym, of n bits: nothing of it is used unless all of it
// is there.
func (d *Inflater) match(sym int, n uint) error {
	if sym >= endOfBlock+1+len(lengths) {
		return ErrCorrupt
	}
	l := lengths[sym-endOfBlock-1]
	extra := n
	n += l.extra
	if n >= d.n {
		return errStarved
	}
	dsym, dn := d.dist.decode(d.bits>>n, d.n-n)
	switch {
	case dn == 0:
		return errStarved
	case dsym >= len(distances):
		return ErrCorrupt
	}
	dist := distances[dsym]
	if n+dn+dist.extra > d.n {
		return errStarved
	}
	d.length = l.base + int(d.bits>>extra&(1<<l.extra-1))
	n += dn
	d.distance = dist.base + int(d.bits>>n&(1<<dist.extra-1))
	n += dist.extra
	d.bits >>= n
	d.n -= n
	if d.distance > d.at && !(d.filled && d.distance <= windowMax) {
		return ErrCorrupt
	}
	return nil
}

// copyMatch copies of the match what there is room for.
func (d *Inflater) copyMatch() {
	for d.length > 0 && d.at < d.end {
		from := d.at - d.distance
		if from < 0 {
			from += windowMax
		}
		to := min(d.end, d.at+d.length)
		n := copy(d.window[d.at:to], d.window[from:min(from+d.distance, len(d.window))])
		d.at += n
		d.length -= n
	}
}
