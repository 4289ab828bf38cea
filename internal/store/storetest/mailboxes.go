package storetest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/constance-mail/constance/internal/mail"
)

// badNames are no names of mailboxes. RFC 9051 section 5.1.
var badNames = []string{
	"", "/", "a/", "/a", "a//b", "a*", "%", "a\x00b", "a\nb", "\xff", strings.Repeat("x", mail.MaxNameLen+1),
	strings.Repeat("x/", mail.MaxNameDepth) + "x",
}

var mailboxCases = []testCase{
	{"Mailboxes are ordered by name with the separator before every other character", func(e *env) {
		for _, n := range []string{"b/c", "b!", "b-x/y", "b c", "B", "é", "a"} {
			e.create(n)
		}
		want := []string{
			"Archive", "Archive/Old", "B", "Drafts", "INBOX", "Sent", "Trash", "a", "b", "b/c", "b c", "b!",
			"b-x", "b-x/y", "é",
		}
		if got := e.names(); !slices.Equal(got, want) {
			e.Errorf("got  %q\nwant %q", got, want)
		}
	}},
	{"Mailboxes lists subscribed names that are not there with ID 0", func(e *env) {
		e.ok(e.acc.Subscribe(e.ctx, "Sent/nothing", true))
		list := e.list()
		i := slices.IndexFunc(list, func(m mail.Mailbox) bool { return m.ID == 0 })
		if i != 5 || !sameMailbox(list[i], mail.Mailbox{Name: "Sent/nothing", Subscribed: true}) {
			e.Errorf("at %d: %+v", i, list)
		}
		_, err := e.acc.Mailbox(e.ctx, "Sent/nothing")
		e.kind(err, mail.NotFound)
		if m := e.create("Sent/nothing"); !m.Subscribed || m.ID == 0 {
			e.Errorf("created: %+v", m)
		}
		e.ok(e.acc.Subscribe(e.ctx, "Sent/nothing", false))
		if e.box("Sent/nothing").Subscribed {
			e.Error("still subscribed")
		}
	}},
	{"Mailbox finds a mailbox by its clean name", func(e *env) {
		for _, n := range []string{"inbox", "InBox", "INBOX"} {
			if m := e.box(n); m.ID != 1 || m.Name != "INBOX" {
				e.Errorf("%s: %+v", n, m)
			}
		}
		_, err := e.acc.Mailbox(e.ctx, "sent")
		e.kind(err, mail.NotFound)
	}},
	{"bad names are refused with Invalid", func(e *env) {
		for _, n := range badNames {
			e.unchanged(mail.Invalid, func() error { _, err := e.acc.CreateMailbox(e.ctx, n, nil); return err })
			e.unchanged(mail.Invalid, func() error { _, err := e.acc.Mailbox(e.ctx, n); return err })
			e.unchanged(mail.Invalid, func() error { return e.acc.DeleteMailbox(e.ctx, n) })
			e.unchanged(mail.Invalid, func() error { return e.acc.RenameMailbox(e.ctx, n, "x") })
			e.unchanged(mail.Invalid, func() error { return e.acc.RenameMailbox(e.ctx, "Sent", n) })
			e.unchanged(mail.Invalid, func() error { return e.acc.Subscribe(e.ctx, n, true) })
		}
	}},
	{"CreateMailbox creates the mailbox and those above it that are missing", func(e *env) {
		m := e.create("inbox/x/y")
		if m.Name != "INBOX/x/y" || m.UIDNext != 1 || m.Messages != 0 || m.HighestMod != 2 || m.ID != 8 ||
			m.Subscribed {
			e.Errorf("%+v", m)
		}
		if above := e.box("INBOX/x"); above.ID != 7 || above.HighestMod != 2 || above.Uses != nil {
			e.Errorf("%+v", above)
		}
		if !sameMailbox(m, e.box("INBOX/x/y")) {
			e.Errorf("%+v was created, %+v is there", m, e.box("INBOX/x/y"))
		}
	}},
	{"CreateMailbox refuses a name that is taken", func(e *env) {
		for _, n := range []string{"inbox", "Sent", "Archive"} {
			e.unchanged(mail.Exists, func() error { _, err := e.acc.CreateMailbox(e.ctx, n, nil); return err })
		}
	}},
	{"CreateMailbox moves a use that another mailbox has and refuses unknown ones", func(e *env) {
		m := e.create("Gesendet", mail.UseSent, mail.UseJunk, mail.UseSent)
		if !slices.Equal(m.Uses, []mail.SpecialUse{mail.UseJunk, mail.UseSent}) {
			e.Errorf("uses %q", m.Uses)
		}
		if u := e.box("Sent").Uses; len(u) != 0 {
			e.Errorf("Sent keeps %q", u)
		}
		for _, u := range []mail.SpecialUse{"", `\All`, `\sent`, "x"} {
			e.unchanged(mail.Invalid, func() error {
				_, err := e.acc.CreateMailbox(e.ctx, "x", []mail.SpecialUse{u})
				return err
			})
		}
	}},
	{"DeleteMailbox deletes a mailbox with its messages but not those below it", func(e *env) {
		id := e.create("a/b").ID
		a := e.box("a").ID
		e.add(a, 2)
		e.ok(e.acc.DeleteMailbox(e.ctx, "a"))
		_, err := e.acc.Mailbox(e.ctx, "a")
		e.kind(err, mail.NotFound)
		if e.box("a/b").ID != id {
			e.Error("the mailbox below has gone")
		}
		usage(e, 0, 0)
		goneCase(e, a)
	}},
	{"DeleteMailbox keeps the subscription of the name", func(e *env) {
		e.ok(e.acc.DeleteMailbox(e.ctx, "Sent"))
		for _, m := range e.list() {
			if m.Name == "Sent" && m.ID == 0 && m.Subscribed {
				return
			}
		}
		e.Errorf("%+v", e.list())
	}},
	{"DeleteMailbox refuses INBOX with Denied and what is missing with NotFound", func(e *env) {
		e.unchanged(mail.Denied, func() error { return e.acc.DeleteMailbox(e.ctx, "inbox") })
		e.unchanged(mail.NotFound, func() error { return e.acc.DeleteMailbox(e.ctx, "nothing") })
	}},
	{"a mailbox of the same name gets a new ID and a greater UIDVALIDITY", func(e *env) {
		last := e.create("x")
		for range 3 {
			e.add(last.ID, 1)
			e.ok(e.acc.DeleteMailbox(e.ctx, "x"))
			m := e.create("x")
			if m.ID <= last.ID || m.UIDValidity <= last.UIDValidity || m.UIDNext != 1 ||
				m.HighestMod <= last.HighestMod {
				e.Errorf("%+v after %+v", m, last)
			}
			last = m
		}
	}},
	{"RenameMailbox renames a mailbox and those below it", renameCase},
	{"RenameMailbox takes subscriptions along", func(e *env) {
		e.create("a/b")
		e.ok(e.acc.Subscribe(e.ctx, "a/b", true))
		e.ok(e.acc.Subscribe(e.ctx, "a/gone", true))
		e.ok(e.acc.RenameMailbox(e.ctx, "a", "z"))
		var got []string
		for _, m := range e.list() {
			if m.Subscribed && strings.Contains(m.Name, "/") {
				got = append(got, m.Name)
			}
		}
		if !slices.Equal(got, []string{"a/gone", "z/b"}) {
			e.Errorf("subscribed: %q", got)
		}
	}},
	{"RenameMailbox refuses names that are missing, taken or impossible", func(e *env) {
		e.create("a/b/" + strings.Repeat("x", 500))
		e.create("z/b")
		e.ok(e.acc.DeleteMailbox(e.ctx, "z"))
		for _, c := range []struct {
			from, to string
			want     mail.Kind
		}{
			{"nothing", "x", mail.NotFound}, {"z", "x", mail.NotFound},
			{"Sent", "Trash", mail.Exists}, {"Sent", "inbox", mail.Exists}, {"Sent", "Sent", mail.Exists},
			{"INBOX", "Sent", mail.Exists},
			{"a", "z", mail.Exists}, // z/b is there
			{"Sent", "Sent/x", mail.Invalid}, {"a", "a/b/c", mail.Invalid},
			{"a", strings.Repeat("y", 600), mail.Invalid}, // too long for a/b/xxx
		} {
			e.unchanged(c.want, func() error { return e.acc.RenameMailbox(e.ctx, c.from, c.to) })
		}
	}},
	{"RenameMailbox of INBOX moves its messages to a new mailbox and leaves INBOX empty", renameInboxCase},
	{"RenameMailbox of an empty INBOX creates an empty mailbox", func(e *env) {
		e.ok(e.acc.RenameMailbox(e.ctx, "INBOX", "inbox/old"))
		if m := e.box("INBOX/old"); m.Messages != 0 || m.ID != 7 || m.HighestMod != 2 ||
			e.box("INBOX").HighestMod != 1 {
			e.Errorf("%+v", m)
		}
	}},
	{"CreateMailbox refuses more than MaxMailboxes with Limit", func(e *env) {
		if !costly() {
			e.Skip("only with CONSTANCE_HISTORIES: it creates ten thousand mailboxes")
		}
		for i := len(e.names()); i < mail.MaxMailboxes; i++ {
			e.create(fmt.Sprintf("m%d", i))
		}
		e.unchanged(mail.Limit, func() error { _, err := e.acc.CreateMailbox(e.ctx, "x", nil); return err })
	}},
	{"Subscribe is for names, whether they exist or not", func(e *env) {
		e.ok(e.acc.Subscribe(e.ctx, "inbox/x", true))
		e.ok(e.acc.Subscribe(e.ctx, "nothing", false))
		found := slices.ContainsFunc(e.list(), func(m mail.Mailbox) bool {
			return m.Name == "INBOX/x" &&
				m.Subscribed
		})
		if !found {
			e.Errorf("%+v", e.list())
		}
	}},
}

