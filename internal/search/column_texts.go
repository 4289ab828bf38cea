package search

import (
	"encoding/binary"
	"hash/maphash"
	"slices"
)

// minSortText is how much of a text is kept in any case, octets.
const minSortText = 32

// grow makes room for n more messages, whose texts are about as long as those there are.
func (b *columnBuilder) grow(n int) {
	b.uids = slices.Grow(b.uids, n)
	if b.src.number != nil {
		b.values = slices.Grow(b.values, n)
		return
	}
	b.ends = slices.Grow(b.ends, n)
	if have := len(b.ends); have > 0 {
		b.texts = slices.Grow(b.texts, min(b.limit, len(b.texts)/have*n+len(b.texts)/8))
	}
}

// reset implements part.
func (b *columnBuilder) reset() {
	b.uids, b.values, b.texts, b.ends = b.uids[:0], b.values[:0], b.texts[:0], b.ends[:0]
}

// join adds the messages of another column, which come after those there are.
func (b *columnBuilder) join(next *columnBuilder) {
	b.uids, b.values = append(b.uids, next.uids...), append(b.values, next.values...)
	for i := range next.ends {
		b.texts = append(b.texts, b.cut(next.text(uint32(i)), maxSortText)...)
		b.endText()
	}
}

// endText ends the text at the end of texts.
func (b *columnBuilder) endText() {
	b.ends = append(b.ends, uint32(len(b.texts)))
	for len(b.texts) > b.limit && b.most > minSortText {
		b.shorten()
	}
}

// shorten halves how much is kept of a text.
func (b *columnBuilder) shorten() {
	if b.most == maxSortText {
		b.seed = maphash.MakeSeed()
	}
	was := b.most
	b.most /= 2
	from, at := uint32(0), 0
	for i, end := range b.ends {
		at += copy(b.texts[at:], b.cut(b.texts[from:end], was))
		from, b.ends[i] = end, uint32(at)
	}
	b.texts = b.texts[:at]
}

// cut cuts a text, of which was octets were kept, to what is kept now, in its place. What it cut off is made
// a hash, so that texts are equal that were, and no others; those that differ only there are in an order of
// no meaning.
func (b *columnBuilder) cut(text []byte, was int) []byte {
	for most := was / 2; most >= b.most; most /= 2 {
		if len(text) > most {
			hash := maphash.Bytes(b.seed, text)
			text = binary.BigEndian.AppendUint64(text[:most-8], hash)
		}
	}
	return text
}
