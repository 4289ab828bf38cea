// Package cyrusconf reads the two files of a Cyrus master: cyrus.conf, which names the services, and the few options of
// imapd.conf that concern a master. It reads what Cyrus's own master reads; what that would silently ignore or misread
// is a Warning with its place here.
package cyrusconf

import (
	"cmp"
	"fmt"
	"slices"
)

// Pos is a place in a file; Line and Col count from 1.
type Pos struct {
	File string `json:"file"`
	Line int    `json:"line"`
	Col  int    `json:"column"`
}

func (p Pos) String() string { return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Col) }

// right is the place n octets further.
func (p Pos) right(n int) Pos { return Pos{p.File, p.Line, p.Col + n} }

// Error is a fault that makes the file unusable.
type Error struct {
	Pos Pos
	Msg string
}

func (e *Error) Error() string { return "configuration file " + e.Pos.String() + ": " + e.Msg }

// Faults are all that makes a file unusable, by their places; as an error it is the first.
type Faults []*Error

func (f Faults) Error() string {
	switch len(f) {
	case 0:
		return "no fault"
	case 1:
		return f[0].Error()
	}
	return fmt.Sprintf("%v (and %d more: --check lists them)", f[0], len(f)-1)
}

// Unwrap gives them one by one.
func (f Faults) Unwrap() []error {
	list := make([]error, len(f))
	for k, e := range f {
		list[k] = e
	}
	return list
}

// err is nil if there are none.
func (f Faults) err() error {
	if len(f) == 0 {
		return nil
	}
	slices.SortStableFunc(f, func(a, b *Error) int { return a.Pos.compare(b.Pos) })
	return f
}

func (p Pos) compare(o Pos) int {
	return cmp.Or(cmp.Compare(p.File, o.File), cmp.Compare(p.Line, o.Line), cmp.Compare(p.Col, o.Col))
}

// Warning is something that is ignored, or probably not meant so, or done otherwise than by Cyrus's master.
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

// File is a cyrus.conf as it is written. Lines at fault are not in the sections.
type File struct {
	Start, Services, Events, Daemon []Entry
	Warnings                        []Warning
	Faults                          Faults
}
