package message

import (
	"bytes"
)

// fields iterates over the fields of a header block: for f := (fields{rest: block}); f.next(); {...}.
type fields struct {
	rest  []byte // what is left
	field []byte // the field as it stands, with its line ends
	colon int    // index of the ':' in field, -1 if this is no field but a line that got into the header
	blank []byte // the empty line, once next has met it
}

// next goes to the next field, and tells whether there is one.
func (f *fields) next() bool {
	if len(f.rest) == 0 {
		return false
	}
	n := lineLen(f.rest)
	if isBlank(f.rest[:n]) {
		f.blank, f.rest = f.rest[:n], nil
		return false
	}
	f.colon = colon(f.rest[:n])
	for n < len(f.rest) && isSpace(f.rest[n]) {
		n += lineLen(f.rest[n:])
	}
	f.field, f.rest = f.rest[:n], f.rest[n:]
	return true
}

// name is the field's name, "" of a line that is no field.
func (f *fields) name() []byte {
	if f.colon < 0 {
		return nil
	}
	return bytes.TrimRight(f.field[:f.colon], " \t")
}

// value is what follows the colon, still folded, without the white space around.
func (f *fields) value() []byte { return trim(f.field[f.colon+1:]) }

func lineLen(b []byte) int {
	if i := bytes.IndexByte(b, '\n'); i >= 0 {
		return i + 1
	}
	return len(b)
}

func isBlank(line []byte) bool {
	return len(line) == 1 && line[0] == '\n' || len(line) == 2 && line[0] == '\r' && line[1] == '\n'
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' }

// isFWS tells whether c may be part of folding white space.
func isFWS(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

func trim(b []byte) []byte {
	for len(b) > 0 && isFWS(b[0]) {
		b = b[1:]
	}
	for len(b) > 0 && isFWS(b[len(b)-1]) {
		b = b[:len(b)-1]
	}
	return b
}

// colon is the index of the ':' after the field name that the line begins with, -1 if it begins with none.
// RFC 5322 sections 2.2 and 4.5.
func colon(line []byte) int {
	for i, c := range line {
		switch {
		case c == ':':
			if i == 0 {
				return -1
			}
			return i
		case isSpace(c) && i > 0: // obsolete: white space before the colon
			for i < len(line) && isSpace(line[i]) {
				i++
			}
			if i < len(line) && line[i] == ':' {
				return i
			}
			return -1
		case c <= ' ' || c >= 0x7f:
			return -1
		}
	}
	return -1
}

// appendUnfolded appends a field's value without its line ends. RFC 5322 section 2.2.3.
func appendUnfolded(dst, v []byte) []byte {
	for {
		i := bytes.IndexAny(v, "\r\n")
		if i < 0 {
			return append(dst, v...)
		}
		dst = append(dst, v[:i]...)
		v = v[i+1:]
	}
}

// unfold is v without its line ends; v itself if it has none.
func unfold(v []byte) []byte {
	if bytes.IndexByte(v, '\n') < 0 && bytes.IndexByte(v, '\r') < 0 {
		return v
	}
	return appendUnfolded(make([]byte, 0, len(v)), v)
}

// header reads the header block that starts at the current position, up to and with the empty line. What ends a
// header: the empty line; a boundary, or what looks like one; lines that are no fields, unless it is a single one, as
// of a subject that was broken without folding or the "From " of an mbox; MaxHeader, behind which the rest counts as
// body. The block is valid until the scanner moves.
func (s *scanner) header(boundaries [][]byte) (block []byte) {
	start := s.offset()
	stray, strayLines := int64(-1), int64(0) // the last line if it was no field
	any := false
	done := func() []byte { return s.buf[start-s.base : s.pos] }
	back := func() []byte {
		s.pos, s.lines = int(stray-s.base), strayLines
		return done()
	}
	for {
		n := s.line(start, MaxHeader)
		if n == MaxHeader || s.offset()+int64(n)-start > MaxHeader {
			return done()
		}
		line := s.buf[s.pos : s.pos+n]
		switch {
		case n == 0 && stray >= 0, isBlank(line) && stray >= 0 && !any:
			return back()
		case n == 0:
			return done()
		case isBlank(line):
			s.advance(s.pos + n)
			return done()
		case isSpace(line[0]) && (any || stray >= 0):
		case bytes.HasPrefix(line, []byte("--")) && s.endsHeader(line, boundaries):
			if stray >= 0 && !any {
				return back()
			}
			return done()
		case colon(line) > 0:
			any, stray = true, -1
		case stray >= 0:
			return back()
		default:
			stray, strayLines = s.offset(), s.lines
		}
		s.advance(s.pos + n)
	}
}

func (s *scanner) endsHeader(line []byte, boundaries [][]byte) bool {
	if colon(line) < 0 {
		return true
	}
	for _, b := range boundaries {
		if bytes.HasPrefix(line[2:], b) {
			return true
		}
	}
	return false
}

// FilterHeader appends those fields of a header block that are named in fields (or, with not, those that are not), as
// they stand, and the empty line if the block has one. Case does not matter. RFC 9051 section 6.4.5.1.
func FilterHeader(dst, header []byte, names []string, not bool) []byte {
	f := fields{rest: header}
	for f.next() {
		if hasName(names, f.name()) != not {
			dst = append(dst, f.field...)
		}
	}
	return append(dst, f.blank...)
}

func hasName(names []string, name []byte) bool {
	for _, n := range names {
		if len(n) == len(name) && equalFold(n, name) {
			return true
		}
	}
	return false
}

// equalFold compares without regard to the case of ASCII letters.
func equalFold[T string | []byte](a string, b T) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) {
		if lower(a[i]) != lower(b[i]) {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}
