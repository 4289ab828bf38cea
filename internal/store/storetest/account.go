package storetest

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/constance-mail/constance/internal/mail"
)

// soon is how long a test waits for something that has to come; it is not expected to be reached.
const soon = time.Minute

var storeCases = []testCase{
	{"an account comes into being with INBOX and the mailboxes of Options", func(e *env) {
		want := []string{"Archive", "Archive/Old", "Drafts", "INBOX", "Sent", "Trash"}
		if got := e.names(); !slices.Equal(got, want) {
			e.Errorf("got %q, want %q", got, want)
		}
		for name, id := range map[string]mail.MailboxID{"INBOX": 1, "Drafts": 2, "Sent": 3, "Archive": 4,
			"Archive/Old": 5, "Trash": 6} {
			m := e.box(name)
			if m.ID != id || m.UIDNext != 1 || m.HighestMod != 1 || m.Subscribed != (id <= 3) {
				e.Errorf("%+v", m)
			}
		}
		if u := e.box("Sent").Uses; !slices.Equal(u, []mail.SpecialUse{mail.UseSent}) {
			e.Errorf("Sent is used for %q", u)
		}
		u, err := e.acc.Usage(e.ctx)
		e.ok(err)
		if want := (mail.Usage{Mailboxes: 6, Limit: mail.Quota{Storage: 64 << 20, Messages: 100_000}}); u != want {
			e.Errorf("usage %+v", u)
		}
	}},
	{"a handle to an account is made without I/O and an invalid id fails at the first use", func(e *env) {
		for _, id := range []mail.AccountID{"", "A", "../alice", "a b", "a.b"} {
			a := e.store.Account(id)
			if a.ID() != id {
				e.Errorf("%q is called %q", id, a.ID())
			}
			_, err := a.ModSeq(e.ctx)
			e.kind(err, mail.NotFound)
			_, err = a.Mailboxes(e.ctx)
			e.kind(err, mail.NotFound)
			_, err = a.NewUpload(e.ctx, 1)
			e.kind(err, mail.NotFound)
		}
	}},
	{"handles to the same account see each other's changes", func(e *env) {
		m := e.create("x")
		other := e.store.Account("alice")
		got, err := other.Mailbox(e.ctx, "x")
		e.ok(err)
		if got.ID != m.ID {
			e.Errorf("got %+v", got)
		}
	}},
	{"accounts are apart", func(e *env) {
		e.create("x")
		bob := e.store.Account("bob")
		_, err := bob.Mailbox(e.ctx, "x")
		e.kind(err, mail.NotFound)
		n, err := bob.ModSeq(e.ctx)
		e.ok(err)
		if n != 1 {
			e.Errorf("ModSeq %d", n)
		}
	}},
	{"Create makes an account that is not there, with the mailboxes of a new one", func(e *env) {
		e.ok(e.store.Create(e.ctx, "bob"))
		e.kind(e.store.Create(e.ctx, "bob"), mail.Exists)
		boxes, err := e.store.Account("bob").Mailboxes(e.ctx)
		e.ok(err)
		if len(boxes) != 6 {
			e.Errorf("%d mailboxes", len(boxes))
		}
		_, err = e.store.Account("carol").Usage(e.ctx) // used is made
		e.ok(err)
		e.kind(e.store.Create(e.ctx, "carol"), mail.Exists)
		e.ok(e.store.Remove(e.ctx, "bob"))
		e.ok(e.store.Create(e.ctx, "bob"))
		e.kind(e.store.Create(e.ctx, "../x"), mail.NotFound)
		ctx, cancel := context.WithCancel(e.ctx)
		cancel()
		if err := e.store.Create(ctx, "dave"); !errors.Is(err, context.Canceled) {
			e.Errorf("got %v", err)
		}
	}},
	{"Remove deletes an account with all its mail and a missing one is no error", func(e *env) {
		e.add(e.create("x").ID, 3)
		e.ok(e.store.Remove(e.ctx, "alice"))
		e.ok(e.store.Remove(e.ctx, "alice"))
		e.ok(e.store.Remove(e.ctx, "nobody"))
		e.acc = e.store.Account("alice")
		_, err := e.acc.Mailbox(e.ctx, "x")
		e.kind(err, mail.NotFound)
		if n := e.modSeq(); n != 1 || len(e.names()) != 6 {
			e.Errorf("ModSeq %d, mailboxes %q", n, e.names())
		}
		_, err = e.acc.OpenContent(e.ctx, 1)
		e.kind(err, mail.NotFound)
	}},
	{"Close ends all use and what was there is there when the store is opened again", func(e *env) {
		id := e.create("x").ID
		octets := Message{Seed: 3, Size: 50_000}.Octets()
		done := e.append(id, e.upload(octets, mail.Seen, "work"))
		before, old := e.list(), e.acc
		e.reopen()
		_, err := old.ModSeq(e.ctx)
		e.kind(err, mail.Unavailable)
		_, err = old.Snapshot(e.ctx, id)
		e.kind(err, mail.Unavailable)
		_, err = old.CreateMailbox(e.ctx, "y", nil)
		e.kind(err, mail.Unavailable)
		e.same("content", e.octets(done.Contents[0]), octets)
		for i, m := range e.list() {
			if !sameMailbox(m, before[i]) {
				e.Errorf("got %+v, want %+v", m, before[i])
			}
		}
	}},
	{"errors that come from ctx are its own and nothing is changed", func(e *env) {
		id := e.box("INBOX").ID
		e.add(id, 1)
		m := e.upload([]byte("Subject: x\r\n\r\n"))
		defer m.Upload.Close()
		ctx, cancel := context.WithCancel(e.ctx)
		cancel()
		before := e.modSeq()
		_, create := e.acc.CreateMailbox(ctx, "x", nil)
		_, app := e.acc.Append(ctx, id, []mail.NewMessage{m})
		_, flags := e.acc.SetFlags(ctx, id, mail.FlagChange{UIDs: mail.SetOf(1), Flags: []mail.Flag{mail.Seen}})
		_, cp := e.acc.Copy(ctx, id, mail.SetOf(1), id)
		for i, err := range []error{create, app, flags, cp, e.acc.Subscribe(ctx, "x", true),
			e.acc.DeleteMailbox(ctx, "Sent")} {
			if !errors.Is(err, context.Canceled) {
				e.Errorf("call %d: %v", i, err)
			}
		}
		if e.modSeq() != before {
			e.Error("changed")
		}
	}},
}

