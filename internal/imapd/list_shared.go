package imapd

import (
	"context"
	"slices"
	"strings"

	"github.com/constance-mail/constance/internal/auth"
	"github.com/constance-mail/constance/internal/imap"
	"github.com/constance-mail/constance/internal/mail"
)

// wantsShared tells whether a name in another namespace can be among the answers: one look at the patterns, or at the
// subscriptions if only these count, spares the directory most of the questions.
func (l *lister) wantsShared(own []mail.Mailbox) bool {
	for i := range l.s.spaces {
		prefix := l.s.spaces[i].prefix
		if l.c.Select&imap.ListSubscribed != 0 && !slices.ContainsFunc(own, func(m mail.Mailbox) bool {
			return m.ID == 0 && strings.HasPrefix(m.Name, prefix)
		}) {
			continue
		}
		for _, m := range l.match {
			if literal, wild := m.literal(); strings.HasPrefix(literal, prefix) || wild && strings.HasPrefix(prefix, literal) {
				return true
			}
		}
	}
	return false
}

// literal is the pattern up to its first wildcard, if it has one.
func (m *matcher) literal() (text string, wild bool) {
	if i := strings.IndexAny(m.pattern, "*%"); i >= 0 {
		return m.pattern[:i], true
	}
	return m.pattern, false
}

// placedBox is a mailbox and where it is.
type placedBox struct {
	box mail.Mailbox
	at  *place
}

// withShared is the user's own mailboxes and those that others let him see. Who these are an index tells; what they let
// him do the ACLs in their accounts. An account that cannot be read now is left out.
func (s *session) withShared(ctx context.Context, own []mail.Mailbox) ([]mail.Mailbox, []*place, error) {
	who, err := s.identifiers(ctx)
	if err != nil {
		return nil, nil, err
	}
	users, err := s.srv.opts.Sharing.Directory.Sharers(ctx, who)
	if err != nil || len(users) == 0 {
		return own, nil, err
	}
	all := make([]placedBox, 0, len(own))
	subscribed := make(map[string]int)
	for i := range own {
		if own[i].ID == 0 {
			subscribed[own[i].Name] = i
		}
		all = append(all, placedBox{box: own[i]})
	}
	for i := range users {
		p, ok := s.offered(users[i], who)
		if !ok {
			continue
		}
		for _, m := range s.visible(ctx, p) {
			if at, ok := subscribed[m.Name]; ok {
				m.Subscribed = true
				all[at] = placedBox{m, p}
				continue
			}
			all = append(all, placedBox{m, p})
		}
	}
	slices.SortFunc(all, func(a, b placedBox) int { return mail.CompareNames(a.box.Name, b.box.Name) })
	boxes, at := make([]mail.Mailbox, len(all)), make([]*place, len(all))
	for i := range all {
		boxes[i], at[i] = all[i].box, all[i].at
	}
	return boxes, at, nil
}

// offered is the account of another user, if its namespace is offered.
func (s *session) offered(u auth.User, who []string) (*place, bool) {
	i := slices.IndexFunc(s.spaces, func(sp space) bool { return sp.shared == u.Shared })
	if i < 0 || u.Account == s.user.Account {
		return nil, false
	}
	p := s.placeOf(u, &s.spaces[i])
	p.who = who
	return &p, true
}

// visible are the mailboxes of an account that the user can see, under the client's names, but for special uses, which
// are their owner's: no client should take somebody else's \Sent for its user's. Who asks by adminPrefix sees them, too.
func (s *session) visible(ctx context.Context, p *place) []mail.Mailbox {
	boxes, err := p.visible(ctx)
	if err != nil {
		s.srv.opts.Log.Warn("a shared account cannot be listed", "user", s.user.Login, "owner", p.owner.Login, "error", err)
	}
	return boxes
}

