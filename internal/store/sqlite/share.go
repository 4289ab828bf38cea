package sqlite

import (
	"context"
	"slices"

	"github.com/constance-mail/constance/internal/mail"
)

// SetACL implements mail.Mailboxes.
func (a *account) SetACL(ctx context.Context, id mail.MailboxID, c mail.ACLChange) error {
	return a.update(ctx, "set acl", string(a.id), func(t *tx) error {
		b, err := t.box(id)
		if err != nil {
			return err
		}
		was := b.ACL
		if b.ACL, err = was.With(c); err != nil || slices.Equal(was, b.ACL) {
			return err
		}
		t.next()
		return t.storeBox(&b)
	})
}

// SetPersonal implements mail.Mailboxes.
func (a *account) SetPersonal(ctx context.Context, id mail.MailboxID, p mail.Personal) error {
	if p > mail.PersonalAll {
		return refuse("set personal flags", mail.Invalid, string(a.id))
	}
	return a.update(ctx, "set personal flags", string(a.id), func(t *tx) error {
		b, err := t.box(id)
		if err != nil || b.Personal == p {
			return err
		}
		b.Personal, b.HighestMod = p, t.next()
		return t.storeBox(&b)
	})
}

// viewer is an account as another account's owner sees it.
type viewer struct {
	*account
	who mail.AccountID
}

// As implements mail.Account.
func (a *account) As(who mail.AccountID) mail.Account {
	if who == a.id {
		return a
	}
	return &viewer{a, who}
}

// Mailbox implements mail.Mailboxes.
func (v *viewer) Mailbox(ctx context.Context, name string) (mail.Mailbox, error) {
	m, err := v.account.Mailbox(ctx, name)
	if err != nil {
		return m, err
	}
	s, err := v.Snapshot(ctx, m.ID)
	if err != nil {
		return m, err
	}
	return s.Mailbox, nil
}

// CreateMailbox implements mail.Mailboxes.
func (v *viewer) CreateMailbox(ctx context.Context, name string, uses []mail.SpecialUse) (mail.Mailbox, error) {
	return v.create(ctx, name, uses, true)
}

// ClaimRecent implements mail.Messages.
func (v *viewer) ClaimRecent(context.Context, mail.MailboxID) (mail.UID, error) { return 0, nil }

// SetFlags implements mail.Messages.
func (v *viewer) SetFlags(ctx context.Context, id mail.MailboxID, c mail.FlagChange) (mail.FlagsChanged, error) {
	return v.setFlags(ctx, id, setting{FlagChange: c, who: v.who})
}

// Append implements mail.Messages.
func (v *viewer) Append(ctx context.Context, id mail.MailboxID, msgs []mail.NewMessage) (mail.Appended, error) {
	return v.append(ctx, id, msgs, v.who)
}

// Replace implements mail.Messages.
func (v *viewer) Replace(ctx context.Context, r mail.Replacement) (mail.Appended, error) {
	return v.replace(ctx, r, v.who)
}

// Copy implements mail.Messages.
func (v *viewer) Copy(ctx context.Context, from mail.MailboxID, uids mail.UIDSet, to mail.MailboxID) (mail.Copied, error) {
	return v.transfer(ctx, "copy", from, to, transfer{uids: uids, who: v.who})
}

// Move implements mail.Messages.
func (v *viewer) Move(ctx context.Context, from mail.MailboxID, uids mail.UIDSet, to mail.MailboxID) (mail.Copied, error) {
	return v.transfer(ctx, "move", from, to, transfer{uids: uids, move: true, who: v.who})
}

// Outline implements mail.Messages.
func (v *viewer) Outline(ctx context.Context, mailbox mail.MailboxID, since mail.ModSeq) (*mail.Outline, error) {
	s, err := v.Snapshot(ctx, mailbox)
	if err != nil {
		return nil, err
	}
	return s.Outline(since), nil
}

// Snapshot implements mail.Messages.
func (v *viewer) Snapshot(ctx context.Context, mailbox mail.MailboxID) (*mail.Snapshot, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	f, err := v.acquire()
	if err != nil {
		return nil, err
	}
	defer f.release()
	key := snapKey{account: v.id, birth: f.birth, mailbox: mailbox}
	own := key
	own.viewer = v.who
	old := v.store.snaps.get(own)
	if old != nil {
		if now, ok := v.current(f); ok && now == old.asOf {
			return old.snap, nil
		}
	}
	base := v.store.snaps.get(key)
	var fresh, seen *cached
	err = v.view(ctx, "open mailbox", string(v.id), func(_ *files, c *conn) error {
		var err error
		fresh, err = c.refresh(base, key, nil)
		if mail.KindOf(err) == mail.Corrupt && base != nil { // a purge came between what is cached and this
			fresh, err = c.refresh(nil, key, nil)
		}
		if err == nil {
			seen, err = c.overlay(fresh, old, own)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	v.store.snaps.put(fresh)
	v.store.snaps.put(seen)
	return seen.snap, nil
}
