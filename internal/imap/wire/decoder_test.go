package wire

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

// source gives what a client sends; Wait counts how often the decoder waited, and with which buffer.
type source struct {
	io.Reader
	d     *Decoder
	waits int
	held  bool // a buffer was held during a wait
}

func (s *source) Wait() error {
	s.waits++
	s.held = s.held || s.d.buf != nil
	return nil
}

// newTest is a decoder of text, one octet per read with slow, and the sizes it asked the client to go on with.
func newTest(text string, slow bool, l Limits) (*Decoder, *source, *[]int64) {
	var asked []int64
	s := &source{Reader: strings.NewReader(text)}
	if slow {
		s.Reader = iotest.OneByteReader(s.Reader)
	}
	s.d = NewDecoder(s, Options{Limits: l, Continue: func(n int64) error { asked = append(asked, n); return nil }})
	return s.d, s, &asked
}

// each runs the test with the text in one piece and octet by octet.
func each(t *testing.T, text string, l Limits, f func(t *testing.T, d *Decoder)) {
	t.Helper()
	for _, slow := range []bool{false, true} {
		d, _, _ := newTest(text, slow, l)
		if err := d.Begin(); err != nil {
			t.Fatal(err)
		}
		f(t, d)
	}
}

func TestIdleHoldsNoBuffer(t *testing.T) {
	d, s, _ := newTest("a NOOP\r\nb NOOP\r\n", true, Limits{})
	for _, want := range []string{"a", "b"} {
		var tag string
		if err := d.Begin(); err != nil || !d.MustTag(&tag) || !d.MustSP() || !d.MustKeyword("NOOP") ||
			d.End() != nil || tag != want {
			t.Fatalf("tag %q: %v", tag, d.Err())
		}
	}
	if s.waits != 2 || s.held {
		t.Errorf("waited %d times, a buffer held: %v", s.waits, s.held)
	}
	if err := d.Begin(); err != io.EOF {
		t.Errorf("at the end: %v", err)
	}
	if d.Release(); d.buf != nil {
		t.Error("holds a buffer after the end")
	}
}

func TestPipelinedCommandsDoNotWait(t *testing.T) {
	d, s, _ := newTest("NOOP\r\nNOOP\r\n", false, Limits{})
	for range 2 {
		if err := d.Begin(); err != nil || !d.MustKeyword("NOOP") || d.End() != nil {
			t.Fatal(d.Err())
		}
	}
	if s.waits != 1 {
		t.Errorf("waited %d times", s.waits)
	}
}

func TestEOFInCommand(t *testing.T) {
	for _, text := range []string{"NOO", "NOOP", "NOOP\r", `"abc`, "{5}\r\nab", "{5"} {
		each(t, text, Limits{}, func(t *testing.T, d *Decoder) {
			var s string
			if d.AString(&s) {
				d.MustEnd()
			}
			if d.Err() != io.ErrUnexpectedEOF {
				t.Errorf("%q: %v", text, d.Err())
			}
			if err := d.Skip(); err != io.ErrUnexpectedEOF {
				t.Errorf("%q: skip: %v", text, err)
			}
		})
	}
}

type brokenSource struct{ err error }

func (b brokenSource) Read([]byte) (int, error) { return 0, b.err }
func (b brokenSource) Wait() error              { return b.err }

func TestSourceErrorsStick(t *testing.T) {
	broken := errors.New("broken")
	d := NewDecoder(brokenSource{broken}, Options{})
	if err := d.Begin(); err != broken {
		t.Errorf("begin: %v", err)
	}
	var s string
	if d.AString(&s) || d.MustSP() || d.End() != broken {
		t.Errorf("later: %v", d.Err())
	}
	d = NewDecoder(brokenSource{nil}, Options{}) // never gives anything
	if err := d.Begin(); err != io.ErrNoProgress {
		t.Errorf("no progress: %v", err)
	}
}

// RFC 7888 section 4: what is passed over after a mistake, and what is read next.
func TestSkip(t *testing.T) {
	for _, c := range []struct{ name, in, next string }{
		{"rest of the line", "! foo bar\r\nnext\r\n", "next"},
		{"mistake at the end", "!\r\nnext\r\n", "next"},
		{"bare LF", "!\nnext\r\n", "next"},
		{"non-synchronizing literal", "! {5+}\r\nab\r\nc\r\nnext\r\n", "next"},
		{"two of them", "! {1+}\r\na {2+}\r\nbb\r\nnext\r\n", "next"},
		{"literal8", "! ~{3+}\r\n\x00\x01\x02\r\nnext\r\n", "next"},
		{"synchronizing literal: the client waits for our answer", "! {5}\r\nnext\r\n", "next"},
		{"non-synchronizing, then synchronizing", "! {2+}\r\nxx {5}\r\nnext\r\n", "next"},
		{"no literal", "! {5+} \r\nnext\r\n", "next"},
		{"no literal: no number", "! {+}\r\nnext\r\n", "next"},
		{"no literal: bare LF", "! {5+}\nnext\r\n", "next"},
		{"no literal: nothing else", "!}\r\nnext\r\n", "next"},
		{"no literal: no brace", "!5+}\r\nnext\r\n", "next"},
		{"no literal: not the end", "!{5+}}\r\nnext\r\n", "next"},
		{"empty literal", "! {0+}\r\n\r\nnext\r\n", "next"},
		{"a long line", "!" + strings.Repeat("x", 9000) + "{1+}\r\ny\r\nnext\r\n", "next"},
	} {
		t.Run(c.name, func(t *testing.T) {
			each(t, c.in, Limits{}, func(t *testing.T, d *Decoder) {
				d.MustSpecial('?')
				if err := d.Skip(); err != nil {
					t.Fatal(err)
				}
				if err := d.Begin(); err != nil {
					t.Fatal(err)
				}
				var s string
				if !d.MustAtom(&s) || d.End() != nil || s != c.next {
					t.Errorf("then %q, %v", s, d.Err())
				}
			})
		})
	}
}

