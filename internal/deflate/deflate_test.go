package deflate

import (
	"bytes"
	"compress/flate"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"
)

// TestPiecesArriveAtOnce: each piece is there for the other side as soon as it is compressed, whatever its size, and
// compress/flate reads the whole stream.
func TestPiecesArriveAtOnce(t *testing.T) {
	var z Deflater
	d := new(Inflater)
	r := rand.New(rand.NewPCG(8, 9))
	var stream, text []byte
	for i := range 300 {
		piece := answers(1 + r.IntN(1000))
		switch i % 5 {
		case 1:
			piece = noise(uint64(i), 1+r.IntN(1000))
		case 2:
			piece = answers(1 + r.IntN(40_000))
		case 3:
			piece = fmt.Appendf(nil, "a%d OK completed\r\n", i)
		}
		out := z.Append(nil, piece)
		if len(out) > len(piece)+10+len(piece)/1000 {
			t.Errorf("%d octets became %d", len(piece), len(out))
		}
		got, err := inflate(t, d, out, 999)
		if !bytes.Equal(got, piece) || err != nil || !d.Ended() {
			t.Fatalf("piece %d: %d octets, want %d; %v", i, len(got), len(piece), err)
		}
		stream, text = append(stream, out...), append(text, piece...)
	}
	got, err := io.ReadAll(flate.NewReader(bytes.NewReader(AppendEnd(stream))))
	if !bytes.Equal(got, text) || err != nil {
		t.Errorf("%d octets, want %d; %v", len(got), len(text), err)
	}
	if z.Size() > 2*historySize {
		t.Errorf("%d octets are held", z.Size())
	}
}

func TestNothingIsNothing(t *testing.T) {
	var z Deflater
	if got := z.Append([]byte("x"), nil); string(got) != "x" {
		t.Errorf("got %q", got)
	}
}

// TestRepeatedAnswers: what was said before makes what is said again short.
func TestRepeatedAnswers(t *testing.T) {
	var z Deflater
	piece := []byte("* 17 FETCH (FLAGS (\\Seen \\Answered) MODSEQ (1234))\r\na1 OK completed\r\n")
	first := len(z.Append(nil, piece))
	if again := len(z.Append(nil, piece)); again > first/4 || again > 20 {
		t.Errorf("%d octets become %d, and then %d", len(piece), first, again)
	}
}

func TestSpans(t *testing.T) {
	for _, c := range []struct {
		list    []span
		v, want int
	}{{lengths, 3, 0}, {lengths, 10, 7}, {lengths, 11, 8}, {lengths, 257, 27}, {lengths, 258, 28},
		{distances, 1, 0}, {distances, 4, 3}, {distances, 5, 4}, {distances, 6, 4}, {distances, 24577, 29}, {distances, 32768, 29}} {
		if got := spanOf(c.list, c.v); got != c.want {
			t.Errorf("%d: span %d, want %d", c.v, got, c.want)
		}
	}
	if len(lengths) != 29 || len(distances) != 30 || lengths[27] != (span{227, 5}) || distances[29] != (span{24577, 13}) {
		t.Errorf("lengths %v, distances %v", lengths, distances)
	}
}

// FuzzDeflate compresses two pieces and has them back.
func FuzzDeflate(f *testing.F) {
	f.Add([]byte("a1 OK completed\r\n"), []byte("a2 OK completed\r\n"))
	f.Add(answers(600), answers(500))
	f.Add(noise(1, 20), make([]byte, 512))
	f.Fuzz(func(t *testing.T, one, two []byte) {
		var z Deflater
		src := z.Append(z.Append(nil, one), two)
		got, err := inflate(t, new(Inflater), src, 1000)
		if err != nil || !bytes.Equal(got, append(bytes.Clone(one), two...)) {
			t.Errorf("%q, %v", got, err)
		}
	})
}

func BenchmarkDeflate(b *testing.B) {
	for _, size := range []int{40, 300, 2000, 32 << 10} {
		text := answers(1 << 20)
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			var z Deflater
			var out []byte
			at, total, n := 0, 0, 0
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				if at+size > len(text) {
					at = 0
				}
				out = z.Append(out[:0], text[at:at+size])
				at += size
				total += len(out)
				n++
			}
			b.ReportMetric(float64(total)/float64(n*size), "ratio")
		})
	}
}
