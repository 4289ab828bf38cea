package master

import (
	"math/rand/v2"
	"testing"

	"github.com/constance-mail/constance/internal/service"
)

// P08: pieces of 1 to 7 octets, and garbage before: the messages after it are read.
func TestP08_Framing(t *testing.T) {
	var all []byte
	want := []int32{2, 3, 1, 4, 4, service.Life(7, true), 2}
	for _, code := range want {
		all = service.Message{Code: code, PID: 4711}.Append(all)
	}
	for piece := 1; piece < 8; piece++ {
		for _, prefix := range []string{"", "12345", "\xff\xff\xff\xff\xff\xff\xff\xff\xff"} {
			var p parser
			var got []int32
			in := append([]byte(prefix), all...)
			for len(in) > 0 {
				n := min(piece, len(in))
				for _, r := range p.feed(in[:n]) {
					for range r.n {
						if r.code != garbage {
							got = append(got, r.code)
						}
					}
				}
				in = in[n:]
			}
			if len(got) != len(want) {
				t.Errorf("pieces of %d after %q: %v, want %v", piece, prefix, got, want)
			}
		}
	}
}

func FuzzParser(f *testing.F) {
	f.Add([]byte("\x01\x00\x00\x00\x10\x00\x00\x00"), 3)
	f.Fuzz(func(t *testing.T, in []byte, cut int) { // any octets: bounded rest, no more messages than there is room for
		var p parser
		n := 0
		cut = min(max(cut, 0), len(in))
		for _, b := range [][]byte{in[:cut], in[cut:]} {
			for _, r := range p.feed(b) {
				n += r.n
			}
		}
		if len(p.rest) >= service.MessageSize || n > len(in) {
			t.Errorf("%d octets: %d messages, rest %d", len(in), n, len(p.rest))
		}
	})
}

func BenchmarkParser(b *testing.B) {
	var in []byte
	r := rand.New(rand.NewPCG(1, 2))
	for range 64 {
		in = service.Message{Code: 1 + r.Int32N(4), PID: 1 + r.Int32N(30000)}.Append(in)
	}
	var p parser
	b.ReportAllocs()
	for b.Loop() {
		p.feed(in)
	}
}
