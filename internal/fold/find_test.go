package fold

import (
	"errors"
	"io"
	"strings"
	"testing"
)

func TestFind(t *testing.T) {
	for _, c := range []struct {
		text, needle string
		want         bool
	}{
		{"Hello", "hELL", true}, {"hello", "x", false}, {"", "", true}, {"ÀÉÎ", "àéî", true}, {"Привет", "ПРИ", true}, {"ΣΑΣ", "σας", true},
		{"K", "k", true}, {"İ", "x", false}, {"\xff\xfe", "\xff", true}, {"日本", "本", true}, {"Café", "cafe", true}, {"Cafe", "café", false},
	} {
		var f Finder
		needle := Append(nil, c.needle)
		if got := f.Contains(c.text, needle); got != c.want {
			t.Errorf("%q in %q: got %v", c.needle, c.text, got)
		}
		if got, err := f.Find(strings.NewReader(c.text), needle); err != nil || got != c.want {
			t.Errorf("%q in the stream %q: got %v, %v", c.needle, c.text, got, err)
		}
	}
}

// TestFindAcrossPieces puts the needle at every place around the end of a piece.
func TestFindAcrossPieces(t *testing.T) {
	var f Finder
	needle := Append(nil, "Grüße日本")
	for at := piece - 20; at < piece+3; at++ {
		text := strings.Repeat("é", at/2) + strings.Repeat("x", at%2) + "GRÜßE日本" + strings.Repeat("y", 100)
		for _, r := range []io.Reader{strings.NewReader(text), iotestOneByte{strings.NewReader(text)}} {
			if got, err := f.Find(r, needle); err != nil || !got {
				t.Fatalf("at %d: got %v, %v", at, got, err)
			}
		}
		if got, err := f.Find(strings.NewReader(strings.Replace(text, "本", "木", 1)), needle); err != nil || got {
			t.Fatalf("at %d, changed: got %v, %v", at, got, err)
		}
	}
	if _, err := f.Find(io.MultiReader(strings.NewReader("x"), failingReader{}), needle); !errors.Is(err, errTest) {
		t.Errorf("got %v", err)
	}
}

type iotestOneByte struct{ r io.Reader }

func (o iotestOneByte) Read(b []byte) (int, error) { return o.r.Read(b[:min(1, len(b))]) }

var errTest = errors.New("test")

type failingReader struct{}

func (failingReader) Read([]byte) (int, error) { return 0, errTest }
