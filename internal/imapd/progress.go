package imapd

import (
	"context"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/constance-mail/constance/internal/imap"
	"github.com/constance-mail/constance/internal/mail"
	"github.com/constance-mail/constance/internal/wait"
)

// beginProgress notes when the client of a command that begins now is told of its progress first.
func (s *session) beginProgress(now time.Time) { s.tellAt = now.Add(s.srv.opts.Progress) }

// advance tells the client now and then how far its command is: done of total, in messages; 0 of 0 is not known. Loops
// call it between two chunks, when they hold nothing of the store. An error is that of the connection. RFC 9585.
func (s *session) advance(done, total int) error {
	if s.tellAt.IsZero() || total > 0 && done >= total { // the end is told by the tagged answer
		return nil
	}
	now := time.Now()
	if now.Before(s.tellAt) {
		return nil
	}
	s.tellAt = now.Add(s.srv.opts.Progress)
	b := imap.AppendCondStart(s.out.buf, imap.Untagged, imap.OK)
	b = imap.AppendInProgressCode(b, s.tag, done, total)
	s.out.buf = imap.AppendText(b, "still at it")
	return s.out.flush()
}

// during has the store make a change to n messages, which can take long: all of it is one transaction. The change is made
// by a member of the crew, so that this goroutine, which alone writes to the client, can tell how far it is. change must
// not touch the session. The store counts only if there is more than a page of messages.
func (s *session) during(ctx context.Context, n int, change func(context.Context) error) (err error) {
	defer s.slot.Enter(s.slot.Enter(wait.StoreWrite))
	if s.tellAt.IsZero() {
		return change(ctx)
	}
	var counted *mail.Progress
	if n > mail.PageSize {
		counted = new(mail.Progress)
		ctx = mail.WithProgress(ctx, counted)
	}
	done := make(chan struct{})
	var fault any
	s.crew.do(func() {
		defer close(done)
		defer func() {
			if p := recover(); p != nil {
				fault = fmt.Sprintf("%v\n%s", p, debug.Stack())
			}
		}()
		err = change(ctx)
	})
	tick := time.NewTimer(max(time.Until(s.tellAt), 0))
	defer tick.Stop()
	for {
		select {
		case <-done:
			if fault != nil {
				panic(fault) // it costs this connection, as anywhere in the session
			}
			return err
		case <-tick.C:
			_ = s.advanceCounted(counted, n) // a connection that is gone is seen when the change is made
			tick.Reset(max(time.Until(s.tellAt), time.Millisecond))
		}
	}
}

// advanceCounted is advance with what the store has counted, of n. A change that has seen all messages has still to end.
func (s *session) advanceCounted(counted *mail.Progress, n int) error {
	if counted == nil {
		return s.advance(0, 0)
	}
	return s.advance(min(counted.Done(), n-1), n)
}
