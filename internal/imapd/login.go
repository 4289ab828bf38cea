package imapd

import (
	"bytes"
	"context"
	"errors"
	"slices"

	"github.com/constance-mail/constance/internal/imap"
	"github.com/constance-mail/constance/internal/imap/wire"
	"github.com/constance-mail/constance/internal/mail"
	"github.com/constance-mail/constance/internal/wait"
)

// maxLogins is how many times a client may try to log in on one connection.
const maxLogins = 10

// login is LOGIN. RFC 9051 section 6.2.3.
func (s *session) login(ctx context.Context, c *imap.Login) error {
	if !s.mayLogin() {
		return refuse(imap.CodePrivacyRequired, "use TLS first") // RFC 5530 section 3
	}
	return s.enterAs(ctx, c.User, c.Password)
}

// authenticate is AUTHENTICATE. RFC 9051 section 6.2.2.
func (s *session) authenticate(ctx context.Context, c *imap.Authenticate) error {
	if !s.mayLogin() {
		return refuse(imap.CodePrivacyRequired, "use TLS first")
	}
	switch c.Mechanism {
	case "PLAIN":
		return s.plain(ctx, c)
	case "LOGIN":
		return s.userAndPassword(ctx, c)
	}
	return refuse(imap.CodeCannot, "this mechanism is not supported")
}

// plain is the mechanism PLAIN: [authzid] NUL authcid NUL passwd. RFC 4616 section 2.
func (s *session) plain(ctx context.Context, c *imap.Authenticate) error {
	answer := c.Initial
	if !c.HasInitial {
		var err error
		if answer, err = s.challenge(""); err != nil {
			return err
		}
	}
	f := bytes.Split(answer, []byte{0})
	if len(f) != 3 || len(f[1]) == 0 {
		return bad("malformed PLAIN answer")
	}
	if len(f[0]) > 0 && !bytes.EqualFold(f[0], f[1]) {
		return refuse(imap.CodeAuthorizationFailed, "nobody may act for somebody else")
	}
	return s.enterAs(ctx, string(f[1]), string(f[2]))
}

// userAndPassword is the mechanism LOGIN, which old clients prefer; its prompts are "Username:" and "Password:".
func (s *session) userAndPassword(ctx context.Context, c *imap.Authenticate) error {
	user := c.Initial
	if !c.HasInitial {
		var err error
		if user, err = s.challenge("VXNlcm5hbWU6"); err != nil {
			return err
		}
	}
	password, err := s.challenge("UGFzc3dvcmQ6")
	if err != nil {
		return err
	}
	return s.enterAs(ctx, string(user), string(password))
}

// challenge asks the client for the next answer. The client may give up with "*". RFC 9051 section 6.2.2.
func (s *session) challenge(base64 string) ([]byte, error) {
	s.out.buf = append(append(append(s.out.buf, "+ "...), base64...), "\r\n"...)
	if err := s.out.flush(); err != nil {
		return nil, err
	}
	answer, cancelled, err := imap.ReadAnswer(s.dec)
	var se *wire.SyntaxError
	switch {
	case err != nil && (!errors.As(err, &se) || se.Fatal):
		return nil, &brokenError{err}
	case err != nil:
		return nil, err
	case cancelled:
		return nil, bad("cancelled")
	}
	return answer, nil
}

// enterAs checks the password and enters the authenticated state. RFC 9051 section 3.2.
func (s *session) enterAs(ctx context.Context, login, password string) error {
	was := s.slot.Enter(wait.Password)
	u, err := s.srv.opts.Auth.Login(ctx, login, password, s.remote)
	s.slot.Enter(was)
	if err != nil {
		if s.logins++; s.logins >= maxLogins {
			s.bye("", "too many failed logins", nil)
		}
		if mail.KindOf(err) == mail.Denied {
			return refuse(imap.CodeAuthenticationFailed, "wrong login name or password")
		}
		return err
	}
	s.user, s.acct, s.state = u, s.srv.opts.Store.Account(u.Account), authenticated
	s.admin = slices.Contains(s.srv.opts.Sharing.Admins, u.Login)
	s.spaces = s.srv.opts.Sharing.spacesOf(s.admin)
	s.mu.Lock()
	s.who = u
	s.mu.Unlock()
	s.stranger.Store(0)
	s.dec.SetLimits(s.srv.opts.Limits)
	s.okCode(imap.AppendCapabilityCode(nil, s.capabilities(s.state)))
	return nil
}

// upgrade is STARTTLS: the handshake begins after the tagged answer. Octets that the client sent behind the command
// came in the clear, from whomever, and end the session (CVE-2011-0411). RFC 9051 section 6.2.1.
func (s *session) upgrade(context.Context, *imap.StartTLS) error {
	switch {
	case s.conn.Secure():
		return bad("TLS is on already")
	case s.srv.opts.TLS == nil:
		return bad("TLS is not available")
	case s.dec.Buffered() > 0:
		s.bye("", "commands behind STARTTLS must wait for TLS", nil)
		return bad("commands behind STARTTLS must wait for TLS")
	}
	s.then = s.handshake
	return nil
}

// handshake makes the connection a TLS one after STARTTLS was answered.
func (s *session) handshake() error {
	if err := s.startTLS(); err != nil {
		s.over, s.reason, s.err = true, "tls handshake failed", err
		return err
	}
	s.dec.Reset((*source)(s))
	return nil
}

func (s *session) startTLS() error {
	defer s.slot.Enter(s.slot.Enter(wait.Handshake))
	if s.srv.opts.TLS == nil {
		return errors.New("there is no TLS configuration")
	}
	if err := s.conn.StartTLS(s.srv.opts.TLS); err != nil {
		return err
	}
	s.mu.Lock()
	s.tls = true
	s.mu.Unlock()
	return nil
}
