package wire

import (
	"bytes"
	"io"
	"math"
)

// literalHeader reads "{n}" or "{n+}" at the start of b; n is its length. A size beyond 63 bits is the largest one.
func literalHeader(b []byte) (size int64, plus bool, n int, ok bool) {
	i := 1
	for ; i < len(b) && '0' <= b[i] && b[i] <= '9'; i++ {
		if digit := int64(b[i] - '0'); size > (math.MaxInt64-digit)/10 {
			size = math.MaxInt64
		} else {
			size = 10*size + digit
		}
	}
	if i == 1 || i == len(b) {
		return 0, false, 0, false
	}
	if b[i] == '+' {
		plus = true
		i++
	}
	return size, plus, i + 1, i < len(b) && b[i] == '}'
}

// literalStart reads the announcement of a literal, which starts at the off-th next octet.
func (d *Decoder) literalStart(off int) bool {
	n := off + 1
	for ; n < off+24; n++ {
		c, ok := d.peek(n)
		if !ok {
			return false
		}
		if c == '\r' {
			break
		}
	}
	size, plus, end, ok := literalHeader(d.buf[d.r+off : d.r+n])
	if !ok || end != n-off {
		return d.Fail("malformed literal")
	}
	if c, ok := d.peek(n + 1); !ok || c != '\n' {
		return ok && d.Fail("malformed literal")
	}
	d.consume(n + 2)
	d.lit = literal{pending: true, size: size, sync: !plus}
	return true
}

// accept has the client send a synchronizing literal.
func (d *Decoder) accept() bool {
	d.lit.accepted = true
	if !d.lit.sync {
		return true
	}
	if err := d.opt.Continue(d.lit.size); err != nil {
		return d.fail(err)
	}
	return true
}

// literalString reads a literal that is kept in memory.
func (d *Decoder) literalString(dst *string) bool {
	if !d.literalStart(0) {
		return false
	}
	if !d.MustKeep() || !d.accept() {
		return false
	}
	size := d.lit.size
	out := make([]byte, 0, min(size, bufSize)) // grows with what arrives, not with what is announced
	for d.lit.size > 0 {
		if d.r == d.w && !d.fill() {
			return false
		}
		n := int(min(int64(d.w-d.r), d.lit.size))
		out = append(out, d.buf[d.r:d.r+n]...)
		d.r += n
		d.lit.size -= int64(n)
	}
	d.lit = literal{}
	if bytes.IndexByte(out, 0) >= 0 {
		return d.Fail("NUL octet in a literal")
	}
	*dst = string(out)
	return true
}

// MustKeep must have room in memory for the literal that was announced. It comes before Literal where the octets are kept.
func (d *Decoder) MustKeep() bool {
	size := d.lit.size
	if size > d.opt.Limits.Literal || d.literals+size > d.opt.Limits.Literals {
		return d.fail(&SyntaxError{Text: "literal too large", Pos: d.line, TooBig: true})
	}
	d.literals += size
	return true
}

// MustLiteral must read the announcement of a literal (or, if binary is not nil, of a literal8, which it sets) whose
// octets are
// left for Literal. RFC 9051 section 9, RFC 3516 section 5.
func (d *Decoder) MustLiteral(size *int64, sync, binary *bool) bool {
	off := 0
	if c, ok := d.peek(0); ok && c == '~' && binary != nil {
		off = 1
	}
	if c, ok := d.peek(off); !ok || c != '{' {
		return ok && d.expected("a literal")
	}
	if !d.literalStart(off) {
		return false
	}
	*size, *sync = d.lit.size, d.lit.sync
	if binary != nil {
		*binary = off == 1
	}
	return true
}

// Literal asks the client for the octets that MustLiteral announced, if it waits to be asked, and is where they are
// read. Octets
// that are not read are passed over by Skip; nothing else may be read from the decoder before they were.
func (d *Decoder) Literal() (io.Reader, error) {
	if d.err == nil && d.lit.pending && !d.lit.accepted {
		d.accept()
	}
	return (*literalReader)(d), d.err
}

type literalReader Decoder

// Read reads into p directly once the buffer is empty. A connection that ends early is io.ErrUnexpectedEOF.
func (l *literalReader) Read(p []byte) (int, error) {
	d := (*Decoder)(l)
	switch {
	case d.err != nil:
		return 0, d.err
	case d.lit.size == 0:
		d.lit = literal{}
		return 0, io.EOF
	}
	p = p[:min(int64(len(p)), d.lit.size)]
	n := copy(p, d.buf[d.r:d.w])
	d.r += n
	if n == 0 && len(p) > 0 {
		var err error
		if n, err = d.src.Read(p); n == 0 && err != nil {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			d.err = err
			return 0, err
		}
	}
	if d.lit.size -= int64(n); d.lit.size == 0 {
		d.lit = literal{}
	}
	return n, nil
}
