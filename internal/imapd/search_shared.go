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
			now: q.now, want: q.want, key: q.key, texts: q.texts, index: q.index,
			hits: q.hits, find: newFinder(q.collation)}
		q.giveFuzzy(&helpers[i])
	}
	return helpers
}

// part is what is made of the digests of a page.
type part interface {
	add(p *mail.Page, row int, d *mail.Digest) // d is nil if the content is gone
	reset()                                    // to be that of another page
}

// inParts has the digests of the messages after a UID read, by several goroutines if they are many, and takes what is made of
// them page by page.
func inParts[P part](ctx context.Context, q *searcher, s scan, begin func() P, take func(P) error) error {
	pages := q.snap.Pages
	for len(pages) > 0 && (len(pages[0].UIDs) == 0 || pages[0].UIDs[len(pages[0].UIDs)-1] <= s.after) {
		pages = pages[1:]
	}
	n := 0
	if len(pages) >= handsPages {
		n = q.hands.take()
		defer q.hands.give(n)
	}
	helpers := q.helpers(max(n, 1))
	taken := make(chan P, 3*len(helpers)) // as many as there are at a time
	return inTurns(len(helpers), len(pages), func(hand, step int) (P, error) {
		made, s := another(taken, begin), s
		return made, helpers[hand].pageDigests(ctx, pages[step], &s, made.add)
	}, func(_ int, made P) error {
		err := take(made)
		made.reset()
		taken <- made
		return err
	})
}

// another is a part that was taken, or a new one.
func another[P part](taken <-chan P, begin func() P) P {
	select {
	case made := <-taken:
		return made
	default:
		return begin()
	}
}

// fillColumn adds the messages of the mailbox that a column does not have yet.
func (q *searcher) fillColumn(ctx context.Context, b *columnBuilder) error {
	return inParts(ctx, q, scan{want: b.src.want, after: b.last()}, func() *columnBuilder {
		return newColumnBuilder(b.src, b.collation)
	}, func(made *columnBuilder) error {
		first := len(b.uids) == 0
		b.join(made)
		if first {
			b.grow(max(0, q.snap.Len()-len(b.uids)))
		}
		return nil
	})
}
