package fuzzy

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"

	"github.com/constance-mail/constance/internal/fold"
	"pgregory.net/rapid"
)

// points are the points of texts, one after the other, for a needle; -1 if it is none.
func points(needle string, texts ...string) int {
	m, ok := New(needle, &Scratch{})
	if !ok {
		return -1
	}
	m.Begin()
	for _, text := range texts {
		m.Text(text, 0)
	}
	return int(m.Points())
}

func TestPoints(t *testing.T) {
	for _, c := range []struct {
		needle, text string
		want         int
	}{
		{"hello", "Hello, world", 100}, {"hello world", "»HELLO«, World!", 100}, {"ann@example.org", "Ann <ann@example.org>", 100},
		{"world hello", "hello world", 90}, {"hello world", "hello, my world", 90}, {"hell", "hello", 90}, {"ello", "hello", 70},
		{"ell wor", "hello world", 80}, {"hello", "goodbye", 0}, {"hello world", "hello", 0}, {"", "", -1}, {"?!", "?!", -1},
		// letters wrong
		{"helo", "hello", 50}, {"helo", "help", 50}, {"hallo", "hello", 50}, {"recieve", "to receive", 50}, {"heello", "hello", 50},
		{"helo wrld", "hello world", 50}, {"helo wrld", "world, hello", 40}, {"helo world", "hello world", 75},
		{"the", "teh", 0}, {"helo", "hallo", 0}, {"meeting", "meatin", 0}, {"schedule", "shcedual", 0}, {"schedule", "shceduel", 21},
		{"schedule", "sheduler", 21}, {"schedule", "scedul", 21}, {"schedule", "cedul", 0}, {"ab", "abc", 90}, {"abcd", "abdc", 50},
		// numbers
		{"2025", "2026", 0}, {"2025", "20255", 90}, {"invoice1234", "invoice1235", 0}, {"1234", "no. 1234", 100}, {"x²", "X2", 100},
		// accents, scripts
		{"resume", "mon résumé", 100}, {"résumé", "RESUME", 100}, {"Muller", "Müller", 100}, {"Grüße", "Grusse", 0}, {"strase", "Straße", 50},
		{"привет", "Превет", 50}, {"ёлка", "елка", 100}, {"日本", "東日本大", 70}, {"대한", "대한민국", 90}, {"हिन्दी", "हिन्दी में", 100}, {"हिन्दी", "हन्दा", 0},
		{"ǆ", "Ǆ", 100}, {"file", "ﬁle", 0}, {"\u0301", "é", -1}, {"\xff", "\xff", -1}, {"hello", "\xffhello\xff", 100}, {"bora bora", "bora bora", 100},
		{"bora bora", "bora", 90},
	} {
		if got := points(c.needle, c.text); got != c.want {
			t.Errorf("%q in %q: got %d, want %d", c.needle, c.text, got, c.want)
		}
	}
}

// Words may be in different texts, which ends their order.
func TestPointsOfTexts(t *testing.T) {
	if got := points("ann invoice", "ann@example.org", "your invoice"); got != 90 {
		t.Errorf("two texts: got %d", got)
	}
	if got := points("hello world", "hello", "world", "hello world"); got != 100 {
		t.Errorf("in order later: got %d", got)
	}
	m, _ := New("hello world", &Scratch{})
	for _, c := range []struct {
		cost uint8
		want uint8
	}{{0, 75}, {10, 65}, {60, 20}, {200, 1}} {
		m.Begin()
		m.Text("helo world", c.cost)
		if got := m.Points(); got != c.want {
			t.Errorf("cost %d: got %d, want %d", c.cost, got, c.want)
		}
	}
	m.Begin()
	if m.Points() != 0 || m.Matched() {
		t.Error("something is left of the thing before")
	}
	m.Text("hello world", 20)
	m.Text("hello", 0)
	if got := m.Points(); got != 90 {
		t.Errorf("the best of two places: got %d", got)
	}
	if !m.Settled(20) || m.Settled(10) {
		t.Errorf("settled: %v, %v", m.Settled(20), m.Settled(10))
	}
}

func TestNew(t *testing.T) {
	for _, c := range []struct {
		needle string
		words  int // 0: none
	}{
		{"a", 1}, {" a, b; c ", 3}, {strings.Repeat("a ", MaxWords), MaxWords}, {strings.Repeat("a ", MaxWords+1), 0}, {strings.Repeat("a", maxWord), 1},
		{strings.Repeat("a", maxWord+1), 0}, {"x " + strings.Repeat("a", 1100), 0}, {"x" + strings.Repeat(" ", 1100), 0}, {"\t\r\n", 0},
	} {
		m, ok := New(c.needle, &Scratch{})
		if ok != (c.words > 0) || ok && m.Words() != c.words {
			t.Errorf("%.20q: %v", c.needle, ok)
		}
	}
}

// letters are what texts of the properties are made of: few, so that much matches.
var letters = rapid.SampledFrom([]string{"a", "B", "b", "é", "e", "\u0301", "ж", "日", " ", " ", "1", "-", "\xff", "hello ", "Word"})

func drawText(t *rapid.T, name string, most int) string {
	return strings.Join(rapid.SliceOfN(letters, 0, most).Draw(t, name), "")
}

// What SEARCH finds without FUZZY, it finds with it.
func TestExactMatches(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := drawText(t, "text", 40)
		from := rapid.IntRange(0, len(text)).Draw(t, "from")
		needle := text[from:rapid.IntRange(from, len(text)).Draw(t, "to")]
		if rapid.Bool().Draw(t, "other") {
			needle = drawText(t, "needle", 4)
		}
		var f fold.Finder
		if f.Contains(text, fold.Append(nil, needle)) && points(needle, text) == 0 {
			t.Errorf("%q holds %q", text, needle)
		}
	})
}

