package message

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"
)

// TestLineReader: whatever the pieces in which text comes and goes, its bare LFs become CRLF, and nothing else changes.
func TestLineReader(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 8))
	for range 500 {
		text := make([]byte, r.IntN(60))
		for i := range text {
			text[i] = "ab\r\n"[r.IntN(4)]
		}
		want := strings.ReplaceAll(strings.ReplaceAll(string(text), "\r\n", "\n"), "\n", "\r\n")
		for name, src := range map[string]io.Reader{"whole": bytes.NewReader(text), "octets": iotest.OneByteReader(bytes.NewReader(text)),
			"halves": iotest.HalfReader(bytes.NewReader(text)), "end at once": iotest.DataErrReader(bytes.NewReader(text))} {
			size := 1 + r.IntN(10)
			got, err := io.ReadAll(onlySmall{&lineReader{src: src}, size})
			if err != nil || string(got) != want {
				t.Fatalf("%q, %s, read by %d: %v, got %q, want %q", text, name, size, err, got, want)
			}
		}
	}
}

// onlySmall reads a few octets at a time.
type onlySmall struct {
	r    io.Reader
	most int
}

func (o onlySmall) Read(b []byte) (int, error) { return o.r.Read(b[:min(len(b), o.most)]) }

// TestLineReaderFails: an error comes after what was read before it.
func TestLineReaderFails(t *testing.T) {
	broken := errors.New("broken")
	got, err := io.ReadAll(&lineReader{src: io.MultiReader(strings.NewReader("a\nb\n"), iotest.ErrReader(broken))})
	if !errors.Is(err, broken) || string(got) != "a\r\nb\r\n" {
		t.Errorf("%q, %v", got, err)
	}
}
