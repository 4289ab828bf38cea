package wire

import (
	"encoding/base64"
	"math"
	"time"
	"unicode/utf8"
)

// class is a set of octets.
type class [256]bool

// except is the printable ASCII characters without those of s.
func except(s string) *class {
	var c class
	for i := 0x21; i < 0x7f; i++ {
		c[i] = true
	}
	for i := range len(s) {
		c[s[i]] = false
	}
	return &c
}

// also is c with the characters of s.
func (c class) also(s string) *class {
	for i := range len(s) {
		c[s[i]] = true
	}
	return &c
}

// The characters of the grammar's words. RFC 9051 section 9.
var (
	atomChars    = except(`(){%*"\]`)
	astringChars = atomChars.also("]")
	listChars    = atomChars.also("%*]")
	tagChars     = except(`(){%*"\+`)
	wordChars    = new(class).also("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_=/+")
	digits       = new(class).also("0123456789")
	base64Chars  = new(class).also("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=")
)

// span is how many of the next octets are in c; they are in the buffer then, and so is one more.
func (d *Decoder) span(c *class) int {
	for i := 0; ; i++ {
		if i >= d.w-d.r || d.line+i >= d.opt.Limits.Line {
			if !d.need(i + 1) {
				return 0
			}
		}
		if !c[d.buf[d.r+i]] {
			return i
		}
	}
}

// take reads a word of one or more octets of c.
func (d *Decoder) take(c *class, dst *string) bool {
	n := d.span(c)
	if n == 0 {
		return false
	}
	*dst = string(d.buf[d.r : d.r+n])
	d.consume(n)
	return true
}

// Special reads the character c.
func (d *Decoder) Special(c byte) bool {
	if got, ok := d.peek(0); !ok || got != c {
		return false
	}
	d.consume(1)
	return true
}

// Next tells whether the character c comes next, without reading it.
func (d *Decoder) Next(c byte) bool {
	got, ok := d.peek(0)
	return ok && got == c
}

// NextText tells whether text, given in capitals, comes next in any case, without reading it.
func (d *Decoder) NextText(text string) bool {
	for i := range len(text) {
		c, ok := d.peek(i)
		if 'a' <= c && c <= 'z' {
			c -= 'a' - 'A'
		}
		if !ok || c != text[i] {
			return false
		}
	}
	return true
}

// MustSpecial must read the character c.
func (d *Decoder) MustSpecial(c byte) bool {
	return d.Special(c) || d.expected(`"`+string(rune(c))+`"`)
}

// SP reads a space.
func (d *Decoder) SP() bool { return d.Special(' ') }

// MustSP must read a space.
func (d *Decoder) MustSP() bool { return d.SP() || d.expected("a space") }

// AtEnd tells whether the command ends here.
func (d *Decoder) AtEnd() bool { return d.Next('\r') }

// MustEnd must read the CRLF that ends the command.
func (d *Decoder) MustEnd() bool {
	if c, ok := d.peek(0); !ok || c != '\r' {
		return d.expected("the end of the line")
	}
	if c, ok := d.peek(1); !ok || c != '\n' {
		return ok && d.Fail("bare CR")
	}
	d.consume(2)
	d.ended = true
	return true
}

// End reads the end of the command and is the first error of it all.
func (d *Decoder) End() error {
	d.MustEnd()
	return d.err
}

// MustTag must read a tag. RFC 9051 section 9.
func (d *Decoder) MustTag(dst *string) bool { return d.take(tagChars, dst) || d.expected("a tag") }

// Word reads a keyword of the grammar and returns it in capitals, valid until the next call; nil if there is none.
func (d *Decoder) Word() []byte { return d.wordOf(wordChars) }

func (d *Decoder) wordOf(c *class) []byte {
	n := d.span(c)
	if n == 0 || n > len(d.word) {
		return nil
	}
	for i, c := range d.buf[d.r : d.r+n] {
		if 'a' <= c && c <= 'z' {
			c -= 'a' - 'A'
		}
		d.word[i] = c
	}
	d.consume(n)
	return d.word[:n]
}

