package mem

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/constance-mail/constance/internal/mail"
)

// entryKey names an annotation: viewer is "" for what is shared.
type entryKey struct {
	mailbox mail.MailboxID
	viewer  mail.AccountID
	name    string
}

// keyOf is the key of an annotation for a viewer.
func keyOf(n *mail.Annotation, viewer mail.AccountID) entryKey {
	if !n.Private() {
		viewer = ""
	}
	return entryKey{n.Mailbox, viewer, n.Name}
}

// Annotations implements mail.Annotations.
func (h *handle) Annotations(ctx context.Context, mailbox mail.MailboxID, viewer mail.AccountID) (
	[]mail.Annotation, error) {
	const op = "list annotations"
	a, err := h.enter(ctx, op)
	if err != nil {
		return nil, err
	}
	defer a.mu.Unlock()
	var out []mail.Annotation
	if mailbox != 0 {
		b, err := a.box(op, mailbox)
		if err != nil {
			return nil, err
		}
		if len(b.Uses) > 0 && viewer == h.id {
			out = append(out, mail.Annotation{Mailbox: mailbox, Name: mail.SpecialUseEntry, Value: joinUses(b.Uses)})
		}
	}
	for k, n := range a.annotations {
		if k.mailbox == mailbox && (k.viewer == "" || k.viewer == viewer) && !n.Nil {
			out = append(out, n)
		}
	}
	slices.SortFunc(out, func(x, y mail.Annotation) int { return strings.Compare(x.Name, y.Name) })
	return out, nil
}

func joinUses(uses []mail.SpecialUse) string {
	words := make([]string, len(uses))
	for i, u := range uses {
		words[i] = string(u)
	}
	return strings.Join(words, " ")
}

// Annotated implements mail.Annotations.
func (h *handle) Annotated(ctx context.Context, since mail.ModSeq, viewer mail.AccountID) ([]mail.Annotation, error) {
	a, err := h.enter(ctx, "list annotations")
	if err != nil {
		return nil, err
	}
	defer a.mu.Unlock()
	var out []mail.Annotation
	for k, n := range a.annotations {
		if n.ModSeq > since && (k.viewer == "" || k.viewer == viewer) {
			n.Value = ""
			out = append(out, n)
		}
	}
	slices.SortFunc(out, func(x, y mail.Annotation) int {
		if x.Mailbox != y.Mailbox {
			return int(x.Mailbox) - int(y.Mailbox)
		}
		return strings.Compare(x.Name, y.Name)
	})
	return out, nil
}

// Annotate implements mail.Annotations.
func (h *handle) Annotate(ctx context.Context, mailbox mail.MailboxID, viewer mail.AccountID,
	set []mail.Annotation) (mail.ModSeq, error) {
	const op = "annotate"
	a, err := h.enter(ctx, op)
	if err != nil {
		return 0, err
	}
	defer h.leave(a, a.modSeq)
	var b *box
	if mailbox != 0 {
		if b, err = a.box(op, mailbox); err != nil {
			return 0, err
		}
	}
	changes, uses, err := a.annotationChanges(b, viewer, set)
	if err != nil || len(changes) == 0 && uses == nil {
		return 0, err
	}
	if err := a.annotationsFit(mailbox, changes); err != nil {
		return 0, err
	}
	if !a.guestsFit(h.id, mailbox, viewer, changes) {
		return 0, refuse(op, mail.Limit, "")
	}
	a.modSeq++
	if b != nil {
		b.HighestMod = a.modSeq
	}
	for k, n := range changes {
		n.ModSeq = a.modSeq
		a.annotations[k] = n
	}
	if uses != nil {
		b.Uses = nil
		a.giveUses(b, uses)
	}
	a.forgetRemoved(mailbox)
	return a.modSeq, nil
}

