package lmtpd

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/constance-mail/constance/internal/wait"
)

// bufSize is the octets of a connection's input buffer; a command line fits in any case.
const bufSize = 32 << 10

// conn stands between the socket and go-smtp and does what that leaves out: it bounds command lines (a longer
// one is answered as a syntax error and the session goes on), gives each read a time of its own, sends
// replies in one piece when there is nothing more to read (RFC 2920 section 3.2), ends the session with a 421
// when the server stops, and takes the octets after DATA out of the stream itself, many at a time. For that
// it gives go-smtp one command line per Read, so that nothing beyond the line is in go-smtp's own buffer when
// a DATA is carried out.
type conn struct {
	net.Conn
	opts *Options // immutable
	slot *wait.Slot

	stopping atomic.Bool
	dead     atomic.Bool  // nothing is read any more
	stopBy   atomic.Int64 // nanoseconds since 1970 when even a running transaction is cut, valid with stopping

	// owned by the goroutine that reads: go-smtp's for the connection, or its helper for a DATA while the
	// other waits
	buf    []byte // of bufSize, pooled
	r, w   int    // buf[r:w] is read from the socket and not used
	chunk  int64  // octets of a BDAT chunk that are still to come
	inData bool   // a transaction's content is being read: a stop waits for its end
	ended  bool   // after DATA: the next Read is the end that go-smtp waits for
	bdat   bool   // the line given last was a BDAT
	broken bool   // a series of BDATs was broken off: no more commands
	settle func() // waits until go-smtp's helper for a BDAT has looked at what the next command may change
	octets int64  // read from the socket

	mu  sync.Mutex // guards what follows
	out []byte     // replies not sent yet
}

var buffers = sync.Pool{New: func() any { b := make([]byte, bufSize); return &b }}

// stop makes the connection end: at once if it is between commands, after the grace if it receives a message.
func (c *conn) stop() {
	c.stopBy.Store(time.Now().Add(c.opts.Grace).UnixNano())
	c.stopping.Store(true)
	c.SetReadDeadline(time.Unix(1, 0)) // wakes a waiting read; a connection that has no deadlines is closed anyway
}

// Read gives go-smtp the next command line, or the octets of a BDAT chunk, or the end of a DATA.
func (c *conn) Read(p []byte) (int, error) {
	if c.bdat {
		c.bdat = false
		c.settle()
	}
	switch {
	case c.ended:
		c.ended = false
		return copy(p, ".\r\n"), nil // go-smtp's buffer has room for 4096
	case c.dead.Load():
		return 0, io.EOF
	case c.chunk > 0:
		return c.readChunk(p)
	}
	line, err := c.line()
	if err != nil {
		return 0, c.refuse(err)
	}
	c.chunk, c.bdat = chunkSize(line)
	return copy(p, line), nil
}

// line is the next command line with its end. One that is too long is read to its end and becomes an empty
// line, which go-smtp answers with a 500 at its place in the pipeline.
func (c *conn) line() ([]byte, error) {
	if c.stopping.Load() {
		return nil, errStopping
	}
	if c.broken {
		return nil, errBroken
	}
	tooLong, seen := false, 0
	for {
		if i := bytes.IndexByte(c.buf[c.r+seen:c.w], '\n'); i >= 0 {
			line := c.buf[c.r : c.r+seen+i+1]
			c.r += seen + i + 1
			if tooLong || len(line) > c.opts.MaxLine {
				return []byte("\r\n"), nil
			}
			return line, nil
		}
		seen = c.w - c.r
		if seen > c.opts.MaxLine {
			tooLong = true
			c.r, c.w, seen = 0, 0, 0
		}
		c.slot.Enter(wait.Idle)
		if err := c.fill(c.opts.IdleTimeout); err != nil {
			return nil, err
		}
		c.slot.Enter(wait.Working)
	}
}

// chunkSize is how many octets go-smtp reads after this line if it is a well-formed BDAT, whether it accepts
// the chunk or not. RFC 3030 section 2.
func chunkSize(line []byte) (n int64, isBDAT bool) {
	s := strings.TrimRight(string(line[:min(len(line), 64)]), "\r\n")
	if len(s) < 6 || !strings.EqualFold(s[:5], "BDAT ") {
		return 0, false
	}
	args := strings.Fields(s[5:])
	if len(args) == 0 || len(args) > 2 || len(args) == 2 && !strings.EqualFold(args[1], "LAST") {
		return 0, false
	}
	u, err := strconv.ParseUint(args[0], 10, 32)
	return int64(u), err == nil
}

func (c *conn) readChunk(p []byte) (int, error) {
	p = p[:min(int64(len(p)), c.chunk)]
	if c.r == c.w {
		c.inData = true
		defer func() { c.inData = false }()
		c.slot.Enter(wait.Reading)
		if err := c.fill(c.opts.DataTimeout); err != nil {
			c.refuse(err)
			// an EOF would be the end of the chunk for go-smtp, which would deliver half a message
			return 0, io.ErrUnexpectedEOF
		}
		c.slot.Enter(wait.Working)
	}
	n := copy(p, c.buf[c.r:c.w])
	c.r += n
	c.chunk -= int64(n)
	return n, nil
}

var (
	errStopping = errors.New("server is stopping")
	errBroken   = errors.New("transfer in chunks broken off")
	errFlood    = errors.New("far more octets than a message may have")
)

