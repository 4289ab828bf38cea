package storetest

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/constance-mail/constance/internal/mail"
)

// view is everything that can be seen of an account, but for the contents.
type view struct {
	text      string // lists, counters, usage, vanished
	mailboxes []mail.Mailbox
	snapshots []*mail.Snapshot
}

// look reads the account through one of the handles and checks what is always true.
func (p *player) look(handle int) (*view, error) {
	a := p.accounts[handle]
	now, err := a.ModSeq(p.ctx)
	if err != nil {
		return nil, err
	}
	if now < p.last {
		return nil, fmt.Errorf("ModSeq %d after %d", now, p.last)
	}
	p.last = now
	list, err := a.Mailboxes(p.ctx)
	if err != nil {
		return nil, err
	}
	u, err := a.Usage(p.ctx)
	if err != nil {
		return nil, err
	}
	v := &view{mailboxes: list}
	var b strings.Builder
	fmt.Fprintf(&b, "modseq %d usage %+v\n", now, u)
	if err := p.lookAtAnnotations(a, now/2, &b); err != nil {
		return nil, err
	}
	for _, m := range list {
		if m.ID == 0 {
			fmt.Fprintf(&b, "%+v\n", m)
			continue
		}
		s, err := p.lookInto(a, m, &b)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", m.Name, err)
		}
		v.snapshots = append(v.snapshots, s)
		for _, who := range viewers {
			if s, err = p.lookAs(a.As(who), m, &b); err != nil {
				return nil, fmt.Errorf("%s of %s: %w", m.Name, who, err)
			}
			v.snapshots = append(v.snapshots, s)
		}
	}
	v.text = b.String()
	return v, nil
}

// lookAtAnnotations reads which mailboxes have annotations that changed after since, and those of the account itself.
func (p *player) lookAtAnnotations(a mail.Account, since mail.ModSeq, b *strings.Builder) error {
	for _, viewer := range []mail.AccountID{"alice", "bob"} {
		changed, err := a.Annotated(p.ctx, since, viewer)
		if err != nil {
			return err
		}
		own, err := a.Annotations(p.ctx, 0, viewer)
		if err != nil {
			return err
		}
		fmt.Fprintf(b, "annotated %+v annotations %+v\n", changed, own)
	}
	return nil
}

// lookInto reads one mailbox.
func (p *player) lookInto(a mail.Account, m mail.Mailbox, b *strings.Builder) (*mail.Snapshot, error) {
	s, err := a.Snapshot(p.ctx, m.ID)
	if err != nil {
		return nil, err
	}
	if !sameMailbox(s.Mailbox, m) {
		return nil, fmt.Errorf("listed as %+v, snapshot has %+v", m, s.Mailbox)
	}
	if owner, ok := p.validity[m.UIDValidity]; ok && owner != m.ID {
		return nil, fmt.Errorf("UIDVALIDITY %d was of mailbox %d, now of %d", m.UIDValidity, owner, m.ID)
	}
	p.validity[m.UIDValidity] = m.ID
	old := p.boxes[m.ID]
	if old.ID != 0 && (old.UIDNext > m.UIDNext || old.HighestMod > m.HighestMod || old.UIDValidity != m.UIDValidity) {
		return nil, fmt.Errorf("%+v after %+v", m, old)
	}
	p.boxes[m.ID] = m
	if err := checkSnapshot(s, p.last); err != nil {
		return nil, err
	}
	if err := sameOutline(p.ctx, a, s); err != nil {
		return nil, err
	}
	p.keep(s)
	n := m
	n.UIDValidity = 0
	notes, err := a.Annotations(p.ctx, m.ID, "alice")
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(b, "%+v %+v\n", n, notes)
	for _, since := range []mail.ModSeq{0, p.last / 2, p.last - min(p.last, 3), p.last} {
		uids, complete, err := a.Vanished(p.ctx, m.ID, since)
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(b, " vanished since %d: %s %v\n", since, uids, complete)
	}
	return s, nil
}

