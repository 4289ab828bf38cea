package imapd

import (
	"context"
	"strings"

	"github.com/constance-mail/constance/internal/auth"
	"github.com/constance-mail/constance/internal/imap"
	"github.com/constance-mail/constance/internal/mail"
)

// place is a mailbox name as the client writes it, resolved: the account it lies in, and its name there.
type place struct {
	acct   mail.Account // as the session's user sees it
	name   string
	prefix string    // of the client's names for what is in the account, without a separator; "" for the user's own
	owner  auth.User // whose account it is
	mine   bool      // the session's user's own: no ACL but the owner's entry counts
	who    []string  // the identifiers of ACLs that the session's user goes by, in accounts of others
	admin  bool      // the user administers other accounts than the own
}

// space is a namespace besides the personal one. RFC 2342 section 5.
type space struct {
	prefix string // without the separator at its end
	shared bool   // of shared accounts, not of other users
}

// adminPrefix is before the mailboxes of users as administrators name them, too: as Cyrus's tools expect it.
const adminPrefix = "user"

// Sharing is how mailboxes of others are offered. Without a directory there are none.
type Sharing struct {
	Directory Directory
	Others    string   // the prefix of other users' mailboxes, without the separator; "": not offered
	Shared    string   // that of shared accounts
	Admins    []string // login names of those who see and administer all, but read only what they are given
}

// Directory is who else there is; auth.Directory is one.
type Directory interface {
	Lookup(ctx context.Context, login string) (auth.User, error)
	List(ctx context.Context, yield func(auth.User) error) error
	Add(ctx context.Context, users []auth.User, replace bool) error
	Rename(ctx context.Context, from, to string) error
	Logins(ctx context.Context, account mail.AccountID) ([]string, error)
	auth.Sharing
}

// spacesOf are the namespaces of a user.
func (o *Sharing) spacesOf(admin bool) []space {
	var out []space
	if o.Directory == nil {
		return nil
	}
	if o.Others != "" {
		out = append(out, space{prefix: o.Others})
	}
	if o.Shared != "" {
		out = append(out, space{prefix: o.Shared, shared: true})
	}
	if admin {
		out = append(out, space{prefix: adminPrefix})
	}
	return out
}

// inSpace is the namespace of a name and what follows its prefix ("" for the prefix itself), nil for a name of the
// user's own.
func (s *session) inSpace(name string) (*space, string) {
	for i := range s.spaces {
		if rest, ok := strings.CutPrefix(name, s.spaces[i].prefix); ok && (rest == "" || rest[0] == mail.Separator) {
			return &s.spaces[i], strings.TrimPrefix(rest, string(mail.Separator))
		}
	}
	return nil, name
}

// place resolves a mailbox name. Every command that takes one comes through here. A prefix and a login name alone are
// that user's INBOX. Kind NotFound.
func (s *session) place(ctx context.Context, name string) (place, error) {
	sp, rest := s.inSpace(name)
	if sp == nil {
		return s.ownPlace(name), nil
	}
	login, local, below := strings.Cut(rest, string(mail.Separator))
	if !below {
		local = mail.Inbox
	}
	clean, err := auth.CleanLogin(login)
	if err != nil {
		return place{}, noMailbox(name)
	}
	u, err := s.srv.opts.Sharing.Directory.Lookup(ctx, clean)
	switch {
	case err == nil && u.Shared == sp.shared:
	case err == nil || mail.KindOf(err) == mail.NotFound:
		return place{}, noMailbox(name)
	default:
		return place{}, err
	}
	p := s.placeOf(u, sp)
	p.name = local
	if !p.mine {
		p.who, err = s.identifiers(ctx)
	}
	return p, err
}

// ownPlace is a name in the user's own account.
func (s *session) ownPlace(name string) place {
	return place{acct: s.acct, name: name, owner: s.user, mine: true}
}

// placeOf is the account of a user, without a name in it and without identifiers.
func (s *session) placeOf(u auth.User, sp *space) place {
	p := place{acct: s.acct, prefix: sp.prefix + string(mail.Separator) + u.Login, owner: u,
		mine: u.Account == s.user.Account}
	if !p.mine {
		p.acct, p.admin = s.srv.opts.Store.Account(u.Account).As(s.user.Account), s.admin
	}
	return p
}

