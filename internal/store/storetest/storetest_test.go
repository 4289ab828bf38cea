package storetest

import (
	"bytes"
	"context"
	"reflect"
	"strings"
	"testing"

	"github.com/constance-mail/constance/internal/mail"
	"github.com/constance-mail/constance/internal/message"
)

// faulty is the reference with one mistake.
type faulty struct {
	mail.Store
	wrap func(mail.Account) mail.Account
}

func (f faulty) Account(id mail.AccountID) mail.Account { return f.wrap(f.Store.Account(id)) }

type wrongModSeq struct{ mail.Account }

func (w wrongModSeq) SetFlags(ctx context.Context, id mail.MailboxID, c mail.FlagChange) (mail.FlagsChanged, error) {
	d, err := w.Account.SetFlags(ctx, id, c)
	d.ModSeq++
	return d, err
}

type forgetsCondition struct{ mail.Account }

func (w forgetsCondition) SetFlags(ctx context.Context, id mail.MailboxID,
	c mail.FlagChange) (mail.FlagsChanged, error) {
	c.Conditional = false
	return w.Account.SetFlags(ctx, id, c)
}

type copiesOneLess struct{ mail.Account }

func (w copiesOneLess) Copy(ctx context.Context, from mail.MailboxID, uids mail.UIDSet,
	to mail.MailboxID) (mail.Copied, error) {
	s, err := w.Snapshot(ctx, from)
	if err != nil {
		return mail.Copied{}, err
	}
	if there := s.UIDSet().Intersect(uids); there.Len() > 2 {
		uids = there.Minus(mail.SetOf(there[len(there)-1].Stop))
	}
	return w.Account.Copy(ctx, from, uids, to)
}

type flipsOctet struct{ mail.Account }

func (w flipsOctet) OpenContent(ctx context.Context, id mail.ContentID) (mail.Content, error) {
	c, err := w.Account.OpenContent(ctx, id)
	if err != nil || c.Size() <= inlineBorder {
		return c, err
	}
	return flipped{c}, nil
}

type flipped struct{ mail.Content }

func (f flipped) ReadAt(p []byte, off int64) (int, error) {
	n, err := f.Content.ReadAt(p, off)
	if at := f.Size() - 1 - off; at >= 0 && at < int64(n) {
		p[at] ^= 1
	}
	return n, err
}

type expungesAll struct{ mail.Account }

func (w expungesAll) Expunge(ctx context.Context, id mail.MailboxID, _ mail.UIDSet) (mail.UIDSet, mail.ModSeq,
	error) {
	return w.Account.Expunge(ctx, id, nil)
}

type alwaysComplete struct{ mail.Account }

func (w alwaysComplete) Vanished(ctx context.Context, id mail.MailboxID, since mail.ModSeq) (mail.UIDSet, bool,
	error) {
	uids, _, err := w.Account.Vanished(ctx, id, since)
	return uids, true, err
}

type wrongKind struct{ mail.Account }

func (w wrongKind) RenameMailbox(ctx context.Context, from, to string) error {
	err := w.Account.RenameMailbox(ctx, from, to)
	if mail.KindOf(err) == mail.Exists {
		return &mail.Error{Op: "rename", Kind: mail.Conflict}
	}
	return err
}

type passesOverRecent struct{ mail.Account }

func (w passesOverRecent) ClaimRecent(ctx context.Context, id mail.MailboxID) (mail.UID, error) {
	first, err := w.Account.ClaimRecent(ctx, id)
	return first + 1, err
}

// TestHistoriesFindMistakes: each mistake shows within some histories, and shrinks to a few steps.
func TestHistoriesFindMistakes(t *testing.T) {
	for name, wrap := range map[string]func(mail.Account) mail.Account{
		"wrong ModSeq":      func(a mail.Account) mail.Account { return wrongModSeq{a} },
		"forgets condition": func(a mail.Account) mail.Account { return forgetsCondition{a} },
		"copies one less":   func(a mail.Account) mail.Account { return copiesOneLess{a} },
		"flips an octet":    func(a mail.Account) mail.Account { return flipsOctet{a} },
		"expunges all":      func(a mail.Account) mail.Account { return expungesAll{a} },
		"always complete":   func(a mail.Account) mail.Account { return alwaysComplete{a} },
		"wrong kind":        func(a mail.Account) mail.Account { return wrongKind{a} },
		"passes over":       func(a mail.Account) mail.Account { return passesOverRecent{a} },
	} {
		t.Run(name, func(t *testing.T) {
			reference := Reference()
			open := func(t testing.TB, dir string) mail.Store { return faulty{reference(t, dir), wrap} }
			for seed := uint64(1); seed <= 10; seed++ {
				ops := Generate(seed, 120)
				at, err := Compare(t, open, ops)
				if err == nil {
					continue
				}
				ops, err = shrink(ops[:at+1], err, func(ops []Op) (int, error) { return Compare(t, open, ops) })
				if len(ops) > 8 || err == nil {
					t.Errorf("shrunk to %d steps only:\n%s%v", len(ops), describe(ops), err)
				}
				return
			}
			t.Error("not found in 10 histories")
		})
	}
}

