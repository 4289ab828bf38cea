package storetest

import (
	"context"
	"fmt"
	"hash/fnv"
	"slices"

	"github.com/constance-mail/constance/internal/mail"
)

// CheckAccount checks what is always true of an account: counters that can be recomputed are right, pages are well
// formed, Verify finds nothing. Nobody may change the account meanwhile.
func CheckAccount(ctx context.Context, a mail.Account) error {
	list, err := a.Mailboxes(ctx)
	if err != nil {
		return fmt.Errorf("list: %w", err)
	}
	top, err := a.ModSeq(ctx)
	if err != nil {
		return fmt.Errorf("modseq: %w", err)
	}
	var use mail.Usage
	for _, m := range list {
		if m.ID == 0 {
			continue
		}
		s, err := a.Snapshot(ctx, m.ID)
		if err != nil {
			return fmt.Errorf("snapshot of %s: %w", m.Name, err)
		}
		if !sameMailbox(m, s.Mailbox) {
			return fmt.Errorf("%s: listed as %+v, snapshot has %+v", m.Name, m, s.Mailbox)
		}
		if err := checkSnapshot(s, top); err != nil {
			return fmt.Errorf("%s: %w", m.Name, err)
		}
		use.Storage += m.Size
		use.Messages += int64(m.Messages)
		use.Mailboxes++
	}
	got, err := a.Usage(ctx)
	if err != nil {
		return fmt.Errorf("usage: %w", err)
	}
	if use.Limit = got.Limit; got != use {
		return fmt.Errorf("usage %+v, the mailboxes hold %+v", got, use)
	}
	return verify(ctx, a)
}

func verify(ctx context.Context, a mail.Account) error {
	var found error
	err := a.Verify(ctx, func(p mail.Problem) {
		found = fmt.Errorf("verify: %s UID %d: %s", p.Mailbox, p.UID, p.Text)
	})
	if err != nil {
		return fmt.Errorf("verify: %w", err)
	}
	return found
}

// sameOutline checks that the outline of a mailbox, which nobody changes meanwhile, is that of its snapshot.
func sameOutline(ctx context.Context, a mail.Account, s *mail.Snapshot) error {
	since := s.Mailbox.HighestMod / 2
	got, err := a.Outline(ctx, s.Mailbox.ID, since)
	if err != nil {
		return err
	}
	want := s.Outline(since)
	if !sameMailbox(got.Mailbox, want.Mailbox) || !slices.Equal(got.UIDs, want.UIDs) || got.FirstUnseen != want.FirstUnseen {
		return fmt.Errorf("outline %+v, of the snapshot %+v", got, want)
	}
	if g, w := slices.Collect(got.Changed), slices.Collect(want.Changed); !slices.Equal(g, w) {
		return fmt.Errorf("outline with the changes %+v after %d, of the snapshot %+v", g, since, w)
	}
	return nil
}

// checkSnapshot checks the form of the pages and counts them again.
func checkSnapshot(s *mail.Snapshot, top mail.ModSeq) error {
	m := s.Mailbox
	var last mail.UID
	var messages, unseen, deleted uint32
	var size int64
	known := mail.FlagSet(1)<<len(mail.SystemFlags) - 1
	for i, k := range m.Keywords {
		if k != "" {
			known |= 1 << (len(mail.SystemFlags) + i)
		}
	}
	for n, p := range s.Pages {
		if err := checkPage(p, last, known); err != nil {
			return fmt.Errorf("page %d: %w", n, err)
		}
		last = p.UIDs[len(p.UIDs)-1]
		messages += uint32(len(p.UIDs))
		for i, f := range p.Flags {
			if f&mail.BitSeen == 0 {
				unseen++
			}
			if f&mail.BitDeleted != 0 {
				deleted++
			}
			size += p.Sizes[i]
		}
		if p.Highest > m.HighestMod {
			return fmt.Errorf("page %d has ModSeq %d, the mailbox %d", n, p.Highest, m.HighestMod)
		}
	}
	if messages != m.Messages || unseen != m.Unseen || deleted != m.Deleted || size != m.Size {
		return fmt.Errorf("counters %d %d %d %d, the pages have %d %d %d %d",
			m.Messages, m.Unseen, m.Deleted, m.Size, messages, unseen, deleted, size)
	}
	if last >= m.UIDNext || m.HighestMod < 1 || m.HighestMod > top || m.UIDValidity == 0 {
		return fmt.Errorf("UID %d, UIDNEXT %d, ModSeq %d of %d, UIDVALIDITY %d", last, m.UIDNext, m.HighestMod,
			top, m.UIDValidity)
	}
	return nil
}

// checkPage checks one page that comes after UID last; known are the bits that have a name.
func checkPage(p *mail.Page, last mail.UID, known mail.FlagSet) error {
	n := len(p.UIDs)
	if n == 0 || n != len(p.Flags) || n != len(p.ModSeqs) || n != len(p.Contents) || n != len(p.Sizes) ||
		n != len(p.Internal) || n != len(p.Saved) {
		return fmt.Errorf("empty or uneven columns, %d UIDs", n)
	}
	if last != 0 && last/mail.PageSize >= p.UIDs[0]/mail.PageSize {
		return fmt.Errorf("UID %d does not belong behind UID %d", p.UIDs[0], last)
	}
	highest := mail.ModSeq(0)
	for i, u := range p.UIDs {
		if u <= last || u/mail.PageSize != p.UIDs[0]/mail.PageSize || p.ModSeqs[i] == 0 || p.Contents[i] == 0 {
			return fmt.Errorf("row %d: UID %d after %d, ModSeq %d, content %d", i, u, last, p.ModSeqs[i],
				p.Contents[i])
		}
		if p.Flags[i]&^known != 0 {
			return fmt.Errorf("UID %d has flags %b without names", u, p.Flags[i]&^known)
		}
		last, highest = u, max(highest, p.ModSeqs[i])
	}
	if highest != p.Highest {
		return fmt.Errorf("highest ModSeq %d, should be %d", p.Highest, highest)
	}
	return nil
}

// checksum is over all of a page, to see later that nobody changed it.
func checksum(p *mail.Page) uint64 {
	h := fnv.New64a()
	var b []byte
	put := func(n uint64) {
		b = append(b[:0], byte(n), byte(n>>8), byte(n>>16), byte(n>>24), byte(n>>32), byte(n>>40), byte(n>>48),
			byte(n>>56))
		_, _ = h.Write(b) // never fails
	}
	put(uint64(p.Highest))
	for i := range p.UIDs {
		put(uint64(p.UIDs[i]))
		put(uint64(p.Flags[i]))
		put(uint64(p.ModSeqs[i]))
		put(uint64(p.Contents[i]))
		put(uint64(p.Sizes[i]))
		put(uint64(p.Internal[i]))
		put(uint64(p.Saved[i]))
	}
	return h.Sum64()
}
