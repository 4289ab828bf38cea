package sqlite

import (
	"context"

	"github.com/constance-mail/constance/internal/mail"
)

// SetFlags implements mail.Messages.
func (a *account) SetFlags(ctx context.Context, mailbox mail.MailboxID, c mail.FlagChange) (mail.FlagsChanged, error) {
	if err := checkFlags("store flags", c.Flags); err != nil {
		return mail.FlagsChanged{}, err
	}
	if c.Op > mail.RemoveFlags {
		return mail.FlagsChanged{}, refuse("store flags", mail.Invalid, "")
	}
	var x setting
	err := a.update(ctx, "store flags", string(a.id), func(t *tx) error {
		x = setting{FlagChange: c}
		var err error
		if x.box, err = t.box(mailbox); err != nil {
			return err
		}
		if err = t.pages(mailbox, c.UIDs, func() error { return t.setFlags(&x) }); err != nil || x.out.ModSeq == 0 {
			return err
		}
		x.box.HighestMod = x.out.ModSeq
		return t.storeBox(&x.box)
	})
	if err != nil {
		return mail.FlagsChanged{}, err
	}
	return x.out, nil
}

// setting is a change of flags under way.
type setting struct {
	mail.FlagChange
	box   box
	known bool         // bits is set; not before a message is there to get them, since keywords come into being with it
	bits  mail.FlagSet // of Flags
	out   mail.FlagsChanged
}

// setFlags changes the page in t.marks.
func (t *tx) setFlags(x *setting) error {
	m, changed := &t.marks, false
	for i, u := range m.uids {
		if !x.UIDs.Contains(u) {
			continue
		}
		if x.Conditional && m.mods[i] > x.UnchangedSince {
			x.out.Failed.Add(u)
			continue
		}
		if !x.known {
			var err error
			if x.bits, err = t.bits(&x.box, x.Flags, x.Op != mail.RemoveFlags); err != nil {
				return err
			}
			x.known = true
		}
		old := m.flags[i]
		flags := x.apply(old)
		if flags == old {
			continue
		}
		if x.out.ModSeq == 0 {
			x.out.ModSeq = t.next()
		}
		x.box.count(old, -1)
		x.box.count(flags, 1)
		m.flags[i], m.mods[i] = flags, x.out.ModSeq
		x.out.Changed.Add(u)
		changed = true
	}
	if !changed {
		return nil
	}
	return t.storePage(x.box.ID, x.out.ModSeq)
}

func (x *setting) apply(old mail.FlagSet) mail.FlagSet {
	switch x.Op {
	case mail.AddFlags:
		return old | x.bits
	case mail.RemoveFlags:
		return old &^ x.bits
	}
	return x.bits
}

// count adds n messages with these flags to the counters of flags.
func (b *box) count(flags mail.FlagSet, n int) {
	if flags&mail.BitSeen == 0 {
		b.Unseen += uint32(n)
	}
	if flags&mail.BitDeleted != 0 {
		b.Deleted += uint32(n)
	}
}

// pages calls f for each page with a message of uids, read into t.marks.
func (t *tx) pages(mailbox mail.MailboxID, uids mail.UIDSet, f func() error) error {
	no := int64(0)
	for i := 0; i < len(uids); {
		no = max(no, int64(uids[i].Start/mail.PageSize))
		if no > int64(uids[i].Stop/mail.PageSize) {
			i++
			continue
		}
		found, err := t.nextPage(mailbox, no)
		if err != nil || !found {
			return err
		}
		no = t.marks.no
		first := mail.UID(no * mail.PageSize)
		for i < len(uids) && uids[i].Stop < first {
			i++
		}
		if i == len(uids) || uids[i].Start > first+(mail.PageSize-1) {
			continue
		}
		if err := f(); err != nil {
			return err
		}
		no++
	}
	return nil
}

// nextPage reads the first page from no on into t.marks.
func (t *tx) nextPage(mailbox mail.MailboxID, no int64) (bool, error) {
	s, err := t.c.prep("SELECT id, x FROM item WHERE id BETWEEN ? AND ? ORDER BY id LIMIT 1")
	if err != nil {
		return false, err
	}
	defer s.done()
	row, err := s.bind(itemKey(kindPage, pageKey(mailbox, no)), itemKey(kindPage, pageKey(mailbox, 1<<24-1))).first()
	if err != nil || !row {
		return false, err
	}
	return true, t.marks.decode(s.ColumnInt64(0), s.bytes(1))
}
