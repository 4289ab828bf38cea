package lmtpd

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/constance-mail/constance/internal/wait"
)

const (
	// bufSize is the octets of a connection's input buffer; a command line fits in any case.
	bufSize = 32 << 10
	// longestSkip is how much of a command line that is too long is read in search of its end.
	longestSkip = 1 << 20
)

// Why a session ends, besides I/O errors.
var (
	errStopping = errors.New("server is stopping")
	errFlood    = errors.New("far more octets than allowed")
	errMistakes = errors.New("too many mistakes")
	errPanic    = errors.New("panic") // a bug of ours
	errQuit     = errors.New("quit")  // the client wants it
)

// conn is the stream: it gives command lines and content out of one buffer, bounded, each read with a time of
// its own, and keeps replies until there is nothing more to read, so that those of a burst go out in one piece
// (RFC 2920 section 3.2). Owned by the goroutine of the session, but for stop.
type conn struct {
	net  net.Conn
	opts *Options // immutable
	slot *wait.Slot

	stopping atomic.Bool
	stopBy   atomic.Int64 // nanoseconds since 1970 when even a running transaction is cut, valid with stopping

	buf    []byte    // of bufSize, pooled
	r, w   int       // buf[r:w] is read from the socket and not used
	out    []byte    // replies not sent yet, pooled
	readBy time.Time // the deadline as it is set
	inData bool      // a transaction's content is being received: a stop waits for its end
	octets int64     // read from the socket
}

// memory is what a connection borrows.
type memory struct{ in, out []byte }

var memories = sync.Pool{New: func() any { return &memory{in: make([]byte, bufSize), out: make([]byte, 0, 1024)} }}

// newConn prepares a connection; release gives its memory back when nothing uses it any more.
func newConn(ctx context.Context, nc net.Conn, o *Options, slot *wait.Slot) (c *conn, release func()) {
	m := memories.Get().(*memory)
	c = &conn{net: nc, opts: o, slot: slot, buf: m.in, out: m.out[:0]}
	undo := context.AfterFunc(ctx, c.stop)
	return c, func() {
		undo()
		m.out = c.out
		c.buf, c.out = nil, nil
		memories.Put(m)
	}
}

// stop makes the session end: at once if it is between messages, after the grace if it receives one.
func (c *conn) stop() {
	c.stopBy.Store(time.Now().Add(c.opts.Grace).UnixNano())
	c.stopping.Store(true)
	_ = c.net.SetReadDeadline(time.Unix(1, 0)) // wakes a waiting read; without deadlines the next line sees it
}

// line is the next command line without its end, valid until the next call. Of one that is too long only the
// length is true. ok tells that it is neither too long nor ended by an LF alone, which ends nothing: RFC 5321
// section 2.3.8.
func (c *conn) line() (line []byte, ok bool, err error) {
	seen, skipped := 0, 0
	for {
		if c.stopping.Load() && !c.inData {
			return nil, false, errStopping
		}
		if i := bytes.IndexByte(c.buf[c.r+seen:c.w], '\n'); i >= 0 {
			line = c.buf[c.r : c.r+seen+i+1]
			c.r += len(line)
			ok = skipped == 0 && len(line) <= c.opts.MaxLine && bytes.HasSuffix(line, []byte("\r\n"))
			return bytes.TrimRight(line, "\r\n"), ok, nil
		}
		seen = c.w - c.r
		if seen > c.opts.MaxLine {
			skipped += seen
			c.r, c.w, seen = 0, 0, 0
		}
		if skipped > longestSkip {
			return nil, false, errFlood
		}
		c.slot.Enter(wait.Idle)
		if err := c.fill(c.opts.IdleTimeout); err != nil {
			return nil, false, err
		}
		c.slot.Enter(wait.Working)
	}
}

