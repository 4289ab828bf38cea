package imapd

import (
	"context"
	"strings"
	"time"

	"github.com/constance-mail/constance/internal/auth"
	"github.com/constance-mail/constance/internal/imap"
	"github.com/constance-mail/constance/internal/mail"
)

// Administrators create, delete and rename accounts by the names of their INBOXes, as Cyrus's tools do: a prefix and a
// login name.

// accountName splits the name of an account's INBOX as an administrator writes it; the login name may be any string.
func (s *session) accountName(name string) (sp *space, login string, ok bool) {
	if !s.admin {
		return nil, "", false
	}
	sp, login = s.inSpace(name)
	return sp, login, sp != nil && login != "" && strings.IndexByte(login, mail.Separator) < 0
}

// createAccount is CREATE of an INBOX: of a user who is known, but whose account has not come into being, or of a
// new one, who has no password until somebody gives him one.
func (s *session) createAccount(ctx context.Context, sp *space, login string, uses []mail.SpecialUse) error {
	login, err := auth.CleanLogin(login)
	if err != nil {
		return err
	}
	if len(uses) > 0 {
		return refuse(imap.CodeUseAttr, "an INBOX has no special use")
	}
	d := s.srv.opts.Sharing.Directory
	u, err := d.Lookup(ctx, login)
	if err != nil && mail.KindOf(err) == mail.NotFound {
		if err := d.Add(ctx, []auth.User{{Login: login, Shared: sp.shared}}, false); err != nil {
			return err
		}
		u, err = d.Lookup(ctx, login)
	}
	if err != nil {
		return err
	}
	if u.Shared != sp.shared {
		return refuse(imap.CodeAlreadyExists, "there is an account of that name in another namespace")
	}
	if err := s.srv.opts.Store.Create(ctx, u.Account); err != nil {
		return err
	}
	box, err := s.srv.opts.Store.Account(u.Account).Mailbox(ctx, mail.Inbox)
	if err != nil {
		return err
	}
	s.srv.opts.Log.Info("account created", "admin", s.user.Login, "user", login, "account", u.Account, "has_password", u.Hash != "")
	s.okCode(imap.AppendMailboxIDCode(nil, box.ID.ObjectID(u.Account)))
	return nil
}

// deleteAccount is DELETE of an INBOX: the login name goes, and all mailboxes with it. The mail is kept under another name, by
// which it can be had back until the purge of deleted accounts.
func (s *session) deleteAccount(ctx context.Context, p *place) error {
	if err := s.alone(ctx, p); err != nil {
		return err
	}
	kept := auth.DeletedLogin(p.owner.Login, time.Now())
	if err := s.srv.opts.Sharing.Directory.Rename(ctx, p.owner.Login, kept); err != nil {
		return err
	}
	s.srv.opts.Log.Warn("account deleted", "admin", s.user.Login, "user", p.owner.Login, "account", p.owner.Account, "kept", kept)
	return nil
}

// alone refuses what would take mail away from the administrator or from somebody with another login name.
func (s *session) alone(ctx context.Context, p *place) error {
	if p.mine {
		return refuse(imap.CodeCannot, "this is your own account")
	}
	logins, err := s.srv.opts.Sharing.Directory.Logins(ctx, p.owner.Account)
	if err == nil && len(logins) > 1 {
		err = refuse(imap.CodeCannot, "another login name has the same account")
	}
	return err
}

// renamesAccount tells whether a RENAME is one of an account.
func (s *session) renamesAccount(c *imap.Rename) bool {
	_, _, from := s.accountName(c.From)
	_, _, to := s.accountName(trimmed(c.To))
	return from && to
}

// renameAccount is RENAME of an INBOX to another one: the account gets another login name, in one step, and keeps all that is
// in it, its password and its groups.
func (s *session) renameAccount(ctx context.Context, p *place, to string) error {
	sp, login, _ := s.accountName(to)
	login, err := auth.CleanLogin(login)
	switch {
	case err != nil:
		return err
	case p.mine:
		return refuse(imap.CodeCannot, "this is your own account")
	case sp.shared != p.owner.Shared:
		return refuse(imap.CodeCannot, "an account stays in its namespace")
	}
	if err := s.srv.opts.Sharing.Directory.Rename(ctx, p.owner.Login, login); err != nil {
		return err
	}
	s.srv.opts.Log.Warn("account renamed", "admin", s.user.Login, "user", p.owner.Login, "to", login, "account", p.owner.Account)
	return nil
}
