package sqlite

import (
	"container/list"
	"context"
	"slices"
	"sync"
	"unsafe"

	"github.com/constance-mail/constance/internal/mail"
)

// snapshots is the cache of a process: by least recent use, bounded in octets.
type snapshots struct {
	limit int64

	mu   sync.Mutex // guards the fields below
	size int64
	list list.List // of *cached, most recently used first
	find map[snapKey]*list.Element
}

// snapKey names a mailbox in one life of an account, see changed.birth.
type snapKey struct {
	account mail.AccountID
	birth   uint64
	mailbox mail.MailboxID
	viewer  mail.AccountID // "" for the owner
}

type cached struct {
	key  snapKey
	asOf mail.ModSeq // of the account
	snap *mail.Snapshot
	load loaded
	over []overlaid // of a viewer's snapshot, in step with its pages
	size int64
}

// loaded is what a snapshot was made from, besides what is in it.
type loaded struct {
	highest mail.ModSeq // of the mailbox
	shrunk  mail.ModSeq
}

func newSnapshots(limit int64) *snapshots {
	return &snapshots{limit: limit, find: make(map[snapKey]*list.Element)}
}

// get is the newest snapshot that is kept, nil if none is.
func (s *snapshots) get(k snapKey) *cached {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.find[k]
	if e == nil {
		return nil
	}
	s.list.MoveToFront(e)
	return e.Value.(*cached)
}

// put keeps c, unless a newer one is kept already.
func (s *snapshots) put(c *cached) {
	c.size = sizeOfSnapshot(c.snap)
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.find[c.key]; e != nil {
		old := e.Value.(*cached)
		if old.asOf > c.asOf {
			return
		}
		s.size += c.size - old.size
		e.Value = c
		s.list.MoveToFront(e)
	} else {
		s.find[c.key] = s.list.PushFront(c)
		s.size += c.size
	}
	for s.size > s.limit && s.list.Len() > 1 {
		old := s.list.Remove(s.list.Back()).(*cached)
		delete(s.find, old.key)
		s.size -= old.size
	}
}

// sizeOfSnapshot is about how many octets of memory a snapshot takes.
func sizeOfSnapshot(s *mail.Snapshot) int64 {
	const row = 4 + 6*8
	page := int64(unsafe.Sizeof(mail.Page{})) + 16
	return int64(unsafe.Sizeof(mail.Snapshot{})) + 256 + int64(s.Len())*row + int64(len(s.Pages))*page
}

// Snapshot implements mail.Messages.
func (a *account) Snapshot(ctx context.Context, mailbox mail.MailboxID) (*mail.Snapshot, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	f, err := a.acquire()
	if err != nil {
		return nil, err
	}
	defer f.release()
	key := snapKey{account: a.id, birth: f.birth, mailbox: mailbox}
	old := a.store.snaps.get(key)
	f.mu.Lock()
	l := f.boxes
	f.mu.Unlock()
	if l != nil && l.asOf.birth != f.changed.birth() {
		l = nil
	}
	if old != nil {
		now, ok := a.current(f)
		if ok && now == old.asOf {
			return old.snap, nil
		}
		if same := old.at(l); ok && same != nil && same.asOf == now { // another mailbox changed
			a.store.snaps.put(same)
			return same.snap, nil
		}
	}
	c, err := f.take()
	if err != nil {
		return nil, fail("open mailbox", string(a.id), err)
	}
	defer f.give(c)
	var fresh *cached
	err = c.read(func() error {
		fresh, err = c.refresh(old, key, l)
		if mail.KindOf(err) == mail.Corrupt && (old != nil || l != nil) { // a purge came between what is cached and this
			fresh, err = c.refresh(nil, key, nil)
		}
		return err
	})
	if err != nil {
		return nil, fail("open mailbox", string(a.id), err)
	}
	a.store.snaps.put(fresh)
	return fresh.snap, nil
}

// at is c as of l, nil if its mailbox has changed since or l is nil.
func (c *cached) at(l *boxes) *cached {
	if l == nil {
		return nil
	}
	b, ok := l.box(c.key.mailbox)
	if !ok || c.load != (loaded{b.HighestMod, b.shrunk}) {
		return nil
	}
	return &cached{key: c.key, asOf: l.asOf.mod, load: c.load, snap: mail.NewSnapshot(b.Mailbox, c.snap.Pages)}
}

// boxFor is the mailbox with what snapshots need, and the account's ModSeq: from l if that is as new as the
// transaction.
func (c *conn) boxFor(id mail.MailboxID, l *boxes) (b box, asOf mail.ModSeq, err error) {
	st, err := c.loadState()
	if err != nil {
		return b, 0, err
	}
	if l != nil && l.asOf.mod == st.modseq {
		if b, ok := l.box(id); ok {
			return b, st.modseq, nil
		}
	}
	if b, err = c.loadBox(id); err == nil {
		b.Subscribed, err = c.subscribed(b.Name)
	}
	return b, st.modseq, err
}

