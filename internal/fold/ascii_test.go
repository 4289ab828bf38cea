package fold

import (
	"bytes"
	"math/rand/v2"
	"testing"
	"unicode/utf8"
)

// slowUpper is upper, octet by octet.
func slowUpper(b []byte) (out []byte, n int) {
	out = bytes.Clone(b)
	for n < len(b) && b[n] < utf8.RuneSelf {
		if 'a' <= b[n] && b[n] <= 'z' {
			out[n] = b[n] - 'a' + 'A'
		}
		n++
	}
	return out, n
}

// TestUpper: every octet at every place of texts of every length is what it is by itself.
func TestUpper(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	for octet := range 256 {
		for length := 1; length < 20; length++ {
			for at := range length {
				b := make([]byte, length)
				for i := range b {
					b[i] = byte(r.IntN(utf8.RuneSelf))
				}
				b[at] = byte(octet)
				got := bytes.Clone(b)
				want, wantN := slowUpper(b)
				// what is behind the ASCII stays as it was
				if n := upper(got); n != wantN || !bytes.Equal(got, want) {
					t.Fatalf("%q: got %q, %d, want %q, %d", b, got, n, want, wantN)
				}
			}
		}
	}
}

// TestAppendAsLongTexts: runs of ASCII of any length between other characters fold as one character after the other does.
func TestAppendAsLongTexts(t *testing.T) {
	r := rand.New(rand.NewPCG(6, 6))
	characters := []rune("azAZ@[`{é本ß\u212aж\x00\x7f")
	for range 300 {
		var text []rune
		for range r.IntN(300) {
			c := characters[r.IntN(len(characters))]
			for range 1 + r.IntN(30)*r.IntN(2) {
				text = append(text, c)
			}
		}
		for c := range Collations {
			var want []byte
			for _, r := range text {
				want = AppendAs(Collation(c), want, string(r))
			}
			if got := AppendAs(Collation(c), []byte("x"), string(text)); string(got) != "x"+string(want) {
				t.Fatalf("%v, %q: got %q, want %q", Collation(c), string(text), got, want)
			}
		}
	}
}