func TestSkipIsBounded(t *testing.T) {
	for _, in := range []string{
		"!" + strings.Repeat("x", 300), "! {300+}\r\n", "! {99999999999999999999999+}\r\n",
		"! {100+}\r\n" + strings.Repeat("x", 100) + "{100+}\r\n",
	} {
		each(t, in, Limits{Skip: 150}, func(t *testing.T, d *Decoder) {
			d.MustSpecial('?')
			var se *SyntaxError
			if err := d.Skip(); !errors.As(err, &se) || !se.Fatal || !se.TooBig {
				t.Errorf("%.20q: %v", in, err)
			}
		})
	}
}

func TestSkipAfterEndReadsNothing(t *testing.T) {
	d, _, _ := newTest("a\r\nb\r\n", false, Limits{})
	var s string
	if d.Begin() != nil || !d.MustAtom(&s) || d.End() != nil || d.Skip() != nil || d.Begin() != nil ||
		!d.MustAtom(&s) || s != "b" {
		t.Errorf("got %q, %v", s, d.Err())
	}
}

func TestSyntaxErrorSaysWhatAndWhere(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"ab", "expected a space at octet 2"},
		{"ab\n", "bare LF where a space was expected: lines end with CRLF at octet 2"},
		{"ab\r\n", "end of line where a space was expected at octet 2"},
		{"ab\x00", "NUL octet where a space was expected at octet 2"},
	} {
		each(t, c.in+"(((", Limits{}, func(t *testing.T, d *Decoder) {
			d.Word()
			d.MustSP()
			d.MustSP() // the first error sticks
			if d.Err() == nil || c.in != "ab" && d.Err().Error() != c.want {
				t.Errorf("%q: got %v, want %s", c.in, d.Err(), c.want)
			}
		})
	}
}

func TestLineLimit(t *testing.T) {
	ok := strings.Repeat("x", 98)
	for _, c := range []struct {
		in  string
		bad bool
	}{
		{ok + "\r\n", false}, {ok + "x\r\n", true}, {`"` + ok[:96] + "\"\r\n", false}, {`"` + ok + "\"\r\n", true},
		{"{3+}\r\nabc" + ok[:92] + "\r\n", false}, // the literal does not count
		{"{3+}\r\nabc" + ok[:93] + "\r\n", true},
	} {
		each(t, c.in, Limits{Line: 100}, func(t *testing.T, d *Decoder) {
			var s, rest string
			d.AString(&s)
			d.Atom(&rest)
			err := d.End()
			var se *SyntaxError
			if (err != nil) != c.bad || err != nil && (!errors.As(err, &se) || !se.TooBig) {
				t.Errorf("%q: %v", c.in, err)
			}
		})
	}
}

func TestReset(t *testing.T) {
	d, _, _ := newTest("STARTTLS\r\ninjected\r\n", false, Limits{})
	if d.Begin() != nil || !d.MustKeyword("STARTTLS") || d.End() != nil {
		t.Fatal(d.Err())
	}
	if d.Buffered() != len("injected\r\n") {
		t.Errorf("buffered %d", d.Buffered())
	}
	next := &source{Reader: strings.NewReader("clean\r\n"), d: d}
	d.Reset(next)
	var s string
	if d.Begin() != nil || !d.MustAtom(&s) || d.End() != nil || s != "clean" {
		t.Errorf("after the reset %q, %v", s, d.Err())
	}
}

func TestLiteralStreams(t *testing.T) {
	body := strings.Repeat("0123456789abcdef", 1000)
	for _, slow := range []bool{false, true} {
		d, _, asked := newTest("{16000}\r\n"+body+" ~{16000+}\r\n"+body+"\r\n", slow, Limits{})
		var size int64
		var sync, binary bool
		if d.Begin() != nil || !d.MustLiteral(&size, &sync, nil) || size != 16000 || !sync || len(*asked) != 0 {
			t.Fatalf("size %d sync %v asked %v: %v", size, sync, *asked, d.Err())
		}
		for range 2 {
			r, err := d.Literal()
			if err != nil {
				t.Fatal(err)
			}
			if got, err := io.ReadAll(r); err != nil || string(got) != body {
				t.Fatalf("%d octets, %v", len(got), err)
			}
			if !binary && (!d.MustSP() || !d.MustLiteral(&size, &sync, &binary) || sync || !binary) {
				t.Fatal(d.Err())
			}
		}
		if err := d.End(); err != nil || len(*asked) != 1 || (*asked)[0] != 16000 {
			t.Errorf("asked %v, %v", *asked, err)
		}
	}
}

