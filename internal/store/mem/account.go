package mem

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/constance-mail/constance/internal/mail"
)

// account is an account's mail.
type account struct {
	mu           sync.Mutex // guards everything below
	modSeq       mail.ModSeq
	lastMailbox  mail.MailboxID
	lastContent  mail.ContentID
	lastThread   mail.ThreadID
	lastValidity mail.UIDValidity
	boxes        map[mail.MailboxID]*box
	names        map[string]*box
	subscribed   map[string]bool
	contents     map[mail.ContentID]*content
	threads      map[string]*threadRef // by message id
	graves       []gone                // expunges in mailboxes that are deleted themselves
	usage        mail.Usage
	annotations  map[entryKey]mail.Annotation
}

// newAccount has INBOX and the mailboxes of o.
func newAccount(o mail.Options) (*account, error) {
	a := &account{
		modSeq: 1, boxes: make(map[mail.MailboxID]*box), names: make(map[string]*box),
		subscribed: make(map[string]bool),
		contents:   make(map[mail.ContentID]*content), threads: make(map[string]*threadRef),
		usage: mail.Usage{Limit: o.Quota}, annotations: make(map[entryKey]mail.Annotation),
	}
	for _, n := range slices.Insert(slices.Clone(o.Mailboxes), 0, mail.NewMailbox{Name: mail.Inbox}) {
		name, err := mail.CleanName(n.Name)
		if err != nil {
			return nil, err
		}
		b := a.names[name]
		if b == nil {
			b = a.create(name, nil)
		}
		if n.Use != "" {
			uses, err := cleanUses([]mail.SpecialUse{n.Use})
			if err != nil {
				return nil, err
			}
			a.giveUses(b, append(uses, b.Uses...))
		}
		if n.Subscribed {
			a.subscribed[name] = true
		}
	}
	return a, nil
}

// box is the mailbox of that id. Kind NotFound.
func (a *account) box(op string, id mail.MailboxID) (*box, error) {
	if b := a.boxes[id]; b != nil {
		return b, nil
	}
	return nil, refuse(op, mail.NotFound, "mailbox")
}

// ModSeq implements mail.Account.
func (h *handle) ModSeq(ctx context.Context) (mail.ModSeq, error) {
	a, err := h.enter(ctx, "modseq")
	if err != nil {
		return 0, err
	}
	defer a.mu.Unlock()
	return a.modSeq, nil
}

// Usage implements mail.Account.
func (h *handle) Usage(ctx context.Context) (mail.Usage, error) {
	a, err := h.enter(ctx, "usage")
	if err != nil {
		return mail.Usage{}, err
	}
	defer a.mu.Unlock()
	return a.use(), nil
}

// SetQuota implements mail.Account.
func (h *handle) SetQuota(ctx context.Context, q mail.Quota) error {
	a, err := h.enter(ctx, "set quota")
	if err != nil {
		return err
	}
	defer a.mu.Unlock()
	if !q.Valid() {
		return refuse("set quota", mail.Invalid, "negative limit")
	}
	a.usage.Limit = q
	return nil
}

// use is the account's use of its quota.
func (a *account) use() mail.Usage {
	u := a.usage
	u.Mailboxes = int64(len(a.boxes))
	return u
}

// room refuses what would take the use over a limit.
func (a *account) room(op string, messages, octets int64) error {
	if !a.usage.Holds(messages, octets) {
		return refuse(op, mail.OverQuota, "")
	}
	return nil
}

// fits tells whether there is room for n more mailboxes. Kinds Limit, OverQuota.
func (a *account) fits(op, item string, n int) error {
	limit := a.usage.Limit.Mailboxes
	switch {
	case n > 0 && len(a.boxes)+n > mail.MaxMailboxes:
		return refuse(op, mail.Limit, item)
	case n > 0 && limit > 0 && int64(len(a.boxes)+n) > limit:
		return refuse(op, mail.OverQuota, item)
	}
	return nil
}

// Purge implements mail.Account.
func (h *handle) Purge(ctx context.Context, before time.Time) (mail.PurgeResult, error) {
	a, err := h.enter(ctx, "purge")
	if err != nil {
		return mail.PurgeResult{}, err
	}
	defer a.mu.Unlock()
	var r mail.PurgeResult
	forget := func(list []gone) (kept []gone, highest mail.ModSeq) {
		for _, g := range list {
			if !g.at.Before(before) {
				kept = append(kept, g)
				continue
			}
			highest = max(highest, g.modSeq)
			r.Messages++
			if size, last := a.release(g.content); last {
				r.Contents++
				r.Octets += size
			}
		}
		return kept, highest
	}
	a.graves, _ = forget(a.graves)
	for _, b := range a.boxes {
		kept, highest := forget(b.gone)
		b.gone, b.horizon = kept, max(b.horizon, highest)
	}
	return r, nil
}
