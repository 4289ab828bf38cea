package sqlite

import (
	"context"
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
		for _, u := range ups {
			if u.seg != nil && !u.seg.in(t.files.dir) {
				return refuse("append", mail.Unavailable, string(a.id)) // to the account that was
			}
		}
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
	if err := t.addContents(msgs, ups); err != nil {
		return out, err
	}
	for i := range entries {
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

// addContents adds the next contents, each with one reference. They go in kind by kind: what is read together, one kind of
// many messages, is together in the file then.
func (t *tx) addContents(msgs []mail.NewMessage, ups []*upload) error {
	threads, err := t.join(msgs)
	if err != nil {
		return err
	}
	w := contentWriter{t: t, msgs: msgs, ups: ups, threads: threads}
	for _, k := range [...]struct {
		kind int64
		bind func(s stmt, i int)
	}{{kindContent, w.content}, {kindDigest, w.digest}, {kindStructure, w.structure}, {kindBody, w.body}} {
		for i := range msgs {
			if k.kind == kindBody && ups[i].seg != nil {
				continue
			}
			s, err := t.c.put(k.kind, int64(t.st.content)+int64(i)+1)
			if err != nil {
				return err
			}
			k.bind(s, i)
			if err := s.run(); err != nil {
				return err
			}
		}
	}
	t.st.content += mail.ContentID(len(msgs))
	return nil
}

// contentWriter binds the columns of the items of new contents.
type contentWriter struct {
	t       *tx
	msgs    []mail.NewMessage
	ups     []*upload
	threads []mail.ThreadID
}

func (w *contentWriter) content(s stmt, i int) {
	u := w.ups[i]
	var segment, offset int64
	if u.seg != nil {
		segment, offset = u.seg.no, u.start
	}
	for p, v := range [...]int64{1, u.size, int64(u.crc), segment, offset} {
		s.BindInt64(p+2, v)
	}
}

func (w *contentWriter) digest(s stmt, i int) {
	d := w.msgs[i].Digest
	w.t.buf = appendKeys(w.t.buf[:0], d, w.threads[i])
	s.blob(3, d.Envelope).blob(4, w.t.buf)
}

func (w *contentWriter) structure(s stmt, i int) {
	d := w.msgs[i].Digest
	w.t.buf = appendPreview(w.t.buf[:0], d.Preview)
	s.BindInt64(2, d.HeaderSize)
	s.blob(3, d.Parts).blob(4, d.BodyStructure).blob(5, d.Headers).blob(6, w.t.buf)
	w.t.done.Add(1) // the last kind that each message has
}

func (w *contentWriter) body(s stmt, i int) { s.blob(3, w.ups[i].mem) }
