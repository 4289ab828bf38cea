package sqlite

import (
	"context"
	"math/bits"

	"github.com/constance-mail/constance/internal/mail"
)

// Copy implements mail.Messages.
func (a *account) Copy(ctx context.Context, from mail.MailboxID, uids mail.UIDSet,
	to mail.MailboxID) (mail.Copied, error) {
	return a.transfer(ctx, "copy", from, to, transfer{uids: uids})
}

// Move implements mail.Messages.
func (a *account) Move(ctx context.Context, from mail.MailboxID, uids mail.UIDSet,
	to mail.MailboxID) (mail.Copied, error) {
	return a.transfer(ctx, "move", from, to, transfer{uids: uids, move: true})
}

// transfer is a copy or a move.
type transfer struct {
	uids mail.UIDSet
	mod  mail.ModSeq // of the change
	move bool
	who  mail.AccountID // the viewer, "" for the owner
}

func (a *account) transfer(ctx context.Context, op string, from, to mail.MailboxID, x transfer) (mail.Copied, error) {
	var out mail.Copied
	err := a.update(ctx, op, string(a.id), func(t *tx) error {
		src, err := t.box(from)
		if err != nil {
			return err
		}
		dst := &src
		if to != from {
			b, err := t.box(to)
			if err != nil {
				return err
			}
			dst = &b
		}
		x.mod = t.st.modseq + 1
		out, err = t.transfer(&src, dst, x)
		if err == nil && len(out.From) > 0 {
			t.next()
		}
		return err
	})
	if err != nil {
		return mail.Copied{}, err
	}
	return out, nil
}

// transfer copies or moves messages between mailboxes, which may be the same, and stores both.
func (t *tx) transfer(src, dst *box, x transfer) (mail.Copied, error) {
	out := mail.Copied{UIDValidity: dst.UIDValidity}
	entries, err := t.collect(src, &x)
	if err != nil || len(entries) == 0 {
		return out, err
	}
	if !x.move {
		if err := t.room(entries); err != nil {
			return out, err
		}
	}
	if src != dst {
		if err := t.translate(entries, src, dst); err != nil {
			return out, err
		}
	}
	for i := range entries {
		out.From.Add(entries[i].uid)
	}
	if x.move {
		if _, err := t.expunge(src, out.From, x.mod, false); err != nil {
			return out, err
		}
		src.HighestMod = x.mod
	}
	if err := t.refer(entries); err != nil {
		return out, err
	}
	if err := t.addFor(dst, entries, x.mod, x.who); err != nil {
		return out, err
	}
	out.To.AddRange(entries[0].uid, entries[len(entries)-1].uid)
	out.ModSeq = x.mod
	if src != dst && x.move {
		if err := t.storeBox(src); err != nil {
			return out, err
		}
	}
	return out, t.storeBox(dst)
}

// collect is the messages of uids as entries, with src's keyword bits.
func (t *tx) collect(src *box, x *transfer) ([]entry, error) {
	var entries []entry
	var l lens
	err := t.pages(src.ID, x.uids, func() error {
		if err := t.look(src, x.who, &l); err != nil {
			return err
		}
		key := pageKey(src.ID, t.marks.no)
		if err := t.c.loadFixed(key, &t.fixed); err != nil {
			return err
		}
		for i, u := range t.marks.uids {
			if !x.uids.Contains(u) {
				continue
			}
			row, ok := t.fixed.row(u)
			if !ok {
				return corrupt(pageItem(key), "a message without a content")
			}
			own, _ := l.see(u, t.marks.flags[i], 0)
			entries = append(entries, entry{
				uid: u, flags: t.marks.flags[i], own: own, content: t.fixed.contents[row], size: t.fixed.sizes[row],
				internal: t.fixed.internal[row], saved: t.now,
			})
		}
		return nil
	})
	return entries, err
}

// room refuses entries that would take the account over its quota.
func (t *tx) room(entries []entry) error {
	if !t.st.usage.Holds(int64(len(entries)), sizeOf(entries)) {
		return refuse("add to mailbox", mail.OverQuota, "")
	}
	return nil
}

func sizeOf(entries []entry) (size int64) {
	for i := range entries {
		size += entries[i].size
	}
	return size
}

// translate turns the keyword bits of src into those of dst, which gets the keywords that it lacks.
func (t *tx) translate(entries []entry, src, dst *box) error {
	const system = 1<<len(mail.SystemFlags) - 1
	var all mail.FlagSet
	for i := range entries {
		all |= entries[i].flags | entries[i].own
	}
	words := (all &^ system).Flags(src.Keywords)
	if len(words) == 0 {
		return nil
	}
	if _, err := t.bits(dst, words, true); err != nil {
		return err
	}
	for i := range entries {
		for _, f := range [...]*mail.FlagSet{&entries[i].flags, &entries[i].own} {
			out := *f & system
			for rest := *f &^ system; rest != 0; rest &= rest - 1 {
				out |= words[bits.OnesCount64(uint64(all&^system)&uint64(rest&-rest-1))].Bit(dst.Keywords)
			}
			*f = out
		}
	}
	return nil
}

// refer counts one more reference to each content, which takes longer than all else that a copy does. Neighbours go in one
// statement, but no more of them than is told as progress at once.
func (t *tx) refer(entries []entry) error {
	s, err := t.c.prep("UPDATE item SET n = n + 1 WHERE id BETWEEN ? AND ?")
	if err != nil {
		return err
	}
	for i := 0; i < len(entries); {
		j := i + 1
		for j < len(entries) && j-i < mail.PageSize && entries[j].content == entries[j-1].content+1 {
			j++
		}
		first, last := int64(entries[i].content), int64(entries[j-1].content)
		if err := s.bind(itemKey(kindContent, first), itemKey(kindContent, last)).run(); err != nil {
			return err
		}
		if err := s.Reset(); err != nil {
			return err
		}
		t.done.Add(j - i)
		i = j
	}
	return nil
}

// add puts entries into b, giving them UIDs, and counts them. Kind Limit.
func (t *tx) add(b *box, entries []entry, mod mail.ModSeq) error {
	size, n := sizeOf(entries), int64(len(entries))
	if int64(b.UIDNext)+n >= 1<<32 {
		return refuse("add to mailbox", mail.Limit, b.Name)
	}
	t.st.usage.Storage += size
	t.st.usage.Messages += n
	b.Size += size
	b.Messages += uint32(n)
	b.HighestMod = mod
	for i := 0; i < len(entries); {
		no := int64(b.UIDNext / mail.PageSize)
		stop := min(len(entries), i+int(mail.PageSize-b.UIDNext%mail.PageSize))
		if err := t.addToPage(b, no, entries[i:stop], mod); err != nil {
			return err
		}
		i = stop
	}
	return nil
}

// addToPage puts entries into a page with room for them.
func (t *tx) addToPage(b *box, no int64, entries []entry, mod mail.ModSeq) error {
	key := pageKey(b.ID, no)
	if err := t.pageMarks(b.ID, no); err != nil {
		return err
	}
	if err := t.c.loadFixed(key, &t.fixed); err != nil {
		return err
	}
	for i := range entries {
		e := &entries[i]
		e.uid = b.UIDNext
		b.UIDNext++
		b.count(e.flags, 1)
		t.marks.add(e.uid, e.flags, mod)
		t.fixed.add(*e)
	}
	if err := t.storePage(b.ID, mod); err != nil {
		return err
	}
	return t.storeFixed(b.ID, no)
}
