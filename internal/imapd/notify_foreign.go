package imapd

import (
	"context"
	"slices"
	"strings"

	"github.com/constance-mail/constance/internal/imap"
	"github.com/constance-mail/constance/internal/mail"
)

// maxForeign is how many accounts of others a session can be told of: each costs a watch, and a look at its ModSeq with
// each command. RFC 5465 section 5.8.
const maxForeign = 64

// foreign is an account of somebody else whose mailboxes NOTIFY is about, and what of it was told: only ever what the user may
// see there. RFC 5465 sections 3.1 and 5.9.
type foreign struct {
	at     place // without a name
	told   notified
	own    mail.ModSeq // of the last change by a command of this session
	unwake func()      // ends the watch; nil: none
}

func (f *foreign) watch(s *session) {
	f.unwake = f.at.acct.Watch(s.conn.Interrupt)
	s.conn.Interrupt() // it may have changed since it was looked at
}

func (f *foreign) stop() {
	if f.unwake != nil {
		f.unwake()
		f.unwake = nil
	}
}

// look is what the user sees of the account now, and a ModSeq up to which everything is in it. Of an account that has lost its
// login name that is nothing.
func (f *foreign) look(ctx context.Context, s *session, subscribed map[string]bool) (mail.ModSeq, []mail.Mailbox, error) {
	now, err := f.at.acct.ModSeq(ctx)
	if err != nil {
		return 0, nil, err
	}
	u, err := s.srv.opts.Sharing.Directory.Lookup(ctx, f.at.owner.Login)
	if err != nil || u.Account != f.at.owner.Account {
		return now, nil, notFoundIsNil(err)
	}
	if f.at.who, err = s.identifiers(ctx); err != nil {
		return 0, nil, err
	}
	boxes, err := f.at.visible(ctx)
	for i := range boxes {
		boxes[i].Subscribed = subscribed[boxes[i].Name]
	}
	return now, boxes, err
}

// foreignEvents are the events of a mailbox of somebody else that the client wants to hear of: none of them is personal.
func (n *notify) foreignEvents(name string, subscribed bool) imap.Events {
	var e imap.Events
	for i := range n.groups {
		g := &n.groups[i]
		if k := g.mailboxes.kind; k != imap.FilterPersonal && k != imap.FilterInboxes && g.mailboxes.matches(name, subscribed) {
			e |= g.events
		}
	}
	return e
}

// knowsForeign tells whether the client can see a mailbox of that name in an account of somebody else.
func (n *notify) knowsForeign(name string) bool {
	for _, f := range n.foreign {
		for _, m := range f.told.boxes {
			if m.name == name {
				return true
			}
		}
	}
	return false
}

// foreignPlaces are the accounts of others that the filters are about: those of the names in them, whoever has such an
// account, those of the user's subscriptions, and for a prefix alone those of who shares something with him.
func (s *session) foreignPlaces(ctx context.Context, n *notify, own []mail.Mailbox) ([]place, error) {
	names := map[string]bool{}
	for i := range n.groups {
		f := &n.groups[i].mailboxes
		for name := range f.names {
			names[name] = true
		}
		for j := range own {
			if f.kind == imap.FilterSubscribed && own[j].ID == 0 {
				names[own[j].Name] = true
			}
		}
	}
	tops := map[string]bool{} // a prefix, or a prefix and a login name
	for name := range names {
		if sp, rest := s.inSpace(name); sp != nil {
			login, _, _ := strings.Cut(rest, string(mail.Separator))
			tops[strings.TrimSuffix(sp.prefix+string(mail.Separator)+login, string(mail.Separator))] = true
		}
	}
	if len(tops) > maxForeign { // by names, so that it does not tell which of them are there
		return nil, errForeignOverflow
	}
	var out []place
	for top := range tops {
		more, err := s.foreignTop(ctx, top)
		if err != nil {
			return nil, err
		}
		for _, p := range more {
			if !slices.ContainsFunc(out, func(o place) bool { return o.prefix == p.prefix }) {
				out = append(out, p)
			}
		}
	}
	if len(out) > maxForeign {
		return nil, errForeignOverflow
	}
	return out, nil
}

var errForeignOverflow = refuse(imap.CodeNotificationOverflow, "too many accounts of others")