func TestLiteralLeftUnread(t *testing.T) {
	for _, accepted := range []bool{false, true} {
		d, _, _ := newTest("{10+}\r\n0123456789 rest\r\nnext\r\n", true, Limits{})
		var size int64
		var sync bool
		if d.Begin() != nil || !d.MustLiteral(&size, &sync, nil) {
			t.Fatal(d.Err())
		}
		if accepted {
			r, err := d.Literal()
			if err == nil {
				_, err = io.ReadFull(r, make([]byte, 4))
			}
			if err != nil {
				t.Fatal(err)
			}
			d.SetLimits(Limits{Skip: 9}) // what was accepted is passed over whatever its size
		}
		var s string
		if err := d.Skip(); err != nil || d.Begin() != nil || !d.MustAtom(&s) || s != "next" {
			t.Errorf("skip: %v; then %q, %v", err, s, d.Err())
		}
	}
}

func TestLiteralCutShort(t *testing.T) {
	d, _, _ := newTest("{10+}\r\n01234", false, Limits{})
	var size int64
	var sync bool
	if d.Begin() != nil || !d.MustLiteral(&size, &sync, nil) {
		t.Fatal(d.Err())
	}
	r, _ := d.Literal()
	if got, err := io.ReadAll(r); err != io.ErrUnexpectedEOF || string(got) != "01234" {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestLiteralBounds(t *testing.T) {
	for _, c := range []struct {
		in    string
		bad   bool
		asked int
	}{
		{"{10}\r\n0123456789", false, 1}, {"{11}\r\n", true, 0}, {"{11+}\r\n", true, 0},
		{"{10+}\r\n0123456789{10}\r\n0123456789", false, 1}, {"{10+}\r\n0123456789{10+}\r\n0123456789{6}\r\n", true,
			0},
	} {
		d, _, asked := newTest(c.in+"\r\n", false, Limits{Literal: 10, Literals: 25})
		d.Begin()
		var s string
		for d.String(&s) {
		}
		var se *SyntaxError
		if err := d.End(); (err != nil) != c.bad || len(*asked) != c.asked || err != nil && (!errors.As(err, &se) ||
			!se.TooBig) {
			t.Errorf("%q: %v, asked %v", c.in, err, *asked)
		}
	}
}

func TestContinueFails(t *testing.T) {
	broken := errors.New("broken")
	d := NewDecoder(&source{Reader: strings.NewReader("{1}\r\nx\r\n")},
		Options{Continue: func(int64) error { return broken }})
	d.src.(*source).d = d
	d.Begin()
	var s string
	if d.String(&s) || d.Err() != broken || d.Skip() != broken {
		t.Errorf("got %v", d.Err())
	}
}

func FuzzSkip(f *testing.F) {
	for _, s := range []string{"! {5+}\r\nab\r\nc\r\nnext\r\n", "{3}\r\n", "a {99999999999999999999+}\r\n",
		"\"{1+}\r\n\x00 {0+}\r\n\r\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		var rests [2][]byte
		for i := range rests {
			d, s, _ := newTest(string(in), i == 1, Limits{Line: 500, Literal: 100, Skip: 400})
			if d.Begin() != nil {
				return
			}
			var v string
			for d.AString(&v) && d.SP() {
			}
			d.Fail("enough")
			if d.Skip() != nil {
				rests[i] = []byte("failed")
				continue
			}
			rest, _ := io.ReadAll(s)
			rests[i] = append(bytes.Clone(d.buf[d.r:d.w]), rest...)
		}
		if !bytes.Equal(rests[0], rests[1]) {
			t.Errorf("%q: octet by octet another command follows: %q, %q", in, rests[0], rests[1])
		}
	})
}

// A command is midway from its first token to its end, also between its literals.
func TestMidway(t *testing.T) {
	d, _, _ := newTest("a {3}\r\nxyz b\r\nnext\r\n", false, Limits{})
	var word string
	steps := []struct {
		name string
		do   func() bool
		want bool
	}{
		{"begun", func() bool { return d.Begin() == nil }, false},
		{"a token", func() bool { return d.MustAtom(&word) }, true},
		{"a literal", func() bool { return d.MustSP() && d.MustString(&word) }, true},
		{"the last token", func() bool { return d.MustSP() && d.MustAtom(&word) }, true},
		{"the end", func() bool { return d.End() == nil }, false},
		{"the next", func() bool { return d.Begin() == nil }, false},
	}
	for _, s := range steps {
		if !s.do() || d.Midway() != s.want {
			t.Errorf("%s: midway %v, want %v (%v)", s.name, d.Midway(), s.want, d.Err())
		}
	}
}
