package sqlite

import (
	"context"

	"github.com/constance-mail/constance/internal/mail"
)

// Expunge implements mail.Messages.
func (a *account) Expunge(ctx context.Context, mailbox mail.MailboxID,
	uids mail.UIDSet) (mail.UIDSet, mail.ModSeq, error) {
	if uids == nil {
		uids = mail.UIDSet{{Start: 1, Stop: 1<<32 - 1}}
	}
	var removed mail.UIDSet
	var mod mail.ModSeq
	err := a.update(ctx, "expunge", string(a.id), func(t *tx) error {
		removed, mod = nil, 0
		b, err := t.box(mailbox)
		if err != nil || b.Deleted == 0 {
			return err
		}
		mod = t.st.modseq + 1
		if removed, err = t.expunge(&b, uids, mod, true); err != nil || removed == nil {
			mod = 0
			return err
		}
		t.next()
		b.HighestMod = mod
		return t.storeBox(&b)
	})
	if err != nil {
		return nil, 0, err
	}
	return removed, mod, nil
}

// expunge removes messages from b, whose counters it changes: those of uids, or (marked) only those of them with
// \Deleted. The contents stay referred to by the marks until Purge.
func (t *tx) expunge(b *box, uids mail.UIDSet, mod mail.ModSeq, marked bool) (mail.UIDSet, error) {
	var removed mail.UIDSet
	var out marks // what goes
	err := t.pages(b.ID, uids, func() error {
		m := &t.marks
		out.no = m.no
		out.resize(0)
		kept, looked := 0, 0
		for i, u := range m.uids {
			asked := uids.Contains(u)
			if asked {
				looked++
			}
			if !asked || marked && m.flags[i]&mail.BitDeleted == 0 {
				m.uids[kept], m.flags[kept], m.mods[kept] = u, m.flags[i], m.mods[i]
				kept++
				continue
			}
			out.add(u, m.flags[i], m.mods[i])
			removed.Add(u)
		}
		if marked { // what is moved is counted when it is copied
			t.done.Add(looked)
		}
		if len(out.uids) == 0 {
			return nil
		}
		m.resize(kept)
		if err := t.subtract(b, &out); err != nil {
			return err
		}
		if err := t.storePage(b.ID, mod); err != nil {
			return err
		}
		return t.storeExpunged(b.ID, mod, &out)
	})
	return removed, err
}

// empty removes all messages from b, whose counters it changes. Unlike expunge it looks at none of them: what goes is all that
// the mailbox counts.
func (t *tx) empty(b *box, mod mail.ModSeq) error {
	err := t.pages(b.ID, mail.UIDSet{{Start: 1, Stop: 1<<32 - 1}}, func() error {
		if len(t.marks.uids) == 0 {
			return nil
		}
		if err := t.storeExpunged(b.ID, mod, &t.marks); err != nil {
			return err
		}
		t.marks.resize(0)
		return t.storePage(b.ID, mod)
	})
	t.st.usage.Messages -= int64(b.Messages)
	t.st.usage.Storage -= b.Size
	b.Messages, b.Unseen, b.Deleted, b.Size = 0, 0, 0, 0
	return err
}

// subtract takes the messages out of the counters of the mailbox and of the account.
func (t *tx) subtract(b *box, out *marks) error {
	key := pageKey(b.ID, out.no)
	if err := t.c.loadFixed(key, &t.fixed); err != nil {
		return err
	}
	for i, u := range out.uids {
		row, ok := t.fixed.row(u)
		if !ok {
			return corrupt(pageItem(key), "a message without a size")
		}
		b.count(out.flags[i], -1)
		b.Messages--
		b.Size -= t.fixed.sizes[row]
		t.st.usage.Messages--
		t.st.usage.Storage -= t.fixed.sizes[row]
	}
	return nil
}

// storeExpunged writes the marks of expunged messages of a page.
func (t *tx) storeExpunged(mailbox mail.MailboxID, mod mail.ModSeq, out *marks) error {
	t.buf = out.encode(t.buf[:0])
	s, err := t.c.prep("INSERT INTO expunged(mailbox, modseq, no, time, data) VALUES (?, ?, ?, ?, ?)")
	if err != nil {
		return err
	}
	return s.bind(int64(mailbox), int64(mod), out.no, t.at).blob(5, t.buf).run()
}

// Vanished implements mail.Messages.
func (a *account) Vanished(ctx context.Context, mailbox mail.MailboxID, since mail.ModSeq) (mail.UIDSet, bool, error) {
	var uids mail.UIDSet
	var complete bool
	err := a.view(ctx, "look for expunged", string(a.id), func(_ *files, c *conn) error {
		b, err := c.loadBox(mailbox)
		if err != nil {
			return err
		}
		complete = since >= b.forgotten
		uids, err = c.expungedSince(mailbox, since)
		return err
	})
	if err != nil {
		return nil, false, err
	}
	return uids, complete, nil
}

func (c *conn) expungedSince(mailbox mail.MailboxID, since mail.ModSeq) (mail.UIDSet, error) {
	s, err := c.prep("SELECT no, data FROM expunged WHERE mailbox = ? AND modseq > ?")
	if err != nil {
		return nil, err
	}
	defer s.done()
	s.bind(int64(mailbox), int64(since))
	var out mail.UIDSet
	uids := make([]mail.UID, mail.PageSize)
	for {
		row, err := s.Step()
		if err != nil || !row {
			return out, err
		}
		no := s.ColumnInt64(0)
		m, _, ok := openPage(s.bytes(1))
		if !ok {
			return nil, corrupt(pageItem(pageKey(mailbox, no)), "damaged mark of an expunge")
		}
		n := m.len()
		m.uidsOf(no, uids[:n])
		for _, u := range uids[:n] {
			out.Add(u)
		}
	}
}