// foreignTop is the account of a prefix and a login name, or those of a prefix.
func (s *session) foreignTop(ctx context.Context, top string) ([]place, error) {
	sp, login := s.inSpace(top)
	if login != "" {
		p, err := s.place(ctx, top)
		if err != nil || p.mine {
			return nil, notFoundIsNil(err)
		}
		return []place{p}, nil
	}
	if sp.prefix == adminPrefix {
		return nil, nil // all accounts that there are: nobody looks at these
	}
	who, err := s.identifiers(ctx)
	if err != nil {
		return nil, err
	}
	users, err := s.srv.opts.Sharing.Directory.Sharers(ctx, who)
	var out []place
	for i := range users {
		if p, ok := s.offered(users[i], who); ok && strings.HasPrefix(p.prefix, sp.prefix+string(mail.Separator)) {
			out = append(out, *p)
		}
	}
	return out, err
}

// beginForeign looks at the accounts of others for the first time, tells which mailboxes may be seen and not read, and their
// status if that is wanted. RFC 5465 section 3.1.
func (s *session) beginForeign(ctx context.Context, n *notify, own []mail.Mailbox, status bool) error {
	places, err := s.foreignPlaces(ctx, n, own)
	if err != nil {
		return err
	}
	for i := range places {
		f := &foreign{at: places[i]}
		now, boxes, err := f.look(ctx, s, n.told.names)
		if err != nil {
			return err
		}
		if len(boxes) > maxNotified {
			return errForeignOverflow
		}
		f.told = notifiedOf(now, boxes)
		n.foreign = append(n.foreign, f)
		if err := s.firstForeign(ctx, n, f, boxes, status); err != nil {
			return err
		}
	}
	return nil
}

func (s *session) firstForeign(ctx context.Context, n *notify, f *foreign, boxes []mail.Mailbox, status bool) error {
	for i := range boxes {
		m := &boxes[i]
		e := n.foreignEvents(m.Name, m.Subscribed)
		switch {
		case e == 0:
		case f.at.rights(m)&mail.RightRead == 0:
			s.out.buf = imap.AppendList(s.out.buf, &imap.ListData{Name: m.Name, Attrs: imap.AttrNoAccess}, s.utf8())
		case status && e&imap.MessageEvents != 0 && !s.isSelected(f.at.acct, m.ID):
			if err := s.notifyStatus(ctx, &f.at, m, firstItems(e)); err != nil {
				return err
			}
		}
		if err := s.out.flushLarge(); err != nil {
			return err
		}
	}
	return nil
}

// reviseForeign follows the user's subscriptions: they say which accounts of others NOTIFY is about, if it asks for subscribed
// mailboxes. RFC 5465 section 6.4.
func (s *session) reviseForeign(ctx context.Context, n *notify, own []mail.Mailbox) error {
	if !slices.ContainsFunc(n.groups, func(g eventGroup) bool { return g.mailboxes.kind == imap.FilterSubscribed }) {
		return nil
	}
	places, err := s.foreignPlaces(ctx, n, own)
	if err == errForeignOverflow {
		s.overflow()
		return nil
	}
	if err != nil {
		return err
	}
	n.foreign = slices.DeleteFunc(n.foreign, func(f *foreign) bool {
		gone := !slices.ContainsFunc(places, func(p place) bool { return p.prefix == f.at.prefix })
		if gone {
			f.stop()
		}
		return gone
	})
	for i := range places {
		if slices.ContainsFunc(n.foreign, func(f *foreign) bool { return places[i].prefix == f.at.prefix }) {
			continue
		}
		f := &foreign{at: places[i]}
		now, boxes, err := f.look(ctx, s, n.told.names)
		if err != nil {
			return err
		}
		f.told = notifiedOf(now, boxes)
		n.foreign = append(n.foreign, f)
		f.watch(s)
	}
	return nil
}

// pushForeign tells what has changed in accounts of others. One that cannot be read now is looked at again later.
func (s *session) pushForeign(ctx context.Context, n *notify) error {
	for _, f := range n.foreign {
		now, err := f.at.acct.ModSeq(ctx)
		if err != nil || now <= f.told.upTo {
			continue
		}
		now, boxes, err := f.look(ctx, s, n.told.names)
		if err != nil {
			continue
		}
		if len(boxes) > maxNotified {
			s.overflow()
			return nil
		}
		before := f.told
		f.told = notifiedOf(now, boxes)
		if now == f.own && before.upTo == now-1 {
			continue
		}
		p := notifier{s: s, n: n, at: &f.at, boxes: boxes, before: &before, after: &f.told}
		if err := p.run(ctx); err != nil {
			return err
		}
	}
	return nil
}
