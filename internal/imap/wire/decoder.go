// Package wire holds the tokens of IMAP: a Decoder that reads them from a client within bounds, and functions that
// append them.
//
// A Decoder has a method per production of the grammar, in two strengths: one that tries (false, and nothing is
// consumed) and one that must (false, and the error is kept; the first one sticks, and everything fails after it). So
// a parser reads like the grammar, and asks for the error once, at its end. Everything is bounded before it is read.
//
// An idle connection costs nothing: a Decoder takes its buffer from a pool when octets arrive and gives it back when
// it waits for a command with none left.
package wire

import (
	"errors"
	"io"
	"math"
	"strconv"
	"sync"
)

// Source is where a Decoder reads.
type Source interface {
	io.Reader
	// Wait returns once Read has something to give, or will fail. The decoder calls it before each command unless it
	// has octets
	// left, and holds no buffer meanwhile. An error ends the wait and is returned by Begin.
	Wait() error
}

// Limits bound what a Decoder reads of a command; a zero stands for the default.
type Limits struct {
	Line     int   // octets of a command without its literals; default 65,536
	Literal  int64 // octets of one literal that is kept in memory; default 65,536
	Literals int64 // octets of all literals of a command that are kept in memory; default 262,144
	Skip     int64 // octets of a refused command that are read to get past it; default 1,048,576
}

// DefaultLimits are what zeros in Limits stand for.
var DefaultLimits = Limits{Line: 64 << 10, Literal: 64 << 10, Literals: 256 << 10, Skip: 1 << 20}

// Options of a Decoder.
type Options struct {
	Limits Limits
	// Continue asks the client to go on (RFC 9051 section 7.6): with a literal of n octets, n -1: with a line. It
	// must
	// flush. Its error sticks.
	Continue func(n int64) error
}

// SyntaxError says what is wrong with a command. The session answers BAD and goes on, unless Fatal.
type SyntaxError struct {
	Text   string // for the client: "expected a space"
	Pos    int    // octets from the start of the command, literals not counted
	TooBig bool   // a bound was passed: the client is told TOOBIG
	Fatal  bool   // what follows cannot be told apart from commands: the session ends with BYE
}

func (e *SyntaxError) Error() string { return e.Text + " at octet " + strconv.Itoa(e.Pos) }

const bufSize = 4096

var buffers = sync.Pool{New: func() any { return new([bufSize]byte) }}

// Decoder reads the tokens of a client's commands. For one goroutine.
type Decoder struct {
	src  Source
	opt  Options
	buf  []byte // nil while idle; octets not consumed are buf[r:w]
	pool *[bufSize]byte
	r, w int
	err  error
	utf8 bool

	line     int   // octets of the command consumed, without literals
	literals int64 // octets of its literals kept in memory
	lit      literal
	depth    int      // open parentheses
	ended    bool     // the command was read to its end
	word     [40]byte // what Word returns
}

// literal is an announced literal whose octets were not read yet.
type literal struct {
	pending  bool
	size     int64 // octets left
	sync     bool  // the client waits for a continuation request
	accepted bool  // somebody took it, within a bound of its own
}

// NewDecoder is a Decoder of what src gives.
func NewDecoder(src Source, o Options) *Decoder {
	d := &Decoder{src: src, opt: o}
	d.SetLimits(o.Limits)
	return d
}

// SetLimits changes the bounds, from the next command on: a client that has logged in may be allowed more.
func (d *Decoder) SetLimits(l Limits) {
	if l.Line == 0 {
		l.Line = DefaultLimits.Line
	}
	if l.Literal == 0 {
		l.Literal = DefaultLimits.Literal
	}
	if l.Literals == 0 {
		l.Literals = DefaultLimits.Literals
	}
	if l.Skip == 0 {
		l.Skip = DefaultLimits.Skip
	}
	d.opt.Limits = l
}

// SetUTF8 says that mailbox names are UTF-8 from now on, not modified UTF-7. RFC 9051 section 5.1.
func (d *Decoder) SetUTF8(on bool) { d.utf8 = on }

// UTF8 tells whether mailbox names are UTF-8.
func (d *Decoder) UTF8() bool { return d.utf8 }

// Reset goes on with another source (TLS was started, or compression), with nothing of the old one's octets: check
// Buffered before. RFC 9051 section 6.2.1.
func (d *Decoder) Reset(src Source) {
	d.src = src
	d.r, d.w = 0, 0
	d.Release()
	d.err, d.lit = nil, literal{}
}

// Buffered is the number of octets that were read from the source and not consumed.
func (d *Decoder) Buffered() int { return d.w - d.r }

// Midway tells whether a command was read in part: its client is sending the rest.
func (d *Decoder) Midway() bool { return d.line > 0 && !d.ended }

// Release gives the buffer back if it is empty. Begin does so by itself before it waits.
func (d *Decoder) Release() {
	if d.r != d.w {
		return
	}
	if d.pool != nil {
		buffers.Put(d.pool)
	}
	d.pool, d.buf, d.r, d.w = nil, nil, 0, 0
}

// Err is the first error since Begin: a *SyntaxError, or what the source or Continue returned.
func (d *Decoder) Err() error { return d.err }

// Begin waits for the next command and forgets the last one, which must have been read to its end, or skipped.
func (d *Decoder) Begin() error {
	d.err, d.line, d.literals, d.lit, d.depth, d.ended = nil, 0, 0, literal{}, 0, false
	if d.r < d.w {
		return nil
	}
	d.Release()
	if d.err = d.src.Wait(); d.err != nil {
		return d.err
	}
	if !d.fill() {
		return d.err
	}
	return nil
}