var accountCases = []testCase{
	{"ModSeq is 1 before any change and each changing call takes the next", func(e *env) {
		want := mail.ModSeq(1)
		check := func(what string, changes bool) {
			e.Helper()
			if changes {
				want++
			}
			if got := e.modSeq(); got != want {
				e.Fatalf("%s: ModSeq %d, want %d", what, got, want)
			}
		}
		check("before", false)
		id := e.create("a/b/c").ID
		check("create", true)
		e.add(id, 3)
		check("append", true)
		e.addFlags(id, mail.SetOf(1, 2), mail.Deleted)
		check("set flags", true)
		e.addFlags(id, mail.SetOf(1, 2), mail.Deleted)
		check("the same flags", false)
		_, err := e.acc.Copy(e.ctx, id, mail.SetOf(1), 1)
		e.ok(err)
		check("copy", true)
		_, err = e.acc.Copy(e.ctx, id, mail.SetOf(77), 1)
		e.ok(err)
		check("copy of nothing", false)
		_, err = e.acc.Move(e.ctx, id, mail.SetOf(3), 1)
		e.ok(err)
		check("move", true)
		_, _, err = e.acc.Expunge(e.ctx, id, nil)
		e.ok(err)
		check("expunge", true)
		_, _, err = e.acc.Expunge(e.ctx, id, nil)
		e.ok(err)
		check("expunge of nothing", false)
		e.ok(e.acc.RenameMailbox(e.ctx, "a", "z"))
		check("rename", true)
		e.ok(e.acc.Subscribe(e.ctx, "z", true))
		check("subscribe", true)
		e.ok(e.acc.Subscribe(e.ctx, "z", true))
		check("subscribed already", false)
		e.ok(e.acc.SetQuota(e.ctx, mail.Quota{Storage: 1 << 30}))
		check("quota", false)
		_, err = e.acc.ClaimRecent(e.ctx, 1)
		e.ok(err)
		check("recent", false)
		_, err = e.acc.Purge(e.ctx, time.Now().Add(time.Hour))
		e.ok(err)
		check("purge", false)
		e.ok(e.acc.DeleteMailbox(e.ctx, "z"))
		check("delete", true)
	}},
	{"ModSeq is never behind a change by another process", func(e *env) {
		other := e.second().Account("alice")
		for i := range 20 {
			on := i%2 == 0
			e.ok(e.acc.Subscribe(e.ctx, "x", on))
			a, err := other.ModSeq(e.ctx)
			e.ok(err)
			if a != e.modSeq() {
				e.Fatalf("step %d: %d, want %d", i, a, e.modSeq())
			}
			e.ok(other.Subscribe(e.ctx, "y", on))
			if a, err = other.ModSeq(e.ctx); err != nil || a != e.modSeq() {
				e.Fatalf("step %d: %d, want %d, %v", i, e.modSeq(), a, err)
			}
		}
	}},
	{"Watch has wake called after a change by this store", func(e *env) { watchCase(e, e.store.Account("alice")) }},
	{"Watch has wake called after a change by another process", func(e *env) {
		watchCase(e, e.second().Account("alice"))
	}},
	{"stop of Watch returns when wake no longer runs", func(e *env) {
		var running bool // the race detector looks at it
		stop := e.acc.Watch(func() { running = !running })
		e.add(1, 1)
		stop()
		stop()
		running = true
		e.add(1, 1)
		if !running {
			e.Error("wake ran after stop")
		}
	}},
	{"Usage counts every entry of a mailbox and not what was expunged", func(e *env) {
		e.add(1, 2, mail.Deleted)
		size := e.box("INBOX").Size
		_, err := e.acc.Copy(e.ctx, 1, rangeOf(1, 2), e.box("Sent").ID)
		e.ok(err)
		usage(e, 2*size, 4)
		_, _, err = e.acc.Expunge(e.ctx, 1, nil)
		e.ok(err)
		usage(e, size, 2)
		e.ok(e.acc.DeleteMailbox(e.ctx, "Sent"))
		usage(e, 0, 0)
	}},
	{"SetQuota takes limits that are passed already, 0 for none, and refuses negative ones", func(e *env) {
		e.add(1, 2)
		e.ok(e.acc.SetQuota(e.ctx, mail.Quota{Storage: 10, Messages: 1}))
		u, err := e.acc.Usage(e.ctx)
		e.ok(err)
		if u.Limit != (mail.Quota{Storage: 10, Messages: 1}) || u.Messages != 2 {
			e.Errorf("%+v", u)
		}
		m := e.upload(Message{Size: 500}.Octets())
		try := func() error { _, err := e.acc.Append(e.ctx, 1, []mail.NewMessage{m}); return err }
		e.unchanged(mail.OverQuota, try)
		e.ok(e.acc.SetQuota(e.ctx, mail.Quota{Messages: 2}))
		e.unchanged(mail.OverQuota, try)
		e.ok(e.acc.SetQuota(e.ctx, mail.Quota{Storage: u.Storage}))
		e.unchanged(mail.OverQuota, try)
		e.unchanged(mail.Invalid, func() error { return e.acc.SetQuota(e.ctx, mail.Quota{Storage: -1}) })
		e.unchanged(mail.Invalid, func() error { return e.acc.SetQuota(e.ctx, mail.Quota{Messages: -1}) })
		e.unchanged(mail.Invalid, func() error { return e.acc.SetQuota(e.ctx, mail.Quota{Mailboxes: -1}) })
		e.ok(e.acc.SetQuota(e.ctx, mail.Quota{}))
		e.append(1, m)
	}},
	{"the quota of mailboxes is for those above too, and what is over it already stays usable", func(e *env) {
		e.ok(e.acc.SetQuota(e.ctx, mail.Quota{Mailboxes: 8}))
		create := func(name string) func() error {
			return func() error { _, err := e.acc.CreateMailbox(e.ctx, name, nil); return err }
		}
		e.unchanged(mail.OverQuota, create("a/b/c"))
		e.ok(create("a/b")())
		e.unchanged(mail.OverQuota, create("x"))
		e.unchanged(mail.OverQuota, func() error { return e.acc.RenameMailbox(e.ctx, "a/b", "c/b") })
		e.unchanged(mail.OverQuota, func() error { return e.acc.RenameMailbox(e.ctx, "INBOX", "c") })
		e.ok(e.acc.SetQuota(e.ctx, mail.Quota{Mailboxes: 2}))
		e.ok(e.acc.RenameMailbox(e.ctx, "a/b", "a/c"))
		e.ok(e.acc.DeleteMailbox(e.ctx, "a/c"))
		u, err := e.acc.Usage(e.ctx)
		e.ok(err)
		if u.Mailboxes != 7 {
			e.Errorf("%+v", u)
		}
	}},
	{"Purge gives back the room of what was expunged before and forgets it", purgeCase},
}

