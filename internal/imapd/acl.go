package imapd

import (
	"context"
	"slices"
	"strings"

	"github.com/constance-mail/constance/internal/auth"
	"github.com/constance-mail/constance/internal/imap"
	"github.com/constance-mail/constance/internal/mail"
	"github.com/constance-mail/constance/internal/wait"
)

// setACL is SETACL. RFC 4314 section 3.1.
func (s *session) setACL(ctx context.Context, c *imap.SetACL) error {
	m, err := s.find(ctx, c.Mailbox)
	if err != nil {
		return err
	}
	id, err := s.identifier(ctx, &m.place, c.Change.Identifier)
	if err != nil {
		return err
	}
	if err := s.known(ctx, id); err != nil {
		return err
	}
	return s.changeACL(ctx, &m, mail.ACLChange{Identifier: id, Op: c.Change.Op, Rights: c.Change.Rights})
}

// deleteACL is DELETEACL. RFC 4314 section 3.2.
func (s *session) deleteACL(ctx context.Context, c *imap.DeleteACL) error {
	m, err := s.find(ctx, c.Mailbox)
	if err != nil {
		return err
	}
	id, err := s.identifier(ctx, &m.place, c.Identifier)
	if err != nil {
		return err
	}
	return s.changeACL(ctx, &m, mail.ACLChange{Identifier: id})
}

// changeACL changes the ACL, and then the index by which others find what is shared with them. Should we die between
// the two they do not find it in LIST until the next change, or until `constance verify`.
func (s *session) changeACL(ctx context.Context, m *found, c mail.ACLChange) error {
	defer s.slot.Enter(s.slot.Enter(wait.StoreWrite))
	err := s.making(ctx, m.acct, func() error { return m.acct.SetACL(ctx, m.box.ID, c) })
	if err != nil || s.srv.opts.Sharing.Directory == nil {
		return err
	}
	return s.srv.opts.Sharing.Directory.Share(ctx, m.acct.ID(), func() ([]string, error) {
		boxes, err := m.acct.Mailboxes(ctx)
		return mail.Grantees(boxes), err
	})
}

// identifier is the canonical form of an identifier that a client wrote. What can be none is BAD. RFC 4314 section 3.
func (s *session) identifier(ctx context.Context, p *place, id string) (string, error) {
	name, minus := strings.CutPrefix(id, "-")
	group, isGroup := strings.CutPrefix(name, mail.GroupPrefix)
	if !isGroup {
		group = name
	}
	clean, err := auth.CleanLogin(group)
	switch {
	case err != nil:
		return "", bad("this can be no identifier")
	case isGroup:
		clean = mail.GroupPrefix + clean
	case s.isOwner(ctx, p, clean):
		clean = mail.Owner
	}
	if minus {
		clean = "-" + clean
	}
	return clean, nil
}

// isOwner tells whether a login name is one of the account's owner.
func (s *session) isOwner(ctx context.Context, p *place, login string) bool {
	if login == p.owner.Login || s.srv.opts.Sharing.Directory == nil {
		return login == p.owner.Login
	}
	u, err := s.srv.opts.Sharing.Directory.Lookup(ctx, login)
	return err == nil && u.Account == p.acct.ID()
}

// known refuses an identifier of nobody: a slip of the pen, and one day perhaps somebody else's name.
func (s *session) known(ctx context.Context, id string) error {
	id = strings.TrimPrefix(id, "-")
	if s.srv.opts.Sharing.Directory == nil || id == mail.Anyone || id == mail.Anonymous || id == mail.Owner ||
		strings.HasPrefix(id, mail.GroupPrefix) {
		return nil
	}
	_, err := s.srv.opts.Sharing.Directory.Lookup(ctx, id)
	if err != nil && mail.KindOf(err) == mail.NotFound {
		return refuse(imap.CodeCannot, "there is no such user")
	}
	return err
}

// getACL is GETACL. What an owner always has is shown as given. RFC 4314 section 3.3.
func (s *session) getACL(ctx context.Context, c *imap.GetACL) error {
	m, err := s.find(ctx, c.Mailbox)
	if err != nil {
		return err
	}
	var acl mail.ACL
	if !m.owner.Shared {
		acl = append(acl, mail.Grant{Identifier: m.owner.Login, Rights: m.box.ACL.OfOwner()})
	}
	for _, g := range m.box.ACL {
		if g.Identifier == mail.Owner {
			continue
		}
		g.Identifier = strings.Replace(g.Identifier, mail.Owner, m.owner.Login, 1)
		acl = append(acl, g)
	}
	s.out.buf = imap.AppendACL(s.out.buf, c.Mailbox, acl, s.utf8())
	return nil
}

// listRights is LISTRIGHTS. RFC 4314 section 3.4.
func (s *session) listRights(ctx context.Context, c *imap.ListRights) error {
	m, err := s.find(ctx, c.Mailbox)
	if err != nil {
		return err
	}
	id, err := s.identifier(ctx, &m.place, c.Identifier)
	if err != nil {
		return err
	}
	always := mail.Rights(0)
	switch {
	case id == mail.Owner:
		always = mail.OwnerRights
	case slices.Contains(s.srv.opts.Sharing.Admins, id):
		always = mail.AdminRights
	}
	s.out.buf = imap.AppendListRights(s.out.buf, c, always, s.utf8())
	return nil
}

// anyRight are the rights of which one is enough to ask for one's rights. RFC 4314 section 4.
const anyRight = mail.RightLookup | mail.RightRead | mail.RightInsert | mail.RightCreate | mail.RightDelete | mail.RightAdmin

// myRights is MYRIGHTS. RFC 4314 section 3.5.
func (s *session) myRights(ctx context.Context, c *imap.MyRights) error {
	p, err := s.place(ctx, c.Mailbox)
	if err != nil {
		return err
	}
	m, err := p.look(ctx)
	if err != nil {
		return err
	}
	if m.may&anyRight == 0 {
		return noMailbox(c.Mailbox)
	}
	s.out.buf = imap.AppendMyRights(s.out.buf, c.Mailbox, m.may, s.utf8())
	return nil
}
