package deflate

import (
	"bytes"
	"compress/flate"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
)

// answers is text as a server says it.
func answers(n int) []byte {
	var b bytes.Buffer
	for i := 0; b.Len() < n; i++ {
		fmt.Fprintf(&b, "* %d FETCH (UID %d FLAGS (\\Seen $Label%d) RFC822.SIZE %d INTERNALDATE \"17-Jul-2026 02:44:25 +0000\")\r\n",
			i+1, 3*i+7, i%5, (i*7919)%100000)
	}
	return b.Bytes()[:n]
}

// noise is what cannot be compressed.
func noise(seed uint64, n int) []byte {
	r := rand.New(rand.NewPCG(seed, 1))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// packed is b, compressed by compress/flate.
func packed(t testing.TB, level int, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := flate.NewWriter(&out, level)
	if err != nil {
		t.Fatal(err)
	}
	if _, err = w.Write(b); err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// inflate has all of src decoded, given in pieces of the sizes in turn, into buffers of room octets; nil is all at once.
// It fails the test if the inflater neither reads nor writes nor needs more.
func inflate(t testing.TB, d *Inflater, src []byte, room int, sizes ...int) (out []byte, err error) {
	t.Helper()
	buf := make([]byte, room)
	for i := 0; len(src) > 0 && err == nil; i++ {
		n := len(src)
		if len(sizes) > 0 {
			n = min(n, sizes[i%len(sizes)])
		}
		piece := src[:n]
		src = src[n:]
		for {
			w, r, e := d.Inflate(buf, piece)
			out = append(out, buf[:w]...)
			piece = piece[r:]
			if e != nil {
				if w > 0 {
					t.Fatalf("%d octets and %v", w, e)
				}
				err = e
				break
			}
			if w == 0 && r == 0 && len(piece) > 0 {
				t.Fatal("no progress")
			}
			if w == 0 && r == 0 && len(piece) == 0 {
				break
			}
		}
	}
	return out, err
}

func TestInflateIsWhatWasCompressed(t *testing.T) {
	texts := map[string][]byte{"empty": nil, "one": []byte("x"), "answers": answers(80_000), "noise": noise(1, 70_000),
		"zeros": make([]byte, 100_000), "both": append(answers(40_000), noise(2, 40_000)...)}
	for name, want := range texts {
		for _, level := range []int{flate.HuffmanOnly, flate.NoCompression, 1, 6, 9} {
			src := packed(t, level, want)
			for _, room := range []int{1, 7, 1000, 1 << 20} {
				for _, sizes := range [][]int{nil, {1}, {3, 1, 100}, {4096}} {
					got, err := inflate(t, new(Inflater), src, room, sizes...)
					if !bytes.Equal(got, want) || err != io.EOF {
						t.Fatalf("%s, level %d, room %d, pieces %v: %d octets, want %d; %v", name, level, room, sizes, len(got), len(want), err)
					}
				}
			}
		}
	}
}

// TestEverySplit gives a stream in two parts, split at every octet, twice.
func TestEverySplit(t *testing.T) {
	want := append(answers(700), noise(3, 60)...)
	var src []byte
	for _, level := range []int{1, 6, flate.NoCompression, flate.HuffmanOnly} {
		src = append(src, flushed(t, level, want)...)
	}
	all := bytes.Repeat(want, 4)
	for i := range src {
		got, err := inflate(t, new(Inflater), src, 100, max(i, 1), len(src))
		if !bytes.Equal(got, all) || err != nil {
			t.Fatalf("split at %d: %d octets, want %d; %v", i, len(got), len(all), err)
		}
	}
}

// flushed is b, compressed and flushed, without an end.
func flushed(t testing.TB, level int, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := flate.NewWriter(&out, level)
	if err == nil {
		_, err = w.Write(b)
	}
	if err == nil {
		err = w.Flush()
	}
	if err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// TestYieldsAtEveryBit: with fixed codes, each literal is there as soon as its last bit is.
func TestYieldsAtEveryBit(t *testing.T) {
	w := bitWriter{}
	w.bits(0b010, 3)
	text := "a1 NOOP\r\n"
	var known []int // octets of text, by octets of the stream
	for i := range text {
		w.code(fixedCodes[text[i]])
		for len(known) < len(w.b) {
			known = append(known, i)
		}
		if w.n == 0 {
			known[len(known)-1] = i + 1
		}
	}
	w.code(fixedCodes[endOfBlock])
	w.bits(0b010, 3) // the partial flush of zlib: an empty fixed block, of which not all bits are sent
	w.code(fixedCodes[endOfBlock])
	d := new(Inflater)
	var got []byte
	buf := make([]byte, 100)
	for i, c := range w.b {
		n, r, err := d.Inflate(buf, []byte{c})
		for got = append(got, buf[:n]...); err == nil && r == 0; got = append(got, buf[:n]...) {
			n, r, err = d.Inflate(buf, []byte{c})
		}
		if err != nil {
			t.Fatal(err)
		}
		if i < len(known) && len(got) < known[i] {
			t.Errorf("after %d octets: %q, want %d octets", i+1, got, known[i])
		}
	}
	if string(got) != text || !d.Ended() {
		t.Errorf("got %q, ended %v", got, d.Ended())
	}
}

func TestStopsAtAFlush(t *testing.T) {
	var z Deflater
	src := z.Append(nil, []byte("a1 UNAUTHENTICATE\r\n"))
	first := len(src)
	src = append(src, "plain text that follows"...)
	d := new(Inflater)
	if d.Ended() {
		t.Error("a stream that has not begun can end")
	}
	buf := make([]byte, 100)
	n, r, err := d.Inflate(buf, src)
	if string(buf[:n]) != "a1 UNAUTHENTICATE\r\n" || r != first || err != nil || !d.Ended() {
		t.Errorf("got %q, %d of %d octets, %v, ended %v", buf[:n], r, first, err, d.Ended())
	}
	d = new(Inflater)
	if n, r, err = d.Inflate(buf, append(AppendEnd(nil), "plain"...)); n != 0 || r != 2 || err != io.EOF || !d.Ended() {
		t.Errorf("at the end: %d octets, %d read, %v", n, r, err)
	}
}

func TestCorrupt(t *testing.T) {
	many := func(n int, bits ...int) []byte { // pairs of value and number of bits
		w := bitWriter{}
		for i := 0; i < len(bits); i += 2 {
			w.bits(bits[i], uint(bits[i+1]))
		}
		w.align()
		return append(w.b, make([]byte, n)...)
	}
	for name, src := range map[string][]byte{
		"block type 3":                  {7},
		"stored length":                 {0, 1, 0, 1, 0},
		"287 literals":                  many(40, 4, 3, 30, 5, 0, 5, 0, 4),
		"31 distances":                  many(40, 4, 3, 0, 5, 30, 5, 0, 4),
		"too many codes of one bit":     many(0, 4, 3, 0, 5, 0, 5, 0, 4, 1, 3, 1, 3, 1, 3, 1, 3),
		"a repeat of nothing":           many(4, 4, 3, 0, 5, 0, 5, 0, 4, 1, 3, 0, 3, 0, 3, 0, 3, 0, 1),
		"distance before the beginning": many(0, 2, 3, 0b1000000, 7, 0, 5),
		"length symbol 286":             many(1, 2, 3, 0b01100011, 8),
		"distance symbol 30":            many(1, 2, 3, 0b1000000, 7, 0b01111, 5),
	} {
		d := new(Inflater)
		got, err := inflate(t, d, src, 100)
		if !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
		if _, _, err := d.Inflate(make([]byte, 1), []byte{3, 0}); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: afterwards %v", name, err)
		}
	}
}

// TestMemory: what an Inflater holds follows from what it was given, and an immense output needs no more.
func TestMemory(t *testing.T) {
	d := new(Inflater)
	if _, err := inflate(t, d, flushed(t, 1, []byte(strings.Repeat("a1 NOOP\r\n", 20))), 4096); err != nil || d.Size() != windowMin {
		t.Errorf("%d octets are held after a few, %v", d.Size(), err)
	}
	bomb := packed(t, 9, make([]byte, 64<<20))
	d = new(Inflater)
	buf := make([]byte, 4096)
	total := int64(0)
	for err := error(nil); err == nil; {
		var n, r int
		n, r, err = d.Inflate(buf, bomb)
		bomb = bomb[r:]
		total += int64(n)
	}
	if total != 64<<20 || d.Size() > windowMax+tablesSize {
		t.Errorf("%d octets, %d are held", total, d.Size())
	}
}

// FuzzInflate compares with compress/flate: the same octets, and the same verdict on where and whether the stream ends,
// however the input and the room come.
func FuzzInflate(f *testing.F) {
	for _, level := range []int{flate.HuffmanOnly, 0, 1, 6} {
		f.Add(packed(f, level, answers(3000)), uint16(100), uint16(7))
		f.Add(flushed(f, level, noise(4, 300)), uint16(1), uint16(1))
	}
	f.Add([]byte{7}, uint16(3), uint16(2))
	f.Add([]byte("200AA\x00\x01<"), uint16(262), uint16(0)) // a flush, then in the same octet no block
	f.Fuzz(func(t *testing.T, src []byte, room, size uint16) {
		want, wantErr := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(src)), 1<<20))
		if len(want) == 1<<20 {
			return
		}
		d := new(Inflater)
		got, err := inflate(t, d, src, int(room)+1, int(size)+1)
		switch {
		case wantErr == nil && (err != io.EOF || !bytes.Equal(got, want)):
			t.Errorf("%d octets and %v, compress/flate has %d", len(got), err, len(want))
		case wantErr != nil && err == io.EOF:
			t.Errorf("the end, where compress/flate has %v", wantErr)
		case !bytes.HasPrefix(got, want) && !bytes.HasPrefix(want, got):
			t.Error("other octets than compress/flate")
		case errors.Is(wantErr, io.ErrUnexpectedEOF) && err == nil && len(got) < len(want):
			t.Errorf("%d octets of what has arrived, compress/flate has %d", len(got), len(want))
		}
		whole, wholeErr := inflate(t, new(Inflater), src, 1<<16)
		if !bytes.Equal(got, whole) || err != wholeErr {
			t.Errorf("in pieces %d octets and %v, at once %d and %v", len(got), err, len(whole), wholeErr)
		}
	})
}

func BenchmarkInflate(b *testing.B) {
	for name, text := range map[string][]byte{"answers": answers(1 << 20), "noise": noise(5, 1<<20)} {
		src := packed(b, 6, text)
		buf := make([]byte, 4096)
		b.Run(name+"/ours", func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				d := new(Inflater)
				for in, err := src, error(nil); err == nil; {
					var r int
					_, r, err = d.Inflate(buf, in)
					in = in[r:]
				}
			}
		})
		b.Run(name+"/flate", func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				r := flate.NewReader(bytes.NewReader(src))
				for err := error(nil); err == nil; {
					_, err = r.Read(buf)
				}
			}
		})
	}
}