// visible does so for a place.
func (p *place) visible(ctx context.Context) ([]mail.Mailbox, error) {
	boxes, err := p.acct.Mailboxes(ctx)
	if err != nil {
		return nil, err
	}
	managed := strings.HasPrefix(p.prefix, adminPrefix+string(mail.Separator))
	out := boxes[:0]
	for _, m := range boxes {
		if m.ID != 0 && p.rights(&m)&mail.RightLookup != 0 {
			m.Name, m.Subscribed = p.full(m.Name), false
			if !managed {
				m.Uses = nil
			}
			out = append(out, m)
		}
	}
	return out, nil
}

// administered lists the mailboxes of users for an administrator who asks for them by adminPrefix: account by account,
// as they are many.
func (l *lister) administered(ctx context.Context) error {
	sp := &l.s.spaces[len(l.s.spaces)-1]
	logins := []string{}
	for _, m := range l.match {
		if text, wild := m.literal(); strings.HasPrefix(text, sp.prefix+"/") {
			login, _, below := strings.Cut(text[len(sp.prefix)+1:], "/")
			if wild && !below {
				login += "*"
			}
			logins = append(logins, login)
		}
	}
	if len(logins) == 0 {
		return nil
	}
	who, err := l.s.identifiers(ctx)
	if err != nil {
		return err
	}
	list := func(u auth.User) error {
		if _, _, deleted := auth.Deleted(u.Login); u.Shared || deleted {
			return nil
		}
		p := l.s.placeOf(u, sp)
		p.who = who
		boxes := l.s.visible(ctx, &p)
		slices.SortFunc(boxes, func(a, b mail.Mailbox) int { return mail.CompareNames(a.Name, b.Name) })
		return l.run(ctx, tree(boxes, slices.Repeat([]*place{&p}, len(boxes))))
	}
	if len(logins) == 1 && !strings.HasSuffix(logins[0], "*") {
		u, err := l.s.srv.opts.Sharing.Directory.Lookup(ctx, logins[0])
		if err != nil {
			return notFoundIsNil(err)
		}
		return list(u)
	}
	return l.s.srv.opts.Sharing.Directory.List(ctx, func(u auth.User) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		for _, login := range logins {
			if start, many := strings.CutSuffix(login, "*"); u.Login == login || many && strings.HasPrefix(u.Login, start) {
				return list(u)
			}
		}
		return nil
	})
}

func notFoundIsNil(err error) error {
	if mail.KindOf(err) == mail.NotFound {
		return nil
	}
	return err
}

// found is the mailbox of an entry.
func (l *lister) found(e *listEntry) found {
	m := found{place: l.s.ownPlace(e.name), box: *e.box}
	if e.at != nil {
		m.place = *e.at
	}
	m.may = m.rights(e.box)
	return m
}

// more tells MYRIGHTS, STATUS and METADATA of a mailbox that is there. RFC 8440 section 3, RFC 5819 section 2, RFC 9590
// section 3.
func (l *lister) more(ctx context.Context, e *listEntry) error {
	if l.c.Return&(imap.ListMyRights|imap.ListStatus|imap.ListMetadata) == 0 {
		return nil
	}
	m := l.found(e)
	if l.c.Return&imap.ListMyRights != 0 {
		l.s.out.buf = imap.AppendMyRights(l.s.out.buf, e.name, m.may, l.s.utf8())
	}
	if l.c.Return&imap.ListStatus != 0 && m.may&mail.RightRead != 0 {
		if err := l.status(ctx, &m, e.name); err != nil {
			return err
		}
	}
	if l.c.Return&imap.ListMetadata == 0 {
		return nil
	}
	return l.s.listMetadata(ctx, &m, e.name, l.c.Metadata)
}

// status tells the STATUS of a mailbox, unless it is gone. RFC 5819 section 2.
func (l *lister) status(ctx context.Context, m *found, name string) error {
	if l.c.Status&imap.StatusHighestModSeq != 0 {
		l.s.enable(featCondStore)
	}
	if !m.mine { // counters are the user's own
		snap, err := m.acct.Snapshot(ctx, m.box.ID)
		if err != nil {
			return notFoundIsNil(err)
		}
		m.box = snap.Mailbox
	}
	return l.s.appendStatus(ctx, m, name, l.c.Status)
}