// refresh brings a snapshot up to date, or makes one (old == nil). Pages that did not change are shared. l is the list
// of mailboxes, maybe an old one or nil.
func (c *conn) refresh(old *cached, key snapKey, l *boxes) (*cached, error) {
	b, asOf, err := c.boxFor(key.mailbox, l)
	if err != nil {
		return nil, err
	}
	fresh := &cached{key: key, asOf: asOf, load: loaded{b.HighestMod, b.shrunk}}
	if old != nil && old.load.highest < b.shrunk {
		old = nil // a page may have vanished that it still has
	}
	var pages []*mail.Page
	switch {
	case old != nil && old.load.highest == b.HighestMod:
		pages = old.snap.Pages
	case old != nil:
		pages, err = c.loadPages(key.mailbox, old.snap.Pages, old.load.highest)
	case b.Messages > 0:
		pages, err = c.loadPages(key.mailbox, nil, 0)
	}
	if err != nil {
		return nil, err
	}
	fresh.snap = mail.NewSnapshot(b.Mailbox, pages)
	if fresh.snap.Len() != int(b.Messages) {
		return nil, corrupt(b.Name, "its pages hold another number of messages than it counts")
	}
	return fresh, nil
}

// pageNo is the number of a page, which is never empty.
func pageNo(p *mail.Page) int64 { return int64(p.UIDs[0] / mail.PageSize) }

// pagesSince is a query for the pages of a mailbox that changed since then. Its columns are id and the marks.
func (c *conn) pagesSince(mailbox mail.MailboxID, since mail.ModSeq) (stmt, error) {
	s, err := c.prep("SELECT id, x FROM item WHERE id BETWEEN ? AND ? AND n > ?")
	if err != nil {
		return s, err
	}
	return s.bind(itemKey(kindPage, pageKey(mailbox, 0)), itemKey(kindPage, pageKey(mailbox, 1<<24-1)), int64(since)), nil
}

// loadPages merges the pages that changed since then into old.
func (c *conn) loadPages(mailbox mail.MailboxID, old []*mail.Page, since mail.ModSeq) ([]*mail.Page, error) {
	s, err := c.pagesSince(mailbox, since)
	if err != nil {
		return nil, err
	}
	defer s.done()
	out := make([]*mail.Page, 0, len(old)+1)
	var m marks
	var fix fixed
	for {
		row, err := s.Step()
		if err != nil {
			return nil, err
		}
		if !row {
			return append(out, old...), nil
		}
		key := s.ColumnInt64(0)
		if err := m.decode(key, s.bytes(1)); err != nil {
			return nil, err
		}
		for len(old) > 0 && pageNo(old[0]) < m.no {
			out, old = append(out, old[0]), old[1:]
		}
		var was *mail.Page
		if len(old) > 0 && pageNo(old[0]) == m.no {
			was, old = old[0], old[1:]
		}
		if len(m.uids) == 0 {
			continue
		}
		p, err := c.makePage(key, &m, &fix, was)
		if err != nil {
			return nil, err
		}
		out = append(out, p)
	}
}

// makePage is the page of m. What never changes is shared with the page that was, if the messages are the same.
func (c *conn) makePage(key int64, m *marks, fix *fixed, was *mail.Page) (*mail.Page, error) {
	if p := sharedPage(m, was); p != nil {
		return p, nil
	}
	if err := c.loadFixed(key, fix); err != nil {
		return nil, err
	}
	return newPage(m, fix)
}

// sharedPage is the page of m that shares what never changes with the page that was, nil if the messages are others.
func sharedPage(m *marks, was *mail.Page) *mail.Page {
	if was == nil || !slices.Equal(was.UIDs, m.uids) {
		return nil
	}
	p := *was
	p.Flags, p.ModSeqs, p.Highest = slices.Clone(m.flags), slices.Clone(m.mods), m.highest()
	return &p
}

// newPage is the page of m, whose fixed columns fix has. Kind Corrupt.
func newPage(m *marks, fix *fixed) (*mail.Page, error) {
	n := len(m.uids)
	times := make([]int64, 3*n)
	p := &mail.Page{UIDs: slices.Clone(m.uids), Flags: slices.Clone(m.flags), ModSeqs: slices.Clone(m.mods),
		Highest: m.highest(), Contents: make([]mail.ContentID, n), Sizes: times[:n:n], Internal: times[n : 2*n : 2*n],
		Saved: times[2*n:]}
	row := 0
	for i, u := range m.uids {
		for row < len(fix.uids) && fix.uids[row] < u {
			row++
		}
		if row == len(fix.uids) || fix.uids[row] != u {
			return nil, corrupt(pageItem(fix.key), "a message without a content")
		}
		p.Contents[i], p.Sizes[i] = fix.contents[row], fix.sizes[row]
		p.Internal[i], p.Saved[i] = fix.internal[row], fix.saved[row]
	}
	return p, nil
}