// fill waits for more input, behind what is in the buffer, after sending what is to be sent.
func (c *conn) fill(timeout time.Duration) error {
	if err := c.flush(); err != nil {
		return err
	}
	if c.r > 0 {
		c.w = copy(c.buf, c.buf[c.r:c.w])
		c.r = 0
	}
	for {
		c.expect(timeout)
		if c.stopping.Load() { // looked at after setting the deadline, so that stop's cannot be lost
			by := time.Unix(0, c.stopBy.Load())
			if !c.inData || time.Now().After(by) {
				return errStopping
			}
			c.readBy = by
			_ = c.net.SetReadDeadline(by) // a failure shows in the read
		}
		n, err := c.net.Read(c.buf[c.w:])
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

// expect sees to it that the read deadline is timeout away, or up to half as much more: it is moved now and
// then, not for each read.
func (c *conn) expect(timeout time.Duration) {
	now := time.Now()
	if left := c.readBy.Sub(now); left < timeout || left > timeout+timeout/2 {
		c.readBy = now.Add(timeout + timeout/2)
		_ = c.net.SetReadDeadline(c.readBy) // a failure shows in the read
	}
}

// readChunk reads n octets of content and gives them to sink. An error of sink does not end the reading, so
// that the session stays in step: it is sunk. err is the connection's end. RFC 3030 section 2.
func (c *conn) readChunk(n int64, sink func([]byte) error) (sunk, err error) {
	for n > 0 {
		if c.r == c.w {
			if err := c.more(); err != nil {
				return sunk, err
			}
		}
		piece := c.buf[c.r:min(int64(c.w), int64(c.r)+n)]
		if sunk == nil {
			sunk = sink(piece)
		}
		c.r += len(piece)
		n -= int64(len(piece))
	}
	return sunk, nil
}

// readData reads the content after DATA up to its end, a line with a dot only, and gives it to sink with the
// dots taken away that were put before others. Only CRLF ends a line: an LF or CR alone is content, whatever
// follows. sunk and err are as with readChunk; more than most octets are errFlood. RFC 5321 sections 2.3.8,
// 4.1.1.4 and 4.5.2.
func (c *conn) readData(most int64, sink func([]byte) error) (sunk, err error) {
	var total int64
	give := func(n int) {
		if sunk == nil && n > 0 {
			sunk = sink(c.buf[c.r : c.r+n])
		}
		c.r += n
		total += int64(n)
	}
	for lineStart := true; ; {
		b := c.buf[c.r:c.w]
		switch {
		case lineStart && bytes.HasPrefix(b, []byte(".\r\n")):
			c.r += 3
			return sunk, nil
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
		if total > most {
			return sunk, errFlood
		}
		if err := c.more(); err != nil {
			return sunk, err
		}
	}
}

// more waits for content.
func (c *conn) more() error {
	defer c.slot.Enter(c.slot.Enter(wait.Reading))
	return c.fill(c.opts.DataTimeout)
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

// say is one reply line. It is sent when there is nothing to read, or too much to send.
func (c *conn) say(a answer) { c.sayTo(a, "") }

// longestTold is up to how many octets a recipient's address is repeated in its reply, which may have 512: RFC
// 5321 section 4.5.3.1.5.
const longestTold = 300

// sayTo is a reply that is a recipient's.
func (c *conn) sayTo(a answer, address string) {
	c.out = append(c.out, a.code...)
	if address != "" && len(address) <= longestTold {
		c.out = append(c.out, " <"...)
		c.out = append(c.out, address...)
		c.out = append(c.out, '>')
	}
	c.out = append(c.out, ' ')
	c.out = append(c.out, a.text...)
	c.out = append(c.out, a.item...)
	c.out = append(c.out, "\r\n"...)
}

// flush sends the replies.
func (c *conn) flush() error {
	if len(c.out) == 0 {
		return nil
	}
	defer c.slot.Enter(c.slot.Enter(wait.Writing))
	_ = c.net.SetWriteDeadline(time.Now().Add(c.opts.WriteTimeout)) // a failure shows in the write
	_, err := c.net.Write(c.out)
	c.out = c.out[:0]
	return err
}
