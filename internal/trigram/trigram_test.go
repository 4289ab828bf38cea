package trigram

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/constance-mail/constance/internal/fold"
	"pgregory.net/rapid"
)

// words are the words of a text, sorted.
func words(s *Set) []string {
	out := split(string(s.AppendWords(nil)))
	slices.Sort(out)
	return out
}

// split is what stands between spaces. There is other white space in words.
func split(list string) []string {
	return strings.FieldsFunc(list, func(r rune) bool { return r == ' ' })
}

func TestSet(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"", ""}, {"ab", ""}, {"abc", "ABC"}, {"aBcD", "ABC BCD"}, {"aaaaa", "AAA"},
		{"é", ""}, {"éa", "E\u0301A"}, // decomposed
		{"привет", "ВЕТ ИВЕ ПРИ РИВ"}, {"日本", "日本"}, {"日本語", "日本 日本語 本語"}, {"a日b", "A日B"}, {"ひら", "ひら"},
		{"한글", "\u1100\u1173\u11af \u1112\u1161\u11ab \u1161\u11ab\u1100 \u11ab\u1100\u1173"},
		{"a b", "A\xa0B"}, {"a\"*", "A\xa2\xaa"}, {"\x00ab", "AB"}, {"\xffab", "\ufffdAB"},
	} {
		var whole, pieces Set
		whole.AddText(c.text)
		if err := pieces.AddFrom(iotestOneByte{strings.NewReader(c.text)}); err != nil {
			t.Fatal(err)
		}
		want := strings.Fields(c.want)
		slices.Sort(want)
		if got := words(&whole); !slices.Equal(got, want) {
			t.Errorf("%q: got %q, want %q", c.text, got, want)
		}
		if got := words(&pieces); !slices.Equal(got, want) {
			t.Errorf("%q in pieces: got %q, want %q", c.text, got, want)
		}
	}
}

type iotestOneByte struct{ r io.Reader }

func (o iotestOneByte) Read(b []byte) (int, error) { return o.r.Read(b[:min(1, len(b))]) }

func TestSetOfTexts(t *testing.T) {
	var s Set
	s.AddText("ab")
	s.AddText("cd") // no group reaches over
	s.AddText("efg")
	if got := words(&s); !slices.Equal(got, []string{"EFG"}) {
		t.Errorf("got %q", got)
	}
	s.Reset()
	if got := words(&s); len(got) > 0 {
		t.Errorf("after Reset: %q", got)
	}
}

func TestLimit(t *testing.T) {
	s := Set{Limit: 3}
	s.AddText("abcde")
	if s.Over() {
		t.Error("three groups are over three")
	}
	r := strings.NewReader(strings.Repeat("x", 100_000) + "y")
	if err := s.AddFrom(r); err != nil || !s.Over() {
		t.Errorf("four groups: over %v, %v", s.Over(), err)
	}
	if r.Len() == 0 {
		t.Error("it read on when it had enough")
	}
	if s.Reset(); s.Over() {
		t.Error("over after Reset")
	}
	if err := s.AddFrom(io.MultiReader(strings.NewReader("x"), failing{})); !errors.Is(err, errFailing) {
		t.Errorf("got %v", err)
	}
}

var errFailing = errors.New("failing")

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errFailing }

func TestQuery(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"", ""}, {"ab", ""}, {"é", ""}, {"日", ""}, {"abc", `"ABC"`}, {"abca", `"ABC" "BCA"`}, {"aaaa", `"AAA"`}, {"日本", `"日本"`},
		{"ab\xff", ""}, {`a"b`, "\"A\xa2B\""},
	} {
		got, ok := Query(fold.Append(nil, c.text))
		if got != c.want || ok != (c.want != "") {
			t.Errorf("%q: got %q, %v", c.text, got, ok)
		}
	}
	long, _ := Query(fold.Append(nil, strings.Repeat("abcdefghijklmnopqrstuvwxyz0123456789", 3)))
	if n := len(strings.Fields(long)); n < maxQuery/2 || n > maxQuery {
		t.Errorf("%d groups are asked for", n)
	}
}

