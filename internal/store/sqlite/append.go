package sqlite

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"slices"

	"github.com/constance-mail/constance/internal/mail"
)

// Append implements mail.Messages.
func (a *account) Append(ctx context.Context, mailbox mail.MailboxID, msgs []mail.NewMessage) (mail.Appended, error) {
	return a.append(ctx, mailbox, msgs, "")
}

// append is Append of a viewer, "" for the owner.
func (a *account) append(ctx context.Context, mailbox mail.MailboxID, msgs []mail.NewMessage,
	who mail.AccountID) (mail.Appended, error) {
	return a.put(ctx, msgs, func(t *tx, ups []*upload) (mail.Appended, error) {
		b, err := t.box(mailbox)
		if err != nil {
			return mail.Appended{}, err
		}
		return t.appendAll(&b, msgs, ups, who)
	})
}

// put makes a change that takes the uploads of messages.
func (a *account) put(ctx context.Context, msgs []mail.NewMessage,
	run func(*tx, []*upload) (mail.Appended, error)) (mail.Appended, error) {
	if err := ctx.Err(); err != nil {
		return mail.Appended{}, err
	}
	f, err := a.acquire() // a closed store or a bad account is reported before the messages
	if err != nil {
		return mail.Appended{}, err
	}
	defer f.release()
	ups, err := a.uploads(msgs)
	if err != nil {
		return mail.Appended{}, err
	}
	for _, u := range ups {
		if err := u.settle(); err != nil {
			return mail.Appended{}, fail("append", string(a.id), err)
		}
	}
	var out mail.Appended
	err = a.update(ctx, "append", string(a.id), func(t *tx) (err error) {
		out, err = run(t, ups)
		return err
	})
	if err != nil {
		return mail.Appended{}, err
	}
	for _, u := range ups {
		u.take()
	}
	return out, nil
}

// uploads checks the messages. Kind Invalid.
func (a *account) uploads(msgs []mail.NewMessage) ([]*upload, error) {
	ups := make([]*upload, len(msgs))
	for i := range msgs {
		u, ok := msgs[i].Upload.(*upload)
		if !ok || u == nil || u.state != uploadOpen || u.account != a || msgs[i].Digest == nil ||
			slices.Contains(ups[:i], u) {
			return nil, refuse("append", mail.Invalid, string(a.id))
		}
		if err := checkFlags("append", msgs[i].Flags); err != nil {
			return nil, err
		}
		ups[i] = u
	}
	return ups, nil
}

// appendAll puts the messages into the mailbox.
func (t *tx) appendAll(b *box, msgs []mail.NewMessage, ups []*upload, who mail.AccountID) (mail.Appended, error) {
	out := mail.Appended{UIDValidity: b.UIDValidity}
	if len(msgs) == 0 {
		return out, nil
	}
	var flags []mail.Flag
	for i := range msgs {
		flags = append(flags, msgs[i].Flags...)
	}
	entries := make([]entry, len(msgs))
	for i := range msgs {
		internal := t.now
		if !msgs[i].Internal.IsZero() {
			internal = msgs[i].Internal.Unix()
		}
		entries[i] = entry{content: t.st.content + mail.ContentID(i) + 1, size: ups[i].size, internal: internal, saved: t.now}
	}
	if err := t.room(entries); err != nil {
		return out, err
	}
	mod := t.st.modseq + 1
	if err := t.flagAll(b, entries, msgs, flags); err != nil {
		return out, err
	}
	if err := t.addFor(b, entries, mod, who); err != nil {
		return out, err
	}
	for i := range msgs {
		if err := t.addContent(ups[i], msgs[i].Digest); err != nil {
			return out, err
		}
		t.done.Add(1)
		out.UIDs = append(out.UIDs, entries[i].uid)
		out.Contents = append(out.Contents, entries[i].content)
	}
	out.ModSeq = t.next()
	return out, t.storeBox(b)
}

// flagAll gives the entries the flags of the messages, all of which are flags.
func (t *tx) flagAll(b *box, entries []entry, msgs []mail.NewMessage, flags []mail.Flag) error {
	if _, err := t.bits(b, flags, true); err != nil {
		return err
	}
	for i := range entries {
		for _, f := range msgs[i].Flags {
			entries[i].own |= f.Bit(b.Keywords)
		}
	}
	return nil
}

