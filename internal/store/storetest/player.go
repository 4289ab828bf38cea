package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/constance-mail/constance/internal/mail"
)

// player plays a history on a store, and knows what must not happen between its steps.
type player struct {
	ctx      context.Context
	open     func() mail.Store
	stores   [2]mail.Store // on the same directory
	accounts [2]mail.Account
	start    int64 // seconds since 1970

	last     mail.ModSeq
	validity map[mail.UIDValidity]mail.MailboxID // whose it is, for ever
	boxes    map[mail.MailboxID]mail.Mailbox     // as last seen
	kept     []kept                              // old snapshots
	contents mail.ContentID                      // the highest seen
	claimed  [2]map[mail.MailboxID]mail.UID      // up to where each of stores gave what is recent
	before   map[mail.MailboxID]mail.UID         // up to where that was given by stores that are closed
}

// kept is an old snapshot and what its pages were.
type kept struct {
	snapshot *mail.Snapshot
	sums     []uint64
}

func newPlayer(t testing.TB, open Open, dir string) *player {
	p := &player{
		ctx: context.Background(), open: func() mail.Store { return open(t, dir) }, start: time.Now().Unix(),
		validity: make(map[mail.UIDValidity]mail.MailboxID), boxes: make(map[mail.MailboxID]mail.Mailbox),
		before: make(map[mail.MailboxID]mail.UID),
	}
	for i := range p.claimed {
		p.claimed[i] = make(map[mail.MailboxID]mail.UID)
	}
	p.openStores()
	return p
}

func (p *player) openStores() {
	for i := range p.stores {
		p.stores[i] = p.open()
		p.accounts[i] = p.stores[i].Account("alice")
	}
}

func (p *player) close() error { return errors.Join(p.stores[0].Close(), p.stores[1].Close()) }

// play does one step and returns its outcome, which has to be the same on every store.
func (p *player) play(o Op) (string, error) {
	a := p.accounts[o.handle]
	if o.who != "" && o.kind != opRecent {
		a = a.As(o.who)
	}
	id := o.id
	if id == 0 {
		if m, err := a.Mailbox(p.ctx, o.mailbox); err == nil {
			id = m.ID
		}
	}
	out, err := p.do(a, o, id)
	if err != nil {
		var e *mail.Error
		if !errors.As(err, &e) || e.Kind == mail.Internal || e.Kind == mail.Corrupt || e.Kind == mail.Unavailable {
			return "", err
		}
		return "refused: " + e.Kind.String(), nil
	}
	return out, nil
}

func (p *player) do(a mail.Account, o Op, id mail.MailboxID) (string, error) {
	switch o.kind {
	case opAppend:
		return p.append(a, id, o.messages)
	case opFlags:
		c := o.change
		c.UIDs = o.uids
		if now, err := a.ModSeq(p.ctx); err == nil && o.back <= now {
			c.UnchangedSince = now - o.back
		}
		d, err := a.SetFlags(p.ctx, id, c)
		return fmt.Sprintf("changed %s failed %s at %d", d.Changed, d.Failed, d.ModSeq), err
	case opExpunge:
		uids, at, err := a.Expunge(p.ctx, id, o.uids)
		return fmt.Sprintf("%s at %d", uids, at), err
	case opCopy, opMove:
		to, err := a.Mailbox(p.ctx, o.to)
		if err != nil {
			return "no target", nil
		}
		call := a.Copy
		if o.kind == opMove {
			call = a.Move
		}
		d, err := call(p.ctx, id, o.uids, to.ID)
		return fmt.Sprintf("%s to %s at %d validity of %d", d.From, d.To, d.ModSeq, p.validity[d.UIDValidity]), err
	case opRecent:
		return "", p.claim(o.handle, id)
	case opPurge:
		r, err := a.Purge(p.ctx, time.Now().Add(map[bool]time.Duration{true: time.Hour, false: -time.Hour}[o.on]))
		return fmt.Sprintf("%+v", r), err
	case opAnnotate:
		mod, err := a.Annotate(p.ctx, id, map[bool]mail.AccountID{true: "alice", false: "bob"}[o.on], o.annotate)
		return fmt.Sprint("at ", mod), err
	case opQuota:
		return "", a.SetQuota(p.ctx, o.quota)
	case opReopen:
		return "", p.reopen()
	case opACL:
		return "", a.SetACL(p.ctx, id, o.grant)
	case opPersonal:
		return "", a.SetPersonal(p.ctx, id, o.personal)
	default:
		return p.tree(a, o)
	}
}

// tree is a step that is about names.
func (p *player) tree(a mail.Account, o Op) (string, error) {
	switch o.kind {
	case opCreate:
		m, err := a.CreateMailbox(p.ctx, o.mailbox, o.uses)
		m.UIDValidity = 0
		return fmt.Sprintf("%+v", m), err
	case opDelete:
		return "", a.DeleteMailbox(p.ctx, o.mailbox)
	case opRename:
		return "", a.RenameMailbox(p.ctx, o.mailbox, o.to)
	default:
		return "", a.Subscribe(p.ctx, o.mailbox, o.on)
	}
}

func (p *player) append(a mail.Account, id mail.MailboxID, messages []newMessage) (string, error) {
	var msgs []mail.NewMessage
	defer func() {
		for _, m := range msgs {
			_ = m.Upload.Close() // Append's outcome counts
		}
	}()
	for _, m := range messages {
		n, err := Upload(p.ctx, a, m.Octets())
		if err != nil {
			return "", err
		}
		n.Flags = m.flags
		n.Internal = time.Unix(1_600_000_000+int64(m.Seed)*1000, 0)
		msgs = append(msgs, n)
	}
	d, err := a.Append(p.ctx, id, msgs)
	return fmt.Sprintf("UIDs %v contents %v at %d validity of %d", d.UIDs, d.Contents, d.ModSeq,
		p.validity[d.UIDValidity]), err
}

// claim claims what is recent. Stores may differ in what they give; it has to be between what this handle's store
// gave before and what nobody was given.
func (p *player) claim(handle int, id mail.MailboxID) error {
	first, err := p.accounts[handle].ClaimRecent(p.ctx, id)
	if err != nil {
		return err
	}
	least, most := max(p.claimed[handle][id], 1), max(p.claimed[0][id], p.claimed[1][id], p.before[id], 1)
	if first < least || first > most {
		return fmt.Errorf("recent from UID %d, has to be from %d to %d", first, least, most)
	}
	p.claimed[handle][id] = p.boxes[id].UIDNext
	return nil
}

func (p *player) reopen() error {
	if err := p.close(); err != nil {
		return err
	}
	for i, claimed := range p.claimed {
		for id, next := range claimed {
			p.before[id] = max(p.before[id], next)
		}
		p.claimed[i] = make(map[mail.MailboxID]mail.UID)
	}
	p.openStores()
	return nil
}

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
