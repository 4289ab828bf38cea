package message

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"unicode"
	"unicode/utf8"
)

// The bounds of a preview.
const (
	MaxPreview = 200 // characters of Digest.Preview. RFC 8970 section 3.3

	previewOctets = 256 << 10 // of a part's body that are looked at: a style sheet may come before the text
	previewParts  = 4         // text parts that are looked at until one has text to show
	previewLine   = 2 << 10   // octets of a line that are looked at
)

// preview is the beginning of what the message says, as one line of UTF-8; empty, not nil, if there is
// nothing to show. RFC 8970 section 3.
func (p *parser) preview() ([]byte, error) {
	for _, n := range p.texts(nil, 0) {
		nd := &p.nodes[n]
		part := Part{Body: nd.body, Encoding: nd.encoding, Charset: nd.charset, kind: text, html: nd.html}
		part.Body.Length = min(part.Body.Length, previewOctets)
		b, err := part.preview(p.r)
		if err != nil || len(b) > 0 {
			return b, err
		}
	}
	return []byte{}, nil
}

// texts appends the text parts that may be shown to out, the best first: of alternatives the plain one,
// otherwise what comes first. Attachments and messages in the message do not count.
func (p *parser) texts(out []int32, n int32) []int32 {
	nd := &p.nodes[n]
	switch {
	case nd.attached || len(out) >= previewParts:
	case nd.kind == text && (nd.plain || nd.html):
		out = append(out, n)
	case nd.kind == multipart:
		from := len(out)
		for c := nd.first; c != 0; c = p.nodes[c].next {
			out = p.texts(out, c)
		}
		if nd.alternative {
			p.plainFirst(out[from:])
		}
	default:
	}
	return out
}

// plainFirst puts the first plain text before the rest.
func (p *parser) plainFirst(parts []int32) {
	for i, n := range parts {
		if p.nodes[n].plain {
			copy(parts[1:i+1], parts[:i])
			parts[0] = n
			return
		}
	}
}

// preview is the preview of a text part.
func (p *Part) preview(r io.ReaderAt) ([]byte, error) {
	text := p.inUTF8(r)
	if p.html {
		text = newHTMLText(text, true)
	}
	lines := bufio.NewReaderSize(text, previewLine)
	var w previewer
	for w.room() > 0 {
		line, more, err := lines.ReadLine()
		if err != nil {
			if errors.Is(err, io.EOF) {
				break
			}
			return nil, err
		}
		if !w.line(line) {
			break
		}
		for more && err == nil {
			_, more, err = lines.ReadLine()
		}
	}
	return w.end(), nil
}

// previewer chooses lines of a text.
type previewer struct {
	out    []byte
	chars  int    // of out
	held   []byte // a line that introduces a quotation, if one follows
	quoted []byte // the beginning of the quotations, to be shown if there is nothing else
	armor  bool   // in the headers of a text signed by OpenPGP
}

// room is how many characters are missing.
func (w *previewer) room() int { return MaxPreview - w.chars }

// line takes the next line of the text. It reports whether more are wanted.
func (w *previewer) line(b []byte) bool {
	text := bytes.TrimSpace(b)
	switch {
	case len(text) == 0:
		w.armor = false
	case string(text) == "--", bytes.HasPrefix(text, []byte("-----BEGIN PGP MESSAGE")),
		bytes.HasPrefix(text, []byte("-----BEGIN PGP SIGNATURE")):
		return false // a signature, RFC 3676 section 4.3, or nothing to read
	case bytes.HasPrefix(text, []byte("-----BEGIN PGP SIGNED")):
		w.armor = true
	case w.armor, isRule(text):
	case text[0] == '>':
		w.held = w.held[:0]
		w.quoted = appendShown(w.quoted, bytes.TrimLeft(text, "> "), 2*MaxPreview)
	default:
		w.flush()
		if text[len(text)-1] == ':' {
			w.held = append(w.held[:0], text...)
			break
		}
		w.add(text)
	}
	return true
}

// isRule tells whether a line shows no words: a rule, or a line such as "----- Original Message -----".
func isRule(text []byte) bool {
	if bytes.HasPrefix(text, []byte("---")) && bytes.HasSuffix(text, []byte("---")) {
		return true
	}
	c := text[0]
	sign := c < utf8.RuneSelf && !isLetter(c) && (c < '0' || c > '9')
	return sign && len(text) > 2 && len(bytes.Trim(text, string(text[:1]))) == 0
}

// flush takes the line that was held back.
func (w *previewer) flush() {
	if len(w.held) > 0 {
		w.add(w.held)
		w.held = w.held[:0]
	}
}

func (w *previewer) add(text []byte) {
	w.out = appendShown(w.out, text, MaxPreview)
	w.chars = utf8.RuneCount(w.out)
}

// end is the preview.
func (w *previewer) end() []byte {
	w.flush()
	if len(w.out) == 0 {
		w.add(w.quoted)
	}
	return w.out
}

// appendShown appends text behind a space, as far as dst stays within so many characters: white space
// folded, without what cannot be seen.
func appendShown(dst, text []byte, most int) []byte {
	chars, space, joiner := utf8.RuneCount(dst), len(dst) > 0, rune(0)
	for len(text) > 0 && chars < most {
		r, n := utf8.DecodeRune(text)
		text = text[n:]
		switch {
		case unicode.IsSpace(r) || unicode.IsControl(r):
			space, joiner = len(dst) > 0, 0
			continue
		case r == '\u200c' || r == '\u200d': // they matter between letters
			joiner = r
			continue
		case r == utf8.RuneError || unicode.In(r, unicode.Cf, blank):
			continue
		}
		if between := before(space, joiner); between != 0 && len(dst) > 0 {
			if chars++; chars == most {
				break
			}
			dst = utf8.AppendRune(dst, between)
		}
		dst, space, joiner = utf8.AppendRune(dst, r), false, 0
		chars++
	}
	return dst
}

// before is the character that precedes the next one, 0 if none.
func before(space bool, joiner rune) rune {
	if space {
		return ' '
	}
	return joiner
}

// blank are characters that show nothing, with which newsletters fill the room behind a short preview.
var blank = rangetable(0x034f, 0x115f, 0x1160, 0x17b4, 0x17b5, 0x2800, 0x3164, 0xffa0)

func rangetable(chars ...uint16) *unicode.RangeTable {
	t := &unicode.RangeTable{}
	for _, c := range chars {
		t.R16 = append(t.R16, unicode.Range16{Lo: c, Hi: c, Stride: 1})
	}
	return t
}
