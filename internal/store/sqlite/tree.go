package sqlite

import (
	"context"
	"slices"
	"strings"

	"github.com/constance-mail/constance/internal/mail"
)

// tree is the mailboxes of an account by name, in a write transaction.
type tree map[string]*box

func (t *tx) tree() (tree, error) {
	all, err := t.c.loadBoxes()
	if err != nil {
		return nil, err
	}
	out := make(tree, len(all))
	for i := range all {
		out[all[i].Name] = &all[i]
	}
	return out, nil
}

// missing is how many mailboxes above name there are not.
func (have tree) missing(name string) int {
	n := 0
	for _, a := range above(name) {
		if have[a] == nil {
			n++
		}
	}
	return n
}

// fits tells whether there is room for n more mailboxes. Kinds Limit, OverQuota.
func (t *tx) fits(op, item string, n int) error {
	u := &t.st.usage
	switch {
	case n > 0 && u.Mailboxes+int64(n) > mail.MaxMailboxes:
		return refuse(op, mail.Limit, item)
	case n > 0 && u.Limit.Mailboxes > 0 && u.Mailboxes+int64(n) > u.Limit.Mailboxes:
		return refuse(op, mail.OverQuota, item)
	}
	return nil
}

// over is the nearest mailbox above name, nil if there is none. Above those of the first level is what is kept under
// the empty name: see create.
func (have tree) over(name string) *box {
	names := above(name)
	for i := len(names) - 1; i >= 0; i-- {
		if b := have[names[i]]; b != nil {
			return b
		}
	}
	return have[""]
}

// addAbove adds the mailboxes above name that are missing.
func (t *tx) addAbove(have tree, name string, mod mail.ModSeq) error {
	for _, n := range above(name) {
		if have[n] != nil {
			continue
		}
		b, err := t.addMailbox(n, nil, have.over(n), mod)
		if err != nil {
			return err
		}
		have[n] = &b
	}
	return nil
}

// knownUse tells whether a mailbox can have that use.
func knownUse(u mail.SpecialUse) bool {
	switch u {
	case mail.UseArchive, mail.UseDrafts, mail.UseJunk, mail.UseSent, mail.UseTrash:
		return true
	}
	return false
}

// CreateMailbox implements mail.Mailboxes.
func (a *account) CreateMailbox(ctx context.Context, name string, uses []mail.SpecialUse) (mail.Mailbox, error) {
	return a.create(ctx, name, uses, false)
}

// create creates a mailbox, for another viewer (guest) below INBOX if it is one of the first level.
func (a *account) create(ctx context.Context, name string, uses []mail.SpecialUse, guest bool) (mail.Mailbox, error) {
	name, err := mail.CleanName(name)
	if err != nil {
		return mail.Mailbox{}, err
	}
	for _, u := range uses {
		if !knownUse(u) {
			return mail.Mailbox{}, refuse("create", mail.Invalid, string(u))
		}
	}
	uses = slices.Compact(slices.Sorted(slices.Values(uses)))
	var made box
	err = a.update(ctx, "create", name, func(t *tx) error {
		have, err := t.tree()
		switch {
		case err != nil:
			return err
		case have[name] != nil:
			return refuse("create", mail.Exists, name)
		}
		if err := t.fits("create", name, have.missing(name)+1); err != nil {
			return err
		}
		mod := t.next()
		if err := t.takeUses(have, uses); err != nil {
			return err
		}
		if guest {
			have[""] = have[mail.Inbox]
		}
		if err := t.addAbove(have, name, mod); err != nil {
			return err
		}
		made, err = t.addMailbox(name, uses, have.over(name), mod)
		if err != nil {
			return err
		}
		n, err := t.c.subscribed(name)
		made.Subscribed = n
		return err
	})
	return made.Mailbox, err
}

// subscribed tells whether the name is subscribed.
func (c *conn) subscribed(name string) (bool, error) {
	s, err := c.prep("SELECT 1 FROM subscription WHERE name = ?")
	if err != nil {
		return false, err
	}
	defer s.done()
	return s.text(1, name).first()
}

// takeUses takes the uses away from the mailboxes that have them.
func (t *tx) takeUses(have tree, uses []mail.SpecialUse) error {
	for _, b := range have {
		rest := slices.DeleteFunc(slices.Clone(b.Uses), func(u mail.SpecialUse) bool { return slices.Contains(uses, u) })
		if len(rest) == len(b.Uses) {
			continue
		}
		b.Uses = rest
		if err := t.storeBox(b); err != nil {
			return err
		}
	}
	return nil
}