func TestGenerateIsDeterministic(t *testing.T) {
	if !reflect.DeepEqual(Generate(7, 200), Generate(7, 200)) || reflect.DeepEqual(Generate(7, 200), Generate(8,
		200)) {
		t.Error("a seed has to mean a history")
	}
	seen := make(map[opKind]bool)
	for _, o := range Generate(1, 2000) {
		seen[o.kind] = true
		if o.String() == "" {
			t.Error("an operation cannot be shown")
		}
	}
	if len(seen) != len(opNames) || len(weights) != len(opNames) {
		t.Errorf("%d kinds of %d", len(seen), len(opNames))
	}
}

func TestMessage(t *testing.T) {
	for seed := range uint64(50) {
		m := Message{Seed: seed, Size: 3000, ID: 5, Parent: 3, Root: 1}
		octets := m.Octets()
		if len(octets) != 3000 || !bytes.Equal(octets, m.Octets()) {
			t.Fatalf("%+v: %d octets", m, len(octets))
		}
		d, err := message.Digest(bytes.NewReader(octets), int64(len(octets)))
		if err != nil || d.MessageID != messageID(5) || !reflect.DeepEqual(d.References, []string{messageID(1),
			messageID(3)}) {
			t.Errorf("%+v: %v %q %q", m, err, d.MessageID, d.References)
		}
		if d.Sent == mail.NoDate || strings.Contains(d.Subject, "=?") {
			t.Errorf("%+v: date %d, subject %q", m, d.Sent, d.Subject)
		}
	}
}

func TestCheckPage(t *testing.T) {
	page := func(change func(p *mail.Page)) *mail.Page {
		p := &mail.Page{
			UIDs: []mail.UID{300, 301}, Flags: make([]mail.FlagSet, 2), ModSeqs: []mail.ModSeq{4, 3},
			Contents: []mail.ContentID{1, 2},
			Sizes:    make([]int64, 2), Internal: make([]int64, 2), Saved: make([]int64, 2), Highest: 4,
		}
		change(p)
		return p
	}
	for name, change := range map[string]func(p *mail.Page){
		"uneven":      func(p *mail.Page) { p.Saved = nil },
		"empty":       func(p *mail.Page) { *p = mail.Page{} },
		"not sorted":  func(p *mail.Page) { p.UIDs[1] = 300 },
		"two pages":   func(p *mail.Page) { p.UIDs[1] = 512 },
		"same page":   func(p *mail.Page) { p.UIDs[0], p.UIDs[1] = 254, 255 },
		"highest":     func(p *mail.Page) { p.Highest = 5 },
		"no content":  func(p *mail.Page) { p.Contents[0] = 0 },
		"no ModSeq":   func(p *mail.Page) { p.ModSeqs[1] = 0 },
		"unknown bit": func(p *mail.Page) { p.Flags[1] = 1 << 9 },
	} {
		if checkPage(page(change), 200, 31) == nil {
			t.Errorf("%s: not noticed", name)
		}
	}
	if err := checkPage(page(func(*mail.Page) {}), 200, 31); err != nil {
		t.Error(err)
	}
}

// TestUnspoilt: a page that is changed in place is noticed.
func TestUnspoilt(t *testing.T) {
	p := &mail.Page{UIDs: []mail.UID{1}, Flags: make([]mail.FlagSet, 1), ModSeqs: []mail.ModSeq{5},
		Contents: []mail.ContentID{1},
		Sizes:    make([]int64, 1), Internal: make([]int64, 1), Saved: make([]int64, 1), Highest: 5}
	player := &player{}
	player.keep(mail.NewSnapshot(mail.Mailbox{HighestMod: 5}, []*mail.Page{p}))
	if err := player.unspoilt(); err != nil {
		t.Fatal(err)
	}
	p.Flags[0] = mail.BitSeen
	if player.unspoilt() == nil {
		t.Error("not noticed")
	}
}

func TestCrashState(t *testing.T) {
	s := make(crashState)
	for _, o := range []crashOp{
		{Kind: "append", Seeds: []uint64{1, 2, 3}, Flags: `\Seen`},
		{Kind: "flags", Seeds: []uint64{1, 3}, Flags: `\Deleted`},
		{Kind: "copy", Seeds: []uint64{1, 2}}, {Kind: "move", Seeds: []uint64{2}},
		{Kind: "expunge", Seeds: []uint64{1, 3}}, {Kind: "purge"},
	} {
		s.apply(&o)
	}
	want := crashState{1: {copies: []string{`\Deleted`}}, 2: {copies: []string{`\Seen`, `\Seen`}}}
	if got := s.clean(); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
