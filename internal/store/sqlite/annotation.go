package sqlite

import (
	"context"
	"slices"
	"strings"

	"github.com/constance-mail/constance/internal/mail"
)

// Annotations implements mail.Annotations.
func (a *account) Annotations(ctx context.Context, mailbox mail.MailboxID, viewer mail.AccountID) (
	out []mail.Annotation, err error) {
	err = a.view(ctx, "list annotations", string(a.id), func(_ *files, c *conn) error {
		if mailbox != 0 {
			b, err := c.loadBox(mailbox)
			if err != nil {
				return err
			}
			if len(b.Uses) > 0 && viewer == a.id {
				out = append(out, mail.Annotation{Mailbox: mailbox, Name: mail.SpecialUseEntry, Value: joinWords(b.Uses)})
			}
		}
		return c.annotations(mailbox, viewer, &out)
	})
	slices.SortFunc(out, func(x, y mail.Annotation) int { return strings.Compare(x.Name, y.Name) })
	return out, err
}

// annotations appends those of a mailbox that viewer sees.
func (c *conn) annotations(mailbox mail.MailboxID, viewer mail.AccountID, out *[]mail.Annotation) error {
	s, err := c.prep(`SELECT name, modseq, value FROM annotation
		WHERE mailbox = ? AND viewer IN ('', ?) AND gone = 0`)
	if err != nil {
		return err
	}
	defer s.done()
	s.bind(int64(mailbox)).text(2, string(viewer))
	for {
		row, err := s.Step()
		if err != nil || !row {
			return err
		}
		*out = append(*out, mail.Annotation{
			Mailbox: mailbox, Name: s.ColumnText(0), ModSeq: mail.ModSeq(s.ColumnInt64(1)), Value: string(s.bytes(2)),
		})
	}
}

// Annotated implements mail.Annotations.
func (a *account) Annotated(ctx context.Context, since mail.ModSeq, viewer mail.AccountID) (
	out []mail.Annotation, err error) {
	st, err := a.stateNow(ctx)
	if err != nil || st.annotated <= since {
		return nil, err
	}
	err = a.view(ctx, "list annotations", string(a.id), func(_ *files, c *conn) error {
		s, err := c.prep(`SELECT mailbox, name, modseq, gone FROM annotation WHERE modseq > ? AND viewer IN ('', ?)
			ORDER BY mailbox, name`)
		if err != nil {
			return err
		}
		defer s.done()
		s.bind(int64(since)).text(2, string(viewer))
		for {
			row, err := s.Step()
			if err != nil || !row {
				return err
			}
			out = append(out, mail.Annotation{
				Mailbox: mail.MailboxID(s.ColumnInt64(0)), Name: s.ColumnText(1), ModSeq: mail.ModSeq(s.ColumnInt64(2)),
				Nil: s.ColumnInt64(3) != 0,
			})
		}
	})
	return out, err
}

// Annotate implements mail.Annotations.
func (a *account) Annotate(ctx context.Context, mailbox mail.MailboxID, viewer mail.AccountID,
	set []mail.Annotation) (mod mail.ModSeq, err error) {
	clean, err := mail.CleanAnnotations(set)
	if err != nil {
		return 0, err
	}
	err = a.update(ctx, "annotate", string(a.id), func(t *tx) error {
		w := annotator{t: t, mailbox: mailbox, viewer: viewer}
		if viewer == a.id {
			err = w.run(clean)
		} else {
			err = w.runGuest(clean, a.id)
		}
		mod = w.mod
		return err
	})
	return mod, err
}

// annotator sets annotations of a mailbox in a write transaction.
type annotator struct {
	t       *tx
	mailbox mail.MailboxID
	viewer  mail.AccountID
	mod     mail.ModSeq // of the change, 0 as long as there is none
}

// runGuest is run for a viewer who is not the owner. Kind Limit: guests would have more than their part of the bounds.
func (w *annotator) runGuest(set []mail.Annotation, owner mail.AccountID) error {
	who := [...]struct {
		viewer mail.AccountID
		part   int64
	}{{w.viewer, mail.OneGuest}, {"", mail.AllGuests}}
	var before [len(who)]mail.GuestUse
	for i := range who {
		var err error
		if before[i], err = w.guestUse(owner, who[i].viewer); err != nil {
			return err
		}
	}
	if err := w.run(set); err != nil {
		return err
	}
	for i := range who {
		use, err := w.guestUse(owner, who[i].viewer)
		if err != nil {
			return err
		}
		if use.Exceeds(who[i].part, before[i]) {
			return refuse("annotate", mail.Limit, "")
		}
	}
	return nil
}

