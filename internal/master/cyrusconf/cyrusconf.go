// Package cyrusconf reads the two files of a Cyrus master: cyrus.conf, which names the services, and the few options of
// imapd.conf that concern a master. It reads what Cyrus's own master reads; what that would silently ignore or misread
// is a Warning with its place here.
package cyrusconf

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Pos is a place in a file; Line and Col count from 1.
type Pos struct {
	File      string
	Line, Col int
}

func (p Pos) String() string { return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Col) }

// Error is a fault that makes the file unusable.
type Error struct {
	Pos Pos
	Msg string
}

func (e *Error) Error() string { return "configuration file " + e.Pos.String() + ": " + e.Msg }

// Warning is something that is ignored, or probably not meant so.
type Warning struct {
	Pos Pos
	Msg string
}

func (w Warning) String() string { return w.Pos.String() + ": " + w.Msg }

// Entry is a line of a section: a name and its arguments.
type Entry struct {
	Pos  Pos
	Name string
	Args map[string]Arg // the first of each key, as in Cyrus
	Keys []string       // of Args, in the order of the line
}

// Arg is the value of a key.
type Arg struct {
	Pos     Pos // of the key
	ValueAt Pos // of Value's first character, within the quotes
	Value   string
}

// File is a cyrus.conf as it is written.
type File struct {
	Start, Services, Events, Daemon []Entry
	Warnings                        []Warning
}

// Bounds of a file: Cyrus's line buffer (which cuts where we refuse) and its arguments; the rest only keeps us sane.
const (
	maxLine  = 4095
	maxArgs  = 64
	maxLines = 100_000
)

// parser goes through the file once, line by line.
type parser struct {
	file string
	out  *File
	in   *[]Entry // the section that is open; nil = none, or one that is not ours
	open bool     // between { and }
	at   int      // line number
	line string
}

// Parse reads a cyrus.conf. name is for positions only.
func Parse(name, text string) (*File, error) {
	p := &parser{file: name, out: &File{}}
	for line := range strings.Lines(text) {
		if p.at++; p.at > maxLines {
			return nil, p.fail(1, "too many lines")
		}
		p.line = strings.TrimRight(line, "\r\n")
		if err := p.parseLine(); err != nil {
			return nil, err
		}
	}
	if p.open {
		p.warn(1, "the last section is not closed")
	}
	return p.out, nil
}

func (p *parser) fail(col int, format string, args ...any) error {
	return &Error{Pos{p.file, p.at, col}, fmt.Sprintf(format, args...)}
}

func (p *parser) warn(col int, format string, args ...any) {
	p.out.Warnings = append(p.out.Warnings, Warning{Pos{p.file, p.at, col}, fmt.Sprintf(format, args...)})
}

// parseLine: a comment starts at # even inside quotes.
func (p *parser) parseLine() error {
	if len(p.line) > maxLine {
		return p.fail(maxLine+1, "line longer than %d octets", maxLine)
	}
	if k := strings.IndexByte(p.line, '#'); k >= 0 {
		p.line = p.line[:k]
	}
	col := blanks(p.line, 0)
	switch {
	case col == len(p.line):
		return nil
	case p.line[col] == '}':
		p.close(col)
		return nil
	case !p.open:
		p.section(col)
		return nil
	case p.in == nil:
		return nil // a section that nobody reads
	}
	return p.entry(col)
}

func (p *parser) close(col int) {
	if !p.open {
		p.warn(col+1, "'}' without a section; ignored")
	}
	p.open, p.in = false, nil
}

// section: the first letter is upper case, the rest as it likes, and the brace stands on the same line.
func (p *parser) section(col int) {
	end := word(p.line, col)
	name := p.line[col:end]
	brace := strings.IndexByte(p.line[end:], '{')
	if brace < 0 {
		p.warn(col+1, "%q is outside of any section (the '{' must be on the section's line); ignored",
			strings.TrimSpace(p.line[col:]))
		return
	}
	p.open = true
	known := map[string]*[]Entry{"START": &p.out.Start, "SERVICES": &p.out.Services, "EVENTS": &p.out.Events,
		"DAEMON": &p.out.Daemon}
	to := known[strings.ToUpper(name)]
	if to == nil || name[0] < 'A' || name[0] > 'Z' {
		p.warn(col+1, "unknown section %q; ignored", name)
		return
	}
	p.in = to
	if rest := strings.TrimSpace(p.line[end+brace+1:]); rest != "" {
		p.warn(end+brace+2, "%q after '{'; ignored", rest)
	}
}

// entry = name 1*(blank key "=" value)
func (p *parser) entry(col int) error {
	end := word(p.line, col)
	e := Entry{Pos: Pos{p.file, p.at, col + 1}, Name: p.line[col:end], Args: map[string]Arg{}}
	if end > col && end < len(p.line) && !isBlank(p.line[end]) { // a name of no letters is an argument's fault
		return p.fail(end+1, "bad character '%c' in name on line %d", p.char(end), p.at)
	}
	n := 0
	for col = blanks(p.line, end); col < len(p.line); col = blanks(p.line, col) {
		if n++; n > maxArgs {
			return p.fail(col+1, "too many arguments on line %d", p.at)
		}
		var err error
		if col, err = p.arg(&e, col); err != nil {
			return err
		}
	}
	*p.in = append(*p.in, e)
	return nil
}

// arg = key "=" (quoted / bare); next is the column after it.
func (p *parser) arg(e *Entry, col int) (next int, err error) {
	end := word(p.line, col)
	if end == len(p.line) {
		return 0, p.fail(end+1, "no '=' after %q on line %d", p.line[col:end], p.at)
	}
	if p.line[end] != '=' || end == col {
		return 0, p.fail(end+1, "bad character '%c' in argument on line %d", p.char(end), p.at)
	}
	key := p.line[col:end]
	value := p.line[end+1:]
	next = end + 1
	at := Pos{p.file, p.at, next + 1}
	if strings.HasPrefix(value, `"`) {
		k := strings.IndexByte(value[1:], '"')
		if k < 0 {
			return 0, p.fail(end+2, "missing \" on line %d", p.at)
		}
		value, next = value[1:k+1], next+k+2
		at.Col++
	} else {
		if k := strings.IndexAny(value, " \t"); k >= 0 {
			value = value[:k]
		}
		next += len(value)
	}
	if _, twice := e.Args[key]; twice {
		p.warn(col+1, "%s= again; the first one counts", key)
		return next, nil
	}
	e.Args[key] = Arg{Pos{p.file, p.at, col + 1}, at, value}
	e.Keys = append(e.Keys, key)
	return next, nil
}

// char is the character at an octet of the line.
func (p *parser) char(k int) rune {
	r, _ := utf8.DecodeRuneInString(p.line[k:])
	return r
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\f' || c == '\v' }

func blanks(s string, k int) int {
	for k < len(s) && isBlank(s[k]) {
		k++
	}
	return k
}

// word ends at the first octet that is not a letter or digit.
func word(s string, k int) int {
	for k < len(s) && (s[k]|0x20 >= 'a' && s[k]|0x20 <= 'z' || s[k] >= '0' && s[k] <= '9') {
		k++
	}
	return k
}