// goneCase checks that each method says NotFound for that mailbox.
func goneCase(e *env, id mail.MailboxID) {
	e.Helper()
	m := e.upload([]byte("Subject: x\r\n\r\n"))
	defer m.Upload.Close()
	one := mail.SetOf(1)
	for _, call := range []func() error{
		func() error { _, err := e.acc.Snapshot(e.ctx, id); return err },
		func() error { _, _, err := e.acc.Vanished(e.ctx, id, 0); return err },
		func() error { _, err := e.acc.ClaimRecent(e.ctx, id); return err },
		func() error { _, err := e.acc.Append(e.ctx, id, []mail.NewMessage{m}); return err },
		func() error { _, err := e.acc.SetFlags(e.ctx, id, mail.FlagChange{UIDs: one}); return err },
		func() error { _, _, err := e.acc.Expunge(e.ctx, id, nil); return err },
		func() error { _, err := e.acc.Copy(e.ctx, id, one, 1); return err },
		func() error { _, err := e.acc.Copy(e.ctx, 1, one, id); return err },
		func() error { _, err := e.acc.Move(e.ctx, id, one, 1); return err },
		func() error { _, err := e.acc.Move(e.ctx, 1, one, id); return err },
	} {
		e.unchanged(mail.NotFound, call)
	}
}

