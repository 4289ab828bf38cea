package sqlite

import (
	"slices"

	"github.com/constance-mail/constance/internal/mail"
)

// renewals are the snapshots that this process has of mailboxes which a transaction changes, as they will be after it:
// so that who made a change, and asks for a snapshot next, does not read again what was just written.
type renewals struct {
	off bool // a change was undone: what was noted may not be so
	of  map[mail.MailboxID]*renewal
}

// renewal is one of them. Nil: none is kept, or it is too old.
type renewal struct {
	old   *cached
	pages []*mail.Page // as they are now
}

// renewal is the renewal of a mailbox: its pages as they are, in which a change is to be noted. Nil: they are not at hand.
func (t *tx) renewal(mailbox mail.MailboxID) *renewal {
	if t.base == nil || t.renewals.off {
		return nil
	}
	if r, ok := t.renewals.of[mailbox]; ok {
		return r
	}
	var r *renewal
	if b, ok := t.base.box(mailbox); ok {
		old := t.files.account.store.snaps.get(snapKey{account: t.files.account.id, birth: t.files.birth, mailbox: mailbox})
		if old != nil && old.load == (loaded{b.HighestMod, b.shrunk}) {
			r = &renewal{old: old, pages: old.snap.Pages}
		}
	}
	if t.renewals.of == nil {
		t.renewals.of = make(map[mail.MailboxID]*renewal)
	}
	t.renewals.of[mailbox] = r
	return r
}

// note notes the page in t.marks, which was stored; if its messages are others than before, t.fixed has the rest.
func (t *tx) note(mailbox mail.MailboxID) {
	if r := t.renewal(mailbox); r != nil && !r.note(mailbox, &t.marks, &t.fixed) {
		t.renewals.of[mailbox] = nil
	}
}

// search is where the page of that number is, or would be.
func (r *renewal) search(no int64) (int, bool) {
	return slices.BinarySearchFunc(r.pages, no, func(p *mail.Page, no int64) int { return int(pageNo(p) - no) })
}

// note is false if the page cannot be made of what is at hand.
func (r *renewal) note(mailbox mail.MailboxID, m *marks, fix *fixed) bool {
	at, found := r.search(m.no)
	before, after := r.pages[:at], r.pages[at:]
	var was *mail.Page
	if found {
		was, after = after[0], after[1:]
	}
	if len(m.uids) == 0 {
		r.pages = slices.Concat(before, after)
		return true
	}
	p := sharedPage(m, was)
	if p == nil && fix.key == pageKey(mailbox, m.no) {
		p, _ = newPage(m, fix)
	}
	if p == nil {
		return false
	}
	r.pages = slices.Concat(before, []*mail.Page{p}, after)
	return true
}

// keep keeps the snapshots after the commit, with the mailboxes as they are in l.
func (r *renewals) keep(s *snapshots, l *boxes) {
	for id, n := range r.of {
		b, ok := l.box(id)
		if n == nil || !ok || r.off {
			continue
		}
		if snap := mail.NewSnapshot(b.Mailbox, n.pages); snap.Len() == int(b.Messages) {
			s.put(&cached{key: n.old.key, asOf: l.asOf.mod, snap: snap, load: loaded{b.HighestMod, b.shrunk}})
		}
	}
}
