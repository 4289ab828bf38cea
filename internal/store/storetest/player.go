package storetest

import (
	"context"
	"errors"
	"fmt"
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