// MustWord must read a keyword; nil if there is none.
func (d *Decoder) MustWord() []byte {
	w := d.Word()
	if w == nil {
		d.expected("a keyword")
	}
	return w
}

// MustKeyword must read the keyword want, given in capitals.
func (d *Decoder) MustKeyword(want string) bool {
	if c, ok := d.peek(0); !ok || !wordChars[c] {
		return d.expected(want)
	}
	pos := d.line
	if string(d.Word()) == want {
		return true
	}
	return d.err == nil && d.fail(&SyntaxError{Text: "expected " + want, Pos: pos})
}

// Atom reads an atom. RFC 9051 section 9.
func (d *Decoder) Atom(dst *string) bool { return d.take(atomChars, dst) }

// MustAtom must read an atom.
func (d *Decoder) MustAtom(dst *string) bool { return d.Atom(dst) || d.expected("an atom") }

// MustFlag must read a flag: an atom, or one after a backslash. RFC 9051 section 9.
func (d *Decoder) MustFlag(dst *string) bool {
	if !d.Special('\\') {
		return d.Atom(dst) || d.expected("a flag")
	}
	var name string
	if !d.MustAtom(&name) {
		return false
	}
	*dst = `\` + name
	return true
}

// AString reads an astring. RFC 9051 section 9.
func (d *Decoder) AString(dst *string) bool { return d.take(astringChars, dst) || d.String(dst) }

// MustAString must read an astring.
func (d *Decoder) MustAString(dst *string) bool { return d.AString(dst) || d.expected("a string") }

// String reads a string: quoted, or a literal. RFC 9051 section 9.
func (d *Decoder) String(dst *string) bool {
	switch c, _ := d.peek(0); c {
	case '"':
		return d.quoted(dst)
	case '{':
		return d.literalString(dst)
	}
	return false
}

// MustString must read a string.
func (d *Decoder) MustString(dst *string) bool {
	return d.String(dst) || d.expected("a quoted string or literal")
}

// MustNString must read a string or NIL. RFC 9051 section 9.
func (d *Decoder) MustNString(dst *string, isNil *bool) bool {
	if d.String(dst) {
		return true
	}
	*isNil = d.err == nil && d.MustKeyword("NIL")
	return *isNil
}

// quoted reads a quoted string, with UTF-8 inside as in RFC 9051 section 9.
func (d *Decoder) quoted(dst *string) bool {
	escapes, n, high := 0, 1, byte(0)
	for ; ; n++ {
		c, ok := d.peek(n)
		switch {
		case !ok:
			return false
		case c == '"':
			b := d.buf[d.r+1 : d.r+n]
			if high >= 0x80 && !utf8.Valid(b) {
				return d.Fail("quoted string is not UTF-8")
			}
			*dst = unescape(b, escapes)
			d.consume(n + 1)
			return true
		case c == '\\':
			n++
			escapes++
			if c, ok = d.peek(n); !ok || c != '"' && c != '\\' {
				return ok && d.failAt(n, "backslash before neither quote nor backslash")
			}
		case c == '\r' || c == '\n':
			return d.failAt(n, "end of line in a quoted string")
		case c == 0:
			return d.failAt(n, "NUL octet in a quoted string")
		}
		high |= c
	}
}

// failAt consumes n octets and records that what follows is wrong.
func (d *Decoder) failAt(n int, text string) bool {
	d.consume(n)
	return d.Fail(text)
}

func unescape(b []byte, escapes int) string {
	if escapes == 0 {
		return string(b)
	}
	out := make([]byte, 0, len(b)-escapes)
	for i := 0; i < len(b); i++ {
		if b[i] == '\\' {
			i++
		}
		out = append(out, b[i])
	}
	return string(out)
}

// MustMailbox must read a mailbox name. RFC 9051 section 5.1.
func (d *Decoder) MustMailbox(dst *string) bool {
	var s string
	if !d.MustAString(&s) {
		return false
	}
	var ok bool
	*dst, ok = d.name(s)
	switch {
	case ok:
		return true
	case d.utf8:
		return d.Fail("mailbox name is not UTF-8")
	}
	return d.Fail("mailbox name is not modified UTF-7")
}

// NoName is what a pattern becomes that can match nothing, as its encoding is none: no mailbox has a control character in
// its name.
const NoName = "\x01"

// MustListMailbox must read a mailbox name that may hold wildcards. What is malformed beyond the syntax is NoName: a
// server ignores such a pattern. RFC 9051 sections 6.3.9 and 9.
func (d *Decoder) MustListMailbox(dst *string) bool {
	var s string
	if !d.take(listChars, &s) && !d.String(&s) {
		return d.expected("a mailbox pattern")
	}
	var ok bool
	if *dst, ok = d.name(s); !ok {
		*dst = NoName
	}
	return true
}

// name is a name as the client writes it, in UTF-8; false if it can be none.
func (d *Decoder) name(s string) (string, bool) {
	if d.utf8 {
		return s, utf8.ValidString(s)
	}
	return DecodeName(s)
}

// number reads a number of at most limit.
func (d *Decoder) number(dst *uint64, limit uint64) bool {
	n := d.span(digits)
	if n == 0 {
		return false
	}
	v := uint64(0)
	for _, c := range d.buf[d.r : d.r+n] {
		if v > (limit-uint64(c-'0'))/10 {
			return d.Fail("number too large")
		}
		v = 10*v + uint64(c-'0')
	}
	d.consume(n)
	*dst = v
	return true
}

// Number reads a number. RFC 9051 section 9.
func (d *Decoder) Number(dst *uint32) bool {
	var v uint64
	ok := d.number(&v, math.MaxUint32)
	*dst = uint32(v)
	return ok
}

// MustNumber must read a number.
func (d *Decoder) MustNumber(dst *uint32) bool { return d.Number(dst) || d.expected("a number") }

// MustNZNumber must read a number other than 0. RFC 9051 section 9.
func (d *Decoder) MustNZNumber(dst *uint32) bool {
	if c, ok := d.peek(0); ok && c == '0' {
		return d.Fail("expected a number from 1 to 9 first")
	}
	return d.MustNumber(dst)
}

// MustNumber64 must read a number of 63 bits. RFC 9051 section 9 (number64), RFC 7162 section 7
// (mod-sequence-valzer).
func (d *Decoder) MustNumber64(dst *int64) bool {
	var v uint64
	ok := d.number(&v, math.MaxInt64) || d.expected("a number")
	*dst = int64(v)
	return ok
}

// MustNZNumber64 must read a number of 63 bits other than 0. RFC 7162 section 7 (mod-sequence-value).
func (d *Decoder) MustNZNumber64(dst *int64) bool {
	return d.MustNumber64(dst) && (*dst != 0 || d.Fail("the number must not be 0"))
}

// maxDepth bounds parentheses in parentheses.
const maxDepth = 50

// List reads a list in parentheses, empty or not, with item reading one item.
func (d *Decoder) List(item func() bool) bool {
	if !d.Open() {
		return false
	}
	if d.Close() {
		return true
	}
	for item() {
		if d.Close() {
			return true
		}
		if !d.MustSP() {
			return false
		}
	}
	return d.expected("a list item")
}

// MustList must read a list in parentheses.
func (d *Decoder) MustList(item func() bool) bool { return d.List(item) || d.expected(`"("`) }

// Open reads an opening parenthesis; they nest up to 50 deep.
func (d *Decoder) Open() bool {
	if !d.Special('(') {
		return false
	}
	if d.depth++; d.depth > maxDepth {
		return d.Fail("too many parentheses in each other")
	}
	return true
}

// Close reads a closing parenthesis.
func (d *Decoder) Close() bool {
	if !d.Special(')') {
		return false
	}
	d.depth--
	return true
}

// MustBase64 must read base64, perhaps nothing, or "=" for nothing. RFC 9051 section 9, RFC 4959 section 3.
func (d *Decoder) MustBase64(dst *[]byte) bool {
	n := d.span(base64Chars)
	if d.err != nil {
		return false
	}
	b := d.buf[d.r : d.r+n]
	if n == 1 && b[0] == '=' {
		b = nil
	}
	out := make([]byte, base64.StdEncoding.DecodedLen(len(b)))
	size, err := base64.StdEncoding.Strict().Decode(out, b)
	if err != nil {
		return d.Fail("malformed base64")
	}
	d.consume(n)
	*dst = out[:size]
	return true
}

const months = "JanFebMarAprMayJunJulAugSepOctNovDec"

// month reads the name of a month in b, 0 if there is none.
func month(b []byte) time.Month {
	for i := 0; i < len(months); i += 3 {
		if b[0]|0x20 == months[i]|0x20 && b[1]|0x20 == months[i+1] && b[2]|0x20 == months[i+2] {
			return time.Month(i/3 + 1)
		}
	}
	return 0
}

// decimal is the number in b, -1 if there is another character.
func decimal(b []byte) int {
	n := 0
	for _, c := range b {
		if c < '0' || c > '9' {
			return -1
		}
		n = 10*n + int(c-'0')
	}
	return n
}

// day makes a date of "d-Mmm-yyyy" or "dd-Mmm-yyyy".
func day(b []byte) (time.Time, bool) {
	n := len(b) - len("-Mmm-yyyy")
	if n < 1 || n > 2 || b[n] != '-' || b[n+4] != '-' {
		return time.Time{}, false
	}
	d, m, y := decimal(b[:n]), month(b[n+1:n+4]), decimal(b[n+5:])
	t := time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
	return t, d >= 1 && m != 0 && y >= 0 && t.Day() == d
}

// MustDate must read a date, quoted or not, as midnight UTC. RFC 9051 section 9.
func (d *Decoder) MustDate(dst *time.Time) bool {
	quoted := d.Special('"')
	n := d.span(atomChars)
	if d.err != nil {
		return false
	}
	var ok bool
	if *dst, ok = day(d.buf[d.r : d.r+n]); !ok {
		return d.expected("a date as 1-Feb-2020")
	}
	d.consume(n)
	return !quoted || d.MustSpecial('"')
}

// MustDateTime must read a date-time: "dd-Mmm-yyyy hh:mm:ss +zzzz", a one-digit day after a space. RFC 9051 section
// 9.
func (d *Decoder) MustDateTime(dst *time.Time) bool {
	const text = "a date and time as \" 1-Feb-2020 12:00:00 +0000\""
	for i := range len(`"dd-Mmm-yyyy hh:mm:ss +zzzz"`) { // octet by octet: the client may have sent less
		if c, ok := d.peek(i); !ok || c < ' ' {
			return ok && d.expected(text)
		}
	}
	b := d.buf[d.r : d.r+28]
	first := 1
	if b[1] == ' ' {
		first = 2
	}
	date, ok := day(b[first:12])
	clock, zone := b[13:21], b[22:27]
	h, m, s := decimal(clock[:2]), decimal(clock[3:5]), decimal(clock[6:])
	zh, zm := decimal(zone[1:3]), decimal(zone[3:])
	marks := string([]byte{b[0], b[12], clock[2], clock[5], b[21], b[27]})
	if !ok || marks != `" :: "` || h < 0 || h > 23 || m < 0 || m > 59 || s < 0 || s > 60 ||
		zh < 0 || zh > 23 || zm < 0 || zm > 59 || zone[0] != '+' && zone[0] != '-' {
		return d.expected(text)
	}
	east := (zh*60 + zm) * 60
	if zone[0] == '-' {
		east = -east
	}
	t := date.Add(time.Duration((h*60+m)*60+s-east) * time.Second)
	if y := t.Year(); y < 0 || y > 9999 { // by its zone: the answer, in UTC, could not hold it
		return d.expected(text)
	}
	d.consume(28)
	*dst = t.In(time.FixedZone("", east))
	return true
}
