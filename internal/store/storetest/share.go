package storetest

import (
	"slices"

	"github.com/constance-mail/constance/internal/mail"
)

func (e *env) setACL(id mail.MailboxID, identifier string, r mail.Rights) {
	e.Helper()
	e.ok(e.acc.SetACL(e.ctx, id, mail.ACLChange{Identifier: identifier, Rights: r}))
}

// flagsAs are the flags of INBOX's messages as somebody sees them.
func (e *env) flagsAs(a mail.Account) []mail.FlagSet {
	e.Helper()
	s, err := a.Snapshot(e.ctx, 1)
	e.ok(err)
	var out []mail.FlagSet
	for _, p := range s.Pages {
		out = append(out, p.Flags...)
	}
	return out
}

func (e *env) wantFlags(who string, a mail.Account, want ...mail.FlagSet) {
	e.Helper()
	if got := e.flagsAs(a); !slices.Equal(got, want) {
		e.Errorf("%s sees flags %b, want %b", who, got, want)
	}
}

var shareCases = []testCase{
	{"SetACL changes one entry, and a reopened store has it", func(e *env) {
		e.setACL(1, "bob", mail.RightLookup|mail.RightRead)
		e.setACL(1, "-carol", mail.RightWrite)
		e.ok(e.acc.SetACL(e.ctx, 1, mail.ACLChange{Identifier: "bob", Op: mail.AddRights, Rights: mail.RightSeen}))
		e.reopen()
		want := "bob lrs -carol w"
		if got := e.box("INBOX").ACL.String(); got != want {
			e.Errorf("got %q, want %q", got, want)
		}
		e.setACL(1, "bob", 0)
		if got := e.box("INBOX").ACL.String(); got != "-carol w" {
			e.Errorf("got %q", got)
		}
	}},
	{"SetACL is a change that is seen by others, unless it changes nothing", func(e *env) {
		e.setACL(1, "bob", mail.RightLookup)
		now := e.modSeq()
		e.setACL(1, "bob", mail.RightLookup)
		if e.modSeq() != now || now != 2 {
			e.Errorf("ModSeq %d, then %d", now, e.modSeq())
		}
		e.unchanged(mail.NotFound, func() error { return e.acc.SetACL(e.ctx, 99, mail.ACLChange{Identifier: "x", Rights: 1}) })
		e.unchanged(mail.Invalid, func() error { return e.acc.SetPersonal(e.ctx, 1, mail.PersonalAll+1) })
		other, err := e.second().Account("alice").Mailbox(e.ctx, "INBOX")
		e.ok(err)
		if other.ACL.String() != "bob l" {
			e.Errorf("another process sees %q", other.ACL)
		}
	}},
	{"CreateMailbox gives a mailbox the ACL of the nearest one above", func(e *env) {
		a := e.create("a")
		e.setACL(a.ID, "bob", mail.RightLookup)
		e.ok(e.acc.SetPersonal(e.ctx, a.ID, mail.PersonalAll))
		e.create("a/b/c")
		for _, name := range []string{"a/b", "a/b/c"} {
			if m := e.box(name); m.ACL.String() != "bob l" || m.Personal != mail.PersonalAll {
				e.Errorf("%s: %+v", name, m)
			}
		}
		e.setACL(1, "carol", mail.RightLookup)
		if got := e.create("own").ACL; got != nil {
			e.Errorf("the owner's new mailbox of the first level has the ACL %q", got)
		}
		m, err := e.acc.As("carol").CreateMailbox(e.ctx, "guest", nil)
		e.ok(err)
		if m.ACL.String() != "carol l" {
			e.Errorf("a viewer's new mailbox of the first level has the ACL %q", m.ACL)
		}
	}},
	{"RenameMailbox keeps ACLs", func(e *env) {
		a, b := e.create("a"), e.create("b")
		e.setACL(a.ID, "bob", mail.RightLookup)
		e.setACL(b.ID, "carol", mail.RightLookup)
		e.ok(e.acc.RenameMailbox(e.ctx, "a", "b/a"))
		if got := e.box("b/a").ACL.String(); got != "bob l" {
			e.Errorf("got %q", got)
		}
	}},
	{"As gives each viewer a \\Seen of its own", func(e *env) {
		bob, carol := e.acc.As("bob"), e.acc.As("carol")
		e.add(1, 2, mail.Seen)
		e.wantFlags("the owner", e.acc, mail.BitSeen, mail.BitSeen)
		e.wantFlags("bob", bob, 0, 0)
		done, err := bob.SetFlags(e.ctx, 1, mail.FlagChange{UIDs: mail.SetOf(2), Op: mail.AddFlags,
			Flags: []mail.Flag{mail.Seen, mail.Flagged}})
		e.ok(err)
		e.uidSet("changed", done.Changed, "2")
		e.wantFlags("bob", bob, 0, mail.BitSeen|mail.BitFlagged)
		e.wantFlags("carol", carol, 0, mail.BitFlagged)
		e.wantFlags("the owner", e.acc, mail.BitSeen, mail.BitSeen|mail.BitFlagged)
		m, err := bob.Mailbox(e.ctx, "INBOX")
		e.ok(err)
		if m.Unseen != 1 || e.box("INBOX").Unseen != 0 {
			e.Errorf("unseen: bob %d, the owner %d", m.Unseen, e.box("INBOX").Unseen)
		}
		e.reopen()
		e.wantFlags("bob", e.acc.As("bob"), 0, mail.BitSeen|mail.BitFlagged)
		e.wantFlags("the owner as a viewer", e.acc.As("alice"), mail.BitSeen, mail.BitSeen|mail.BitFlagged)
	}},
	{"A viewer's own flags change its ModSeqs, in the account's order, and nobody else's", func(e *env) {
		bob := e.acc.As("bob")
		e.add(1, 2)
		at := e.modSeq()
		done, err := bob.SetFlags(e.ctx, 1, mail.FlagChange{UIDs: mail.SetOf(1), Op: mail.AddFlags, Flags: []mail.Flag{mail.Seen}})
		e.ok(err)
		if done.ModSeq != at+1 || e.modSeq() != at+1 {
			e.Errorf("changed at %d, the account is at %d", done.ModSeq, e.modSeq())
		}
		s, err := bob.Snapshot(e.ctx, 1)
		e.ok(err)
		if m := s.Pages[0].ModSeqs; m[0] != at+1 || m[1] != at || s.Pages[0].Highest != at+1 || s.Mailbox.HighestMod != at+1 {
			e.Errorf("bob sees ModSeqs %v, highest %d", m, s.Mailbox.HighestMod)
		}
		if m := e.snapshot(1).Pages[0].ModSeqs; m[0] != at {
			e.Errorf("the owner sees ModSeqs %v", m)
		}
		c := mail.FlagChange{UIDs: rangeOf(1, 2), Flags: []mail.Flag{mail.Flagged}, Conditional: true, UnchangedSince: at}
		done, err = bob.SetFlags(e.ctx, 1, c)
		e.ok(err)
		e.uidSet("failed for bob", done.Failed, "1")
		e.uidSet("failed for the owner", e.setFlags(1, mail.FlagChange{UIDs: mail.SetOf(1), Op: mail.AddFlags,
			Flags: []mail.Flag{mail.Draft}, Conditional: true, UnchangedSince: at}).Failed, "")
	}},
	{"SetPersonal has no flags personal, or all but \\Deleted", func(e *env) {
		bob := e.acc.As("bob")
		e.add(1, 1)
		all := mail.FlagChange{UIDs: mail.SetOf(1), Op: mail.AddFlags, Flags: []mail.Flag{mail.Seen, mail.Deleted, "k"}}
		k := mail.FlagSet(1) << len(mail.SystemFlags)
		e.ok(e.acc.SetPersonal(e.ctx, 1, mail.PersonalAll))
		_, err := bob.SetFlags(e.ctx, 1, all)
		e.ok(err)
		e.wantFlags("bob", bob, mail.BitSeen|mail.BitDeleted|k)
		e.wantFlags("the owner", e.acc, mail.BitDeleted)
		e.ok(e.acc.SetPersonal(e.ctx, 1, mail.PersonalNone))
		e.wantFlags("bob", bob, mail.BitDeleted)
		_, err = bob.SetFlags(e.ctx, 1, all)
		e.ok(err)
		e.wantFlags("the owner", e.acc, mail.BitSeen|mail.BitDeleted|k)
	}},
	{"A viewer's copies and appended messages have its own flags", func(e *env) {
		bob := e.acc.As("bob")
		m, err := Upload(e.ctx, bob, Message{Size: 300}.Octets())
		e.ok(err)
		m.Flags = []mail.Flag{mail.Seen, mail.Draft}
		_, err = bob.Append(e.ctx, 1, []mail.NewMessage{m})
		e.ok(err)
		_, err = bob.Copy(e.ctx, 1, mail.SetOf(1), 1)
		e.ok(err)
		_, err = bob.Move(e.ctx, 1, mail.SetOf(1), 1)
		e.ok(err)
		e.wantFlags("bob", bob, mail.BitSeen|mail.BitDraft, mail.BitSeen|mail.BitDraft)
		e.wantFlags("the owner", e.acc, mail.BitDraft, mail.BitDraft)
		first, err := bob.ClaimRecent(e.ctx, 1)
		if err != nil || first != 0 {
			e.Errorf("recent for a viewer: %d %v", first, err)
		}
	}},
	{"SetFlags with a mask changes no other flags", func(e *env) {
		e.add(1, 1, mail.Seen, mail.Flagged)
		e.setFlags(1, mail.FlagChange{UIDs: mail.SetOf(1), Flags: []mail.Flag{mail.Deleted, mail.Draft},
			Mask: mail.RightWrite.Flags()})
		e.wantFlags("the owner", e.acc, mail.BitSeen|mail.BitDraft)
	}},
}
