package message

import (
	"bytes"
	"io"
	"sync"
)

// The bounds of what is looked at. Beyond one of them the rest is opaque; it is never an error.
const (
	MaxHeader = 1 << 20 // octets of a header block, of Part.Header too; what goes on behind them is body

	maxDepth    = 100     // levels of multiparts and messages within each other
	maxParts    = 10_000  // parts of a message, at all levels
	maxWire     = 3 << 20 // octets of wire form after which no further part is described
	maxBoundary = 1000    // octets of a boundary
	windowSize  = 64 << 10
)

var windows = sync.Pool{New: func() any { b := make([]byte, windowSize); return &b }}

var newline = []byte{'\n'}

// scanner reads a message once from its start to its end through a window: buf[:end] is the octets from base on. Only
// a header that is kept in one piece makes the window grow, up to twice MaxHeader.
type scanner struct {
	r    io.ReaderAt
	size int64
	err  error // of r; ends the message

	buf   []byte
	base  int64
	pos   int   // index in buf of the next octet
	end   int   // index in buf after the last octet read
	lines int64 // '\n' before pos
}

func (s *scanner) offset() int64 { return s.base + int64(s.pos) }

// fill reads on, keeping the octets from index keep (at most pos) on, which then may have moved to the start of buf. It
// reports whether there was more.
func (s *scanner) fill(keep int) bool {
	next := s.base + int64(s.end)
	if s.err != nil || next >= s.size {
		return false
	}
	if keep > 0 {
		copy(s.buf, s.buf[keep:s.end])
		s.base += int64(keep)
		s.pos, s.end = s.pos-keep, s.end-keep
	}
	if s.end == len(s.buf) {
		s.buf = append(s.buf, make([]byte, len(s.buf))...)
	}
	room := s.buf[s.end:]
	if left := s.size - next; int64(len(room)) > left {
		room = room[:left]
	}
	n, err := s.r.ReadAt(room, next)
	s.end += n
	if n < len(room) {
		if err == nil || err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		s.err = err
	}
	return n > 0
}

// line is the length of the line at pos with its '\n', 0 at the end. The octets from the offset keep on stay in the
// window. A line longer than bound counts as ended there.
func (s *scanner) line(keep int64, bound int) int {
	seen := 0
	for {
		if i := bytes.IndexByte(s.buf[s.pos+seen:s.end], '\n'); i >= 0 {
			return min(seen+i+1, bound)
		}
		seen = s.end - s.pos
		if seen >= bound {
			return bound
		}
		if !s.fill(int(keep - s.base)) {
			return seen
		}
	}
}

// skipLine moves past the end of the line.
func (s *scanner) skipLine() {
	for {
		if i := bytes.IndexByte(s.buf[s.pos:s.end], '\n'); i >= 0 {
			s.pos += i + 1
			s.lines++
			return
		}
		s.pos = s.end
		if !s.fill(max(0, s.pos-1)) {
			return
		}
	}
}

// ending is where and why a body ended.
type ending struct {
	at    int64 // offset; the line end before a boundary is not the body's, and may be that of a header before it
	lines int64 // '\n' before at
	level int   // of the boundary among those open, -1 at the end of the message
	last  bool  // it was a closing boundary
}

// body moves from the start of a line past the next line that is one of the boundaries, or to the end of the message.
func (s *scanner) body(boundaries [][]byte) ending {
	if len(boundaries) == 0 {
		return s.rest()
	}
	if level, last := s.boundary(boundaries); level >= 0 {
		e := ending{s.offset(), s.lines, level, last}
		if s.pos > 0 && s.buf[s.pos-1] == '\n' {
			e.at, e.lines = e.at-1, e.lines-1
			if s.pos > 1 && s.buf[s.pos-2] == '\r' {
				e.at--
			}
		}
		s.skipLine()
		return e
	}
	start := s.offset()
	for {
		i := bytes.Index(s.buf[s.pos:s.end], []byte("\n--"))
		if i < 0 {
			s.advance(max(s.pos, s.end-2)) // the next window may begin in the middle of it
			if s.fill(max(0, s.pos-1)) {
				continue
			}
			return s.rest()
		}
		s.advance(s.pos + i)
		e := ending{at: s.offset(), lines: s.lines}
		if s.pos > 0 && e.at > start && s.buf[s.pos-1] == '\r' {
			e.at--
		}
		s.advance(s.pos + 1)
		if e.level, e.last = s.boundary(boundaries); e.level >= 0 {
			s.skipLine()
			return e
		}
	}
}

// advance moves to an index of buf.
func (s *scanner) advance(to int) {
	s.lines += int64(bytes.Count(s.buf[s.pos:to], newline))
	s.pos = to
}

// rest moves to the end of the message.
func (s *scanner) rest() ending {
	for {
		s.advance(s.end)
		if !s.fill(s.end) {
			return ending{s.offset(), s.lines, -1, false}
		}
	}
}

// boundary is which of the open boundaries the line at pos is, -1 for none. The longest wins: one may begin like
// another. What follows it must not be able to belong to a boundary. RFC 2046 section 5.1.1.
func (s *scanner) boundary(open [][]byte) (level int, last bool) {
	n := s.line(s.base+int64(max(0, s.pos-2)), maxBoundary+8)
	line, ok := bytes.CutPrefix(s.buf[s.pos:s.pos+n], []byte("--"))
	level = -1
	if !ok {
		return level, false
	}
	longest := 0
	for i := len(open) - 1; i >= 0; i-- {
		if b := open[i]; len(b) > longest && bytes.HasPrefix(line, b) && endsBoundary(line[len(b):]) {
			level, longest = i, len(b)
		}
	}
	return level, level >= 0 && bytes.HasPrefix(line[longest:], []byte("--"))
}

func endsBoundary(rest []byte) bool {
	if len(rest) == 0 || bytes.HasPrefix(rest, []byte("--")) {
		return true
	}
	c := rest[0]
	return lower(c) < 'a' && (c < '0' || c > '9') && bytes.IndexByte([]byte("'()+_,-./:=?"), c) < 0 || lower(c) > 'z'
}
