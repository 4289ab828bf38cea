package mail

import (
	"context"
	"sync/atomic"
)

// Progress counts the messages that a change of the store has dealt with, for others to look at while it goes on. A nil
// Progress counts nothing.
type Progress struct{ done atomic.Int64 }

// Add counts n more messages.
func (p *Progress) Add(n int) {
	if p != nil {
		p.done.Add(int64(n))
	}
}

// Done is how many messages were counted.
func (p *Progress) Done() int {
	if p == nil {
		return 0
	}
	return int(p.done.Load())
}

type progressKey struct{}

// WithProgress is ctx with a Progress for the changes that are made with it.
func WithProgress(ctx context.Context, p *Progress) context.Context {
	return context.WithValue(ctx, progressKey{}, p)
}

// ProgressOf is the Progress of ctx, nil if there is none.
func ProgressOf(ctx context.Context) *Progress {
	p, _ := ctx.Value(progressKey{}).(*Progress)
	return p
}
