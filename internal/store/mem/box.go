package mem

import (
	"slices"
	"time"

	"github.com/constance-mail/constance/internal/mail"
)

// box is a mailbox. Pages and everything that the Mailbox points to are replaced, never changed: snapshots share
// them.
type box struct {
	mail.Mailbox // but Subscribed, see account.mailbox
	pages        []*mail.Page
	gone         []gone
	horizon      mail.ModSeq // of the latest expunge that was forgotten
	recent       mail.UID    // the first message that no session was told of
	viewed       map[mail.AccountID]map[mail.UID]own
}

// gone is an expunged message, remembered until a purge.
type gone struct {
	uid     mail.UID
	modSeq  mail.ModSeq
	content mail.ContentID
	at      time.Time
}

// row is a message.
type row struct {
	uid             mail.UID
	flags           mail.FlagSet
	modSeq          mail.ModSeq
	content         mail.ContentID
	size            int64
	internal, saved int64
}

// count adds a message to the counters, n times (-1: takes it away).
func count(m *mail.Mailbox, flags mail.FlagSet, size int64, n int) {
	m.Messages += uint32(n)
	m.Size += int64(n) * size
	if flags&mail.BitSeen == 0 {
		m.Unseen += uint32(n)
	}
	if flags&mail.BitDeleted != 0 {
		m.Deleted += uint32(n)
	}
}

func rowOf(p *mail.Page, i int) row {
	return row{p.UIDs[i], p.Flags[i], p.ModSeqs[i], p.Contents[i], p.Sizes[i], p.Internal[i], p.Saved[i]}
}

func addRow(p *mail.Page, r row) {
	p.UIDs = append(p.UIDs, r.uid)
	p.Flags = append(p.Flags, r.flags)
	p.ModSeqs = append(p.ModSeqs, r.modSeq)
	p.Contents = append(p.Contents, r.content)
	p.Sizes = append(p.Sizes, r.size)
	p.Internal = append(p.Internal, r.internal)
	p.Saved = append(p.Saved, r.saved)
	p.Highest = max(p.Highest, r.modSeq)
}

// clone is a page of its own with the rows that keep allows.
func clone(p *mail.Page, keep func(i int) bool) *mail.Page {
	out := &mail.Page{}
	for i := range p.UIDs {
		if keep(i) {
			addRow(out, rowOf(p, i))
		}
	}
	return out
}

func all(int) bool { return true }

// rows are the messages of uids in ascending order.
func (b *box) rows(uids mail.UIDSet) []row {
	var out []row
	for _, p := range b.pages {
		for i, u := range p.UIDs {
			if uids.Contains(u) {
				out = append(out, rowOf(p, i))
			}
		}
	}
	return out
}

// add puts rows behind the last message, with the next UIDs, and returns these.
func (b *box) add(rows []row, modSeq mail.ModSeq) mail.UIDSet {
	var uids mail.UIDSet
	b.pages = slices.Clone(b.pages)
	var last *mail.Page // the last page once it is our own
	for _, r := range rows {
		r.uid, r.modSeq = b.UIDNext, modSeq
		n := len(b.pages)
		switch {
		case n == 0 || b.pages[n-1].UIDs[0]/mail.PageSize != r.uid/mail.PageSize:
			last = &mail.Page{}
			b.pages = append(b.pages, last)
		case last == nil:
			last = clone(b.pages[n-1], all)
			b.pages[n-1] = last
		}
		addRow(last, r)
		count(&b.Mailbox, r.flags, r.size, 1)
		uids.Add(r.uid)
		b.UIDNext++
	}
	b.HighestMod = modSeq
	return uids
}

// remove takes messages away and remembers that.
func (b *box) remove(uids mail.UIDSet, modSeq mail.ModSeq) {
	now := time.Now()
	var pages []*mail.Page
	for _, p := range b.pages {
		q := clone(p, func(i int) bool { return !uids.Contains(p.UIDs[i]) })
		if len(q.UIDs) == len(p.UIDs) {
			q = p
		}
		if len(q.UIDs) > 0 {
			pages = append(pages, q)
		}
	}
	for _, r := range b.rows(uids) {
		count(&b.Mailbox, r.flags, r.size, -1)
		b.gone = append(b.gone, gone{r.uid, modSeq, r.content, now})
	}
	b.pages = pages
	b.HighestMod = modSeq
}

// setFlags gives each message of flags its new flags, but for those of mask.
func (b *box) setFlags(flags map[mail.UID]mail.FlagSet, mask mail.FlagSet, modSeq mail.ModSeq) {
	b.pages = slices.Clone(b.pages)
	for n, p := range b.pages {
		var own *mail.Page
		for i, u := range p.UIDs {
			f, ok := flags[u]
			f = f&^mask | p.Flags[i]&mask
			if !ok || f == p.Flags[i] {
				continue
			}
			if own == nil {
				own = clone(p, all)
				b.pages[n] = own
			}
			count(&b.Mailbox, own.Flags[i], own.Sizes[i], -1)
			count(&b.Mailbox, f, own.Sizes[i], 1)
			own.Flags[i], own.ModSeqs[i], own.Highest = f, modSeq, modSeq
		}
	}
	b.HighestMod = modSeq
}
