package sqlite

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/constance-mail/constance/internal/mail"
	"github.com/constance-mail/constance/internal/store/mem"
)

// togetherOp is a change whose outcome is told in words.
type togetherOp func(a mail.Account) string

func told(err error, args ...any) string {
	if err != nil {
		return mail.KindOf(err).String()
	}
	return fmt.Sprint(args...)
}

// randomOp is a change that often concerns what the others of its transaction change. guest makes it one of another viewer.
func randomOp(r *rand.Rand) togetherOp {
	ctx := context.Background()
	names := []string{"a", "b", "a/x", "b/y/z", "c"}
	name, other := names[r.IntN(len(names))], names[r.IntN(len(names))]
	box, target := mail.MailboxID(1+r.IntN(6)), mail.MailboxID(1+r.IntN(6))
	uid := mail.UID(1 + r.IntN(6))
	uids := mail.UIDSet{{Start: uid, Stop: uid + mail.UID(r.IntN(5))}}
	flags := [][]mail.Flag{{mail.Seen}, {mail.Deleted}, {mail.Deleted, "k1"}, {mail.Flagged}, {"k2", "k3"}}[r.IntN(5)]
	change := mail.FlagChange{UIDs: uids, Op: mail.FlagOp(r.IntN(3)), Flags: flags}
	who := func(a mail.Account) mail.Account { return a }
	if r.IntN(3) == 0 {
		who = func(a mail.Account) mail.Account { return a.As("bob") }
	}
	switch r.IntN(18) {
	case 0, 1, 2, 3:
		return func(a mail.Account) string {
			done, err := tryDeliver(who(a), box, "text", flags...)
			return told(err, done.UIDs, done.ModSeq)
		}
	case 4, 5:
		return func(a mail.Account) string {
			done, err := who(a).SetFlags(ctx, box, change)
			return told(err, done)
		}
	case 6:
		return func(a mail.Account) string {
			gone, mod, err := a.Expunge(ctx, box, uids)
			return told(err, gone, mod)
		}
	case 7, 8:
		return func(a mail.Account) string {
			done, err := who(a).Copy(ctx, box, uids, target)
			return told(err, done.From, done.To, done.ModSeq)
		}
	case 9:
		return func(a mail.Account) string {
			done, err := who(a).Move(ctx, box, uids, target)
			return told(err, done.From, done.To, done.ModSeq)
		}
	case 10:
		return func(a mail.Account) string {
			m, err := a.CreateMailbox(ctx, name, nil)
			return told(err, m.ID, m.HighestMod)
		}
	case 11:
		return func(a mail.Account) string { return told(a.DeleteMailbox(ctx, name)) }
	case 12:
		return func(a mail.Account) string { return told(a.RenameMailbox(ctx, name, other)) }
	case 13:
		return func(a mail.Account) string { return told(a.SetQuota(ctx, mail.Quota{Messages: int64(uid) * 8})) }
	case 14:
		set := []mail.Annotation{{Name: "/private/comment", Value: name}, {Name: "/shared/comment", Nil: uid < 3, Value: other}}
		return func(a mail.Account) string {
			mod, err := a.Annotate(ctx, box, "bob", set)
			return told(err, mod)
		}
	case 15:
		return func(a mail.Account) string {
			done, err := tryReplace(who(a), mail.Replacement{Mailbox: box, UID: uid, To: target}, flags)
			return told(err, done.UIDs, done.ModSeq)
		}
	case 16:
		on := r.IntN(2) == 0
		return func(a mail.Account) string { return told(a.Subscribe(ctx, name, on)) }
	}
	grant := mail.ACLChange{Identifier: "bob", Rights: mail.Rights(r.IntN(16))}
	personal := mail.Personal(r.IntN(3))
	return func(a mail.Account) string {
		if grant.Rights == 0 {
			return told(a.SetPersonal(ctx, box, personal))
		}
		return told(a.SetACL(ctx, box, grant))
	}
}

// seen is all of an account that can be seen.
func seen(t *testing.T, a mail.Account) string {
	t.Helper()
	ctx := context.Background()
	boxes, err := a.Mailboxes(ctx)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, m := range boxes {
		fmt.Fprintln(&b, m.ID, m.Name, m.UIDNext, m.HighestMod, m.Messages, m.Unseen, m.Deleted, m.Size, m.Subscribed, m.ACL, m.Personal)
		if m.ID == 0 {
			continue
		}
		for _, viewer := range []mail.Account{a, a.As("bob")} {
			snap, err := viewer.Snapshot(ctx, m.ID)
			if err != nil {
				t.Fatalf("%s: %v", m.Name, err)
			}
			fmt.Fprintln(&b, "unseen", snap.Mailbox.Unseen)
			for i := range snap.Len() {
				p, row := snap.Locate(i)
				flags := p.Flags[row].Flags(snap.Mailbox.Keywords)
				slices.Sort(flags)
				fmt.Fprintln(&b, " ", p.UIDs[row], flags, p.ModSeqs[row], p.Sizes[row])
			}
		}
		gone, _, err := a.Vanished(ctx, m.ID, 1)
		fmt.Fprintln(&b, "gone", gone, err)
	}
	u, err := a.Usage(ctx)
	fmt.Fprintln(&b, u, err)
	return b.String()
}

// TestTogether: changes that share a transaction do what they do one after the other, whatever they have to do with each other.
func TestTogether(t *testing.T) {
	rounds := 40
	if testing.Short() {
		rounds = 6
	}
	for seed := range uint64(rounds) {
		r := rand.New(rand.NewPCG(seed, 64))
		s := openTest(t, t.TempDir(), Options{})
		reference := mem.New(mail.Options{})
		a, want := s.Account("ann").(*account), reference.Account("ann")
		for range 60 {
			var ops []togetherOp
			for range 1 + r.IntN(6) {
				ops = append(ops, randomOp(r))
			}
			got, changes := make([]string, len(ops)), make([]func(), len(ops))
			for i, op := range ops {
				changes[i] = func() { got[i] = op(a) }
			}
			together(t, a, changes...)
			for i, op := range ops {
				if w := op(want); got[i] != w {
					t.Fatalf("seed %d, change %d of %d: got %s, want %s", seed, i, len(ops), got[i], w)
				}
			}
			if got, want := seen(t, a), seen(t, want); got != want {
				t.Fatalf("seed %d: got\n%s\nwant\n%s", seed, got, want)
			}
		}
		if err := reference.Close(); err != nil {
			t.Error(err)
		}
	}
}