func renameCase(e *env) {
	b := e.create("a/b")
	a := e.box("a")
	e.add(a.ID, 2)
	a = e.box("a")
	e.create("ab")
	e.ok(e.acc.RenameMailbox(e.ctx, "a", "x/y"))
	want := []string{"Archive", "Archive/Old", "Drafts", "INBOX", "Sent", "Trash", "ab", "x", "x/y", "x/y/b"}
	if got := e.names(); !slices.Equal(got, want) {
		e.Errorf("got %q, want %q", got, want)
	}
	a.Name, b.Name = "x/y", "x/y/b"
	if !sameMailbox(a, e.box("x/y")) || !sameMailbox(b, e.box("x/y/b")) {
		e.Errorf("got %+v %+v, want %+v %+v", e.box("x/y"), e.box("x/y/b"), a, b)
	}
	if m := e.box("x"); m.ID <= b.ID || m.HighestMod != e.modSeq() {
		e.Errorf("above: %+v", m)
	}
	e.add(a.ID, 1)
	if e.snapshot(a.ID).Mailbox.Name != "x/y" {
		e.Error("the snapshot has the old name")
	}
	e.ok(e.acc.DeleteMailbox(e.ctx, "x"))
	e.ok(e.acc.RenameMailbox(e.ctx, "x/y", "x"))
	if e.box("x/b").ID != b.ID {
		e.Error("the tree did not move up")
	}
}

func renameInboxCase(e *env) {
	e.create("INBOX/sub")
	e.append(1, e.upload(Message{Size: 400}.Octets(), mail.Seen, "one"),
		e.upload(Message{Size: 40_000}.Octets(), "two"))
	e.addFlags(1, mail.SetOf(1), mail.Deleted)
	_, _, err := e.acc.Expunge(e.ctx, 1, nil)
	e.ok(err)
	content := e.snapshot(1).Pages[0].Contents[0]
	before, start := e.modSeq(), time.Now().Unix()
	e.ok(e.acc.RenameMailbox(e.ctx, "INBOX", "old/inbox"))
	m, inbox := e.box("old/inbox"), e.box("INBOX")
	if inbox.ID != 1 || inbox.Messages != 0 || inbox.UIDNext != 3 || inbox.HighestMod != before+1 ||
		!inbox.Subscribed {
		e.Errorf("INBOX %+v", inbox)
	}
	if m.ID != 9 || m.UIDNext != 2 || m.Messages != 1 || m.UIDValidity <= inbox.UIDValidity ||
		m.HighestMod != before+1 {
		e.Errorf("new mailbox %+v", m)
	}
	p := e.snapshot(m.ID).Pages[0]
	if p.UIDs[0] != 1 || p.Contents[0] != content || p.ModSeqs[0] != before+1 || p.Saved[0] < start {
		e.Errorf("page %+v", p)
	}
	if f := e.flags(m.ID, 1); !slices.Equal(f, []mail.Flag{"two"}) {
		e.Errorf("flags %q", f)
	}
	uids, _, err := e.acc.Vanished(e.ctx, 1, before)
	e.ok(err)
	e.uidSet("vanished", uids, "2")
	if _, err := e.acc.Mailbox(e.ctx, "INBOX/sub"); err != nil {
		e.Errorf("the mailbox below INBOX: %v", err)
	}
}
