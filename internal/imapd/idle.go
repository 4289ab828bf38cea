package imapd

import (
	"context"
	"errors"

	"github.com/constance-mail/constance/internal/imap"
	"github.com/constance-mail/constance/internal/imap/wire"
	"github.com/constance-mail/constance/internal/mail"
)

// idle is IDLE. It only notes that the session is idling: what ends the wait (a change, or the client) goes on from
// there. Until then nothing is held but the watch of the account. RFC 9051 section 6.3.13.
func (s *session) idle(ctx context.Context, _ *imap.Idle) error {
	s.startWatching() // before looking, so that nothing falls between
	if err := s.tell(ctx, true); err != nil {
		s.stopWatching()
		return err
	}
	s.idling, s.idleTag = true, s.tag
	s.out.buf = imap.AppendContinue(s.out.buf, "idling")
	return nil
}

// push tells an idling client what changed. A store in trouble is no reason to end the session: the client will hear.
func (s *session) push(ctx context.Context) {
	err := s.tell(ctx, true)
	var broken *brokenError
	if errors.As(err, &broken) {
		s.end(broken.err)
	}
}

// leaveIdle reads the DONE that ends IDLE, and answers it.
func (s *session) leaveIdle(ctx context.Context) {
	err := imap.ReadDone(s.dec)
	s.idling, s.tag, s.idleTag, s.code = false, s.idleTag, "", nil
	s.stopWatching()
	var se *wire.SyntaxError
	switch {
	case err == nil:
		err = s.tell(ctx, true)
	case !errors.As(err, &se) || se.Fatal:
		s.end(err)
		return
	default:
		err = bad("expected DONE")
	}
	s.answer(err)
}

// startWatching has the session woken when something changes that its client is told of: in the account of the selected
// mailbox, in its own.
func (s *session) startWatching() {
	var stops []func()
	watch := func(a mail.Account) { stops = append(stops, a.Watch(s.conn.Interrupt)) }
	own := s.features&featMetadata != 0
	if s.sel != nil {
		watch(s.sel.acct)
		own = own && s.sel.acct.ID() != s.acct.ID()
	}
	if own {
		watch(s.acct)
	}
	s.unwatch = func() {
		for _, stop := range stops {
			stop()
		}
	}
}

func (s *session) stopWatching() {
	if s.unwatch != nil {
		s.unwatch()
		s.unwatch = nil
	}
}
