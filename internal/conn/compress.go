package conn

import (
	"errors"
	"sync"

	"github.com/constance-mail/constance/internal/deflate"
)

// inSize is how much that is compressed is read at a time, in octets; outPiece how much is compressed at a time.
const (
	inSize   = 4 << 10
	outPiece = 32 << 10
)

var (
	inBuffers  = sync.Pool{New: func() any { return new([inSize]byte) }}
	outBuffers = sync.Pool{New: func() any { b := make([]byte, 0, outPiece+1<<10); return &b }}
)

// compression is the layer above TLS. Between two bursts it holds the decoder's window, which grows with what was
// received to 32 KiB at most, and 4 KiB of what was sent; no buffer and no compressor.
type compression struct {
	in   deflate.Inflater
	out  deflate.Deflater
	held []byte // received and not decoded yet: the end of buf
	buf  *[inSize]byte

	// ending: what is sent goes as it is, and so does what is received behind the end of the client's stream.
	ending bool
}

// Compress has everything from now on compressed, in both directions. The caller must hold no octets that came before.
// RFC 4978 section 3.
func (c *Conn) Compress() error {
	if c.flate != nil && (!c.flate.over() || len(c.flate.held) > 0) {
		return errors.New("compression is on already, or has not ended")
	}
	c.flate = &compression{}
	return nil
}

// Compressed tells whether compression is on.
func (c *Conn) Compressed() bool { return c.flate != nil && !c.flate.ending }

// EndCompression ends the stream that is sent. That of the client has ended, or does so with what comes next: its last
// flush. RFC 8437 section 4.1.
func (c *Conn) EndCompression() error {
	if !c.Compressed() {
		return nil
	}
	c.flate.ending = true
	_, err := c.writeBelow(deflate.AppendEnd(nil))
	return err
}

// writeCompressed writes all of p, or fails. No compressor is held while the client takes it.
func (c *Conn) writeCompressed(p []byte) (n int, err error) {
	b := outBuffers.Get().(*[]byte)
	defer func() { outBuffers.Put(b) }()
	for n < len(p) && err == nil {
		piece := p[n:min(len(p), n+outPiece)]
		*b = c.flate.out.Append((*b)[:0], piece)
		if _, err = c.writeBelow(*b); err == nil {
			n += len(piece)
		}
	}
	return n, err
}

// readCompressed reads at least one octet, or fails as the layer below does.
func (c *Conn) readCompressed(p []byte) (n int, err error) {
	z := c.flate
	for {
		if n, err = z.take(p); n > 0 || err != nil || len(p) == 0 {
			return n, err
		}
		if z.over() {
			c.flate = nil
			return c.readBelow(p)
		}
		buf := inBuffers.Get().(*[inSize]byte)
		if n, err = c.readBelow(buf[:]); n == 0 {
			inBuffers.Put(buf)
			return 0, err
		}
		z.buf, z.held = buf, buf[:n]
	}
}

// over tells whether what comes now is not compressed.
func (z *compression) over() bool { return z.ending && z.in.Ended() }

// take decodes what is held, at least what the decoder holds itself. Nothing and no error: that is not enough for an
// octet, and nothing is held any more.
func (z *compression) take(p []byte) (n int, err error) {
	for first := true; err == nil && n == 0 && (first || len(z.held) > 0); first = false {
		read := 0
		switch {
		case !z.over():
			n, read, err = z.in.Inflate(p, z.held)
			if z.over() { // the end of the client's stream is not that of the connection
				err = nil
			}
		default:
			n = copy(p, z.held)
			read = n
		}
		z.held = z.held[read:]
	}
	if len(z.held) == 0 && z.buf != nil {
		inBuffers.Put(z.buf)
		z.buf, z.held = nil, nil
	}
	return n, err
}
