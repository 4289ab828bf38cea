package sqlite

import (
	"context"

	"github.com/constance-mail/constance/internal/mail"
)

// SetFlags implements mail.Messages.
func (a *account) SetFlags(ctx context.Context, mailbox mail.MailboxID, c mail.FlagChange) (mail.FlagsChanged, error) {
	return a.setFlags(ctx, mailbox, setting{FlagChange: c})
}

func (a *account) setFlags(ctx context.Context, mailbox mail.MailboxID, c setting) (mail.FlagsChanged, error) {
	if err := checkFlags("store flags", c.Flags); err != nil {
		return mail.FlagsChanged{}, err
	}
	if c.Op > mail.RemoveFlags {
		return mail.FlagsChanged{}, refuse("store flags", mail.Invalid, "")
	}
	var x setting
	err := a.update(ctx, "store flags", string(a.id), func(t *tx) error {
		x = c
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
	who   mail.AccountID // the viewer, "" for the owner
	box   box
	lens  lens
	known bool         // bits is set; not before a message is there to get them, since keywords come into being with it
	bits  mail.FlagSet // of Flags
	out   mail.FlagsChanged
}

// setFlags changes the page in t.marks.
func (t *tx) setFlags(x *setting) error {
	if err := t.look(&x.box, x.who, &x.lens); err != nil {
		return err
	}
	m, changed, own, looked := &t.marks, false, false, 0
	for i, u := range m.uids {
		if !x.UIDs.Contains(u) {
			continue
		}
		looked++
		old, mod := x.lens.see(u, m.flags[i], m.mods[i])
		if x.Conditional && mod > x.UnchangedSince {
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
		flags := x.apply(old)
		if flags == old {
			continue
		}
		if x.out.ModSeq == 0 {
			x.out.ModSeq = t.next()
		}
		x.out.Changed.Add(u)
		own = x.lens.set(u, flags, x.out.ModSeq) || own
		if flags = m.flags[i]&x.lens.mask | flags&^x.lens.mask; flags != m.flags[i] {
			x.box.count(m.flags[i], -1)
			x.box.count(flags, 1)
			m.flags[i], m.mods[i] = flags, x.out.ModSeq
			changed = true
		}
	}
	t.done.Add(looked)
	if own {
		if err := t.storeViewed(x.box.ID, x.who, &x.lens.own); err != nil {
			return err
		}
	}
	if !changed {
		return nil
	}
	return t.storePage(x.box.ID, x.out.ModSeq)
}

func (x *setting) apply(old mail.FlagSet) mail.FlagSet {
	flags, mask := x.bits, x.Mask
	switch x.Op {
	case mail.AddFlags:
		flags |= old
	case mail.RemoveFlags:
		flags = old &^ x.bits
	}
	if mask == 0 {
		return flags
	}
	return old&^mask | flags&mask
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

// pageMarks takes the page of that number into t.marks; one that there is not is empty.
func (t *tx) pageMarks(mailbox mail.MailboxID, no int64) error {
	r := t.renewal(mailbox)
	if r == nil {
		return t.c.loadMarks(pageKey(mailbox, no), &t.marks)
	}
	i, found := r.search(no)
	if found {
		t.marks.copy(r.pages[i])
		return nil
	}
	t.marks.no = no
	t.marks.resize(0)
	return nil
}

// nextPage takes the first page from no on into t.marks.
func (t *tx) nextPage(mailbox mail.MailboxID, no int64) (bool, error) {
	if r := t.renewal(mailbox); r != nil {
		i, _ := r.search(no)
		if i < len(r.pages) {
			t.marks.copy(r.pages[i])
		}
		return i < len(r.pages), nil
	}
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
