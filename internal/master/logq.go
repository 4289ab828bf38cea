package master

import (
	"context"
	"log/slog"
	"sync/atomic"
)

// logQueue keeps a log that blocks from blocking the loop: records wait in a bounded queue for a goroutine of their
// own; those that do not fit are counted and reported when there is room again.
type logQueue struct {
	to      slog.Handler
	c       chan slog.Record
	dropped *atomic.Uint64
	done    chan struct{}
}

func newLogQueue(to slog.Handler, size int) *logQueue {
	q := &logQueue{to: to, c: make(chan slog.Record, size), dropped: new(atomic.Uint64), done: make(chan struct{})}
	go q.run()
	return q
}

func (q *logQueue) run() {
	defer close(q.done)
	reported := uint64(0)
	for r := range q.c {
		ctx := context.Background()
		if n := q.dropped.Load(); n > reported {
			lost := slog.NewRecord(r.Time, slog.LevelWarn, "log lines were dropped", 0)
			lost.AddAttrs(slog.Uint64("lines", n-reported))
			reported = n
			q.to.Handle(ctx, lost) //nolint:errcheck // nobody to tell
		}
		q.to.Handle(ctx, r) //nolint:errcheck // nobody to tell
	}
}

// close writes what is left, unless the log blocks for longer than a moment.
func (q *logQueue) close(giveUp <-chan struct{}) {
	close(q.c)
	select {
	case <-q.done:
	case <-giveUp:
	}
}

// Enabled implements slog.Handler.
func (q *logQueue) Enabled(ctx context.Context, l slog.Level) bool { return q.to.Enabled(ctx, l) }

// Handle implements slog.Handler; it never blocks.
func (q *logQueue) Handle(_ context.Context, r slog.Record) error {
	select {
	case q.c <- r.Clone():
	default:
		q.dropped.Add(1)
	}
	return nil
}

// WithAttrs implements slog.Handler: the loop uses no prepared attributes.
func (q *logQueue) WithAttrs([]slog.Attr) slog.Handler { return q }

// WithGroup implements slog.Handler.
func (q *logQueue) WithGroup(string) slog.Handler { return q }
