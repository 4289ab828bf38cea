package search

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// rankedTexts is a column of these texts.
func rankedTexts(texts []string) *columnBuilder {
	var b columnBuilder
	for _, text := range texts {
		b.texts = append(b.texts, text...)
		b.ends = append(b.ends, uint32(len(b.texts)))
	}
	b.rank()
	return &b
}

// TestRank: ranks compare as the texts do, octet by octet; only the empty text is 0, and there is no gap.
func TestRank(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	for round := range 60 {
		texts := make([]string, 1+r.IntN(400))
		for i := range texts {
			texts[i] = rankText(r, round)
		}
		b := rankedTexts(texts)
		distinct := slices.Compact(slices.Sorted(slices.Values(texts)))
		if distinct[0] != "" {
			distinct = append([]string{""}, distinct...)
		}
		for i, text := range texts {
			want, _ := slices.BinarySearch(distinct, text)
			if b.values[i] != uint64(want) {
				t.Fatalf("round %d: %q has rank %d, want %d", round, text, b.values[i], want)
			}
		}
	}
}

// rankText is a text that is likely to begin as others do, with zeros in it, and to end where octets are
// taken by eights.
func rankText(r *rand.Rand, round int) string {
	beginning := strings.Repeat(string(rune('a'+r.IntN(2))), []int{0, 7, 8, 9, 16, 40}[round%6])
	end := make([]byte, r.IntN(20))
	for i := range end {
		end[i] = []byte{0, 0, 'a', 'b', 0xff}[r.IntN(5)]
	}
	return beginning + string(bytes.TrimLeft(end, "b"))
}

// TestRankOfEqualTexts: many long texts that differ late, or not at all.
func TestRankOfEqualTexts(t *testing.T) {
	var texts []string
	long := strings.Repeat("x", maxSortText-5)
	for i := range 300 {
		texts = append(texts, fmt.Sprintf("%s%05d", long, i/3))
	}
	for i, v := range rankedTexts(texts).values {
		if v != uint64(i/3+1) {
			t.Fatalf("text %d: rank %d", i, v)
		}
	}
}
