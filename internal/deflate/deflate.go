package deflate

import (
	"compress/flate"
	"sync"
)

// historySize is how much of what was said last a piece may refer back to, in octets. What answers repeat lies within.
const historySize = 4 << 10

// Deflater compresses what one side says, piece by piece: each one ends with a flush. Between two pieces it holds no
// more than the end of what was said: a compressor costs a megabyte, and is taken from a pool while a piece is compressed.
// The zero is at the beginning of a stream. It is for one goroutine.
type Deflater struct {
	history []byte
}

// Append appends the piece p, compressed, to b. Pieces of 32 KiB or more gain nothing from being larger.
func (d *Deflater) Append(b, p []byte) []byte {
	switch {
	case len(p) == 0:
		return b
	case len(p) <= shortPiece:
		b = appendShort(b, d.history, p)
	default:
		b = d.appendLong(b, p)
	}
	d.remember(p)
	return b
}

// AppendEnd appends the end of a stream: an empty fixed block. RFC 1951 section 3.2.3.
func AppendEnd(b []byte) []byte { return append(b, 3, 0) }

// Size is the memory that it holds, in octets.
func (d *Deflater) Size() int { return cap(d.history) }

// remember keeps the end of what was said.
func (d *Deflater) remember(p []byte) {
	if n := len(p) - historySize; n >= 0 {
		d.history = append(d.history[:0], p[n:]...)
		return
	}
	if n := len(d.history) + len(p) - historySize; n > 0 {
		d.history = d.history[:copy(d.history, d.history[n:])]
	}
	d.history = append(d.history, p...)
}

// appendLong compresses with compress/flate. A compressor that begins anew refers back to what it has written itself: so
// it is made to write the history once more, to nobody. After a flush it stands at an octet, where this piece begins.
func (d *Deflater) appendLong(b, p []byte) []byte {
	z := compressors.Get().(*compressor)
	z.flate.Reset(z)
	z.mute = true
	z.piece(d.history)
	z.mute, z.out = false, b
	z.piece(p)
	b, z.out = z.out, nil
	compressors.Put(z)
	return b
}

// compressor is a flate.Writer that appends to out.
type compressor struct {
	flate *flate.Writer
	out   []byte
	mute  bool // it appends nothing
}

var compressors = sync.Pool{New: func() any {
	z := new(compressor)
	z.flate, _ = flate.NewWriter(z, flate.BestSpeed) // an error is for a level that is none
	return z
}}

// Write implements io.Writer for the flate.Writer.
func (z *compressor) Write(p []byte) (int, error) {
	if !z.mute {
		z.out = append(z.out, p...)
	}
	return len(p), nil
}

// piece writes and flushes; neither fails, because Write does not.
func (z *compressor) piece(p []byte) {
	if len(p) > 0 {
		_, _ = z.flate.Write(p)
		_ = z.flate.Flush()
	}
}