func noMailbox(name string) error {
	return &mail.Error{Op: "look at mailbox", Kind: mail.NotFound, Item: name}
}

// identifiers are those that ACLs know the session's user by.
func (s *session) identifiers(ctx context.Context) ([]string, error) {
	groups, err := s.srv.opts.Sharing.Directory.Groups(ctx, s.user.Login)
	if err != nil {
		return nil, err
	}
	out := []string{s.user.Login, mail.Anyone}
	for _, g := range groups {
		out = append(out, mail.GroupPrefix+g)
	}
	return out, nil
}

// canonical is a name with the login name in it as it is in the directory, so that subscriptions are found.
func (s *session) canonical(name string) string {
	sp, rest := s.inSpace(name)
	if sp == nil || rest == "" {
		return name
	}
	login, local, below := strings.Cut(rest, string(mail.Separator))
	clean, err := auth.CleanLogin(login)
	if err != nil {
		return name
	}
	name = sp.prefix + string(mail.Separator) + clean
	if below {
		name += string(mail.Separator) + local
	}
	return name
}

// full is how the client names a mailbox of the account.
func (p *place) full(name string) string {
	switch {
	case p.prefix == "":
		return name
	case name == mail.Inbox:
		return p.prefix
	}
	return p.prefix + string(mail.Separator) + name
}

// rights are those of the session's user on a mailbox of the account. RFC 4314 section 2.
func (p *place) rights(m *mail.Mailbox) mail.Rights {
	if p.mine {
		return m.ACL.OfOwner()
	}
	r := m.ACL.Of(p.who)
	if p.admin {
		r |= mail.AdminRights
	}
	return r
}

// found is a mailbox that is there.
type found struct {
	place
	box mail.Mailbox
	may mail.Rights // of the session's user
}

// objectID is the MAILBOXID. RFC 8474 section 4.1.
func (m *found) objectID() string { return m.box.ID.ObjectID(m.acct.ID()) }

// find is the mailbox of that name, if the user has the rights on it that the command in progress needs. Kind NotFound.
func (s *session) find(ctx context.Context, name string) (found, error) {
	p, err := s.place(ctx, name)
	if err != nil {
		return found{}, err
	}
	return p.find(ctx, s.needs)
}

// look is the mailbox, whatever the user may do with it. Kind NotFound.
func (p place) look(ctx context.Context) (found, error) {
	m, err := p.acct.Mailbox(ctx, p.name)
	if err != nil {
		return found{place: p}, err
	}
	return found{p, m, p.rights(&m)}, nil
}

// find is the mailbox, if the user has these rights on it. Kind NotFound.
func (p place) find(ctx context.Context, need mail.Rights) (found, error) {
	m, err := p.look(ctx)
	if err == nil {
		err = m.allow(need)
	}
	return m, err
}

// allow refuses what needs rights that the user lacks: as if the mailbox were not there, if it is not even visible.
// RFC 4314 section 6.
func (m *found) allow(need mail.Rights) error {
	switch {
	case m.may&need == need:
		return nil
	case m.may&mail.RightLookup == 0:
		return noMailbox(m.name)
	}
	return errNoRight
}

var errNoRight = refuse(imap.CodeNoPerm, "no right to do that")

// mayCreate refuses a place where the user may not create a mailbox: the right is needed on the nearest mailbox above, also
// one that is not visible, and those of the first level of others are below INBOX. RFC 4314 section 4.
func (p place) mayCreate(ctx context.Context) error {
	if p.mine {
		return nil
	}
	for {
		i := strings.LastIndexByte(p.name, mail.Separator)
		if i < 0 {
			p.name = mail.Inbox
		} else {
			p.name = p.name[:i]
		}
		m, err := p.look(ctx)
		if err == nil {
			return m.allow(mail.RightCreate)
		}
		if i < 0 || mail.KindOf(err) != mail.NotFound {
			return err
		}
	}
}