// The points do not depend on how a text comes.
func TestReadEqualsText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := drawText(t, "before", 20) + strings.Repeat("x", rapid.IntRange(0, 3*longWord).Draw(t, "long")) + drawText(t, "after", 20)
		m, ok := New(drawText(t, "needle", 6), &Scratch{})
		if !ok {
			t.Skip("no needle")
		}
		m.Begin()
		m.Text(text, 3)
		want := m.Points()
		for _, r := range []io.Reader{strings.NewReader(text), iotest.OneByteReader(strings.NewReader(text))} {
			m.Begin()
			if err := m.Read(r, 3, never); err != nil || m.Points() != want {
				t.Fatalf("got %d, %v, want %d", m.Points(), err, want)
			}
		}
	})
}

func never(*Matcher) bool { return false }

// TestLongWords: what is in a long word is found wherever it is, and long words take no memory.
func TestLongWords(t *testing.T) {
	m, _ := New("needle", &Scratch{})
	for _, n := range []int{0, 1, longWord - 8, longWord - 3, longWord, longWord + 1, 2*longWord - maxWord, 40_000, 1_000_000} {
		m.Begin()
		text := strings.Repeat("x", n) + "needle" + strings.Repeat("y", n)
		if err := m.Read(strings.NewReader(text), 0, never); err != nil {
			t.Fatal(err)
		}
		if want := uint8(pointsIn); n > 0 && m.Points() != want {
			t.Errorf("after %d: got %d, want %d", n, m.Points(), want)
		}
		m.Begin()
		if m.Text(strings.Repeat("needl", n), 0); m.Matched() && n != 1 {
			t.Errorf("%d times what is no needle: got %d", n, m.Points())
		}
		m.Text("x needle", 0)
		if m.Points() != pointsWhole {
			t.Errorf("after a long word: got %d", m.Points())
		}
	}
	if cap(m.token) > 8*longWord {
		t.Errorf("%d octets are kept", cap(m.token))
	}
}

func TestReadEnds(t *testing.T) {
	m, _ := New("needle", &Scratch{})
	m.Begin()
	read := 0
	r := io.MultiReader(strings.NewReader("a needle."), readerFunc(func(b []byte) (int, error) { read++; return 0, io.EOF }))
	if err := m.Read(r, 0, (*Matcher).Matched); err != nil || read != 0 || m.Points() != pointsWhole {
		t.Errorf("%d more reads, %v, %d points", read, err, m.Points())
	}
	failed := errors.New("failed")
	if err := m.Read(iotest.ErrReader(failed), 0, never); !errors.Is(err, failed) {
		t.Errorf("got %v", err)
	}
}

type readerFunc func(b []byte) (int, error)

func (f readerFunc) Read(b []byte) (int, error) { return f(b) }

// distanceByTable is what word.distance computes, by the table of all prefixes.
func distanceByTable(a, b []rune) int {
	d := make([][]int, len(a)+1)
	for i := range d {
		d[i] = make([]int, len(b)+1)
		for j := range d[i] {
			if i == 0 || j == 0 {
				d[i][j] = i + j
				continue
			}
			change := 1
			if a[i-1] == b[j-1] {
				change = 0
			}
			d[i][j] = min(d[i-1][j]+1, d[i][j-1]+1, d[i-1][j-1]+change)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d[i][j] = min(d[i][j], d[i-2][j-2]+1)
			}
		}
	}
	return d[len(a)][len(b)]
}

func TestDistance(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		word := rapid.StringOfN(rapid.RuneFrom([]rune("abcж")), 4, maxLetters, -1).Draw(t, "word")
		text := []rune(word)
		for range rapid.IntRange(0, 4).Draw(t, "changes") {
			at := rapid.IntRange(0, len(text)-1).Draw(t, "at")
			switch rapid.IntRange(0, 2).Draw(t, "how") {
			case 0:
				text[at] = 'a'
			case 1:
				text = append(text[:at:at], text[min(at+1, len(text)-1):]...)
			default:
				text[at], text[0] = text[0], text[at]
			}
		}
		w := newWord([]byte(word))
		want := min(distanceByTable([]rune(word), text), w.typos+1)
		if got := min(w.distance(text), w.typos+1); got != want {
			t.Errorf("%q and %q: got %d, want %d", word, string(text), got, want)
		}
	})
}

func TestTypos(t *testing.T) {
	for text, want := range map[string]int{"ABC": 0, "ABCD": 1, "ABCDEFG": 1, "ABCDEFGH": 2, "ЖЖЖ": 0, "ЖЖЖЖ": 1, "ABCDEFG1": 0,
		strings.Repeat("A", maxLetters): 2, strings.Repeat("A", maxLetters+1): 0} {
		if w := newWord([]byte(text)); w.typos != want || w.letters != utf8.RuneCountInString(text) {
			t.Errorf("%s: %d typos, %d letters", text, w.typos, w.letters)
		}
	}
}

func BenchmarkRead(b *testing.B) {
	text := strings.Repeat("Some text that is searched through, with Grüße in it.\r\n", 20_000)
	for name, needle := range map[string]string{"word": "absent", "words": "absent friends remembered kindly"} {
		b.Run(name, func(b *testing.B) {
			m, _ := New(needle, &Scratch{})
			r := strings.NewReader("")
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				r.Reset(text)
				m.Begin()
				if err := m.Read(r, 0, (*Matcher).Matched); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
