package fold

import (
	"errors"
	"io"
	"strings"
	"testing"
)

// TestEach folds a text with a character at every place around the end of a piece.
func TestEach(t *testing.T) {
	var f Folder
	for at := piece - 5; at < piece+3; at++ {
		text := strings.Repeat("x", at) + "é本\xff𝐚" + strings.Repeat("ы", piece)
		want := string(Append(nil, text))
		for _, r := range []io.Reader{strings.NewReader(text), iotestOneByte{strings.NewReader(text)}} {
			var got strings.Builder
			err := f.Each(r, func(folded []byte) bool {
				got.Write(folded)
				return true
			})
			if err != nil || got.String() != want {
				t.Fatalf("at %d: %v, %d octets, want %d", at, err, got.Len(), len(want))
			}
		}
	}
}

func TestEachEnds(t *testing.T) {
	var f Folder
	var got strings.Builder
	err := f.Each(io.MultiReader(strings.NewReader("cut \xc3"), strings.NewReader("")), func(folded []byte) bool {
		got.Write(folded)
		return true
	})
	if err != nil || got.String() != "CUT \xc3" {
		t.Errorf("cut text: %q, %v", got.String(), err)
	}
	calls := 0
	err = f.Each(io.MultiReader(strings.NewReader("a"), failingReader{}), func([]byte) bool { calls++; return false })
	if err != nil || calls != 1 {
		t.Errorf("after enough: %d calls, %v", calls, err)
	}
	if err := f.Each(failingReader{}, func([]byte) bool { return true }); !errors.Is(err, errTest) {
		t.Errorf("got %v", err)
	}
}
