package sqlite

import (
	"context"
	"fmt"

	"github.com/constance-mail/constance/internal/mail"
)

// verifier recomputes what an account's tables say, in one read transaction. It finds as much as it can: damage is a
// problem, not an error.
type verifier struct {
	c        *conn
	report   func(mail.Problem)
	boxes    map[mail.MailboxID]*box // also deleted ones, as long as something of them is left
	refs     map[mail.ContentID]int64
	sizes    map[mail.ContentID]int64 // as the mailboxes have them
	threads  map[int64]int64          // uses by key
	usage    mail.Usage
	contents []mail.ContentID
	marks    marks
	fixed    fixed
}

// Verify implements mail.Account: first the tables, as they are at one moment, then content after content.
func (a *account) Verify(ctx context.Context, report func(mail.Problem)) error {
	v := &verifier{
		report: report, boxes: make(map[mail.MailboxID]*box), threads: make(map[int64]int64),
		refs: make(map[mail.ContentID]int64), sizes: make(map[mail.ContentID]int64),
	}
	err := a.view(ctx, "verify", string(a.id), func(_ *files, c *conn) error {
		v.c = c
		return v.tables()
	})
	if err != nil {
		return err
	}
	const chunk = 32
	for ids := v.contents; len(ids) > 0; ids = ids[min(chunk, len(ids)):] {
		if err := a.verifyContents(ctx, ids[:min(chunk, len(ids))], report); err != nil {
			return err
		}
	}
	return fail("verify index of text", string(a.id), a.verifyText(ctx, v.contents, report))
}

func (v *verifier) problem(b *box, u mail.UID, format string, args ...any) {
	p := mail.Problem{UID: u, Text: fmt.Sprintf(format, args...)}
	if b != nil {
		p.Mailbox = b.Name
	}
	v.report(p)
}

