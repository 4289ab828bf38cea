package sqlite

import (
	"slices"

	"github.com/constance-mail/constance/internal/mail"
)

// What a viewer has of a page for itself is a row of table viewed: flags and ModSeqs of the messages on which it ever
// set one, in the form of a page's marks. It may name messages that were expunged since.

// lens is what a viewer sees of a page: its own flags where the mailbox has them personal.
type lens struct {
	own  marks
	mask mail.FlagSet
}

// at is the row of a message in l.own, false if the viewer never set a flag of it.
func (l *lens) at(u mail.UID) (int, bool) { return slices.BinarySearch(l.own.uids, u) }

// see is a message as the viewer sees it.
func (l *lens) see(u mail.UID, flags mail.FlagSet, mod mail.ModSeq) (mail.FlagSet, mail.ModSeq) {
	flags &^= l.mask
	if i, ok := l.at(u); ok {
		flags |= l.own.flags[i] & l.mask
		mod = max(mod, l.own.mods[i])
	}
	return flags, mod
}

// set gives the viewer these flags, as far as they are personal, false if it has them.
func (l *lens) set(u mail.UID, flags mail.FlagSet, mod mail.ModSeq) bool {
	flags &= l.mask
	i, ok := l.at(u)
	if !ok && flags == 0 || ok && l.own.flags[i]&l.mask == flags {
		return false
	}
	if !ok {
		l.own.uids = slices.Insert(l.own.uids, i, u)
		l.own.flags = slices.Insert(l.own.flags, i, flags)
		l.own.mods = slices.Insert(l.own.mods, i, mod)
		return true
	}
	l.own.flags[i], l.own.mods[i] = l.own.flags[i]&^l.mask|flags, mod
	return true
}

// loadViewed reads what a viewer has of a page.
func (c *conn) loadViewed(mailbox mail.MailboxID, who mail.AccountID, no int64, m *marks) error {
	s, err := c.prep("SELECT data FROM viewed WHERE mailbox = ? AND no = ? AND viewer = ?")
	if err != nil {
		return err
	}
	defer s.done()
	row, err := s.bind(int64(mailbox), no).text(3, string(who)).first()
	if err != nil {
		return err
	}
	if !row {
		m.no = no
		m.resize(0)
		return nil
	}
	return m.decode(pageKey(mailbox, no), s.bytes(0))
}

// look makes l how a viewer (or "", the owner) sees the page of b in t.marks.
func (t *tx) look(b *box, who mail.AccountID, l *lens) error {
	if who == "" {
		*l = lens{}
		return nil
	}
	l.mask = b.Personal.Mask()
	return t.c.loadViewed(b.ID, who, t.marks.no, &l.own)
}

// storeViewed writes what a viewer has of a page.
func (t *tx) storeViewed(mailbox mail.MailboxID, who mail.AccountID, m *marks) error {
	t.buf = m.encode(t.buf[:0])
	s, err := t.c.prep("INSERT OR REPLACE INTO viewed(mailbox, no, highest, viewer, data) VALUES (?, ?, ?, ?, ?)")
	if err != nil {
		return err
	}
	return s.bind(int64(mailbox), m.no, int64(m.highest())).text(4, string(who)).blob(5, t.buf).run()
}

// overlaid is what a page of a viewer's snapshot was made from.
type overlaid struct {
	base    *mail.Page
	highest mail.ModSeq // of the row of table viewed, 0 without one
	unseen  uint32
}