// lookAs reads one mailbox as a viewer sees it.
func (p *player) lookAs(a mail.Account, m mail.Mailbox, b *strings.Builder) (*mail.Snapshot, error) {
	s, err := a.Snapshot(p.ctx, m.ID)
	if err != nil {
		return nil, err
	}
	n, err := a.Mailbox(p.ctx, m.Name)
	if err != nil {
		return nil, err
	}
	if !sameMailbox(s.Mailbox, n) {
		return nil, fmt.Errorf("found as %+v, snapshot has %+v", n, s.Mailbox)
	}
	fmt.Fprintf(b, " unseen %d\n", n.Unseen)
	if err := sameOutline(p.ctx, a, s); err != nil {
		return nil, err
	}
	p.keep(s)
	return s, checkSnapshot(s, p.last)
}

// keep remembers now and then what a snapshot was.
func (p *player) keep(s *mail.Snapshot) {
	if len(p.kept) < 200 && s.Mailbox.HighestMod%5 == 0 {
		p.kept = append(p.kept, kept{s, sumsOf(s)})
	}
	for _, page := range s.Pages {
		for _, c := range page.Contents {
			p.contents = max(p.contents, c)
		}
	}
}

// unspoilt checks that nobody has changed an old snapshot.
func (p *player) unspoilt() error {
	for _, k := range p.kept {
		for i, sum := range sumsOf(k.snapshot) {
			if sum != k.sums[i] {
				return fmt.Errorf("page %d of a snapshot of %s at ModSeq %d has changed", i,
					k.snapshot.Mailbox.Name, k.snapshot.Mailbox.HighestMod)
			}
		}
	}
	return nil
}

// diffViews says how two stores look different.
func diffViews(got, want *view) error {
	if got.text != want.text {
		g, w := strings.Split(got.text, "\n"), strings.Split(want.text, "\n")
		for i := range min(len(g), len(w)) {
			if g[i] != w[i] {
				return fmt.Errorf("got  %s\nwant %s", g[i], w[i])
			}
		}
		return fmt.Errorf("got  %s\nwant %s", got.text, want.text)
	}
	for i, s := range got.snapshots {
		w := want.snapshots[i]
		if len(s.Pages) != len(w.Pages) {
			return fmt.Errorf("%s: %d pages, want %d", s.Mailbox.Name, len(s.Pages), len(w.Pages))
		}
		for n, p := range s.Pages {
			x, y := *p, *w.Pages[n]
			x.Saved, y.Saved = nil, nil
			if a, b := fmt.Sprint(x), fmt.Sprint(y); a != b {
				return fmt.Errorf("%s page %d:\ngot  %s\nwant %s", s.Mailbox.Name, n, a, b)
			}
		}
	}
	return nil
}

// diffContents compares digests and octets of the contents after from.
func diffContents(got, want *player, from mail.ContentID) error {
	var ids []mail.ContentID
	for id := from + 1; id <= max(got.contents, want.contents); id++ {
		ids = append(ids, id)
	}
	g, err := got.digests(ids)
	if err != nil {
		return err
	}
	w, err := want.digests(ids)
	if err != nil {
		return err
	}
	for _, id := range ids {
		a, b := g[id], w[id]
		if (a == nil) != (b == nil) {
			return fmt.Errorf("content %d: digest there %v, want %v", id, a != nil, b != nil)
		}
		if a == nil {
			continue
		}
		if why := diffDigest(a, b, allColumns); why != "" {
			return fmt.Errorf("content %d: %s", id, why)
		}
		x, err := Octets(got.ctx, got.accounts[0], id)
		if err != nil {
			return fmt.Errorf("content %d: %w", id, err)
		}
		y, err := Octets(want.ctx, want.accounts[1], id)
		if err != nil {
			return fmt.Errorf("content %d of the reference: %w", id, err)
		}
		if !bytes.Equal(x, y) {
			return fmt.Errorf("content %d: %d octets differ from the %d wanted", id, len(x), len(y))
		}
	}
	return nil
}

const allColumns = mail.ColEnvelope | mail.ColBodyStructure | mail.ColParts | mail.ColHeaders | mail.ColKeys |
	mail.ColPreview

func (p *player) digests(ids []mail.ContentID) (map[mail.ContentID]*mail.Digest, error) {
	out := make(map[mail.ContentID]*mail.Digest)
	err := p.accounts[1].Digests(p.ctx, ids, allColumns, func(i int, d *mail.Digest) error {
		c := cloneDigest(d)
		out[ids[i]] = &c
		return nil
	})
	return out, err
}