// guestUse is what a guest has, or for "" all guests have.
func (w *annotator) guestUse(owner, guest mail.AccountID) (use mail.GuestUse, err error) {
	s, err := w.t.c.prep(`SELECT total(mailbox = ?1), total((mailbox = ?1) * octets), total(octets) FROM (
		SELECT mailbox, length(CAST(name AS BLOB)) + length(value) AS octets FROM annotation
		WHERE gone = 0 AND viewer NOT IN ('', ?2) AND ?3 IN ('', viewer))`)
	if err != nil {
		return use, err
	}
	defer s.done()
	row, err := s.bind(int64(w.mailbox)).text(2, string(owner)).text(3, string(guest)).first()
	if err == nil && row {
		use = mail.GuestUse{Entries: s.ColumnInt64(0), Octets: s.ColumnInt64(1), Total: s.ColumnInt64(2)}
	}
	return use, err
}

func (w *annotator) run(set []mail.Annotation) error {
	if w.mailbox != 0 {
		if _, err := w.t.box(w.mailbox); err != nil {
			return err
		}
	}
	octets, uses := w.t.st.annotations, (*mail.Annotation)(nil)
	before, err := w.count(0)
	if err != nil {
		return err
	}
	for i := range set {
		n := &set[i]
		n.Mailbox = w.mailbox
		if w.mailbox != 0 && n.Name == mail.SpecialUseEntry {
			uses = n
			continue
		}
		if err := w.set(n); err != nil {
			return err
		}
	}
	if uses != nil {
		if err := w.use(uses); err != nil {
			return err
		}
	}
	if w.mod == 0 {
		return nil
	}
	after, err := w.count(0)
	if err != nil {
		return err
	}
	here, err := w.t.c.one(annotationOctets+" AND mailbox = ?", int64(w.mailbox))
	if err != nil {
		return err
	}
	more := w.t.st.annotations > octets
	if after > before && after > mail.MaxAnnotations || more && here > mail.MaxMailboxOctets ||
		more && w.t.st.annotations > mail.MaxAnnotationOctets {
		return refuse("annotate", mail.Limit, "")
	}
	if err := w.changed(); err != nil {
		return err
	}
	return w.forget()
}

// changed gives the mailbox the ModSeq of the change. RFC 7162 section 3.2.
func (w *annotator) changed() error {
	if w.mailbox == 0 {
		return nil
	}
	b, err := w.t.box(w.mailbox)
	if err != nil {
		return err
	}
	b.HighestMod = w.mod
	return w.t.storeBox(&b)
}

// change is the ModSeq of the change.
func (w *annotator) change() mail.ModSeq {
	if w.mod == 0 {
		w.mod = w.t.next()
	}
	return w.mod
}

// count is how many annotations the mailbox has (gone 0), or how many removed ones (1).
func (w *annotator) count(gone int64) (int64, error) {
	return w.t.c.one("SELECT count(*) FROM annotation WHERE mailbox = ? AND gone = ?", int64(w.mailbox), gone)
}

// set sets or removes one annotation.
func (w *annotator) set(n *mail.Annotation) error {
	viewer := ""
	if n.Private() {
		viewer = string(w.viewer)
	}
	was, err := w.t.c.annotation(n, viewer)
	switch {
	case err != nil:
		return err
	case n.Nil && was.Nil, !n.Nil && !was.Nil && n.Value == was.Value:
		return nil
	}
	s, err := w.t.c.prep(`INSERT OR REPLACE INTO annotation(mailbox, modseq, gone, viewer, name, value)
		VALUES (?, ?, ?, ?, ?, ?)`)
	if err != nil {
		return err
	}
	gone, value := int64(0), []byte(n.Value)
	if n.Nil {
		gone, value = 1, nil
	}
	w.t.st.annotated = w.change()
	w.t.st.annotations += n.Octets() - was.Octets()
	s.bind(int64(w.mailbox), int64(w.mod), gone).text(4, viewer).text(5, n.Name).blob(6, value)
	return s.run()
}

