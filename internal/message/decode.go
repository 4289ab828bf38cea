package message

import (
	"bytes"
	"errors"
	"io"

	"github.com/constance-mail/constance/internal/mail"
)

// Encoding is a Content-Transfer-Encoding. RFC 2045 section 6.
type Encoding uint8

// The encodings. Identity is 7bit, 8bit and binary.
const (
	Identity Encoding = iota
	Base64
	QuotedPrintable
	unknownEncoding
)

// encodingOf is the encoding that a field names.
func encodingOf(v []byte) Encoding {
	name := mechanism(v)
	switch {
	case len(name) == 0, equalFold("7bit", name), equalFold("8bit", name), equalFold("binary", name),
		equalFold("7-bit", name), equalFold("8-bit", name):
		return Identity
	case equalFold("base64", name):
		return Base64
	case equalFold("quoted-printable", name):
		return QuotedPrintable
	}
	return unknownEncoding
}

// mechanism is the name in a Content-Transfer-Encoding, which some mailers put in quotes.
func mechanism(v []byte) []byte {
	v = skipCFWS(v)
	if len(v) > 0 && v[0] == '"' {
		v = v[1:]
	}
	name, _ := token(v)
	return name
}

var errEncoding = errors.New("unknown content transfer encoding")

// Known tells whether content of this encoding can be decoded.
func (e Encoding) Known() bool { return e < unknownEncoding }

// DecodedReader reads the decoded body of the part with these numbers from the stored octets r; without numbers the
// message as it stands. Lines of text end in CRLF whatever the encoding held. What is broken is decoded as far as
// it goes. Kinds: NotFound, Invalid for an unknown encoding. RFC 9051 section 6.4.5 (BINARY).
func (p *Part) DecodedReader(r io.ReaderAt, path []int) (io.Reader, error) {
	if len(path) == 0 {
		e, _ := p.Locate(Section{})
		return io.NewSectionReader(r, e.Offset, e.Length), nil
	}
	at := p.find(path)
	if at == nil {
		return nil, &mail.Error{Op: "decode part", Kind: mail.NotFound}
	}
	return at.Decoded(r)
}

// DecodedSize is how many octets DecodedReader gives. Identity content that is not text costs nothing,
// all other is read.
func (p *Part) DecodedSize(r io.ReaderAt, path []int) (int64, error) {
	if at := p.find(path); at != nil && at.Encoding == Identity && at.kind != text {
		return at.Body.Length, nil
	}
	d, err := p.DecodedReader(r, path)
	if err != nil {
		return 0, err
	}
	if s, ok := d.(*io.SectionReader); ok {
		return s.Size(), nil
	}
	return io.Copy(io.Discard, d)
}

// Decoded is DecodedReader for this very part.
func (p *Part) Decoded(r io.ReaderAt) (io.Reader, error) {
	body := io.NewSectionReader(r, p.Body.Offset, p.Body.Length)
	if !p.IsLeaf() {
		return body, nil // such a body has no encoding of its own, RFC 2045 section 6.4
	}
	if p.Encoding == Identity {
		if p.kind != text {
			return body, nil
		}
		return &lineReader{src: body}, nil
	}
	d := &decoder{src: body, lines: p.kind == text, in: make([]byte, 0, min(decodeChunk, p.Body.Length+1))}
	switch p.Encoding {
	case Base64:
		var bits base64Bits
		d.step = func(dst, in []byte, last bool) ([]byte, int) {
			dst = bits.decode(dst, in)
			if last {
				dst = bits.finish(dst)
			}
			return dst, len(in)
		}
	case QuotedPrintable:
		d.step = decodeQuotedPrintable
	default:
		return nil, &mail.Error{Op: "decode part", Kind: mail.Invalid, Err: errEncoding}
	}
	return d, nil
}

const decodeChunk = 16 << 10

// decoder decodes through two buffers of bounded size.
type decoder struct {
	src   io.Reader
	step  func(dst, in []byte, last bool) (out []byte, used int)
	lines bool // bare LF becomes CRLF
	cr    bool // the last octet was CR

	in   []byte // read and not decoded
	out  []byte // decoded, from pos on not yet read
	pos  int
	last bool // src is at its end
	err  error
}

// Read implements io.Reader.
func (d *decoder) Read(b []byte) (int, error) {
	for d.pos == len(d.out) {
		if d.err != nil {
			return 0, d.err
		}
		d.fill()
	}
	n := copy(b, d.out[d.pos:])
	d.pos += n
	return n, nil
}