// fill reads more octets behind those that are there. False: err is set.
func (d *Decoder) fill() bool {
	switch {
	case d.err != nil:
		return false
	case d.buf == nil:
		d.pool = buffers.Get().(*[bufSize]byte)
		d.buf = d.pool[:]
	case d.r > 0:
		copy(d.buf, d.buf[d.r:d.w])
		d.r, d.w = 0, d.w-d.r
	}
	if d.w == len(d.buf) {
		d.grow()
	}
	for range 100 { // as io.ErrNoProgress has it
		n, err := d.src.Read(d.buf[d.w:])
		d.w += n
		if n > 0 {
			return true
		}
		if err != nil {
			if err == io.EOF && (d.w > d.r || d.line > 0) {
				err = io.ErrUnexpectedEOF
			}
			d.err = err
			return false
		}
	}
	d.err = io.ErrNoProgress
	return false
}

// grow doubles the buffer: a token longer than it is being looked at. Line is the bound, see need.
func (d *Decoder) grow() {
	b := make([]byte, 2*len(d.buf))
	copy(b, d.buf[:d.w])
	if d.pool != nil {
		buffers.Put(d.pool)
	}
	d.pool, d.buf = nil, b
}

// need makes n unconsumed octets of the command's line available. False: err is set.
func (d *Decoder) need(n int) bool {
	if d.err != nil {
		return false
	}
	if d.line+n > d.opt.Limits.Line {
		d.fail(&SyntaxError{Text: "command line too long", Pos: d.line, TooBig: true})
		return false
	}
	for d.w-d.r < n {
		if !d.fill() {
			return false
		}
	}
	return true
}

// peek is the i-th unconsumed octet of the line. False: err is set.
func (d *Decoder) peek(i int) (byte, bool) {
	if !d.need(i + 1) {
		return 0, false
	}
	return d.buf[d.r+i], true
}

// consume passes over n octets that need made available.
func (d *Decoder) consume(n int) {
	d.r += n
	d.line += n
}

func (d *Decoder) fail(err error) bool {
	if d.err == nil {
		d.err = err
	}
	return false
}

// Fail records that the command is wrong here; text is for the client. It returns false.
func (d *Decoder) Fail(text string) bool {
	return d.fail(&SyntaxError{Text: text, Pos: d.line})
}

// expected records what should have stood here.
func (d *Decoder) expected(what string) bool {
	c, ok := d.peek(0)
	switch {
	case !ok:
		return false
	case c == 0:
		return d.Fail("NUL octet where " + what + " was expected")
	case c == '\n':
		return d.Fail("bare LF where " + what + " was expected: lines end with CRLF")
	case c == '\r':
		return d.Fail("end of line where " + what + " was expected")
	}
	return d.Fail("expected " + what)
}

// Skip reads to the end of a command that was refused, over the literals that the client sends without being asked. A
// synchronizing literal ends it: the client sees the tagged answer instead of the continuation request. The error is
// fatal for the connection: I/O, or a *SyntaxError with Fatal if more than Limits.Skip octets would have to be read.
// RFC 7888 section 4.
func (d *Decoder) Skip() error {
	var se *SyntaxError
	if d.err != nil && !errors.As(d.err, &se) {
		return d.err
	}
	if d.ended {
		return nil
	}
	d.err, d.ended = nil, true
	left := d.opt.Limits.Skip
	for {
		if d.lit.pending {
			if d.lit.sync && !d.lit.accepted {
				d.lit = literal{}
				return nil
			}
			if !d.discard(&left) {
				return d.err
			}
		}
		if !d.skipLine(&left) {
			return d.err
		}
		if !d.lit.pending {
			return nil
		}
	}
}

// discard passes over the octets of the pending literal.
func (d *Decoder) discard(left *int64) bool {
	if d.lit.accepted {
		*left += d.lit.size
	}
	if d.lit.size > *left {
		return d.fail(&SyntaxError{Text: "too much to skip", Pos: d.line, TooBig: true, Fatal: true})
	}
	*left -= d.lit.size
	for d.lit.size > 0 {
		if d.r == d.w && !d.fill() {
			return false
		}
		n := min(int64(d.w-d.r), d.lit.size)
		d.r += int(n)
		d.lit.size -= n
	}
	d.lit = literal{}
	return true
}

// tailSize is how much of a line's end is looked at, octets.
const tailSize = 24

// skipLine passes over the rest of a line; lit is pending if it ended with the announcement of a literal.
func (d *Decoder) skipLine(left *int64) bool {
	var tail [tailSize]byte // the end of the line before its LF; a longer announcement is too big whatever it says
	n := 0
	for ; *left > 0; *left-- {
		if d.r == d.w && !d.fill() {
			return false
		}
		c := d.buf[d.r]
		d.r++
		if c == '\n' {
			d.lit = announced(tail[:min(n, len(tail))])
			return true
		}
		if n >= len(tail) {
			copy(tail[:], tail[1:])
			tail[len(tail)-1] = c
		} else {
			tail[n] = c
		}
		n++
	}
	return d.fail(&SyntaxError{Text: "too much to skip", Pos: d.line, TooBig: true, Fatal: true})
}

// announced reads the announcement of a literal at the end of a line.
func announced(tail []byte) literal {
	n := len(tail)
	if n < 2 || tail[n-1] != '\r' || tail[n-2] != '}' {
		return literal{}
	}
	plus := n > 2 && tail[n-3] == '+'
	i := n - 3
	if plus {
		i--
	}
	for i >= 0 && '0' <= tail[i] && tail[i] <= '9' {
		i--
	}
	if i < 0 { // nothing else, or digits only back to where nobody looks
		return literal{pending: n == tailSize, size: math.MaxInt64, sync: !plus}
	}
	if tail[i] != '{' {
		return literal{}
	}
	size, plus, _, ok := literalHeader(tail[i : n-1])
	return literal{pending: ok, size: size, sync: !plus}
}
