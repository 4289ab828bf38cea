package sqlite

import (
	"context"

	"github.com/constance-mail/constance/internal/mail"
)

// Replace implements mail.Messages.
func (a *account) Replace(ctx context.Context, r mail.Replacement) (mail.Appended, error) {
	return a.replace(ctx, r, "")
}

// replace is Replace of a viewer, "" for the owner.
func (a *account) replace(ctx context.Context, r mail.Replacement, who mail.AccountID) (mail.Appended, error) {
	msgs := []mail.NewMessage{r.Message}
	return a.put(ctx, msgs, func(t *tx, ups []*upload) (mail.Appended, error) {
		src, err := t.box(r.Mailbox)
		if err != nil {
			return mail.Appended{}, err
		}
		dst := &src
		if r.To != r.Mailbox {
			b, err := t.box(r.To)
			if err != nil {
				return mail.Appended{}, err
			}
			dst = &b
		}
		mod := t.st.modseq + 1
		gone, err := t.expunge(&src, mail.SetOf(r.UID), mod, false)
		if err != nil {
			return mail.Appended{}, err
		}
		if len(gone) == 0 {
			return mail.Appended{}, refuse("replace", mail.Conflict, string(a.id))
		}
		src.HighestMod = mod
		if dst != &src {
			if err := t.storeBox(&src); err != nil {
				return mail.Appended{}, err
			}
		}
		return t.appendAll(dst, msgs, ups, who)
	})
}
