package imapd

import (
	"context"
	"errors"

	"github.com/constance-mail/constance/internal/imap"
	"github.com/constance-mail/constance/internal/mail"
)

// notify is what a client asked to be told of by NOTIFY, and what it was told. Nothing is told from a message
// about a change: the mailboxes are compared with what they were when they were looked at last. RFC 5465.
type notify struct {
	selected imap.Events // of the selected mailbox
	delayed  bool        // its expunges wait for a command
	fetch    []imap.FetchItem
	groups   []eventGroup // of the others
	told     notified     // of the user's own account
	foreign  []*foreign   // accounts of others
}

// eventGroup is which events of which mailboxes are told.
type eventGroup struct {
	mailboxes mailboxFilter
	events    imap.Events
}

// supportedEvents are the events that can be told. RFC 5465 section 3.1.
const supportedEvents = imap.EventMessageNew | imap.EventMessageExpunge | imap.EventFlagChange | imap.EventMailboxName |
	imap.EventSubscriptionChange | imap.EventMailboxMetadataChange | imap.EventServerMetadataChange

// maxNotified is how many mailboxes an account may have for its changes to be told. RFC 5465 section 5.8.
const maxNotified = 5000

// setNotify is NOTIFY. What has changed so far is told first, as it was asked for till now, and then by NOTIFY SET
// what was not asked for of the selected mailbox. RFC 5465 section 3.1.
func (s *session) setNotify(ctx context.Context, c *imap.Notify) error {
	n := &notify{}
	for _, g := range c.Groups {
		switch {
		case g.Events&^supportedEvents != 0:
			return s.badEvent()
		case g.Mailboxes.Kind > imap.FilterSelectedDelayed:
			f := newMailboxFilter(&g.Mailboxes)
			for name := range f.names {
				f.names[s.canonical(name)] = true
			}
			n.groups = append(n.groups, eventGroup{f, g.Events})
		default:
			n.selected, n.fetch = g.Events, g.Fetch
			n.delayed = g.Mailboxes.Kind == imap.FilterSelectedDelayed
		}
	}
	if err := s.tell(ctx, true); err != nil {
		return err
	}
	if len(n.groups) > 0 {
		if err := s.beginNotify(ctx, n, c.Status); err != nil {
			return err
		}
	}
	s.replaceNotify(n)
	if !c.Set {
		return nil
	}
	return s.unlessBroken(s.syncFlags(ctx, true, true))
}

// replaceNotify has n, nil for none, in the place of what was asked for before.
func (s *session) replaceNotify(n *notify) {
	if s.notify != nil {
		for _, f := range s.notify.foreign {
			f.stop()
		}
	}
	s.notify = n
	if n != nil {
		for _, f := range n.foreign {
			f.watch(s)
		}
	}
	s.watchNotify()
}

// overflow ends NOTIFY because there is more to look at than a session may. RFC 5465 section 5.8.
func (s *session) overflow() {
	s.replaceNotify(&notify{})
	s.out.buf = imap.AppendCond(s.out.buf, imap.Untagged, imap.OK, imap.CodeNotificationOverflow, "too many mailboxes")
}

// badEvent refuses events that are not supported. RFC 5465 section 3.1.
func (s *session) badEvent() error {
	code := imap.AppendBadEventCode(nil, supportedEvents)
	return refuse(imap.RespCode(code[1:len(code)-1]), "not supported")
}

// beginNotify looks at the mailboxes for the first time, and tells their status if that is wanted.
func (s *session) beginNotify(ctx context.Context, n *notify, status bool) error {
	now, boxes, err := s.lookAround(ctx)
	if err != nil {
		return err
	}
	if len(boxes) > maxNotified {
		return refuse(imap.CodeNotificationOverflow, "too many mailboxes")
	}
	n.told = notifiedOf(now, boxes)
	if s.features&featMetadata == 0 { // those of before were not asked for
		s.metadata.upTo = now
	}
	for i := range boxes {
		m := &boxes[i]
		e := n.events(m.Name, m.Subscribed)
		if !status || m.ID == 0 || e&imap.MessageEvents == 0 || s.isSelected(s.acct, m.ID) {
			continue
		}
		if err := s.notifyStatus(ctx, nil, m, firstItems(e)); err != nil {
			return err
		}
	}
	return s.beginForeign(ctx, n, boxes, status)
}

