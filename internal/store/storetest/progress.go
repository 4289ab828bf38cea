package storetest

import (
	"context"

	"github.com/constance-mail/constance/internal/mail"
)

// counted runs a change and compares how many messages it counts.
func (e *env) counted(what string, want int, change func(ctx context.Context) error) {
	e.Helper()
	p := new(mail.Progress)
	e.ok(change(mail.WithProgress(e.ctx, p)))
	if got := p.Done(); got != want {
		e.Errorf("%s counts %d messages, want %d", what, got, want)
	}
}

var progressCases = []testCase{
	{"changes count the messages that they have dealt with", func(e *env) {
		const n = 600 // on three pages
		e.add(1, n)
		other := e.create("other").ID
		odd := mail.SetOf(1, 3, 300, n, n+1, n+1000)
		setFlags := func(uids mail.UIDSet, f mail.Flag) func(context.Context) error {
			return func(ctx context.Context) error {
				_, err := e.acc.SetFlags(ctx, 1, mail.FlagChange{UIDs: uids, Op: mail.AddFlags, Flags: []mail.Flag{f}})
				return err
			}
		}
		e.counted("SetFlags of all", n, setFlags(rangeOf(1, n), mail.Flagged))
		e.counted("SetFlags of some", 4, setFlags(odd, mail.Deleted))
		e.counted("SetFlags without effect", 4, setFlags(odd, mail.Deleted))
		e.counted("Copy", n-2, func(ctx context.Context) error {
			_, err := e.acc.Copy(ctx, 1, rangeOf(3, 2*n), other)
			return err
		})
		e.counted("Expunge of some", 298, func(ctx context.Context) error {
			_, _, err := e.acc.Expunge(ctx, 1, rangeOf(2, 299))
			return err
		})
		e.counted("Expunge", n-1, func(ctx context.Context) error {
			_, _, err := e.acc.Expunge(ctx, 1, nil)
			return err
		})
		e.counted("Move", n-4, func(ctx context.Context) error {
			_, err := e.acc.Move(ctx, 1, rangeOf(1, n), other)
			return err
		})
		e.counted("Append", 1, func(ctx context.Context) error {
			m := e.upload(Message{Size: 300}.Octets())
			defer m.Upload.Close()
			_, err := e.acc.Append(ctx, 1, []mail.NewMessage{m})
			return err
		})
	}},
	{"a change without a Progress, or one that is refused, counts for nobody", func(e *env) {
		e.add(1, 2)
		p := new(mail.Progress)
		ctx := mail.WithProgress(e.ctx, p)
		_, err := e.acc.Copy(ctx, 1, rangeOf(1, 2), 4711)
		e.kind(err, mail.NotFound)
		e.addFlags(1, rangeOf(1, 2), mail.Seen)
		if p.Done() != 0 {
			e.Errorf("counted %d", p.Done())
		}
	}},
}
