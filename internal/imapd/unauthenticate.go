package imapd

import (
	"context"
	"time"

	"github.com/constance-mail/constance/internal/auth"
	"github.com/constance-mail/constance/internal/imap"
)

// unauthenticate is UNAUTHENTICATE: nothing of the user is left but TLS, and compression ends with the answer. It is
// never answered NO. RFC 8437 sections 3 and 4.1.
func (s *session) unauthenticate(context.Context, *imap.Unauthenticate) error {
	if s.srv.opts.NoUnauthenticate {
		return bad("unknown command")
	}
	s.stopNotify()
	s.userState, s.state = userState{}, notAuthenticated
	s.dec.SetUTF8(false)
	s.dec.SetLimits(preLogin)
	s.mu.Lock()
	s.who = auth.User{}
	s.mu.Unlock()
	s.out.tap = nil // what comes next may be the login of somebody else
	s.stranger.Store(time.Now().UnixNano())
	s.then = s.conn.EndCompression
	return nil
}
