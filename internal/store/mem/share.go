package mem

import (
	"context"
	"slices"

	"github.com/constance-mail/constance/internal/mail"
)

// own is what a viewer has of a message for itself.
type own struct {
	flags  mail.FlagSet
	modSeq mail.ModSeq
}

// As implements mail.Account.
func (h *handle) As(who mail.AccountID) mail.Account {
	if who == h.id {
		who = ""
	}
	return &handle{store: h.store, id: h.id, who: who}
}

// mask is the flags of a mailbox that the user of the handle has for itself.
func (h *handle) mask(b *box) mail.FlagSet {
	if h.who == "" {
		return 0
	}
	return b.Personal.Mask()
}

// see is a message as the user of the handle sees it.
func (h *handle) see(b *box, r row) row {
	mask := h.mask(b)
	r.flags &^= mask
	if o, ok := b.viewed[h.who][r.uid]; ok && h.who != "" {
		r.flags |= o.flags & mask
		r.modSeq = max(r.modSeq, o.modSeq)
	}
	return r
}

// keep gives the user of the handle its own flags of a message, as far as they are personal.
func (h *handle) keep(b *box, u mail.UID, flags mail.FlagSet, modSeq mail.ModSeq) {
	mask := h.mask(b)
	was := b.viewed[h.who][u]
	if was.flags&mask == flags&mask {
		return
	}
	if b.viewed == nil {
		b.viewed = make(map[mail.AccountID]map[mail.UID]own)
	}
	if b.viewed[h.who] == nil {
		b.viewed[h.who] = make(map[mail.UID]own)
	}
	b.viewed[h.who][u] = own{was.flags&^mask | flags&mask, modSeq}
}

// snapshot is a mailbox as the user of the handle sees it.
func (h *handle) snapshot(a *account, b *box) *mail.Snapshot {
	m := a.mailbox(b)
	if h.who == "" {
		return mail.NewSnapshot(m, b.pages)
	}
	m.Subscribed, m.Unseen = false, 0
	var pages []*mail.Page
	for _, p := range b.pages {
		q := &mail.Page{}
		for i := range p.UIDs {
			r := h.see(b, rowOf(p, i))
			addRow(q, r)
			if r.flags&mail.BitSeen == 0 {
				m.Unseen++
			}
		}
		q.Highest = max(q.Highest, p.Highest)
		pages = append(pages, q)
	}
	return mail.NewSnapshot(m, pages)
}

// SetACL implements mail.Mailboxes.
func (h *handle) SetACL(ctx context.Context, id mail.MailboxID, c mail.ACLChange) error {
	a, err := h.enter(ctx, "set acl")
	if err != nil {
		return err
	}
	defer h.leave(a, a.modSeq)
	b, err := a.box("set acl", id)
	if err != nil {
		return err
	}
	acl, err := b.ACL.With(c)
	if err != nil || slices.Equal(acl, b.ACL) {
		return err
	}
	a.modSeq++
	b.ACL = acl
	return nil
}

// SetPersonal implements mail.Mailboxes.
func (h *handle) SetPersonal(ctx context.Context, id mail.MailboxID, p mail.Personal) error {
	a, err := h.enter(ctx, "set personal flags")
	if err != nil {
		return err
	}
	defer h.leave(a, a.modSeq)
	if p > mail.PersonalAll {
		return refuse("set personal flags", mail.Invalid, "")
	}
	b, err := a.box("set personal flags", id)
	if err != nil || b.Personal == p {
		return err
	}
	a.modSeq++
	b.Personal, b.HighestMod = p, a.modSeq
	return nil
}
