package search

import (
	"bytes"
	"context"
	"slices"
	"sort"

	"github.com/constance-mail/constance/internal/fold"
	"github.com/constance-mail/constance/internal/mail"
)

// keptTexts are the texts of one kind (who a message is from, say) of a mailbox's messages, folded and one
// after the other, so that one pass finds all that hold a string. Like a column they never change, but for
// messages that arrive.
type keptTexts struct {
	uids []mail.UID // ascending; not those whose content is gone
	all  []byte
	ends []uint32 // of uids: where the text ends
	many bool     // they are too many to be kept, and there are none
}

// size is what the texts take, octets.
func (t *keptTexts) size() int { return 4*cap(t.uids) + cap(t.all) + 4*cap(t.ends) }

// last is the last message, 0 if there is none.
func (t *keptTexts) last() mail.UID {
	if len(t.uids) == 0 {
		return 0
	}
	return t.uids[len(t.uids)-1]
}

// holding are the messages whose texts hold needle: bit i%64 of word i/64 is the i-th.
func (t *keptTexts) holding(needle []byte) []uint64 {
	found := make([]uint64, (len(t.uids)+63)/64)
	if len(needle) == 0 {
		for i := range found {
			found[i] = ^uint64(0)
		}
		return found
	}
	for from := 0; ; {
		at := bytes.Index(t.all[from:], needle)
		if at < 0 {
			return found
		}
		at += from
		i := sort.Search(len(t.ends), func(i int) bool { return int(t.ends[i]) > at })
		from = int(t.ends[i])
		if at+len(needle) <= from { // else it is half of the next text's
			found[i/64] |= 1 << (i % 64)
		}
	}
}

// hits are the messages that a key finds by texts that are kept.
type hits struct {
	text   int // of Digest.Texts
	needle []byte
	in     *keptTexts // nil: they were not read yet
	found  []uint64
}

// hit decides by the texts that are kept.
func (q *Query) hit(k *criterion, u mail.UID) verdict {
	h := &q.hits[k.hit]
	if h.in == nil {
		return unknown
	}
	i := q.place + 1 // messages are mostly asked about in their order
	if i >= len(h.in.uids) || h.in.uids[i] != u {
		var ok bool
		if i, ok = slices.BinarySearch(h.in.uids, u); !ok {
			return unknown
		}
	}
	q.place = i
	return verdictOf(h.found[i/64]&(1<<(i%64)) != 0)
}

const (
	// textsFrom is how many messages a search has to read, at least, to have all texts of the mailbox kept;
	// textsPart is what part of it they have to be.
	textsFrom = mail.PageSize
	textsPart = 8
	// usualText is how long texts are thought to be before they are read, octets.
	usualText = 64
)

// useTexts has keys decide by the texts that are kept of the mailbox. They are read, for later searches too,
// if most of the mailbox would have to be read anyway, and if they are not too many to be kept.
func (q *Query) useTexts(ctx context.Context) error {
	if len(q.hits) == 0 {
		return nil
	}
	for i := range q.hits {
		kept, _ := q.in.Resources.columns.get(q.textsKey(q.hits[i].text)).(*keptTexts)
		q.lookInto(i, kept)
	}
	if q.in.Snapshot.Len()*usualText > q.in.Resources.columns.most() {
		return nil
	}
	if n := q.undecided(); n < textsFrom || n*textsPart < q.in.Snapshot.Len() {
		return nil
	}
	missing := q.missingTexts()
	if len(missing) == 0 {
		return nil
	}
	if err := q.readTexts(ctx, missing); err != nil {
		return err
	}
	for i := range q.hits {
		for _, m := range missing {
			if q.hits[i].text == m.text {
				q.lookInto(i, m.keptTexts)
			}
		}
	}
	return nil
}

// kindOfTexts are texts, and which of Digest.Texts they are.
type kindOfTexts struct {
	text int
	*keptTexts
}

// searchedTogether are texts of which one is often searched when another was; reading it costs little beside
// that one.
var searchedTogether = [...]mail.Columns{mail.ColSubject, mail.ColFrom}

// missingTexts are the texts that have to be read, with those of them that are kept.
func (q *Query) missingTexts() []kindOfTexts {
	var missing []kindOfTexts
	want, last := mail.Columns(0), q.lastUID()
	for i := range q.hits {
		want |= mail.ColMessageID << q.hits[i].text
	}
	for _, c := range searchedTogether {
		want |= c
	}
	for text := range mail.TextCount {
		if want&(mail.ColMessageID<<text) == 0 {
			continue
		}
		kept, _ := q.in.Resources.columns.get(q.textsKey(text)).(*keptTexts)
		if kept == nil || !kept.many && kept.last() < last {
			missing = append(missing, kindOfTexts{text, kept.begun(q.in.Snapshot.Len())})
		}
	}
	for i := range q.hits {
		if h := &q.hits[i]; h.in == nil || !h.in.many && h.in.last() < last {
			return missing
		}
	}
	return nil // all that are looked into now are there
}