// overlay is the snapshot base as the viewer of key sees it. What did not change since old (which may be nil) is shared
// with it.
func (c *conn) overlay(base, old *cached, key snapKey) (*cached, error) {
	m := base.snap.Mailbox
	m.Unseen = 0
	rows, err := c.viewedRows(key)
	if err != nil {
		return nil, err
	}
	mask := m.Personal.Mask()
	if old != nil && old.snap.Mailbox.Personal != m.Personal {
		old = nil
	}
	fresh := &cached{key: key, asOf: base.asOf, over: make([]overlaid, 0, len(base.snap.Pages))}
	pages := make([]*mail.Page, 0, len(base.snap.Pages))
	for _, p := range base.snap.Pages {
		row := rows[pageNo(p)]
		o, page := old.overlaid(p, row.highest)
		if page == nil {
			l := lens{mask: mask}
			if row.data != nil {
				if err := l.own.decode(pageKey(key.mailbox, pageNo(p)), row.data); err != nil {
					return nil, err
				}
			}
			o, page = l.page(p)
			o.highest = row.highest
		}
		m.Unseen += o.unseen
		fresh.over, pages = append(fresh.over, o), append(pages, page)
	}
	fresh.snap = mail.NewSnapshot(m, pages)
	return fresh, nil
}

// overlaid is the page that c has for that page, nil if it has none or a row of another ModSeq.
func (c *cached) overlaid(base *mail.Page, highest mail.ModSeq) (overlaid, *mail.Page) {
	if c == nil {
		return overlaid{}, nil
	}
	i, ok := slices.BinarySearchFunc(c.over, pageNo(base), func(o overlaid, no int64) int { return int(pageNo(o.base) - no) })
	if !ok || c.over[i].base != base || c.over[i].highest != highest {
		return overlaid{}, nil
	}
	return c.over[i], c.snap.Pages[i]
}

// page is a page as the viewer sees it.
func (l *lens) page(base *mail.Page) (overlaid, *mail.Page) {
	o, p := overlaid{base: base}, *base
	p.Flags, p.ModSeqs = slices.Clone(base.Flags), slices.Clone(base.ModSeqs)
	for i, u := range p.UIDs {
		p.Flags[i], p.ModSeqs[i] = l.see(u, p.Flags[i], p.ModSeqs[i])
		p.Highest = max(p.Highest, p.ModSeqs[i])
		if p.Flags[i]&mail.BitSeen == 0 {
			o.unseen++
		}
	}
	return o, &p
}

// viewedRow is a row of table viewed.
type viewedRow struct {
	highest mail.ModSeq
	data    []byte
}

// viewedRows are the rows that a viewer has of a mailbox, by page.
func (c *conn) viewedRows(key snapKey) (map[int64]viewedRow, error) {
	s, err := c.prep("SELECT no, highest, data FROM viewed WHERE mailbox = ? AND viewer = ?")
	if err != nil {
		return nil, err
	}
	defer s.done()
	s.bind(int64(key.mailbox)).text(2, string(key.viewer))
	out := make(map[int64]viewedRow)
	for {
		row, err := s.Step()
		if err != nil || !row {
			return out, err
		}
		out[s.ColumnInt64(0)] = viewedRow{mail.ModSeq(s.ColumnInt64(1)), slices.Clone(s.bytes(2))}
	}
}

// split divides what the viewer sees of entries that come into a mailbox into flags that all see and its own.
func split(entries []entry, mask mail.FlagSet) {
	for i := range entries {
		e := &entries[i]
		e.flags, e.own = e.flags&mask|e.own&^mask, e.own&mask
	}
}

// keepOwn keeps the viewer's own flags of entries, which were added to b.
func (t *tx) keepOwn(b *box, who mail.AccountID, entries []entry, mod mail.ModSeq) error {
	for i := 0; i < len(entries); {
		no := int64(entries[i].uid / mail.PageSize)
		l := lens{mask: b.Personal.Mask()}
		if err := t.c.loadViewed(b.ID, who, no, &l.own); err != nil {
			return err
		}
		changed := false
		for ; i < len(entries) && int64(entries[i].uid/mail.PageSize) == no; i++ {
			changed = l.set(entries[i].uid, entries[i].own, mod) || changed
		}
		if !changed {
			continue
		}
		if err := t.storeViewed(b.ID, who, &l.own); err != nil {
			return err
		}
	}
	return nil
}