// tables checks all tables against each other.
func (v *verifier) tables() error {
	for _, check := range []func() error{
		v.structure, v.mailboxes, v.pages, v.viewed, v.counters, v.expunges, v.references, v.threadUses, v.annotated,
	} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

// each calls f for each row of a query.
func (c *conn) each(query string, f func(s stmt) error) error {
	s, err := c.prep(query)
	if err != nil {
		return err
	}
	defer s.done()
	for {
		row, err := s.Step()
		if err != nil || !row {
			return err
		}
		if err := f(s); err != nil {
			return err
		}
	}
}

func (v *verifier) structure() error {
	return v.c.each("PRAGMA quick_check", func(s stmt) error {
		if text := s.ColumnText(0); text != "ok" {
			v.problem(nil, 0, "database: %s", text)
		}
		return nil
	})
}

func (v *verifier) mailboxes() error {
	names := make(map[string]bool)
	return v.c.each("SELECT "+boxColumns+" FROM mailbox", func(s stmt) error {
		b := scanBox(s)
		v.boxes[b.ID] = &b
		if b.gone != 0 {
			return nil
		}
		if names[b.Name] {
			v.problem(&b, 0, "another mailbox has the same name")
		}
		names[b.Name] = true
		v.usage.Mailboxes++
		return nil
	})
}

// counted is a mailbox counted anew.
type counted struct {
	box
	highest mail.ModSeq
	last    mail.UID
}

// pages counts the mailboxes anew from their pages, and compares.
func (v *verifier) pages() error {
	found := make(map[mail.MailboxID]*counted)
	err := v.c.each(`SELECT id & 0xffffffffffffff, n, x FROM item
		WHERE id >= 1 << 56 AND id < 2 << 56`, func(s stmt) error {
		key := s.ColumnInt64(0)
		id := mail.MailboxID(key >> 24)
		b := v.boxes[id]
		if err := v.marks.decode(key, s.bytes(2)); err != nil {
			v.problem(b, 0, "%v", err)
			return nil
		}
		if b == nil {
			v.problem(nil, 0, "%s of no mailbox", pageItem(key))
			return nil
		}
		if found[id] == nil {
			found[id] = &counted{}
		}
		if h := mail.ModSeq(s.ColumnInt64(1)); v.marks.highest() > h {
			v.problem(b, 0, "%s changed after its highest ModSeq %d", pageItem(key), h)
		}
		return v.page(b, found[id], key)
	})
	if err != nil {
		return err
	}
	for id, b := range v.boxes {
		f := found[id]
		if f == nil {
			f = &counted{}
		}
		v.compare(b, f)
	}
	return nil
}

// page counts the page in v.marks.
func (v *verifier) page(b *box, f *counted, key int64) error {
	if len(v.marks.uids) == 0 {
		return nil
	}
	if err := v.c.loadFixed(key, &v.fixed); err != nil {
		if mail.KindOf(err) != mail.Corrupt {
			return err
		}
		v.problem(b, 0, "%v", err)
		return nil
	}
	for i, u := range v.marks.uids {
		row, ok := v.fixed.row(u)
		if !ok {
			v.problem(b, u, "no content")
			continue
		}
		f.Messages++
		f.Size += v.fixed.sizes[row]
		f.count(v.marks.flags[i], 1)
		f.highest, f.last = max(f.highest, v.marks.mods[i]), max(f.last, u)
		v.refer(b, u, row)
	}
	return nil
}

// refer counts a reference to the content in that row of v.fixed.
func (v *verifier) refer(b *box, u mail.UID, row int) {
	id, size := v.fixed.contents[row], v.fixed.sizes[row]
	v.refs[id]++
	if was, ok := v.sizes[id]; ok && was != size {
		v.problem(b, u, "size %d, elsewhere %d", size, was)
	}
	v.sizes[id] = size
}

func (v *verifier) compare(b *box, f *counted) {
	check := func(what string, has, found int64) {
		if has != found {
			v.problem(b, 0, "%s is %d, found %d", what, has, found)
		}
	}
	check("messages", int64(b.Messages), int64(f.Messages))
	check("unseen", int64(b.Unseen), int64(f.Unseen))
	check("deleted", int64(b.Deleted), int64(f.Deleted))
	check("size", b.Size, f.Size)
	if f.last >= b.UIDNext {
		v.problem(b, f.last, "UIDNEXT is %d", b.UIDNext)
	}
	if f.highest > b.HighestMod {
		v.problem(b, 0, "a message's ModSeq %d is over the mailbox's %d", f.highest, b.HighestMod)
	}
	v.usage.Messages += int64(f.Messages)
	v.usage.Storage += f.Size
}

// viewed checks what viewers have for themselves.
func (v *verifier) viewed() error {
	return v.c.each("SELECT mailbox, viewer, no, highest, data FROM viewed", func(s stmt) error {
		id := mail.MailboxID(s.ColumnInt64(0))
		b := v.boxes[id]
		if b == nil {
			v.problem(nil, 0, "flags of %s in no mailbox", s.ColumnText(1))
			return nil
		}
		if err := v.marks.decode(pageKey(id, s.ColumnInt64(2)), s.bytes(4)); err != nil {
			v.problem(b, 0, "flags of %s: %v", s.ColumnText(1), err)
			return nil
		}
		if h := mail.ModSeq(s.ColumnInt64(3)); v.marks.highest() != h || h > b.HighestMod {
			v.problem(b, 0, "flags of %s have ModSeq %d, found %d", s.ColumnText(1), h, v.marks.highest())
		}
		return nil
	})
}

// counters compares the account's row.
func (v *verifier) counters() error {
	st, err := v.c.loadState()
	if err != nil {
		return err
	}
	if v.usage.Limit = st.usage.Limit; st.usage != v.usage {
		v.problem(nil, 0, "quota use is %d messages, %d octets, %d mailboxes; found %d, %d, %d", st.usage.Messages,
			st.usage.Storage, st.usage.Mailboxes, v.usage.Messages, v.usage.Storage, v.usage.Mailboxes)
	}
	for id, b := range v.boxes {
		if b.HighestMod > st.modseq {
			v.problem(b, 0, "ModSeq %d is over the account's %d", b.HighestMod, st.modseq)
		}
		if id > st.mailbox || b.UIDValidity > st.uidValidity {
			v.problem(b, 0, "its id or UIDVALIDITY will be given out again")
		}
	}
	return nil
}

// expunges counts the references of the marks of expunged messages.
func (v *verifier) expunges() error {
	return v.c.each("SELECT mailbox, no, data FROM expunged", func(s stmt) error {
		id := mail.MailboxID(s.ColumnInt64(0))
		b, key := v.boxes[id], pageKey(id, s.ColumnInt64(1))
		if b == nil {
			v.problem(nil, 0, "expunges of no mailbox: %s", pageItem(key))
			return nil
		}
		err := v.marks.decode(key, s.bytes(2))
		if err == nil {
			err = v.c.loadFixed(key, &v.fixed)
		}
		if mail.KindOf(err) == mail.Corrupt {
			v.problem(b, 0, "%v", err)
			return nil
		}
		if err != nil {
			return err
		}
		for _, u := range v.marks.uids {
			if row, ok := v.fixed.row(u); ok {
				v.refer(b, u, row)
			} else {
				v.problem(b, u, "expunged, without a content")
			}
		}
		return nil
	})
}

// references compares the contents with the references to them.
func (v *verifier) references() error {
	err := v.c.each(`SELECT id & 0xffffffffffffff, n, x FROM item
		WHERE id >= 3 << 56 AND id < 4 << 56 ORDER BY id`, func(s stmt) error {
		id, refs, size := mail.ContentID(s.ColumnInt64(0)), s.ColumnInt64(1), s.ColumnInt64(2)
		v.contents = append(v.contents, id)
		if found := v.refs[id]; found != refs {
			v.problem(nil, 0, "%s has %d references, found %d", contentItem(id), refs, found)
		}
		if in, ok := v.sizes[id]; ok && in != size {
			v.problem(nil, 0, "%s has %d octets, its messages say %d", contentItem(id), size, in)
		}
		delete(v.refs, id)
		return nil
	})
	for id := range v.refs {
		v.problem(nil, 0, "%s is missing", contentItem(id))
	}
	return err
}

// threadUses compares the message ids that are known with those of the contents.
func (v *verifier) threadUses() error {
	for _, id := range v.contents {
		d, err := v.c.loadKeys(id)
		if mail.KindOf(err) == mail.Corrupt {
			v.problem(nil, 0, "%v", err)
			continue
		}
		if err != nil {
			return err
		}
		for _, k := range threadIDs(d) {
			v.threads[k]++
		}
	}
	err := v.c.each("SELECT id & 0xffffffffffffff, x FROM item WHERE id >= 6 << 56 AND id < 7 << 56", func(s stmt) error {
		k := s.ColumnInt64(0)
		if uses, found := s.ColumnInt64(1), v.threads[k]; uses != found {
			v.problem(nil, 0, "message id %x is used %d times, found %d", uint64(k), uses, found)
		}
		delete(v.threads, k)
		return nil
	})
	for k := range v.threads {
		v.problem(nil, 0, "message id %x is unknown", uint64(k))
	}
	return err
}