// firstItems are what NOTIFY's STATUS tells of a mailbox. RFC 5465 section 3.1.
func firstItems(e imap.Events) imap.StatusItems {
	items := imap.StatusMessages | imap.StatusUIDNext | imap.StatusUIDValidity
	if e&imap.EventFlagChange != 0 {
		items |= imap.StatusHighestModSeq | imap.StatusUnseen
	}
	return items
}

// lookAround is the account's mailboxes, and a ModSeq up to which everything is in them.
func (s *session) lookAround(ctx context.Context) (mail.ModSeq, []mail.Mailbox, error) {
	now, err := s.acct.ModSeq(ctx)
	if err != nil {
		return 0, nil, err
	}
	boxes, err := s.mailboxes(ctx)
	return now, boxes, err
}

// isSelected tells whether it is the selected mailbox.
func (s *session) isSelected(acct mail.Account, id mail.MailboxID) bool {
	return s.sel != nil && s.sel.id == id && s.sel.acct.ID() == acct.ID()
}

// notifyStatus tells the status of a mailbox, which is in an account of somebody else if at is not nil: what is counted there
// is the viewer's.
func (s *session) notifyStatus(ctx context.Context, at *place, m *mail.Mailbox, items imap.StatusItems) error {
	f := found{place: s.ownPlace(m.Name), box: *m}
	if at != nil {
		snap, err := at.acct.Snapshot(ctx, m.ID)
		if err != nil {
			return notFoundIsNil(err)
		}
		f = found{place: *at, box: snap.Mailbox, may: at.rights(m)}
	}
	if err := s.appendStatus(ctx, &f, m.Name, items); err != nil {
		return err
	}
	return s.out.flushLarge()
}

// events are the events of a mailbox that the client wants to hear of. Mail may be delivered to any mailbox,
// so inboxes are all personal ones. RFC 5465 section 6.
func (n *notify) events(name string, subscribed bool) imap.Events {
	var e imap.Events
	for i := range n.groups {
		if g := &n.groups[i]; g.mailboxes.matches(name, subscribed) {
			e |= g.events
		}
	}
	return e
}

// wantsSelected tells whether the client wants to hear of these events in the selected mailbox: all of them
// as long as it has not used NOTIFY.
func (s *session) wantsSelected(e imap.Events) bool {
	return s.notify == nil || s.notify.selected&e != 0
}

// pushBetween tells, between two commands, what the client asked for by NOTIFY. A store in trouble is no
// reason to end the session: it looks again at the next command.
func (s *session) pushBetween(ctx context.Context) {
	if s.notify == nil {
		return
	}
	err := s.tell(ctx, !s.notify.delayed)
	var broken *brokenError
	if errors.As(err, &broken) {
		s.end(broken.err)
	}
}

// active tells whether there is anything to tell between commands.
func (n *notify) active() bool { return n != nil && (n.selected != 0 || len(n.groups) > 0) }

// watchNotify has the session woken between commands too, if the client asked for that.
func (s *session) watchNotify() {
	for i, want := range s.notifyAccounts() {
		w, id := &s.watches[i], mail.AccountID("")
		if want != nil {
			id = want.ID()
		}
		if w.acct == id {
			continue
		}
		if w.stop != nil {
			w.stop()
		}
		*w = watched{acct: id}
		if want != nil {
			w.stop = want.Watch(s.conn.Interrupt)
			s.conn.Interrupt() // it may have changed since it was looked at
		}
	}
}

// notifyAccounts are the accounts to watch between commands, nil for none: the user's own, and that of the
// selected mailbox if that is another one.
func (s *session) notifyAccounts() [2]mail.Account {
	var out [2]mail.Account
	if !s.notify.active() || s.over {
		return out
	}
	out[0] = s.acct
	if s.sel != nil && s.notify.selected != 0 && s.sel.acct.ID() != s.acct.ID() {
		out[1] = s.sel.acct
	}
	return out
}

// watched is an account that a session watches between commands.
type watched struct {
	acct mail.AccountID // "" for none
	stop func()
}

// stopNotify ends the watches of a session that ends.
func (s *session) stopNotify() { s.replaceNotify(nil) }