// addFor adds entries, whose own flags are all that they have, for a viewer or ("") the owner.
func (t *tx) addFor(b *box, entries []entry, mod mail.ModSeq, who mail.AccountID) error {
	mask := mail.FlagSet(0)
	if who != "" {
		mask = b.Personal.Mask()
	}
	split(entries, mask)
	if err := t.add(b, entries, mod); err != nil || who == "" {
		return err
	}
	return t.keepOwn(b, who, entries, mod)
}

// addContent adds the next content, with one reference.
func (t *tx) addContent(u *upload, d *mail.Digest) error {
	t.st.content++
	id := int64(t.st.content)
	thread, err := t.join(d)
	if err != nil {
		return err
	}
	s, err := t.c.put(kindContent, id)
	if err != nil {
		return err
	}
	var segment, offset int64
	if u.seg != nil {
		segment, offset = u.seg.no, u.start
	}
	if err := s.bind(itemKey(kindContent, id), 1, u.size, int64(u.crc), segment, offset).run(); err != nil {
		return err
	}
	if s, err = t.c.put(kindDigest, id); err != nil {
		return err
	}
	t.buf = appendKeys(t.buf[:0], d, thread)
	if err := s.blob(3, d.Envelope).blob(4, t.buf).run(); err != nil {
		return err
	}
	if s, err = t.c.put(kindStructure, id); err != nil {
		return err
	}
	s.BindInt64(2, d.HeaderSize)
	t.buf = appendPreview(t.buf[:0], d.Preview)
	if err := s.blob(3, d.Parts).blob(4, d.BodyStructure).blob(5, d.Headers).blob(6, t.buf).run(); err != nil || u.seg != nil {
		return err
	}
	if s, err = t.c.put(kindBody, id); err != nil {
		return err
	}
	return s.blob(3, u.mem).run()
}

// threadKey is the key of a message id in table thread.
func threadKey(id string) int64 {
	h := sha256.Sum256([]byte(id))
	return int64(binary.LittleEndian.Uint64(h[:])) & keyMask
}

// threadIDs are the keys of the message ids that tie d to others, without doubles: references, then its own.
func threadIDs(d *mail.Digest) []int64 {
	out := make([]int64, 0, len(d.References)+1)
	add := func(id string) {
		if k := threadKey(id); id != "" && !slices.Contains(out, k) {
			out = append(out, k)
		}
	}
	for _, r := range d.References {
		add(r)
	}
	add(d.MessageID)
	return out
}

// join is the thread of a new content: that of the first id that is known, else a new one. Its ids are known then.
func (t *tx) join(d *mail.Digest) (mail.ThreadID, error) {
	ids := threadIDs(d)
	var thread int64
	was := make([]threadRow, len(ids))
	for i, id := range ids {
		var err error
		if was[i], err = t.c.loadThread(id); err != nil {
			return 0, err
		}
		if thread == 0 {
			thread = was[i].thread
		}
	}
	if thread == 0 {
		t.st.thread++
		thread = int64(t.st.thread)
	}
	for i, id := range ids {
		if was[i].uses == 0 {
			was[i].thread = thread
		}
		was[i].uses++
		if err := t.storeThread(id, was[i]); err != nil {
			return 0, err
		}
	}
	return mail.ThreadID(thread), nil
}

// threadRow is what is known of a message id: its thread, and how many contents name it.
type threadRow struct{ thread, uses int64 }

func (c *conn) loadThread(id int64) (threadRow, error) {
	s, row, err := c.item(kindThread, id)
	if err != nil || !row {
		return threadRow{}, err
	}
	defer s.done()
	return threadRow{s.ColumnInt64(0), s.ColumnInt64(1)}, nil
}

func (t *tx) storeThread(id int64, r threadRow) error {
	s, err := t.c.put(kindThread, id)
	if err != nil {
		return err
	}
	return s.bind(itemKey(kindThread, id), r.thread, r.uses).run()
}
