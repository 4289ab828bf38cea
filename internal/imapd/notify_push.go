package imapd

import (
	"context"
	"slices"
	"strings"

	"github.com/constance-mail/constance/internal/imap"
	"github.com/constance-mail/constance/internal/mail"
)

// notified is the account's mailboxes as the client knows them.
type notified struct {
	upTo  mail.ModSeq // everything up to here is in it
	boxes map[mail.MailboxID]notifiedBox
	names map[string]bool // that are subscribed without being there
}

// notifiedBox is what can change of a mailbox.
type notifiedBox struct {
	name             string
	subscribed       bool
	validity         mail.UIDValidity
	next             mail.UID
	messages, unseen uint32
	highest          mail.ModSeq
}

func notifiedOf(now mail.ModSeq, boxes []mail.Mailbox) notified {
	n := notified{upTo: now, boxes: make(map[mail.MailboxID]notifiedBox, len(boxes))}
	for i := range boxes {
		m := &boxes[i]
		if m.ID != 0 {
			n.boxes[m.ID] = notifiedBox{m.Name, m.Subscribed, m.UIDValidity, m.UIDNext, m.Messages, m.Unseen, m.HighestMod}
			continue
		}
		if n.names == nil {
			n.names = make(map[string]bool)
		}
		n.names[m.Name] = true
	}
	return n
}

// pushNotify tells what changed in the account since the client was told last. Without a change it costs a
// look at the account's ModSeq. RFC 5465 section 5.
func (s *session) pushNotify(ctx context.Context) error {
	n := s.notify
	if n == nil || len(n.groups) == 0 {
		return nil
	}
	if err := s.pushOwn(ctx, n); err != nil || s.notify != n {
		return err
	}
	return s.pushForeign(ctx, n)
}

// pushOwn does so for the user's own account.
func (s *session) pushOwn(ctx context.Context, n *notify) error {
	now, err := s.acct.ModSeq(ctx)
	if err != nil || now <= n.told.upTo {
		return err
	}
	now, boxes, err := s.lookAround(ctx)
	if err != nil {
		return err
	}
	if len(boxes) > maxNotified {
		s.overflow()
		return nil
	}
	before := n.told
	n.told = notifiedOf(now, boxes)
	if err := s.reviseForeign(ctx, n, boxes); err != nil || s.notify != n {
		return err
	}
	if now == s.ownChange && before.upTo == now-1 { // this session's own, and nobody else's: not news
		return nil
	}
	p := notifier{s: s, n: n, boxes: boxes, before: &before, after: &n.told}
	return p.run(ctx)
}

// made takes note of a change of an account by the command in progress: it is no news to the client. 0 is none.
func (s *session) made(acct mail.Account, change mail.ModSeq) {
	if s.notify == nil || change == 0 {
		return
	}
	if acct.ID() == s.acct.ID() {
		s.ownChange = change
	}
	for _, f := range s.notify.foreign {
		if f.at.acct.ID() == acct.ID() {
			f.own = change
		}
	}
}

// making is made for a change of which the store does not tell the number: it is known if nobody else has changed the account
// just then. Else the client is told more than it needs.
func (s *session) making(ctx context.Context, acct mail.Account, change func() error) error {
	if s.notify == nil {
		return change()
	}
	before, unknown := acct.ModSeq(ctx)
	if err := change(); err != nil || unknown != nil {
		return err
	}
	if now, err := acct.ModSeq(ctx); err == nil && now == before+1 {
		s.made(acct, now)
	}
	return nil
}

// notifier tells the differences between two looks at the mailboxes.
type notifier struct {
	s      *session
	n      *notify
	at     *place // nil: the user's own account
	boxes  []mail.Mailbox
	before *notified
	after  *notified

	entries map[string]*listEntry // made when first needed
	done    map[string]bool       // names that were told of
}

func (p *notifier) run(ctx context.Context) error {
	if err := p.names(); err != nil {
		return err
	}
	return p.messages(ctx)
}

// events are the events of a mailbox that the client wants to hear of.
func (p *notifier) events(name string, subscribed bool) imap.Events {
	if p.at != nil {
		return p.n.foreignEvents(name, subscribed)
	}
	return p.n.events(name, subscribed)
}

