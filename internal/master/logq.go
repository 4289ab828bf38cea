package master

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"
)

// logQueue keeps a log that blocks from blocking the loop: records wait in a bounded queue for a goroutine of their
// own; those that do not fit are counted and reported when there is room again.
type logQueue struct {
	to      slog.Handler
	c       chan slog.Record
	dropped *atomic.Uint64
	flushes chan chan struct{}
	done    chan struct{}
}

func newLogQueue(to slog.Handler, size int) *logQueue {
	q := &logQueue{to: to, c: make(chan slog.Record, size), dropped: new(atomic.Uint64), done: make(chan struct{}),
		flushes: make(chan chan struct{})}
	go q.run()
	return q
}

func (q *logQueue) run() {
	defer close(q.done)
	reported := uint64(0)
	for {
		select {
		case r, more := <-q.c:
			if !more {
				return
			}
			q.pass(r, &reported)
		case flushed := <-q.flushes:
			for range len(q.c) {
				q.pass(<-q.c, &reported)
			}
			close(flushed)
		}
	}
}

// pass hands a record on, after word of those that were dropped and not reported yet.
func (q *logQueue) pass(r slog.Record, reported *uint64) {
	ctx := context.Background()
	if n := q.dropped.Load(); n > *reported {
		lost := slog.NewRecord(r.Time, slog.LevelWarn, "log lines were dropped", 0)
		lost.AddAttrs(slog.Uint64("lines", n-*reported))
		*reported = n
		q.to.Handle(ctx, lost) //nolint:errcheck // nobody to tell
	}
	q.to.Handle(ctx, r) //nolint:errcheck // nobody to tell
}

// flush waits until the log has taken what there is, but not for longer than patience.
func (q *logQueue) flush(patience time.Duration) {
	done := make(chan struct{})
	t := time.NewTimer(patience)
	defer t.Stop()
	select {
	case q.flushes <- done:
	case <-t.C:
		return
	}
	select {
	case <-done:
	case <-t.C:
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
