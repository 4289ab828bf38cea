package search

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"slices"
)

// ranked is a text that is to be ranked: which it is, and eight octets of it, which compare as numbers do.
type ranked struct {
	octets uint64
	i      uint32
}

// fewTexts are ordered by comparing all that is left of them.
const fewTexts = 16

// rank makes the values of the texts.
func (b *columnBuilder) rank() {
	order := make([]ranked, len(b.ends))
	for i := range order {
		order[i].i = uint32(i)
	}
	b.order(order, 0)
	b.values = make([]uint64, len(order))
	rank, last := uint64(0), []byte(nil)
	for _, r := range order {
		if text := b.text(r.i); !bytes.Equal(text, last) {
			rank, last = rank+1, text
		}
		b.values[r.i] = rank
	}
}

// order orders texts that are equal up to an offset: by the eight octets there, and those that are equal in
// these by what follows.
func (b *columnBuilder) order(texts []ranked, from int) {
	for k := range texts {
		texts[k].octets = b.octets(texts[k].i, from)
	}
	slices.SortFunc(texts, func(x, y ranked) int { return cmp.Compare(x.octets, y.octets) })
	for len(texts) > 0 {
		n := 1
		for n < len(texts) && texts[n].octets == texts[0].octets {
			n++
		}
		b.orderRest(texts[:n], from+8)
		texts = texts[n:]
	}
}

// orderRest orders texts that are equal up to an offset, where some may have ended: these come first, the
// shortest before all.
func (b *columnBuilder) orderRest(texts []ranked, from int) {
	if len(texts) <= fewTexts {
		slices.SortFunc(texts, func(x, y ranked) int { return bytes.Compare(b.text(x.i), b.text(y.i)) })
		return
	}
	ended := 0
	for k := range texts {
		if len(b.text(texts[k].i)) <= from {
			texts[k], texts[ended] = texts[ended], texts[k]
			ended++
		}
	}
	slices.SortFunc(texts[:ended], func(x, y ranked) int { return cmp.Compare(len(b.text(x.i)), len(b.text(y.i))) })
	if rest := texts[ended:]; len(rest) > 0 {
		b.order(rest, from)
	}
}

// octets are eight octets of a text, from an offset on; where it has ended they are 0.
func (b *columnBuilder) octets(i uint32, from int) uint64 {
	text := b.text(i)
	text = text[min(from, len(text)):]
	if len(text) >= 8 {
		return binary.BigEndian.Uint64(text)
	}
	var o [8]byte
	copy(o[:], text)
	return binary.BigEndian.Uint64(o[:])
}
