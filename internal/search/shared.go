package search

import (
	"context"

	"github.com/constance-mail/constance/internal/fold"
	"github.com/constance-mail/constance/internal/mail"
)

const (
	// handsFrom is how many messages a search has to read before it gets more goroutines, for as many pages
	// as that or more.
	handsFrom  = 4 * mail.PageSize
	handsPages = 4
)

// shared has that many goroutines look at pages. Who does not want to hear more of the progress ends what they are at.
func (q *Query) shared(ctx context.Context, n int, pages []*mail.Page) error {
	helpers := q.helpers(n)
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	tell := func() error {
		err := q.tell(0)
		if err != nil {
			stop()
		}
		return err
	}
	return inTurns(n, len(pages), func(hand, step int) (verdicts, error) {
		err := ctx.Err()
		if err == nil {
			err = helpers[hand].page(ctx, pages[step])
		}
		return helpers[hand].verdicts, err
	}, func(step int, v verdicts) error {
		q.note(pages[step], &v)
		return tell()
	}, tell)
}

// newFinder is a Finder of that collation.
func newFinder(c fold.Collation) fold.Finder { return fold.Finder{Folder: fold.Folder{Collation: c}} }

// helpers are queries for that many goroutines: what they have in common with q never changes.
func (q *Query) helpers(n int) []Query {
	helpers := make([]Query, n)
	in := q.in
	in.Tell = nil // which is for the goroutine of q
	for i := range helpers {
		helpers[i] = Query{in: in, now: q.now, want: q.want, key: q.key, texts: q.texts, index: q.index, hits: q.hits,
			find: newFinder(q.in.Collation)}
		q.giveFuzzy(&helpers[i])
	}
	return helpers
}

// part is what is made of the digests of a page.
type part interface {
	add(p *mail.Page, row int, d *mail.Digest) // d is nil if the content is gone
	reset()                                    // to be that of another page
}

// inParts has the digests of the messages after a UID read, by several goroutines if they are many, and takes
// what is made of them page by page.
func inParts[P part](ctx context.Context, q *Query, s scan, begin func() P, take func(P) error) error {
	pages := q.in.Snapshot.Pages
	for len(pages) > 0 && (len(pages[0].UIDs) == 0 || pages[0].UIDs[len(pages[0].UIDs)-1] <= s.after) {
		pages = pages[1:]
	}
	n := 0
	if len(pages) >= handsPages {
		n = q.in.Resources.hands.take()
		defer q.in.Resources.hands.give(n)
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
	}, nil)
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
func (q *Query) fillColumn(ctx context.Context, b *columnBuilder) error {
	return inParts(ctx, q, scan{want: b.src.want, after: b.last()}, func() *columnBuilder {
		return newColumnBuilder(b.src, b.collation)
	}, func(made *columnBuilder) error {
		first := len(b.uids) == 0
		b.join(made)
		if first {
			b.grow(max(0, q.in.Snapshot.Len()-len(b.uids)))
		}
		return nil
	})
}