// fill decodes the next piece.
func (d *decoder) fill() {
	if !d.last {
		n, err := d.src.Read(d.in[len(d.in):cap(d.in)])
		d.in = d.in[:len(d.in)+n]
		if err == io.EOF {
			d.last = true
		} else if err != nil {
			d.err = err
			return
		}
	}
	var used int
	d.out, used = d.step(d.out[:0], d.in, d.last)
	if used == 0 && len(d.in) == decodeChunk { // no step waits for so much; go on in any case
		d.out, used = append(d.out, d.in...), len(d.in)
	}
	d.in = d.in[:copy(d.in, d.in[used:])]
	d.pos = 0
	if d.lines {
		d.out, d.cr = endLines(d.out, d.cr)
	}
	if d.last && len(d.in) == 0 {
		d.err = io.EOF
	}
}

// lineReader is text as it stands, but for bare LFs, which become CRLF.
type lineReader struct {
	src  io.Reader
	cr   bool   // the last octet of src was CR
	rest []byte // still to be given
	err  error  // of src, for when rest is given
}

// Read implements io.Reader.
func (r *lineReader) Read(b []byte) (int, error) {
	if len(r.rest) == 0 && r.err == nil {
		n, err := r.src.Read(b)
		r.rest, r.cr = endLines(b[:n], r.cr)
		r.err = err
		if len(r.rest) == n { // as most text is
			r.rest = nil
			return n, err
		}
	}
	if len(r.rest) == 0 {
		return 0, r.err
	}
	n := copy(b, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// endLines is text in which every line ends in CRLF: b itself if it is so already. cr tells whether the last octet was CR, at
// first the one before b.
func endLines(b []byte, cr bool) ([]byte, bool) {
	bare := 0
	for from := 0; ; {
		i := bytes.IndexByte(b[from:], '\n')
		if i < 0 {
			break
		}
		if isBare(b, from+i, cr) {
			bare++
		}
		from += i + 1
	}
	ends := cr
	if len(b) > 0 {
		ends = b[len(b)-1] == '\r'
	}
	if bare == 0 {
		return b, ends
	}
	out := make([]byte, 0, len(b)+bare)
	for i, c := range b {
		if c == '\n' && isBare(b, i, cr) {
			out = append(out, '\r')
		}
		out = append(out, c)
	}
	return out, ends
}

// isBare tells whether the LF at i has no CR before it.
func isBare(b []byte, i int, cr bool) bool { return i == 0 && !cr || i > 0 && b[i-1] != '\r' }

// decodeQuotedPrintable decodes whole lines, a last one without an end only at the end. A line too long for the
// buffer is taken in pieces. RFC 2045 section 6.7.
func decodeQuotedPrintable(dst, in []byte, last bool) (out []byte, used int) {
	for used < len(in) {
		line := in[used:]
		i := bytes.IndexByte(line, '\n')
		switch {
		case i >= 0:
			line = line[:i+1]
		case !last && len(line) < decodeChunk/2:
			return dst, used
		case !last: // leave what could be the start of an escape, or of white space that the line end takes away
			end := len(line)
			for end > 1 && isOpen(line[end-2], line[end-1]) && len(line)-end < 1024 {
				end--
			}
			line = line[:end]
		}
		used += len(line)
		dst = appendQuotedPrintable(dst, line)
		if i < 0 && !last {
			return dst, used
		}
	}
	return dst, used
}

// isOpen tells whether what ends in these two octets may mean something else once more follows.
func isOpen(a, b byte) bool { return isSpace(b) || b == '=' || b == '\r' || a == '=' }

// appendQuotedPrintable decodes a line, with or without its end.
func appendQuotedPrintable(dst, line []byte) []byte {
	body, end := line, []byte(nil)
	if n := len(body); n > 0 && body[n-1] == '\n' {
		end, body = body[n-1:], body[:n-1]
		if n > 1 && body[n-2] == '\r' {
			end, body = line[n-2:], body[:n-2]
		}
		body = bytes.TrimRight(body, " \t") // added on the way
	}
	if len(end) > 0 || len(body) > 0 && len(body) < 3 {
		if soft, ok := bytes.CutSuffix(body, []byte("=")); ok {
			body, end = soft, nil
		}
	}
	for {
		i := bytes.IndexByte(body, '=')
		if i < 0 {
			break
		}
		dst = append(dst, body[:i]...)
		body = body[i:]
		if len(body) > 2 && hexValue(body[1]) < 16 && hexValue(body[2]) < 16 {
			dst = append(dst, hexValue(body[1])<<4|hexValue(body[2]))
			body = body[3:]
			continue
		}
		dst = append(dst, '=')
		body = body[1:]
	}
	return append(append(dst, body...), end...)
}
