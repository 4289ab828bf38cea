package cron

import (
	"fmt"
	"strings"
)

// Error is why a text is no spec. Msg begins with Cyrus's words for it.
type Error struct {
	Col int // of the octet at fault, from 1
	Msg string
}

func (e *Error) Error() string { return fmt.Sprintf("column %d: %s", e.Col, e.Msg) }

// parser goes through the text once.
type parser struct {
	text string
	at   int
	odd  []*Error
}

// Parse reads five fields with blanks between them: minutes, hours, days of the month, months, days of the week
// (0 and 7 are Sunday). A field is "*", or numbers and ranges with commas between; "/n" behind one of these keeps its
// multiples of n. A name (jan..dec, sun..sat) stands alone in its field. Upper and lower case are the same. Days and
// months count 0 as their last. An error is of type *Error.
func Parse(text string) (*Spec, error) {
	p := &parser{text: text}
	return p.spec()
}

// Oddities are the places where a crontab(5) would mean another time: there "5-55/10" counts from 5.
func Oddities(text string) []*Error {
	p := &parser{text: text}
	if _, err := p.spec(); err != nil {
		return nil
	}
	return p.odd
}

func (p *parser) spec() (*Spec, error) {
	s := &Spec{}
	for k := range fields {
		if k > 0 && !p.blanks() {
			return nil, p.fail("syntax error: a blank and the %s are wanted", fields[k].name)
		}
		set, err := p.field(&fields[k])
		if err != nil {
			return nil, err
		}
		s.set[k] = set
	}
	if p.at < len(p.text) {
		return nil, p.fail("syntax error: nothing may follow the five fields")
	}
	return s, nil
}

func (p *parser) fail(format string, args ...any) error {
	return &Error{p.at + 1, fmt.Sprintf(format, args...)}
}

func (p *parser) blanks() bool {
	from := p.at
	for p.at < len(p.text) && (p.text[p.at] == ' ' || p.text[p.at] == '\t') {
		p.at++
	}
	return p.at > from
}

// accept takes an octet if it comes next.
func (p *parser) accept(c byte) bool {
	if p.at < len(p.text) && p.text[p.at] == c {
		p.at++
		return true
	}
	return false
}

// field = name / item *("," item)
func (p *parser) field(f *field) (uint64, error) {
	if n, ok := p.name(f); ok {
		return 1 << n, nil
	}
	var set uint64
	for {
		item, err := p.item(f)
		if err != nil {
			return 0, err
		}
		set |= item
		if !p.accept(',') {
			return set, nil
		}
	}
}

func (p *parser) name(f *field) (n int, ok bool) {
	end := min(p.at+3, len(p.text))
	for k, name := range strings.Fields(f.names) {
		if strings.EqualFold(p.text[p.at:end], name) {
			p.at = end
			return f.min + k, true
		}
	}
	return 0, false
}

// item = ("*" / number ["-" number]) *("/" number)
func (p *parser) item(f *field) (uint64, error) {
	set := f.all()
	begin := p.at
	if !p.accept('*') {
		var err error
		if set, err = p.numbers(f); err != nil {
			return 0, err
		}
	}
	first := next(set, 0)
	for p.accept('/') {
		from := p.at
		step, err := p.number()
		if err != nil {
			return 0, err
		}
		if step == 0 {
			p.at = from
			return 0, p.fail("step of 0")
		}
		set &= multiples(step)
		if first%step != 0 {
			p.odd = append(p.odd, &Error{begin + 1, fmt.Sprintf("'%s' means the multiples of %d, it does not count from %d",
				p.text[begin:p.at], step, first)})
		}
	}
	return f.fold(set), nil
}

// multiples is the set of all multiples of n.
func multiples(n int) (set uint64) {
	for k := 0; k < 64; k += n {
		set |= 1 << k
	}
	return set
}

// numbers = number ["-" number]
func (p *parser) numbers(f *field) (uint64, error) {
	from := p.at
	a, err := p.number()
	if err != nil {
		return 0, err
	}
	b := a
	if p.accept('-') {
		if b, err = p.number(); err != nil {
			return 0, err
		}
	}
	switch {
	case b < a:
		p.at = from
		return 0, p.fail("range back to front")
	case b > f.most:
		p.at = from
		return 0, p.fail("%s out of range: %d is the highest", f.name, f.most)
	}
	return between(a, b), nil
}

// highest is what a number may be before anybody asks for its field.
const highest = 63

func (p *parser) number() (int, error) {
	from, n := p.at, 0
	for ; p.at < len(p.text) && p.text[p.at] >= '0' && p.text[p.at] <= '9'; p.at++ {
		n = min(10*n+int(p.text[p.at]-'0'), highest+1)
	}
	if p.at == from {
		return 0, p.fail("syntax error: a number is wanted")
	}
	if n > highest {
		p.at = from
		return 0, p.fail("value out of range")
	}
	return n, nil
}
