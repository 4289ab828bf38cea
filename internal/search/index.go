package search

import (
	"context"

	"github.com/constance-mail/constance/internal/fold"
	"github.com/constance-mail/constance/internal/mail"
)

// Keys that have to read contents (BODY, TEXT, HEADER of a field that is not kept) say no at once to what the
// index of text is sure of. That is all: what stays a candidate is read and decides, so the answer never
// depends on the index, and a key may stand below NOT and OR.

const (
	// indexFrom is how many messages a search has to read before it asks the index, which costs as much as
	// some of them.
	indexFrom = 64
	// indexTexts is for how many texts of a search the index is asked, which bounds memory and time.
	indexTexts = 16
)

// indexed has the index asked for a text, if it comes to that, and gives the number for criterion.asked.
func (q *Query) indexed(needle []byte) int {
	if len(needle) == 0 || len(q.texts) == indexTexts || q.in.Collation != fold.UnicodeCasemap { // the index is folded so
		return 0
	}
	q.texts = append(q.texts, needle)
	return len(q.texts)
}

// leftOut tells whether the index is sure that the message does not hold the text of the key.
func (q *Query) leftOut(k *criterion, c *candidate) bool {
	return 0 < k.asked && k.asked <= len(q.index) && !q.index[k.asked-1].MayHold(c.page.Contents[c.row])
}

// wantsIndex tells whether so many more messages to be read make it worth while to ask the index now.
func (q *Query) wantsIndex(more int) bool {
	q.unread += more
	return len(q.texts) > 0 && q.index == nil && q.unread >= indexFrom
}

// askIndex asks the index, once in a search.
func (q *Query) askIndex(ctx context.Context) (err error) {
	first, last := ^mail.ContentID(0), mail.ContentID(0)
	for _, p := range q.in.Snapshot.Pages {
		for _, id := range p.Contents {
			first, last = min(first, id), max(last, id)
		}
	}
	q.index, err = q.in.Account.TextCandidates(ctx, first, last, q.texts)
	return err
}