// names tells of mailboxes that were created, renamed and deleted, and of subscriptions. RFC 5465 sections
// 5.4 and 5.5.
func (p *notifier) names() error {
	p.done = make(map[string]bool)
	for i := range p.boxes {
		m := &p.boxes[i]
		was, known := p.before.boxes[m.ID]
		e := p.events(m.Name, m.Subscribed)
		switch {
		case m.ID == 0:
			if !p.before.names[m.Name] {
				p.subscription(m.Name, e)
			}
		case !known:
			p.created(m.Name, e)
		case was.name != m.Name:
			p.renamed(m, was.name, e|p.events(was.name, was.subscribed))
		case was.subscribed != m.Subscribed:
			p.subscription(m.Name, e|p.events(m.Name, was.subscribed))
		}
		if err := p.s.out.flushLarge(); err != nil {
			return err
		}
	}
	p.gone()
	return p.s.out.flushLarge()
}

// gone tells of what was there before.
func (p *notifier) gone() {
	var names []string
	for id, was := range p.before.boxes {
		if _, there := p.after.boxes[id]; !there {
			names = append(names, was.name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		if p.events(name, false)&imap.EventMailboxName != 0 {
			p.list(name, "")
			p.parent(name)
		}
	}
	for name := range p.before.names {
		if _, there := p.after.names[name]; !there {
			p.subscription(name, p.events(name, true))
		}
	}
}

func (p *notifier) created(name string, e imap.Events) {
	if e&imap.EventMailboxName != 0 {
		p.list(name, "")
		p.parent(name)
	}
}

// parent tells of the mailbox above one that was created or deleted: it is affected, too. RFC 5465 section
// 5.4.
func (p *notifier) parent(name string) {
	if above := parentOf(name); above != "" && p.events(above, false)&imap.EventMailboxName != 0 {
		p.list(above, "")
	}
}

// renamed tells of a rename, of the topmost mailbox alone: those below it go with it. RFC 5465 section 5.4.
func (p *notifier) renamed(m *mail.Mailbox, old string, e imap.Events) {
	oldUp, newUp := parentOf(old), parentOf(m.Name)
	told := (p.events(oldUp, false)|p.events(newUp, false))&imap.EventMailboxName != 0
	if e&imap.EventMailboxName == 0 || told && oldUp != "" && oldUp != newUp && p.moved(oldUp, newUp) &&
		strings.TrimPrefix(old, oldUp) == strings.TrimPrefix(m.Name, newUp) {
		return
	}
	p.list(m.Name, old)
}

// moved tells whether a mailbox had the one name and has the other one now.
func (p *notifier) moved(from, to string) bool {
	for id, was := range p.before.boxes {
		if was.name == from {
			return p.after.boxes[id].name == to
		}
	}
	return false
}

func (p *notifier) subscription(name string, e imap.Events) {
	if e&imap.EventSubscriptionChange != 0 {
		p.list(name, "")
	}
}

// list tells of a name as it is now, once. RFC 5465 sections 5.4 and 5.5.
func (p *notifier) list(name, old string) {
	if p.done[name] {
		return
	}
	p.done[name] = true
	if p.entries == nil {
		p.entries = make(map[string]*listEntry)
		entries := tree(p.boxes, nil)
		for i := range entries {
			p.entries[entries[i].name] = &entries[i]
		}
	}
	d := imap.ListData{Name: name, OldName: old, Attrs: imap.AttrNonExistent | imap.AttrHasNoChildren}
	if e := p.entries[name]; e != nil {
		d.Attrs = imap.AttrHasNoChildren
		if e.implied {
			d.Attrs = imap.AttrHasChildren
		}
		if !e.exists && !p.n.knowsForeign(name) {
			d.Attrs |= imap.AttrNonExistent
		}
		if e.subscribed {
			d.Attrs |= imap.AttrSubscribed
		}
		if e.box != nil {
			d.Uses = e.box.Uses
		}
	}
	p.s.out.buf = imap.AppendList(p.s.out.buf, &d, p.s.utf8())
}

// messages tells of messages in mailboxes that are not selected. RFC 5465 sections 5.1 to 5.3.
func (p *notifier) messages(ctx context.Context) error {
	acct := p.s.acct
	if p.at != nil {
		acct = p.at.acct
	}
	for i := range p.boxes {
		m := &p.boxes[i]
		if m.ID == 0 || p.s.isSelected(acct, m.ID) || p.at != nil && p.at.rights(m)&mail.RightRead == 0 {
			continue
		}
		was := p.earlier(m)
		e := p.events(m.Name, m.Subscribed)
		items := p.s.changedItems(m, &was, e)
		if p.at != nil && e&imap.EventFlagChange != 0 && m.HighestMod != was.highest { // Unseen is the owner's
			items |= imap.StatusUnseen | imap.StatusUIDValidity
		}
		if items == 0 {
			continue
		}
		if err := p.s.notifyStatus(ctx, p.at, m, items); err != nil {
			return err
		}
	}
	return nil
}

// earlier is what the client knows of a mailbox. Under a name that it has not had so far another one may have been: the
// UIDVALIDITY is news. RFC 5465 section 5.1.
func (p *notifier) earlier(m *mail.Mailbox) notifiedBox {
	was, known := p.before.boxes[m.ID]
	switch {
	case !known:
		return notifiedBox{next: 1, highest: m.HighestMod}
	case was.name != m.Name:
		was.validity = 0
	}
	return was
}

// changedItems is what there is to tell of a mailbox that is not selected, 0 for nothing.
func (s *session) changedItems(m *mail.Mailbox, was *notifiedBox, e imap.Events) (items imap.StatusItems) {
	condStore := s.features&featCondStore != 0
	if e&imap.EventMessageNew != 0 && (m.UIDNext != was.next || m.Messages != was.messages) {
		items |= imap.StatusMessages | imap.StatusUIDNext | imap.StatusUIDValidity
		if condStore {
			items |= imap.StatusHighestModSeq
		}
	}
	if e&imap.EventFlagChange == 0 {
		return items
	}
	if m.Unseen != was.unseen || m.UIDValidity != was.validity {
		items |= imap.StatusUnseen | imap.StatusUIDValidity
	}
	if condStore && m.HighestMod != was.highest {
		items |= imap.StatusHighestModSeq | imap.StatusUIDValidity
	}
	return items
}

// without are those of uids that another change than this one brought.
func without(snap *mail.Snapshot, uids mail.UIDSet, change mail.ModSeq) (out mail.UIDSet) {
	for _, r := range uids {
		i, _ := snap.Find(r.Start)
		for ; i < snap.Len(); i++ {
			p, row := snap.Locate(i)
			if p.UIDs[row] > r.Stop {
				break
			}
			if p.ModSeqs[row] != change {
				out.Add(p.UIDs[row])
			}
		}
	}
	return out
}

// fetchArrived tells of new messages in the selected mailbox what the client asked for, but not of those that
// it added itself. RFC 5465 section 5.2.
func (s *session) fetchArrived(ctx context.Context, snap *mail.Snapshot, arrived mail.UIDSet) error {
	if s.notify == nil || len(s.notify.fetch) == 0 {
		return nil
	}
	if s.sel.acct.ID() == s.acct.ID() {
		arrived = without(snap, arrived, s.ownChange)
	}
	return s.fetchNew(ctx, snap, arrived, s.notify.fetch)
}

// fetchNew tells items of messages that the client did not FETCH. RFC 5465 sections 5.2 and 7.
func (s *session) fetchNew(ctx context.Context, snap *mail.Snapshot, uids mail.UIDSet, items []imap.FetchItem) error {
	if len(uids) == 0 || len(items) == 0 {
		return nil
	}
	f := fetchers.Get().(*fetcher)
	defer f.close()
	f.s, f.plan, f.buf, f.text = s, s.plan(&imap.Fetch{UID: true, Items: items}), getBuffer(), getBuffer()
	f.snap = snap
	_, err := f.run(ctx, uids)
	return err
}