// refuse ends the session, with the reply that says why.
func (c *conn) refuse(err error) error {
	c.dead.Store(true)
	reply := ""
	switch {
	case errors.Is(err, errStopping) || c.stopping.Load():
		reply = "421 4.3.2 " + c.opts.Hostname + " is shutting down\r\n"
	case errors.Is(err, os.ErrDeadlineExceeded):
		reply = "421 4.4.2 " + c.opts.Hostname + " waited too long\r\n"
	case errors.Is(err, errBroken):
		reply = "421 4.5.0 " + c.opts.Hostname + " transfer was broken off\r\n"
	case errors.Is(err, errFlood):
		reply = "421 5.3.4 " + c.opts.Hostname + " message far too large\r\n"
	}
	if reply != "" {
		c.Write([]byte(reply)) // fails only by what is the end anyway
	}
	return io.EOF
}

// fill waits for more input, behind what is in the buffer, after sending what is to be sent.
func (c *conn) fill(timeout time.Duration) error {
	if c.dead.Load() {
		return io.EOF
	}
	if err := c.flush(); err != nil {
		return err
	}
	if c.r > 0 {
		c.w = copy(c.buf, c.buf[c.r:c.w])
		c.r = 0
	}
	for {
		deadline := time.Now().Add(timeout)
		c.SetReadDeadline(deadline) // a failure shows in the read
		if c.stopping.Load() {      // looked at after setting the deadline, so that stop's cannot be lost
			by := time.Unix(0, c.stopBy.Load())
			if !c.inData || time.Now().After(by) {
				return errStopping
			}
			c.SetReadDeadline(by)
		}
		n, err := c.Conn.Read(c.buf[c.w:])
		c.w += n
		c.octets += int64(n)
		if n > 0 {
			return nil
		}
		if err != nil && !(c.stopping.Load() && errors.Is(err, os.ErrDeadlineExceeded)) {
			return err
		}
	}
}

// readData reads the content after DATA up to its end, a line with a dot only, and gives it to sink with the
// dots taken away that were put before others. Only CRLF ends a line: an LF or CR alone is content, whatever
// follows. An error of sink does not end the reading, so that the session stays in step, unless far more than
// most octets come. RFC 5321 sections 2.3.8, 4.1.1.4 and 4.5.2.
func (c *conn) readData(sink func([]byte) error, most int64) (err error) {
	c.inData = true
	defer func() { c.inData = false }()
	var total int64
	give := func(n int) {
		if err == nil && n > 0 {
			err = sink(c.buf[c.r : c.r+n])
		}
		c.r += n
		total += int64(n)
	}
	for lineStart := true; ; {
		b := c.buf[c.r:c.w]
		switch {
		case lineStart && bytes.HasPrefix(b, []byte(".\r\n")):
			c.r += 3
			c.ended = true
			return err
		case lineStart && !partOfEnd(b):
			lineStart = false
			if b[0] == '.' {
				c.r++
			}
			continue
		case !lineStart:
			n, full := lineEnd(b)
			give(n)
			if lineStart = full; full {
				continue
			}
		}
		if total > 2*most+bufSize {
			return c.refuse(errFlood)
		}
		c.slot.Enter(wait.Reading)
		if e := c.fill(c.opts.DataTimeout); e != nil {
			return c.refuse(e)
		}
		c.slot.Enter(wait.Working)
	}
}

// partOfEnd tells whether b, at the start of a line, may still become the end of the data.
func partOfEnd(b []byte) bool { return len(b) < 3 && strings.HasPrefix(".\r\n", string(b)) }

// lineEnd is how much of b can be given away: up to a line that begins with a dot (full), else up to what may
// become a CRLF.
func lineEnd(b []byte) (n int, full bool) {
	if i := bytes.Index(b, []byte("\r\n.")); i >= 0 {
		return i + 2, true
	}
	switch n = len(b); {
	case bytes.HasSuffix(b, []byte("\r\n")):
		return n, true
	case bytes.HasSuffix(b, []byte("\r")):
		return n - 1, false
	}
	return n, false
}

// Write keeps replies until there is nothing to read, or too many of them.
func (c *conn) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.out = append(c.out, p...)
	if len(c.out) >= bufSize {
		if err := c.flushLocked(); err != nil {
			return 0, err
		}
	}
	return len(p), nil
}

func (c *conn) flush() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.flushLocked()
}

func (c *conn) flushLocked() error {
	if len(c.out) == 0 {
		return nil
	}
	c.SetWriteDeadline(time.Now().Add(c.opts.WriteTimeout)) // a failure shows in the write
	_, err := c.Conn.Write(c.out)
	c.out = c.out[:0]
	return err
}

// Close sends what is to be sent and closes the socket. Commands behind a QUIT are not carried out.
func (c *conn) Close() error {
	c.dead.Store(true)
	err := c.flush()
	return errors.Join(err, c.Conn.Close())
}

// newConn prepares a connection; release gives its buffer back when nothing reads any more.
func newConn(ctx context.Context, nc net.Conn, o *Options, slot *wait.Slot) (c *conn, release func()) {
	bp := buffers.Get().(*[]byte)
	c = &conn{Conn: nc, opts: o, slot: slot, buf: *bp}
	undo := context.AfterFunc(ctx, c.stop)
	return c, func() {
		undo()
		c.buf = nil
		buffers.Put(bp)
	}
}
