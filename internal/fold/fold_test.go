package fold

import (
	"bytes"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
	"pgregory.net/rapid"
)

// The forms that RFC 5051 section 2 gives.
func TestAppend(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"", ""}, {"Hello, 1_a[Z]", "HELLO, 1_A[Z]"},
		{"é", "E\u0301"}, {"É", "E\u0301"}, {"E\u0301", "E\u0301"}, // composed or not, in any case
		{"ß", "ß"},                            // has no titlecase of one character
		{"ǆ", "Dz\u030c"},                     // U+01C6: titlecase U+01C5, which is D and U+017E, which is z and a caron
		{"Ǆ", "Dz\u030c"},                     // U+01C4
		{"ﬁ", "fi"},                           // has no titlecase; decomposed last
		{"Ａｂ", "AB"},                          // full width
		{"²", "2"}, {"Ⅳ", "IV"}, {"…", "..."}, // compatibility
		{"σας", "ΣΑΣ"}, {"ΐ", "ι\u0308\u0301"}, // U+0390 has no titlecase of one character
		{"привет", "ПРИВЕТ"}, {"й", "И\u0306"}, {"日本", "日本"},
		{"각", "\u1100\u1161\u11a8"}, {"가", "\u1100\u1161"}, {"힣", "\u1112\u1175\u11c2"},
		{"\u212a", "K"}, {"\u212b", "A\u030a"}, // KELVIN SIGN, ANGSTROM SIGN
		{"a\xff\xc3", "A\xff\xc3"}, {"\xed\xa0\x80", "\xed\xa0\x80"}, // not UTF-8
		{"\ufffd", "\ufffd"}, {"𝐚", "a"}, {"𐐨", "𐐀"},
	} {
		if got := string(Append(nil, c.text)); got != c.want {
			t.Errorf("%q: got %q, want %q", c.text, got, c.want)
		}
		if got := string(Append([]byte("x"), []byte(c.text))); got != "x"+c.want {
			t.Errorf("%q as octets: got %q", c.text, got)
		}
	}
}

// Every character: its cases are equal, and so are it and what it decomposes into canonically.
func TestEveryCharacter(t *testing.T) {
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if !utf8.ValidRune(r) {
			continue
		}
		form := string(Append(nil, string(r)))
		if title := string(Append(nil, string(unicode.ToTitle(r)))); form != title {
			t.Errorf("%U: %q, its titlecase %q", r, form, title)
		}
		if norm.NFKD.String(form) != form {
			t.Errorf("%U: %q can be decomposed further", r, form)
		}
		if upper := string(Append(nil, string(unicode.ToUpper(r)))); form != upper && !unicode.Is(unicode.Georgian, r) {
			t.Errorf("%U: %q, its uppercase %q", r, form, upper) // Georgian is never titlecased
		}
	}
}

// What an index of folded text relies on.
func TestPieces(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := rapid.String().Draw(t, "a"), rapid.String().Draw(t, "b")
		if got := string(Append(Append(nil, a), b)); got != string(Append(nil, a+b)) {
			t.Errorf("%q, %q: %q", a, b, got)
		}
	})
}

func benchmarkAppend(b *testing.B, text string) {
	text = strings.Repeat(text, 1000)
	var out []byte
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		out = Append(out[:0], text)
	}
}

func BenchmarkAppendASCII(b *testing.B)    { benchmarkAppend(b, "Some text that is looked through. ") }
func BenchmarkAppendGerman(b *testing.B)   { benchmarkAppend(b, "Schöne Grüße aus Übersee. ") }
func BenchmarkAppendRussian(b *testing.B)  { benchmarkAppend(b, "Привет из Москвы. ") }
func BenchmarkAppendJapanese(b *testing.B) { benchmarkAppend(b, "日本からの手紙。") }

func BenchmarkFind(b *testing.B) {
	text := bytes.Repeat([]byte("Some text that is searched through, with Grüße in it.\r\n"), 20_000)
	var f Finder
	needle := Append(nil, "absent")
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := f.Find(bytes.NewReader(text), needle); err != nil {
			b.Fatal(err)
		}
	}
}