// DeleteMailbox implements mail.Mailboxes. The row stays, marked, until Purge, so that it could be brought back.
func (a *account) DeleteMailbox(ctx context.Context, name string) error {
	name, err := mail.CleanName(name)
	if err != nil {
		return err
	}
	if name == mail.Inbox {
		return refuse("delete", mail.Denied, name)
	}
	return a.update(ctx, "delete", name, func(t *tx) error {
		have, err := t.tree()
		if err != nil {
			return err
		}
		b := have[name]
		if b == nil {
			return refuse("delete", mail.NotFound, name)
		}
		if err := t.empty(b, t.next()); err != nil {
			return err
		}
		b.gone = t.at
		t.st.usage.Mailboxes--
		if err := t.dropAnnotations(b.ID); err != nil {
			return err
		}
		return t.storeBox(b)
	})
}

// RenameMailbox implements mail.Mailboxes.
func (a *account) RenameMailbox(ctx context.Context, from, to string) error {
	from, err := mail.CleanName(from)
	if err != nil {
		return err
	}
	if to, err = mail.CleanName(to); err != nil {
		return err
	}
	if from != mail.Inbox && strings.HasPrefix(to, from+"/") {
		return refuse("rename", mail.Invalid, to)
	}
	return a.update(ctx, "rename", from, func(t *tx) error {
		have, err := t.tree()
		switch {
		case err != nil:
			return err
		case have[from] == nil:
			return refuse("rename", mail.NotFound, from)
		case have[to] != nil:
			return refuse("rename", mail.Exists, to)
		case from == mail.Inbox:
			return t.renameInbox(have, to)
		}
		return t.rename(have, from, to)
	})
}

// rename renames a mailbox and those below it.
func (t *tx) rename(have tree, from, to string) error {
	var moved []*box
	for name, b := range have {
		if name != from && !strings.HasPrefix(name, from+"/") {
			continue
		}
		target, err := mail.CleanName(to + name[len(from):]) // may be too long or too deep
		if err != nil {
			return err
		}
		if have[target] != nil {
			return refuse("rename", mail.Exists, target)
		}
		moved = append(moved, b)
	}
	if err := t.fits("rename", to, have.missing(to)); err != nil {
		return err
	}
	mod := t.next()
	if err := t.addAbove(have, to, mod); err != nil {
		return err
	}
	var follow []string // the new names of those that are subscribed
	for _, b := range moved {
		old := b.Name
		b.Name = to + old[len(from):]
		if err := t.storeBox(b); err != nil {
			return err
		}
		on, err := t.c.subscribed(old)
		if err != nil {
			return err
		}
		if on {
			follow = append(follow, b.Name)
		}
		if err := t.subscribe(old, false); err != nil {
			return err
		}
	}
	for _, name := range follow {
		if err := t.subscribe(name, true); err != nil {
			return err
		}
	}
	return nil
}

// renameInbox moves the messages of INBOX to a new mailbox. RFC 9051 section 6.3.6.
func (t *tx) renameInbox(have tree, to string) error {
	if err := t.fits("rename", to, have.missing(to)+1); err != nil {
		return err
	}
	mod := t.next()
	if err := t.addAbove(have, to, mod); err != nil {
		return err
	}
	b, err := t.addMailbox(to, nil, have.over(to), mod)
	if err != nil {
		return err
	}
	if err := t.copyAnnotations(have[mail.Inbox].ID, b.ID, mod); err != nil {
		return err
	}
	_, err = t.transfer(have[mail.Inbox], &b, transfer{
		uids: mail.UIDSet{{Start: 1, Stop: 1<<32 - 1}}, mod: mod, move: true,
	})
	return err
}

// Subscribe implements mail.Mailboxes.
func (a *account) Subscribe(ctx context.Context, name string, on bool) error {
	name, err := mail.CleanName(name)
	if err != nil {
		return err
	}
	return a.update(ctx, "subscribe", name, func(t *tx) error {
		was, err := t.c.subscribed(name)
		if err != nil || was == on {
			return err
		}
		t.next()
		return t.subscribe(name, on)
	})
}