// watchCase waits for a wake after a change by that account, and makes sure that wakes carry on.
func watchCase(e *env, by mail.Account) {
	woken := make(chan struct{}, 1)
	stop := e.acc.Watch(func() {
		select {
		case woken <- struct{}{}:
		default:
		}
	})
	defer stop()
	seen := e.modSeq()
	for i := range 3 {
		e.ok(by.Subscribe(e.ctx, "x", i%2 == 0))
		if e.modSeq() == seen {
			e.Fatal("the change is not there")
		}
		seen = e.modSeq()
		select {
		case <-woken:
		case <-time.After(soon):
			e.Fatalf("nobody was woken after change %d", i)
		}
	}
}

func usage(e *env, storage, messages int64) {
	e.Helper()
	u, err := e.acc.Usage(e.ctx)
	e.ok(err)
	if u.Storage != storage || u.Messages != messages {
		e.Errorf("usage %+v, want %d octets in %d messages", u, storage, messages)
	}
}

func purgeCase(e *env) {
	a := e.append(1, e.upload(Message{Seed: 1, Size: 40_000}.Octets(), mail.Deleted))
	b := e.append(1, e.upload(Message{Seed: 2, Size: 500}.Octets(), mail.Deleted))
	size := e.snapshot(1).Pages[0].Sizes[0]
	sent := e.box("Sent").ID
	_, err := e.acc.Copy(e.ctx, 1, mail.SetOf(2), sent)
	e.ok(err)
	before := e.modSeq()
	_, at, err := e.acc.Expunge(e.ctx, 1, nil)
	e.ok(err)
	r, err := e.acc.Purge(e.ctx, time.Now().Add(-time.Hour))
	e.ok(err)
	if r != (mail.PurgeResult{}) {
		e.Errorf("too early: %+v", r)
	}
	e.octets(a.Contents[0])
	if _, complete, err := e.acc.Vanished(e.ctx, 1, before); err != nil || !complete {
		e.Errorf("complete %v, %v", complete, err)
	}
	r, err = e.acc.Purge(e.ctx, time.Now().Add(time.Hour))
	e.ok(err)
	if want := (mail.PurgeResult{Messages: 2, Contents: 1, Octets: size}); r != want {
		e.Errorf("got %+v, want %+v", r, want)
	}
	_, err = e.acc.OpenContent(e.ctx, a.Contents[0])
	e.kind(err, mail.NotFound)
	e.octets(b.Contents[0])
	uids, complete, err := e.acc.Vanished(e.ctx, 1, before)
	if err != nil || complete || len(uids) != 0 {
		e.Errorf("forgotten: %v %v %v", uids, complete, err)
	}
	if _, complete, err = e.acc.Vanished(e.ctx, 1, at); err != nil || !complete {
		e.Errorf("since the expunge: complete %v, %v", complete, err)
	}
	c := e.add(1, 1)
	if c.Contents[0] != 3 || c.UIDs[0] != 3 {
		e.Errorf("numbers were used again: %+v", c)
	}
	e.ok(e.acc.DeleteMailbox(e.ctx, "Sent"))
	r, err = e.acc.Purge(e.ctx, time.Now().Add(time.Hour))
	e.ok(err)
	if r.Messages != 1 || r.Contents != 1 {
		e.Errorf("a deleted mailbox: %+v", r)
	}
}
