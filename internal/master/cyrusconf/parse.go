package cyrusconf

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Bounds of a file: Cyrus's line buffer (which cuts where we refuse) and its arguments; the rest only keeps us sane.
const (
	maxLine   = 4095
	maxArgs   = 64
	maxLines  = 100_000
	maxFaults = 100
)

// parser goes through the file once, line by line.
type parser struct {
	file  string
	out   *File
	in    *[]Entry // the section that is open; nil = none, or one that nobody reads
	depth int      // of braces in a section that nobody reads
	at    int      // line number
	line  string   // without its comment
	cut   bool     // there was a comment
}

// Parse reads a cyrus.conf, whatever is wrong with it. name is for positions only.
func Parse(name, text string) *File {
	p := &parser{file: name, out: &File{}}
	for line := range strings.Lines(text) {
		if p.at++; p.at > maxLines {
			p.fault(1, "too many lines")
			return p.out
		}
		p.parseLine(strings.TrimRight(line, "\r\n"))
		if len(p.out.Faults) >= maxFaults {
			return p.out
		}
	}
	if p.in != nil || p.depth > 0 {
		p.warn(1, "the last section is not closed")
	}
	return p.out
}

func (p *parser) pos(col int) Pos { return Pos{p.file, p.at, col} }

func (p *parser) fault(col int, format string, args ...any) {
	p.out.Faults = append(p.out.Faults, &Error{p.pos(col), fmt.Sprintf(format, args...)})
}

func (p *parser) warn(col int, format string, args ...any) {
	p.out.Warnings = append(p.out.Warnings, Warning{p.pos(col), fmt.Sprintf(format, args...)})
}

// parseLine: a comment starts at # even inside quotes.
func (p *parser) parseLine(line string) {
	p.line, _, p.cut = strings.Cut(line, "#")
	if len(p.line) > maxLine {
		p.fault(maxLine+1, "line longer than %d octets", maxLine)
		return
	}
	if len(line) > maxLine {
		p.warn(maxLine+1, "Cyrus's master cuts this line after %d octets and reads the rest of the comment as another",
			maxLine)
	}
	col := blanks(p.line, 0)
	switch {
	case col == len(p.line):
	case p.in == nil && p.depth > 0: // a section that nobody reads
		p.depth = max(p.depth+braces(p.line), 0)
	case p.in == nil:
		p.section(col)
	case p.line[col] == '}':
		p.in = nil
		p.rest(col+1, "'}'")
	default:
		faults := len(p.out.Faults)
		p.entry(col)
		if braces(p.line) != 0 && len(p.out.Faults) == faults {
			p.warn(col+1, "unbalanced braces: Cyrus's master would lose count and not see the sections that follow")
		}
	}
}

// rest warns of what stands behind a brace.
func (p *parser) rest(from int, behind string) {
	if rest := strings.TrimSpace(p.line[from:]); rest != "" {
		p.warn(blanks(p.line, from)+1, "%q after %s; ignored", rest, behind)
	}
}

// braces is how many more are opened than closed.
func braces(s string) int { return strings.Count(s, "{") - strings.Count(s, "}") }

// section: the first letter is upper case, the rest as it likes, and the brace stands on the same line.
func (p *parser) section(col int) {
	end := word(p.line, col)
	name := p.line[col:end]
	brace := strings.IndexByte(p.line[end:], '{')
	switch {
	case p.line[col] == '}':
		p.warn(col+1, "'}' without a section; ignored, but Cyrus's master would see no section after it")
		return
	case brace < 0:
		p.warn(col+1, "%q is outside of any section (the '{' must be on the section's line); ignored",
			strings.TrimSpace(p.line[col:]))
		return
	}
	to := p.known(name)
	open := braces(p.line[end:])
	switch {
	case to == nil:
		p.warn(col+1, "unknown section %q; ignored", name)
		p.depth = max(open, 0)
	case open == 1:
		p.in = to
		p.rest(end+brace+1, "'{'")
	case open > 1:
		p.warn(col+1, "%d '{' on one line: the section is ignored", open)
		p.depth = open
	default: // closed at once
		if inside := strings.Trim(p.line[end+brace:], "{} \t"); inside != "" {
			p.warn(end+brace+2, "%q on the section's own line; ignored", inside)
		}
	}
}

func (p *parser) known(name string) *[]Entry {
	if name == "" || name[0] < 'A' || name[0] > 'Z' {
		return nil
	}
	switch strings.ToUpper(name) {
	case "START":
		return &p.out.Start
	case "SERVICES":
		return &p.out.Services
	case "EVENTS":
		return &p.out.Events
	case "DAEMON":
		return &p.out.Daemon
	}
	return nil
}

// entry = name *(blank key "=" value)
func (p *parser) entry(col int) {
	end := word(p.line, col)
	e := Entry{Pos: p.pos(col + 1), Name: p.line[col:end], Args: map[string]Arg{}}
	switch {
	case end == len(p.line):
	case end == col: // as Cyrus
		p.warn(col+1, "the line begins with '%c': taken for an entry without a name", p.char(col))
		end++
	case !isBlank(p.line[end]):
		p.fault(end+1, "bad character '%c' in name on line %d", p.char(end), p.at)
		return
	}
	n := 0
	for col = blanks(p.line, end); col < len(p.line); col = blanks(p.line, col) {
		if n++; n > maxArgs {
			p.fault(col+1, "too many arguments on line %d", p.at)
			return
		}
		if col = p.arg(&e, col); col < 0 {
			return
		}
	}
	*p.in = append(*p.in, e)
}

// arg = key "=" (quoted / bare); next is the column after it, or -1 if it is at fault.
func (p *parser) arg(e *Entry, col int) (next int) {
	end := word(p.line, col)
	if end == len(p.line) {
		p.fault(end+1, "no '=' after %q on line %d", p.line[col:end], p.at)
		return -1
	}
	if p.line[end] != '=' {
		p.fault(end+1, "bad character '%c' in argument on line %d%s", p.char(end), p.at, p.hint(end))
		return -1
	}
	a := Arg{Pos: p.pos(col + 1), ValueAt: p.pos(end + 2)}
	value := p.line[end+1:]
	if strings.HasPrefix(value, `"`) {
		k := strings.IndexByte(value[1:], '"')
		if k < 0 {
			p.fault(end+2, "missing \" on line %d%s", p.at, p.hint(end))
			return -1
		}
		a.ValueAt.Col++
		a.Value, next = value[1:k+1], end+k+3
	} else {
		next = end + 1
		for next < len(p.line) && !isBlank(p.line[next]) {
			next++
		}
		a.Value = p.line[end+1 : next]
	}
	key := p.line[col:end]
	if key == "" {
		p.warn(col+1, "an argument without a name; ignored")
	}
	if _, twice := e.Args[key]; twice {
		p.warn(col+1, "%s= again; the first one counts", key)
		return next
	}
	e.Args[key] = a
	e.Keys = append(e.Keys, key)
	return next
}

// hint explains the faults that astonish.
func (p *parser) hint(at int) string {
	switch {
	case p.line[at] == '}':
		return " (a section ends on a line of its own)"
	case p.line[at] == '=' && p.cut:
		return " (a '#' begins a comment, within quotes too)"
	case isBlank(p.line[at]) && strings.HasPrefix(strings.TrimLeft(p.line[at:], " \t"), "="):
		return " (no blanks around '=')"
	}
	return ""
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
