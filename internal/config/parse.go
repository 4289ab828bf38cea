package config

import (
	"errors"
	"fmt"
	"strings"

	"github.com/BurntSushi/toml"
)

// MaxFile is the largest file that is read, in octets.
const MaxFile = 1 << 20

// Error is what is wrong with a configuration file.
type Error struct {
	File string
	Line int    // 1 is the first; 0 the file as a whole
	Key  string // "imap.workers", may be empty
	Text string
	Hint string // what to do about it, may be empty
}

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.File)
	if e.Line > 0 {
		fmt.Fprintf(&b, ":%d", e.Line)
	}
	if e.Key != "" {
		b.WriteString(": " + e.Key)
	}
	return b.String() + ": " + e.Text
}

// Parse checks the text of a file; name stands in errors.
func Parse(name string, text []byte) (*Config, error) {
	if len(text) > MaxFile {
		return nil, &Error{File: name, Text: fmt.Sprintf("larger than %d octets", MaxFile)}
	}
	var raw map[string]any
	meta, err := toml.Decode(string(text), &raw)
	if err != nil {
		return nil, syntaxError(name, err)
	}
	c := Default()
	p := parser{file: name, lines: index(string(text)), sections: c.sections()}
	for _, key := range meta.Keys() {
		if err := p.key(key, raw); err != nil {
			return nil, err
		}
	}
	if err := p.cross(c); err != nil {
		return nil, err
	}
	return c, nil
}

func syntaxError(name string, err error) error {
	var pe toml.ParseError
	if !errors.As(err, &pe) {
		return &Error{File: name, Text: err.Error()}
	}
	text := pe.Message
	if text == "" { // some errors of the library carry only a cause
		text = strings.TrimPrefix(pe.Error(), "toml: ")
	}
	return &Error{File: name, Line: pe.Position.Line, Text: text}
}

// parser holds what is needed to check the keys of one file.
type parser struct {
	file     string
	lines    map[string]int // of keys and tables
	sections []section
}

// key checks and sets one key of the file. Tables come before their keys.
func (p *parser) key(key toml.Key, raw map[string]any) error {
	full := strings.Join(key, ".")
	s := p.section(key[0])
	value := raw[key[0]]
	if _, isTable := value.(map[string]any); !isTable {
		hint := "keys stand below a table, as [imap]"
		if s == nil {
			hint = p.nearest(full)
		}
		return p.fail(full, "stands in no table or is none", hint)
	}
	if s == nil {
		return p.fail(full, "unknown table", p.nearest(full))
	}
	if len(key) == 1 {
		return nil
	}
	for _, f := range s.fields {
		if f.key != key[1] {
			continue
		}
		if err := f.value.set(value.(map[string]any)[key[1]]); err != nil {
			return p.fail(full, err.Error(), "")
		}
		return nil
	}
	return p.fail(full, "unknown key", p.nearest(full))
}

// cross checks what concerns more than one key.
func (p *parser) cross(c *Config) error {
	if (c.TLS.Certificate == "") != (c.TLS.Key == "") {
		return p.fail("tls", "certificate and key belong together: set both or none", "")
	}
	return nil
}

func (p *parser) section(name string) *section {
	for i := range p.sections {
		if p.sections[i].name == name {
			return &p.sections[i]
		}
	}
	return nil
}

func (p *parser) fail(key, text, hint string) error {
	line, ok := p.lines[key]
	for k := key; !ok && strings.Contains(k, "."); {
		k = k[:strings.LastIndexByte(k, '.')]
		line, ok = p.lines[k]
	}
	return &Error{File: p.file, Line: line, Key: key, Text: text, Hint: hint}
}

// nearest is a hint with the known key that is most like key, "" if none is.
func (p *parser) nearest(key string) string {
	key = key[:min(len(key), 100)] // whoever compares a whole file to each key waits for minutes
	best, at := "", len(key)/2+1
	_, last, _ := strings.Cut(key, ".")
	for _, s := range p.sections {
		if d := distance(key, s.name); d < at {
			best, at = "["+s.name+"]", d
		}
		for _, f := range s.fields {
			name := s.name + "." + f.key
			d := distance(key, name)
			if last == f.key || key == f.key { // the right key in the wrong table
				d = 1
			}
			if d < at {
				best, at = name, d
			}
		}
	}
	if best == "" {
		return "`constance config --defaults` lists all keys"
	}
	return "did you mean " + best + "?"
}

// distance is the number of octets to insert, delete or change to make b of a (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// index finds the lines of tables and keys, for messages: the TOML parser does not tell them. It reads one line at a
// time and so may take a line within a multi-line string for a key; the first place wins.
func index(text string) map[string]int {
	lines, table := map[string]int{}, ""
	note := func(key string, line int) {
		if _, ok := lines[key]; !ok && key != "" {
			lines[key] = line
		}
	}
	n := 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "[") {
			table, _, _ = strings.Cut(strings.TrimLeft(line, "["), "]")
			table = bare(table)
			note(table, n)
			continue
		}
		key, _, ok := strings.Cut(line, "=")
		if !ok || strings.HasPrefix(line, "#") {
			continue
		}
		if key = bare(key); table != "" {
			key = table + "." + key
		}
		note(key, n)
	}
	return lines
}

// bare is a dotted key without blanks and quotes.
func bare(key string) string {
	parts := strings.Split(key, ".")
	for i, p := range parts {
		parts[i] = strings.Trim(strings.TrimSpace(p), `"'`)
	}
	return strings.Join(parts, ".")
}
