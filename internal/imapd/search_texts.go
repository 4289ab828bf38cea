package imapd

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"sort"

	"github.com/constance-mail/constance/internal/fold"
	"github.com/constance-mail/constance/internal/mail"
)

// keptTexts are the texts of one kind (who a message is from, say) of a mailbox's messages, folded and one after the other, so that
// one pass finds all that hold a string. Like a column they never change, but for messages that arrive.
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
func (q *searcher) hit(k *criterion, u mail.UID) verdict {
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
	// textsFrom is how many messages a search has to read, at least, to have all texts of the mailbox kept; textsPart is
	// what part of it they have to be.
	textsFrom = mail.PageSize
	textsPart = 8
	// usualText is how long texts are thought to be before they are read, octets.
	usualText = 64
)

// useTexts has keys decide by the texts that are kept of the mailbox. They are read, for later searches too, if most of
// the mailbox would have to be read anyway, and if they are not too many to be kept.
func (q *searcher) useTexts(ctx context.Context) error {
	if len(q.hits) == 0 {
		return nil
	}
	for i := range q.hits {
		kept, _ := q.columns.get(q.textsKey(q.hits[i].text)).(*keptTexts)
		q.lookInto(i, kept)
	}
	if q.snap.Len()*usualText > q.columns.most() {
		return nil
	}
	if n := q.undecided(); n < textsFrom || n*textsPart < q.snap.Len() {
		return nil
	}
	for i := range q.hits {
		h := &q.hits[i]
		if h.in == nil || !h.in.many && h.in.last() < q.lastUID() {
			t, err := q.readTexts(ctx, h.text, h.in)
			if err != nil {
				return err
			}
			q.lookIntoAll(h.text, t)
		}
	}
	return nil
}

// lookIntoAll has the keys of a kind of text decide by these.
func (q *searcher) lookIntoAll(text int, t *keptTexts) {
	for i := range q.hits {
		if q.hits[i].text == text {
			q.lookInto(i, t)
		}
	}
}

func (q *searcher) textsKey(text int) columnKey { return q.columnKey(textsKind + uint8(text)) }

// lookInto has the i-th key decide by these texts, nil for none.
func (q *searcher) lookInto(i int, t *keptTexts) {
	h := &q.hits[i]
	if h.in = t; t != nil {
		h.found = t.holding(h.needle)
	}
}

func (q *searcher) lastUID() mail.UID {
	for i := len(q.snap.Pages) - 1; i >= 0; i-- {
		if uids := q.snap.Pages[i].UIDs; len(uids) > 0 {
			return uids[len(uids)-1]
		}
	}
	return 0
}

// undecided is how many messages would have to be read.
func (q *searcher) undecided() int {
	n := 0
	for _, p := range q.known() {
		q.first(p, q.knownOf(p))
		n += len(q.ids)
	}
	return n
}

// errManyTexts is of texts that are too many to be kept.
var errManyTexts = errors.New("too many texts")

// readTexts reads the texts of the messages that old, which may be nil, does not have.
func (q *searcher) readTexts(ctx context.Context, text int, old *keptTexts) (*keptTexts, error) {
	t := &keptTexts{}
	if old != nil && len(old.uids) <= 2*q.snap.Len() { // else most of it was expunged since
		t = &keptTexts{uids: slices.Clone(old.uids), all: slices.Clone(old.all), ends: slices.Clone(old.ends)}
	}
	s := scan{want: mail.ColMessageID << text, after: t.last()}
	err := inParts(ctx, q, s, func() *pageTexts { return &pageTexts{text: text, collation: q.collation} },
		func(made *pageTexts) error {
			t.join(&made.keptTexts)
			if t.size() > q.columns.most() {
				return errManyTexts
			}
			return nil
		})
	switch {
	case errors.Is(err, errManyTexts):
		t = &keptTexts{many: true}
	case err != nil:
		return nil, err
	}
	q.columns.put(q.textsKey(text), t)
	return t, nil
}

// join adds the texts of messages that come later.
func (t *keptTexts) join(next *keptTexts) {
	at := uint32(len(t.all))
	t.uids, t.all = append(t.uids, next.uids...), append(t.all, next.all...)
	for _, end := range next.ends {
		t.ends = append(t.ends, at+end)
	}
}

// pageTexts collects texts.
type pageTexts struct {
	keptTexts
	text      int // of Digest.Texts
	collation fold.Collation
}

// add implements part.
func (b *pageTexts) add(p *mail.Page, row int, d *mail.Digest) {
	if d == nil {
		return
	}
	b.uids = append(b.uids, p.UIDs[row])
	b.all = fold.AppendAs(b.collation, b.all, *d.Texts()[b.text])
	b.ends = append(b.ends, uint32(len(b.all)))
}
