package search

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/constance-mail/constance/internal/fold"
	"github.com/constance-mail/constance/internal/imap"
	"github.com/constance-mail/constance/internal/mail"
)

// builderOf is a column of these subjects, whose texts take no more than limit octets, made of pages if they
// are joined.
func builderOf(subjects []string, limit int, joined bool) *columnBuilder {
	b := newColumnBuilder(&sources[imap.SortSubject], fold.UnicodeCasemap)
	b.limit = limit
	p := &mail.Page{UIDs: make([]mail.UID, len(subjects))}
	for i := 0; i < len(subjects); {
		part := b
		if joined {
			part = newColumnBuilder(b.src, b.collation)
		}
		for range 100 {
			if i < len(subjects) {
				p.UIDs[i] = mail.UID(i + 1)
				part.add(p, i, &mail.Digest{Keys: mail.Keys{BaseSubject: subjects[i]}})
				i++
			}
		}
		if joined {
			b.join(part)
		}
	}
	b.rank()
	return b
}

// TestManyTexts: texts that are too much altogether are shortened, and stay equal or not; those that differ
// early keep their order.
func TestManyTexts(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	subjects := make([]string, 2000)
	for i := range subjects {
		text := fmt.Sprintf("%04d %s", r.IntN(40), strings.Repeat("LONG ", r.IntN(100)))
		if r.IntN(2) == 0 {
			text += fmt.Sprint(r.IntN(3))
		}
		subjects[i] = text[:min(len(text), maxSortText)]
	}
	for _, limit := range []int{1 << 30, 200_000, 100_000, 70_000} {
		for _, joined := range []bool{false, true} {
			b := builderOf(subjects, limit, joined)
			if len(b.texts) > limit || limit < 1<<30 && b.most == maxSortText {
				t.Fatalf("limit %d: %d octets, each up to %d", limit, len(b.texts), b.most)
			}
			checkRanks(t, subjects, b)
		}
	}
	if a, b := builderOf(subjects, 1<<30, false), builderOf(subjects, 1<<30, true); !bytes.Equal(a.texts, b.texts) ||
		!slices.Equal(a.ends, b.ends) || !slices.Equal(a.uids, b.uids) || !slices.Equal(a.values, b.values) {
		t.Error("a column of parts is another one than that of the whole")
	}
}

// checkRanks compares the ranks of neighbours, and of others.
func checkRanks(t *testing.T, subjects []string, b *columnBuilder) {
	t.Helper()
	const certain = minSortText - 8
	for i, x := range subjects {
		for _, k := range []int{(i + 1) % len(subjects), i * 7 % len(subjects), i * 31 % len(subjects)} {
			y := subjects[k]
			if (x == y) != (b.values[i] == b.values[k]) {
				t.Fatalf("%d octets each: %q and %q have ranks %d and %d", b.most, x, y, b.values[i], b.values[k])
			}
			px, py := x[:min(len(x), certain)], y[:min(len(y), certain)]
			if px < py && b.values[i] >= b.values[k] {
				t.Fatalf("%d octets each: %q is not before %q", b.most, x, y)
			}
		}
	}
}
