package mem

import (
	"context"

	"github.com/constance-mail/constance/internal/mail"
)

// Verify implements mail.Account.
func (h *handle) Verify(ctx context.Context, report func(mail.Problem)) error {
	a, err := h.enter(ctx, "verify")
	if err != nil {
		return err
	}
	problems := a.verify()
	a.mu.Unlock()
	for _, p := range problems {
		report(p)
	}
	return nil
}

func (a *account) verify() []mail.Problem {
	var out []mail.Problem
	refs := make(map[mail.ContentID]int)
	var use mail.Usage
	for _, b := range a.boxes {
		out = append(out, a.verifyBox(b, refs)...)
		use.Storage += b.Size
		use.Messages += int64(b.Messages)
		for _, g := range b.gone {
			refs[g.content]++
		}
	}
	for _, g := range a.graves {
		refs[g.content]++
	}
	for id, c := range a.contents {
		if refs[id] != c.refs {
			out = append(out, mail.Problem{Text: "wrong number of references to a content"})
		}
		delete(refs, id)
	}
	if len(refs) > 0 {
		out = append(out, mail.Problem{Text: "a message without its content"})
	}
	if use.Storage != a.usage.Storage || use.Messages != a.usage.Messages {
		out = append(out, mail.Problem{Text: "wrong use of quota"})
	}
	return out
}

// verifyBox counts a mailbox again, and the references it has to contents.
func (a *account) verifyBox(b *box, refs map[mail.ContentID]int) []mail.Problem {
	var out []mail.Problem
	found := b.Mailbox
	found.Messages, found.Unseen, found.Deleted, found.Size = 0, 0, 0, 0
	for _, p := range b.pages {
		for i, u := range p.UIDs {
			count(&found, p.Flags[i], p.Sizes[i], 1)
			refs[p.Contents[i]]++
			if c := a.contents[p.Contents[i]]; c == nil || int64(len(c.octets)) != p.Sizes[i] {
				out = append(out, mail.Problem{Mailbox: b.Name, UID: u, Text: "wrong size"})
			}
			if u >= b.UIDNext || p.ModSeqs[i] > b.HighestMod || p.Highest < p.ModSeqs[i] {
				out = append(out, mail.Problem{Mailbox: b.Name, UID: u, Text: "wrong number"})
			}
		}
	}
	if found.Messages != b.Messages || found.Unseen != b.Unseen || found.Deleted != b.Deleted ||
		found.Size != b.Size {
		out = append(out, mail.Problem{Mailbox: b.Name, Text: "wrong counters"})
	}
	return out
}
