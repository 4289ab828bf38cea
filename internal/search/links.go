package search

import (
	"context"
	"hash/maphash"
	"slices"

	"github.com/constance-mail/constance/internal/imap"
	"github.com/constance-mail/constance/internal/mail"
	"github.com/constance-mail/constance/internal/message"
)

// links is which messages of a mailbox name which others, with each message id as a number, from 1 on. Like a
// column it never changes.
type links struct {
	seed   maphash.Seed
	uids   []mail.UID // ascending
	own    []uint32   // of uids: their message ids, 0 for none
	refs   []uint32   // the references, one message after the other
	ends   []uint32   // of uids: where their references end
	reply  []bool     // of uids: the subject is that of a reply or forward
	hashes []uint64   // of the message ids: what stands for them. That of 0 is unused
}

// references are those of the i-th message, the oldest first.
func (l *links) references(i int) []uint32 {
	if i == 0 {
		return l.refs[:l.ends[0]]
	}
	return l.refs[l.ends[i-1]:l.ends[i]]
}

// size is what the links take, octets.
func (l *links) size() int {
	return 4*(cap(l.uids)+cap(l.own)+cap(l.refs)+cap(l.ends)) + cap(l.reply) + 8*cap(l.hashes)
}

// links are the links of a mailbox, or if it has many more messages of uids. They lack those that are
// expunged by now.
func (q *Query) links(ctx context.Context, uids []mail.UID) (*links, error) {
	key := q.columnKey(linksKind)
	key.collation = 0
	old, _ := q.in.Resources.columns.get(key).(*links)
	switch {
	case old != nil && (len(uids) == 0 || uids[len(uids)-1] <= old.uids[len(old.uids)-1]):
		return old, nil
	case old == nil && len(uids)*fewOfMany < q.in.Snapshot.Len():
		return q.buildLinks(ctx, nil, uids)
	case old != nil && len(old.uids) > 2*q.in.Snapshot.Len():
		old = nil
	}
	l, err := q.buildLinks(ctx, old, nil)
	if err == nil && len(l.uids) > 0 {
		q.in.Resources.columns.put(key, l)
	}
	return l, err
}

// buildLinks makes the links of uids, or if they are nil of all messages, to which it adds those that old
// has.
func (q *Query) buildLinks(ctx context.Context, old *links, uids []mail.UID) (*links, error) {
	b := linksBuilder{numbers: make(map[uint64]uint32)}
	b.seed, b.hashes = maphash.MakeSeed(), []uint64{0}
	if old != nil {
		b.start(old)
	}
	s := scan{want: mail.ColMessageID | mail.ColReferences | mail.ColSubject | mail.ColBaseSubject, uids: uids}
	if n := len(b.uids); n > 0 {
		s.after = b.uids[n-1]
	}
	begin := func() *linksPart { return &linksPart{seed: b.seed} }
	if uids == nil {
		return &b.links, inParts(ctx, q, s, begin, b.join)
	}
	all := begin()
	if err := q.digests(ctx, s, all.add); err != nil {
		return nil, err
	}
	return &b.links, b.join(all)
}

// linksBuilder makes links.
type linksBuilder struct {
	links
	numbers map[uint64]uint32 // of the message ids by their hashes
}

func (b *linksBuilder) start(old *links) {
	b.seed = old.seed
	b.uids, b.own, b.refs = slices.Clone(old.uids), slices.Clone(old.own), slices.Clone(old.refs)
	b.ends, b.reply, b.hashes = slices.Clone(old.ends), slices.Clone(old.reply), slices.Clone(old.hashes)
	for n, h := range b.hashes {
		if n > 0 {
			b.numbers[h] = uint32(n)
		}
	}
}

// linksPart is what some messages name, by the hashes of message ids. Of 64 bits of a hash that nobody can
// foresee two are the same in less than one of a million mailboxes with a million ids.
type linksPart struct {
	seed  maphash.Seed
	uids  []mail.UID
	own   []uint64 // 0 for none, as in refs
	refs  []uint64
	ends  []uint32 // of uids: where their references end
	reply []bool
}

// add implements part.
func (l *linksPart) add(p *mail.Page, row int, d *mail.Digest) {
	own, reply := uint64(0), false
	if d != nil {
		for _, r := range d.References {
			l.refs = append(l.refs, l.hash(r))
		}
		own = l.hash(d.MessageID)
		reply = d.Subject != d.BaseSubject && message.IsReply(d.Subject)
	}
	l.uids, l.own, l.reply = append(l.uids, p.UIDs[row]), append(l.own, own), append(l.reply, reply)
	l.ends = append(l.ends, uint32(len(l.refs)))
}

// reset implements part.
func (l *linksPart) reset() {
	l.uids, l.own, l.refs, l.ends, l.reply = l.uids[:0], l.own[:0], l.refs[:0], l.ends[:0], l.reply[:0]
}

// hash is never 0 but for no id.
func (l *linksPart) hash(id string) uint64 {
	if id == "" {
		return 0
	}
	return max(1, maphash.String(l.seed, id))
}

// join adds messages that come later.
func (b *linksBuilder) join(next *linksPart) error {
	from := uint32(0)
	for i, end := range next.ends {
		for _, r := range next.refs[from:end] {
			b.refs = append(b.refs, b.number(r))
		}
		b.own = append(b.own, b.number(next.own[i]))
		b.ends = append(b.ends, uint32(len(b.refs)))
		from = end
	}
	b.uids, b.reply = append(b.uids, next.uids...), append(b.reply, next.reply...)
	return nil
}

// number is that of a message id, 0 for none.
func (b *linksBuilder) number(hash uint64) uint32 {
	if hash == 0 {
		return 0
	}
	n, ok := b.numbers[hash]
	if !ok {
		n = uint32(len(b.hashes))
		b.hashes = append(b.hashes, hash)
		b.numbers[hash] = n
	}
	return n
}

// threadData is what a threading algorithm looks at, of messages that are numbered from 0 on in the mailbox's
// order.
type threadData struct {
	sent    []uint64 // compare as the sent dates do
	subject []uint64 // equal where base subjects are, 0 for an empty one
	arrived []uint64 // compare as the internal dates do
	links   *links
	at      []uint32 // their places in links
}

// threadData reads what the algorithm needs.
func (q *Query) threadData(ctx context.Context, a imap.ThreadAlgorithm, uids []mail.UID) (*threadData, error) {
	n := len(uids)
	t := &threadData{sent: make([]uint64, n), subject: make([]uint64, n), arrived: make([]uint64, n)}
	for _, c := range [...]struct {
		key    imap.SortKey
		values []uint64
		needed bool
	}{
		{imap.SortDate, t.sent, true},
		{imap.SortSubject, t.subject, a != imap.ThreadRefs},
		{imap.SortArrival, t.arrived, a == imap.ThreadRefs},
	} {
		if !c.needed {
			continue
		}
		if err := q.values(ctx, c.key, uids, c.values); err != nil {
			return nil, err
		}
	}
	if a == imap.ThreadOrderedSubject {
		return t, nil
	}
	l, err := q.links(ctx, uids)
	if err != nil {
		return nil, err
	}
	t.links, t.at = l, make([]uint32, len(uids))
	set := func(i, at int) { t.at[i] = uint32(at) }
	if !places(l.uids, uids, set) {
		if t.links, err = q.buildLinks(ctx, nil, uids); err == nil {
			places(t.links.uids, uids, set)
		}
	}
	return t, err
}