// begun is a copy of t, which may be nil, to which others are added, or nothing if of t most was expunged
// since.
func (t *keptTexts) begun(messages int) *keptTexts {
	if t == nil || len(t.uids) > 2*messages {
		return &keptTexts{}
	}
	return &keptTexts{uids: slices.Clone(t.uids), all: slices.Clone(t.all), ends: slices.Clone(t.ends)}
}

func (q *Query) textsKey(text int) columnKey { return q.columnKey(textsKind + uint8(text)) }

// lookInto has the i-th key decide by these texts, nil for none.
func (q *Query) lookInto(i int, t *keptTexts) {
	h := &q.hits[i]
	if h.in = t; t != nil {
		h.found = t.holding(h.needle)
	}
}

func (q *Query) lastUID() mail.UID {
	for i := len(q.in.Snapshot.Pages) - 1; i >= 0; i-- {
		if uids := q.in.Snapshot.Pages[i].UIDs; len(uids) > 0 {
			return uids[len(uids)-1]
		}
	}
	return 0
}

// undecided is how many messages would have to be read.
func (q *Query) undecided() int {
	n := 0
	for _, p := range q.known() {
		q.first(p, q.knownOf(p))
		n += len(q.ids)
	}
	return n
}

// readTexts adds the texts of the messages that each kind does not have yet, and keeps them.
func (q *Query) readTexts(ctx context.Context, kinds []kindOfTexts) error {
	var s scan
	var after []mail.UID
	for _, k := range kinds {
		s.want |= mail.ColMessageID << k.text
		after = append(after, k.last())
	}
	s.after = slices.Min(after)
	begin := func() *pageTexts { return newPageTexts(kinds, after, q.in.Collation) }
	err := inParts(ctx, q, s, begin, func(made *pageTexts) error {
		for i := range kinds {
			if t := kinds[i].keptTexts; !t.many {
				t.join(&made.kinds[i], q.in.Snapshot.Len(), q.in.Resources.columns.most())
				if t.size() > q.in.Resources.columns.most() {
					*t = keptTexts{many: true}
				}
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, k := range kinds {
		q.in.Resources.columns.put(q.textsKey(k.text), k.keptTexts)
	}
	return nil
}

// join adds the texts of messages that come later. There will be about total, and most octets of them at
// most.
func (t *keptTexts) join(next *keptTexts, total, most int) {
	at := uint32(len(t.all))
	if have := len(next.uids); cap(t.uids)-len(t.uids) < have {
		more := max(have, total-len(t.uids)) // of texts that are about as long as these
		t.uids, t.ends = slices.Grow(t.uids, more), slices.Grow(t.ends, more)
		t.all = slices.Grow(t.all, min(most, len(next.all)*more/max(1, have)*9/8))
	}
	t.uids, t.all = append(t.uids, next.uids...), append(t.all, next.all...)
	for _, end := range next.ends {
		t.ends = append(t.ends, at+end)
	}
}

// pageTexts collects the texts of a page.
type pageTexts struct {
	collation fold.Collation
	of        []int      // of kinds: which of Digest.Texts they are
	after     []mail.UID // of kinds: what comes later is wanted
	kinds     []keptTexts
}

// newPageTexts collects what kinds do not have yet: they begin after these messages, whatever was added to
// them meanwhile.
func newPageTexts(kinds []kindOfTexts, after []mail.UID, c fold.Collation) *pageTexts {
	b := &pageTexts{collation: c, after: after, kinds: make([]keptTexts, len(kinds))}
	for _, k := range kinds {
		b.of = append(b.of, k.text)
	}
	return b
}

// add implements part.
func (b *pageTexts) add(p *mail.Page, row int, d *mail.Digest) {
	if d == nil {
		return
	}
	all, u := d.Texts(), p.UIDs[row]
	for i := range b.kinds {
		if t := &b.kinds[i]; u > b.after[i] {
			t.uids = append(t.uids, u)
			t.all = fold.AppendAs(b.collation, t.all, *all[b.of[i]])
			t.ends = append(t.ends, uint32(len(t.all)))
		}
	}
}

// reset implements part.
func (b *pageTexts) reset() {
	for i := range b.kinds {
		t := &b.kinds[i]
		t.uids, t.all, t.ends = t.uids[:0], t.all[:0], t.ends[:0]
	}
}
