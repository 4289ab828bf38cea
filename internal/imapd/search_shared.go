package imapd

import (
	"context"

	"github.com/constance-mail/constance/internal/fold"
	"github.com/constance-mail/constance/internal/mail"
)

const (
	// handsFrom is how many messages a search has to read before it gets more goroutines, for as many pages as that or more.
	handsFrom  = 4 * mail.PageSize
	handsPages = 4
)

// shared has that many goroutines look at pages.
func (q *searcher) shared(ctx context.Context, n int, pages []*mail.Page) error {
	helpers := q.helpers(n)
	return inTurns(n, len(pages), func(hand, step int) (verdicts, error) {
		err := ctx.Err()
		if err == nil {
			err = helpers[hand].page(ctx, pages[step])
		}
		return helpers[hand].verdicts, err
	}, func(step int, v verdicts) error {
		q.note(pages[step], &v)
		return q.tell(q.done, q.snap.Len())
	})
}

// newFinder is a Finder of that collation.
func newFinder(c fold.Collation) fold.Finder { return fold.Finder{Folder: fold.Folder{Collation: c}} }

// helpers are searchers for that many goroutines: what they have in common with q never changes.
func (q *searcher) helpers(n int) []searcher {
	helpers := make([]searcher, n)
	for i := range helpers {
		helpers[i] = searcher{acct: q.acct, snap: q.snap, view: q.view, recent: q.recent, saved: q.saved, collation: q.collation,
			now: q.now, want: q.want, key: q.key, texts: q.texts, index: q.index, find: newFinder(q.collation)}
		q.giveFuzzy(&helpers[i])
	}
	return helpers
}

// fillColumn adds the messages of the mailbox that a column does not have yet, by several goroutines if they are many.
func (q *searcher) fillColumn(ctx context.Context, b *columnBuilder) error {
	pages, after := q.snap.Pages, b.last()
	for len(pages) > 0 && (len(pages[0].UIDs) == 0 || pages[0].UIDs[len(pages[0].UIDs)-1] <= after) {
		pages = pages[1:]
	}
	n := 0
	if len(pages) >= handsPages {
		n = q.hands.take()
		defer q.hands.give(n)
	}
	if n == 0 {
		return q.digests(ctx, b.src.want, scan{after: after}, b.add)
	}
	helpers := q.helpers(n)
	return inTurns(n, len(pages), func(hand, step int) (*columnBuilder, error) {
		part := newColumnBuilder(b.src, b.collation)
		return part, helpers[hand].pageDigests(ctx, b.src.want, pages[step], &scan{after: after}, part.add)
	}, func(step int, part *columnBuilder) error {
		b.join(part)
		if step == 0 {
			b.grow(max(0, q.snap.Len()-len(b.uids)))
		}
		return nil
	})
}