// annotation is the one that n is to replace, with Nil set if there is none.
func (c *conn) annotation(n *mail.Annotation, viewer string) (mail.Annotation, error) {
	was := mail.Annotation{Name: n.Name, Nil: true}
	s, err := c.prep("SELECT gone, value FROM annotation WHERE mailbox = ? AND viewer = ? AND name = ?")
	if err != nil {
		return was, err
	}
	defer s.done()
	row, err := s.bind(int64(n.Mailbox)).text(2, viewer).text(3, n.Name).first()
	if err == nil && row {
		was.Nil, was.Value = s.ColumnInt64(0) != 0, string(s.bytes(1))
	}
	return was, err
}

// use gives the mailbox its uses, and takes them from others. Kind Invalid.
func (w *annotator) use(n *mail.Annotation) error {
	uses := []mail.SpecialUse{}
	for _, word := range strings.Fields(n.Value) {
		if !knownUse(mail.SpecialUse(word)) {
			return refuse("annotate", mail.Invalid, word)
		}
		uses = append(uses, mail.SpecialUse(word))
	}
	slices.Sort(uses)
	uses = slices.Compact(uses)
	have, err := w.t.tree()
	if err != nil {
		return err
	}
	for _, b := range have {
		if b.ID != w.mailbox || slices.Equal(b.Uses, uses) {
			continue
		}
		w.change()
		b.Uses = nil
		if err := w.t.takeUses(have, uses); err != nil {
			return err
		}
		b.Uses = uses
		return w.t.storeBox(b)
	}
	return nil
}

// forget forgets the oldest of the removed annotations.
func (w *annotator) forget() error {
	n, err := w.count(1)
	if err != nil || n <= mail.MaxRemovedAnnotations {
		return err
	}
	s, err := w.t.c.prep(`DELETE FROM annotation WHERE mailbox = ?1 AND gone = 1 AND modseq <= (SELECT modseq
		FROM annotation WHERE mailbox = ?1 AND gone = 1 ORDER BY modseq DESC LIMIT 1 OFFSET ?2)`)
	if err != nil {
		return err
	}
	return s.bind(int64(w.mailbox), mail.MaxRemovedAnnotations).run()
}

const annotationOctets = `SELECT total(length(CAST(name AS BLOB)) + length(value)) FROM annotation WHERE gone = 0`

// dropAnnotations forgets those of a mailbox.
func (t *tx) dropAnnotations(mailbox mail.MailboxID) error {
	if t.st.annotated == 0 {
		return nil
	}
	octets, err := t.c.one(annotationOctets+" AND mailbox = ?", int64(mailbox))
	if err != nil {
		return err
	}
	t.st.annotations -= octets
	s, err := t.c.prep("DELETE FROM annotation WHERE mailbox = ?")
	if err != nil {
		return err
	}
	return s.bind(int64(mailbox)).run()
}

// copyAnnotations gives those of a mailbox to a new one, too.
func (t *tx) copyAnnotations(from, to mail.MailboxID, mod mail.ModSeq) error {
	octets, err := t.c.one(annotationOctets+" AND mailbox = ?", int64(from))
	if err != nil || octets == 0 {
		return err
	}
	t.st.annotations += octets
	t.st.annotated = mod
	s, err := t.c.prep(`INSERT INTO annotation(mailbox, viewer, name, modseq, gone, value)
		SELECT ?2, viewer, name, ?3, 0, value FROM annotation WHERE mailbox = ?1 AND gone = 0`)
	if err != nil {
		return err
	}
	return s.bind(int64(from), int64(to), int64(mod)).run()
}

// annotated checks the annotations against the mailboxes and the account's row.
func (v *verifier) annotated() error {
	st, err := v.c.loadState()
	if err != nil {
		return err
	}
	octets, err := v.c.one(annotationOctets)
	if err != nil {
		return err
	}
	if octets != st.annotations {
		v.problem(nil, 0, "annotations have %d octets, found %d", st.annotations, octets)
	}
	return v.c.each("SELECT mailbox, max(modseq) FROM annotation GROUP BY mailbox", func(s stmt) error {
		id := mail.MailboxID(s.ColumnInt64(0))
		if b := v.boxes[id]; id != 0 && (b == nil || b.gone != 0) {
			v.problem(b, 0, "annotations of mailbox %d, which is not there", id)
		}
		if m := mail.ModSeq(s.ColumnInt64(1)); m > st.annotated {
			v.problem(nil, 0, "an annotation's ModSeq %d is over the account's %d", m, st.annotated)
		}
		return nil
	})
}