// alphabet has what is odd about texts: case, marks, scripts, what is no UTF-8 alone or at all, what FTS5 knows.
var alphabet = []string{"a", "B", "c", " ", "\"", "*", "\x00", "\r\n", "é", "e\u0301", "ß", "ﬁ", "И", "й", "日", "本", "한", "글", "𝐚", "𠀀",
	"\xff", "\xc3", "\xa9", "\xe6\x97", "\u2026", "\ufffd"}

func drawText(most int) *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		return strings.Join(rapid.SliceOfN(rapid.SampledFrom(alphabet), 0, most).Draw(t, "text"), "")
	})
}

// TestNeverLost: a text that holds a string has all words that the string's query asks for.
func TestNeverLost(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := drawText(30).Draw(t, "text")
		folded := fold.Append(nil, text)
		from := rapid.IntRange(0, len(folded)).Draw(t, "from")
		checkHeld(t, text, folded[from:rapid.IntRange(from, len(folded)).Draw(t, "to")])
	})
}

// FuzzNeverLost is TestNeverLost of any octets, with what a text that was added before it leaves.
func FuzzNeverLost(f *testing.F) {
	for i, c := range alphabet {
		f.Add(c+"bc"+c, uint(i), uint(3*i))
	}
	f.Add(strings.Repeat("日本語 x", 40), uint(3), uint(200))
	f.Add("f\u0085 \u2028x", uint(3), uint(9))
	f.Add("Gr\xc3\xb6\xdfe \xf0\x90\x9d\x90", uint(0), uint(99))
	f.Fuzz(func(t *testing.T, text string, from, length uint) {
		folded := fold.Append(nil, text)
		from = min(from, uint(len(folded)))
		checkHeld(t, text, folded[from:from+min(length, uint(len(folded))-from)])
		fresh, used := Set{Limit: 50}, Set{Limit: 50}
		fresh.AddText(text)
		used.AddText(text + "日本abc" + text)
		used.Reset()
		used.AddText(text)
		if used.Over() != fresh.Over() || !slices.Equal(used.groups, fresh.groups) || len(fresh.groups) > fresh.Limit+1 {
			t.Errorf("%q after another text: %q, before %q", text, words(&used), words(&fresh))
		}
	})
}

// checkHeld checks that text has the words of needle, which is in it, and the same ones read octet by octet.
func checkHeld(t interface{ Fatalf(string, ...any) }, text string, needle []byte) {
	var s, whole Set
	if err := s.AddFrom(iotestOneByte{strings.NewReader(text)}); err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	whole.AddText(text)
	has := words(&s)
	if all := words(&whole); !slices.Equal(all, has) {
		t.Fatalf("%q: %q octet by octet, %q at once", text, has, all)
	}
	query, ok := Query(needle)
	if n := strings.Count(query, `"`) / 2; n > maxQuery || ok != (n > 0) {
		t.Fatalf("%q: %d groups in %q, %v", needle, n, query, ok)
	}
	itself, _ := s.Query()
	for _, w := range split(query + " " + itself) {
		if _, found := slices.BinarySearch(has, w[1:len(w)-1]); !found {
			t.Fatalf("%q is in %q, but lacks %q of %q", needle, text, w, has)
		}
	}
}

// TestSelective: a text that lacks a string mostly lacks one of its groups.
func TestSelective(t *testing.T) {
	var s Set
	s.AddText(strings.Repeat("the quick brown fox jumps over the lazy dog. ", 100))
	has := s.AppendWords([]byte(" "))
	for _, needle := range []string{"quack", "browse", "dogma", "foxes", "привет", "日本"} {
		query, ok := Query(fold.Append(nil, needle))
		missing := false
		for _, w := range split(query) {
			missing = missing || !bytes.Contains(has, []byte(" "+w[1:len(w)-1]+" "))
		}
		if !ok || !missing {
			t.Errorf("%q stays a candidate by %s", needle, query)
		}
	}
}

func BenchmarkSet(b *testing.B) {
	text := strings.Repeat("The quick brown fox jumps over the lazy dog, 12 times a day. Größe zählt! ", 70)
	s := Set{}
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		s.Reset()
		if err := s.AddFrom(strings.NewReader(text)); err != nil {
			b.Fatal(err)
		}
	}
}
