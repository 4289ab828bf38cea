package message

import (
	"html"
	"io"
	"unicode/utf8"
)

// HTMLText reads the text of HTML in UTF-8: without tags, comments, scripts and styles, character references
// decoded, white space folded as a browser does. Block elements begin a line, which ends in LF; cells of a
// table are apart by a space. Whatever is read, it is some HTML: there are no errors but those of r, and
// memory does not grow with it. HTML Living Standard section 13.2.5, as far as text needs it.
func HTMLText(r io.Reader) io.Reader { return newHTMLText(r, false) }

// newHTMLText is HTMLText; with quotes each line of a blockquote begins with "> ".
func newHTMLText(r io.Reader, quotes bool) *htmlText {
	return &htmlText{src: r, quotes: quotes, in: make([]byte, htmlChunk)}
}

const (
	htmlChunk = 4 << 10
	maxTag    = 16 // octets of the name of an element; no longer one matters
	maxRef    = 34 // octets of a character reference; the longest that is known has 33
)

// htmlState is what the next octet belongs to.
type htmlState uint8

const (
	htmlData      htmlState = iota
	htmlTagOpen             // after "<"
	htmlTagName             //
	htmlInTag               // after the name, or between attributes
	htmlValue               // after "="
	htmlUnquoted            // in a value without quotes
	htmlQuoted              // in a value, up to quote
	htmlMarkup              // after "<!"
	htmlComment             // up to "-->"
	htmlBogus               // up to ">"
	htmlReference           // after "&"
	htmlStates
)

// htmlSteps has the method for each state. It tells whether the octet was used; otherwise the next state
// gets it.
var htmlSteps = [htmlStates]func(*htmlText, byte) bool{
	htmlData: (*htmlText).data, htmlTagOpen: (*htmlText).tagOpen, htmlTagName: (*htmlText).tagName,
	htmlInTag: (*htmlText).inTag, htmlValue: (*htmlText).value, htmlUnquoted: (*htmlText).unquoted,
	htmlQuoted: (*htmlText).quoted, htmlMarkup: (*htmlText).markup, htmlComment: (*htmlText).comment,
	htmlBogus: (*htmlText).bogus, htmlReference: (*htmlText).reference,
}

// htmlElement is what an element means for the text.
type htmlElement uint8

const (
	htmlInline htmlElement = iota // nothing
	htmlBlock                     // it begins and ends a line
	htmlQuote                     // a block that quotes
	htmlCell                      // it is apart from its neighbours
	htmlRaw                       // what it holds is no text
)

var htmlElements = map[string]htmlElement{
	"address": htmlBlock, "article": htmlBlock, "aside": htmlBlock, "body": htmlBlock, "br": htmlBlock, "center": htmlBlock,
	"dd": htmlBlock, "div": htmlBlock, "dl": htmlBlock, "dt": htmlBlock, "fieldset": htmlBlock, "figcaption": htmlBlock,
	"figure": htmlBlock, "footer": htmlBlock, "form": htmlBlock, "h1": htmlBlock, "h2": htmlBlock, "h3": htmlBlock,
	"h4": htmlBlock, "h5": htmlBlock, "h6": htmlBlock, "header": htmlBlock, "hr": htmlBlock, "li": htmlBlock,
	"main": htmlBlock, "nav": htmlBlock, "ol": htmlBlock, "p": htmlBlock, "pre": htmlBlock, "section": htmlBlock,
	"table": htmlBlock, "tr": htmlBlock, "ul": htmlBlock,
	"blockquote": htmlQuote,
	"td":         htmlCell, "th": htmlCell, "option": htmlCell,
	"iframe": htmlRaw, "noembed": htmlRaw, "noframes": htmlRaw, "script": htmlRaw, "style": htmlRaw, "title": htmlRaw,
}

// htmlText implements HTMLText.
type htmlText struct {
	src    io.Reader
	quotes bool
	err    error // of src
	in     []byte
	out    []byte // from pos on not yet read
	pos    int

	state  htmlState
	name   []byte // of the tag or reference that is being read, up to a bound
	ending bool   // it is an end tag
	empty  bool   // the last octet of the tag was "/"
	quote  byte   // that ends the value
	dashes int    // before this octet, in a comment
	raw    string // the element whose content is passed over, "" none

	depth          int  // blockquotes around
	began          bool // there was text
	space, newLine bool // white space, and the end of a line, before the next text
}

// Read implements io.Reader.
func (t *htmlText) Read(p []byte) (int, error) {
	for t.pos == len(t.out) {
		if t.err != nil {
			return 0, t.err
		}
		t.fill()
	}
	n := copy(p, t.out[t.pos:])
	t.pos += n
	return n, nil
}

func (t *htmlText) fill() {
	n, err := t.src.Read(t.in)
	t.out, t.pos, t.err = t.out[:0], 0, err
	for _, c := range t.in[:n] {
		for !htmlSteps[t.state](t, c) {
		}
	}
	if err != nil && t.state == htmlReference {
		t.endReference()
	}
}

func isHTMLSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\r' || c == '\t' || c == '\f' }

func isLetter(c byte) bool { return 'a' <= lower(c) && lower(c) <= 'z' }

// put appends an octet of text, after what has to precede it.
func (t *htmlText) put(c byte) {
	if isHTMLSpace(c) {
		t.space = true
		return
	}
	if t.newLine && t.began {
		t.out = append(t.out, '\n')
	} else if t.space && t.began {
		t.out = append(t.out, ' ')
	}
	if t.quotes && t.depth > 0 && (t.newLine || !t.began) {
		t.out = append(t.out, "> "...)
	}
	t.began, t.space, t.newLine = true, false, false
	t.out = append(t.out, c)
}

func (t *htmlText) data(c byte) bool {
	switch {
	case c == '<':
		t.state, t.name, t.ending, t.empty = htmlTagOpen, t.name[:0], false, false
	case t.raw != "":
	case c == '&':
		t.state, t.name = htmlReference, t.name[:0]
	case c != 0:
		t.put(c)
	}
	return true
}

// tagOpen: what is no tag is text.
func (t *htmlText) tagOpen(c byte) bool {
	switch {
	case isLetter(c) && (t.raw == "" || t.ending):
		t.state = htmlTagName
		return false
	case c == '/' && !t.ending:
		t.ending = true
		return true
	case t.raw != "":
		t.state = htmlData
		return false
	case c == '!' && !t.ending:
		t.state = htmlMarkup
		return true
	case c == '?' || t.ending:
		t.state = htmlBogus
		return false
	}
	t.put('<')
	t.state = htmlData
	return false
}

func (t *htmlText) tagName(c byte) bool {
	switch {
	case !isHTMLSpace(c) && c != '/' && c != '>':
		if len(t.name) <= maxTag {
			t.name = append(t.name, lower(c))
		}
		return true
	case t.raw != "" && string(t.name) != t.raw: // the end of another element is part of the content
		t.state = htmlData
		return true
	}
	t.state = htmlInTag
	return false
}

func (t *htmlText) inTag(c byte) bool {
	switch c {
	case '>':
		t.tag()
	case '=':
		t.state = htmlValue
	}
	t.empty = c == '/'
	return true
}

func (t *htmlText) value(c byte) bool {
	switch {
	case isHTMLSpace(c):
	case c == '"' || c == '\'':
		t.state, t.quote = htmlQuoted, c
	default:
		t.state = htmlUnquoted
		return false
	}
	return true
}

func (t *htmlText) unquoted(c byte) bool {
	if !isHTMLSpace(c) && c != '>' {
		return true
	}
	t.state = htmlInTag
	return false
}

func (t *htmlText) quoted(c byte) bool {
	if c == t.quote {
		t.state = htmlInTag
	}
	return true
}

// tag is the end of a tag.
func (t *htmlText) tag() {
	t.state = htmlData
	if t.raw != "" {
		t.raw = ""
		return
	}
	switch htmlElements[string(t.name)] {
	case htmlBlock:
		t.newLine = true
	case htmlQuote:
		t.newLine = true
		if !t.ending {
			t.depth++
		} else if t.depth > 0 {
			t.depth--
		}
	case htmlCell:
		t.space = true
	case htmlRaw:
		if !t.ending && !t.empty {
			t.raw = string(t.name)
		}
	default:
	}
}

// markup tells a comment from a declaration.
func (t *htmlText) markup(c byte) bool {
	t.name = append(t.name, c)
	switch {
	case string(t.name) == "-":
	case string(t.name) == "--":
		t.state, t.dashes = htmlComment, 2 // "<!-->" is a comment too
	default:
		t.state = htmlBogus
		return false
	}
	return true
}

func (t *htmlText) comment(c byte) bool {
	switch {
	case c == '-':
		t.dashes++
	case c == '>' && t.dashes >= 2:
		t.state = htmlData
	case c != '!' || t.dashes < 2:
		t.dashes = 0
	}
	return true
}

func (t *htmlText) bogus(c byte) bool {
	if c == '>' {
		t.state = htmlData
	}
	return true
}

func (t *htmlText) reference(c byte) bool {
	if isLetter(c) || '0' <= c && c <= '9' || c == '#' && len(t.name) == 0 {
		if len(t.name) < maxRef {
			t.name = append(t.name, c)
			return true
		}
	}
	if c == ';' {
		t.name = append(t.name, c)
	}
	t.endReference()
	return c == ';'
}

// endReference puts the characters of a reference, or what stands there if it is none.
func (t *htmlText) endReference() {
	t.state = htmlData
	for _, r := range html.UnescapeString("&" + string(t.name)) {
		switch r {
		case '\u00a0': // a space that does not break
			t.space = true
		case 0, utf8.RuneError:
		default:
			t.putRune(r)
		}
	}
}

func (t *htmlText) putRune(r rune) {
	var b [utf8.UTFMax]byte
	n := utf8.EncodeRune(b[:], r)
	for _, c := range b[:n] {
		t.put(c)
	}
}
