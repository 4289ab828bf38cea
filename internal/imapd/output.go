package imapd

import (
	"io"
	"sync"

	"github.com/constance-mail/constance/internal/conn"
	"github.com/constance-mail/constance/internal/wait"
)

// flushSize is how much an output gathers before it writes to the client: large writes, bounded memory.
const flushSize = 32 << 10

// bufferSize has room for one answer more than flushSize; larger buffers than keepSize are not kept.
const (
	bufferSize = flushSize + 4<<10
	keepSize   = 128 << 10
)

var buffers = sync.Pool{New: func() any { b := make([]byte, 0, bufferSize); return &b }}

// getBuffer is an empty buffer from the pool.
func getBuffer() []byte { return (*buffers.Get().(*[]byte))[:0] }

// putBuffer gives a buffer back; nil is fine.
func putBuffer(b []byte) {
	if cap(b) >= flushSize && cap(b) <= keepSize {
		buffers.Put(&b)
	}
}

// output is what a session has to say to its client. Answers are appended to buf, anywhere, also while the store is
// being read; they are written where flush is called: never with a read of the store open.
type output struct {
	conn *conn.Conn
	slot *wait.Slot
	buf  []byte // from the pool while the session is busy, nil while it is idle
	err  error  // a write failed: nothing more is written
	tap  *tap   // nil: nobody listens
}

// begin takes a buffer, release gives it back.
func (o *output) begin() {
	if o.buf == nil {
		o.buf = getBuffer()
	}
}

func (o *output) release() {
	if len(o.buf) == 0 {
		putBuffer(o.buf)
		o.buf = nil
	}
}

// flush writes everything to the client, however long that takes (conn bounds it).
func (o *output) flush() error {
	if o.err == nil && len(o.buf) > 0 {
		o.tap.server(o.buf)
		was := o.slot.Enter(wait.Writing)
		if _, err := o.conn.Write(o.buf); err != nil {
			o.err = &brokenError{err}
		}
		o.slot.Enter(was)
	}
	o.buf = o.buf[:0]
	if cap(o.buf) > keepSize {
		o.buf = getBuffer()
	}
	return o.err
}

// flushLarge flushes if much has gathered.
func (o *output) flushLarge() error {
	if len(o.buf) < flushSize {
		return o.err
	}
	return o.flush()
}

// write appends b, flushing on the way.
func (o *output) write(b []byte) error {
	for len(b) > 0 && o.err == nil {
		n := min(len(b), max(flushSize-len(o.buf), 0))
		o.buf = append(o.buf, b[:n]...)
		b = b[n:]
		if len(o.buf) >= flushSize {
			_ = o.flush() // the error sticks
		}
	}
	return o.err
}

// writeString appends s.
func (o *output) writeString(s string) error {
	o.buf = append(o.buf, s...)
	return o.flushLarge()
}

// copyN appends n octets of r, piece by piece. Fewer are an error, which ends the connection: a literal was announced.
func (o *output) copyN(r io.Reader, n int64) error {
	for n > 0 {
		if err := o.flushLarge(); err != nil {
			return err
		}
		at := len(o.buf)
		size := int(min(n, int64(max(flushSize-at, 1))))
		if cap(o.buf) < at+size {
			o.buf = append(o.buf, make([]byte, size)...)
		}
		o.buf = o.buf[:at+size]
		was := o.slot.Enter(wait.StoreRead)
		_, err := io.ReadFull(r, o.buf[at:])
		o.slot.Enter(was)
		if err != nil {
			o.buf = o.buf[:at]
			return &brokenError{err}
		}
		n -= int64(size)
	}
	return nil
}