// annotationChanges are those of set that are other than before, and the uses to give to b, nil for those it
// has. Kind Invalid.
func (a *account) annotationChanges(b *box, viewer mail.AccountID, set []mail.Annotation) (
	changes map[entryKey]mail.Annotation, uses []mail.SpecialUse, err error) {
	changes = make(map[entryKey]mail.Annotation)
	if set, err = mail.CleanAnnotations(set); err != nil {
		return nil, nil, err
	}
	for _, n := range set {
		if b != nil && n.Name == mail.SpecialUseEntry {
			if uses, err = usesOf(&n); err != nil {
				return nil, nil, err
			}
			if slices.Equal(uses, b.Uses) {
				uses = nil
			}
			continue
		}
		if n.Mailbox = 0; b != nil {
			n.Mailbox = b.ID
		}
		k := keyOf(&n, viewer)
		was, ok := a.annotations[k]
		if n.Nil && (!ok || was.Nil) || ok && !was.Nil && !n.Nil && was.Value == n.Value {
			continue
		}
		changes[k] = n
	}
	return changes, uses, nil
}

// usesOf are the uses in a SpecialUseEntry, sorted, not nil. Kind Invalid.
func usesOf(n *mail.Annotation) ([]mail.SpecialUse, error) {
	uses := []mail.SpecialUse{}
	for _, w := range strings.Fields(n.Value) {
		uses = append(uses, mail.SpecialUse(w))
	}
	uses, err := cleanUses(uses)
	if uses == nil {
		uses = []mail.SpecialUse{}
	}
	return uses, err
}

// annotationsFit refuses changes after which there would be too many, or too much. Kind Limit.
func (a *account) annotationsFit(mailbox mail.MailboxID, changes map[entryKey]mail.Annotation) error {
	count, more, now := 0, 0, int64(0)
	var octets, here int64
	for k, n := range a.annotations {
		if !n.Nil && k.mailbox == mailbox {
			count++
			here += n.Octets()
		}
		octets += n.Octets()
	}
	for k, n := range changes {
		was, ok := a.annotations[k]
		if ok {
			now -= was.Octets()
		}
		now += n.Octets()
		switch there := ok && !was.Nil; {
		case n.Nil:
			more--
		case !there:
			more++
		}
	}
	if more > 0 && count+more > mail.MaxAnnotations || now > 0 && here+now > mail.MaxMailboxOctets ||
		now > 0 && octets+now > mail.MaxAnnotationOctets {
		return refuse("annotate", mail.Limit, "")
	}
	return nil
}

// guestsFit tells whether guests have no more than their part of the bounds after changes by a viewer.
func (a *account) guestsFit(
	owner mail.AccountID, mailbox mail.MailboxID, viewer mail.AccountID, changes map[entryKey]mail.Annotation,
) bool {
	if viewer == owner {
		return true
	}
	after := maps.Clone(a.annotations)
	maps.Copy(after, changes)
	use := func(all map[entryKey]mail.Annotation, guest mail.AccountID) (u mail.GuestUse) {
		for k, n := range all {
			if n.Nil || k.viewer == "" || k.viewer == owner || guest != "" && k.viewer != guest {
				continue
			}
			u.Total += n.Octets()
			if k.mailbox == mailbox {
				u.Entries++
				u.Octets += n.Octets()
			}
		}
		return u
	}
	return !use(after, viewer).Exceeds(mail.OneGuest, use(a.annotations, viewer)) &&
		!use(after, "").Exceeds(mail.AllGuests, use(a.annotations, ""))
}

// forgetRemoved forgets the oldest of the removed annotations of a mailbox.
func (a *account) forgetRemoved(mailbox mail.MailboxID) {
	var mods []mail.ModSeq
	for k, n := range a.annotations {
		if k.mailbox == mailbox && n.Nil {
			mods = append(mods, n.ModSeq)
		}
	}
	if len(mods) <= mail.MaxRemovedAnnotations {
		return
	}
	slices.Sort(mods)
	last := mods[len(mods)-mail.MaxRemovedAnnotations-1]
	for k, n := range a.annotations {
		if k.mailbox == mailbox && n.Nil && n.ModSeq <= last {
			delete(a.annotations, k)
		}
	}
}

// copyAnnotations gives those of a mailbox to another one, too.
func (a *account) copyAnnotations(from, to mail.MailboxID) {
	for k, n := range a.annotations {
		if k.mailbox == from && !n.Nil {
			k.mailbox, n.Mailbox, n.ModSeq = to, to, a.modSeq
			a.annotations[k] = n
		}
	}
}

// dropAnnotations forgets those of a mailbox.
func (a *account) dropAnnotations(mailbox mail.MailboxID) {
	for k := range a.annotations {
		if k.mailbox == mailbox {
			delete(a.annotations, k)
		}
	}
}
