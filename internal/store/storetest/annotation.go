package storetest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/constance-mail/constance/internal/mail"
)

// annotate sets annotations of a mailbox for alice, given as "name=value" or "name" to remove one.
func (e *env) annotate(mailbox mail.MailboxID, set ...string) (mail.ModSeq, error) {
	return e.acc.Annotate(e.ctx, mailbox, "alice", annotationsOf(set...))
}

func annotationsOf(set ...string) []mail.Annotation {
	var out []mail.Annotation
	for _, s := range set {
		name, value, ok := strings.Cut(s, "=")
		out = append(out, mail.Annotation{Name: name, Value: value, Nil: !ok})
	}
	return out
}

// wantAnnotations checks what viewer sees.
func (e *env) wantAnnotations(mailbox mail.MailboxID, viewer mail.AccountID, want ...string) {
	e.Helper()
	list, err := e.acc.Annotations(e.ctx, mailbox, viewer)
	e.ok(err)
	var got []string
	for _, n := range list {
		got = append(got, n.Name+"="+n.Value)
		if n.Mailbox != mailbox || n.Nil || n.ModSeq == 0 != (n.Name == mail.SpecialUseEntry && mailbox != 0) {
			e.Errorf("%+v", n)
		}
	}
	if !slices.Equal(got, want) {
		e.Errorf("mailbox %d: %s sees %q, want %q", mailbox, viewer, got, want)
	}
}

// wantAnnotated checks what changed after since.
func (e *env) wantAnnotated(since mail.ModSeq, viewer mail.AccountID, want ...string) {
	e.Helper()
	list, err := e.acc.Annotated(e.ctx, since, viewer)
	e.ok(err)
	var got []string
	for _, n := range list {
		got = append(got, fmt.Sprint(n.Mailbox, n.Name, n.Nil))
		if n.Value != "" || n.ModSeq <= since {
			e.Errorf("%+v", n)
		}
	}
	if !slices.Equal(got, want) {
		e.Errorf("after %d %s sees %q, want %q", since, viewer, got, want)
	}
}

var annotationCases = []testCase{
	{"Annotate sets, replaces and takes away, under one ModSeq, the mailbox's highest", func(e *env) {
		before := e.modSeq()
		mod, err := e.annotate(1, "/shared/comment=a", "/private/comment=b\x00\xff", "/Shared/Vendor/X/y=")
		e.ok(err)
		if mod != before+1 || e.modSeq() != mod || e.box("INBOX").HighestMod != mod {
			e.Errorf("ModSeq %d, before %d, mailbox %d", mod, before, e.box("INBOX").HighestMod)
		}
		if id := e.box("Drafts"); id.HighestMod >= mod {
			e.Errorf("another mailbox has %d", id.HighestMod)
		}
		e.wantAnnotations(1, "alice", "/private/comment=b\x00\xff", "/shared/comment=a", "/shared/vendor/x/y=")
		_, err = e.annotate(1, "/shared/comment=c", "/shared/vendor/x/y")
		e.ok(err)
		e.wantAnnotations(1, "alice", "/private/comment=b\x00\xff", "/shared/comment=c")
		e.reopen()
		e.wantAnnotations(1, "alice", "/private/comment=b\x00\xff", "/shared/comment=c")
	}},
	{"what is so already takes no ModSeq", func(e *env) {
		_, err := e.annotate(1, "/shared/comment=a")
		e.ok(err)
		before := e.modSeq()
		for _, set := range [][]string{{"/shared/comment=a"}, {"/private/none"}, nil} {
			if mod, err := e.annotate(1, set...); err != nil || mod != 0 || e.modSeq() != before {
				e.Errorf("%q: ModSeq %d, %v", set, mod, err)
			}
		}
	}},
	{"private annotations are of one viewer, shared ones of all; the account has its own", func(e *env) {
		_, err := e.annotate(1, "/shared/comment=all", "/private/comment=mine")
		e.ok(err)
		_, err = e.acc.Annotate(e.ctx, 1, "bob", annotationsOf("/private/comment=bob's"))
		e.ok(err)
		_, err = e.annotate(0, "/private/filters/values/x=ALL")
		e.ok(err)
		e.wantAnnotations(1, "alice", "/private/comment=mine", "/shared/comment=all")
		e.wantAnnotations(1, "bob", "/private/comment=bob's", "/shared/comment=all")
		e.wantAnnotations(1, "carol", "/shared/comment=all")
		e.wantAnnotations(0, "alice", "/private/filters/values/x=ALL")
		e.wantAnnotations(0, "bob")
		e.wantAnnotations(2, "alice", `/private/specialuse=\Drafts`)
	}},
	{"a refused Annotate changes nothing", func(e *env) {
		long := strings.Repeat("x", mail.MaxAnnotationValue)
		_, err := e.annotate(1, "/shared/comment="+long)
		e.ok(err)
		for _, name := range []string{"", "/", "/shared", "/shared/", "/shared//a", "/shared/a/", "/other/a", "/shared/*", "/shared/%",
			"/shared/\x07", "/shared/ü", "/shared/vendor/x", "/shared/vendor", "/shared/" + strings.Repeat("x", 256)} {
			e.unchanged(mail.Invalid, func() error { _, err := e.annotate(1, "/shared/a=b", name+"=c"); return err })
		}
		e.unchanged(mail.Invalid, func() error { _, err := e.annotate(1, "/shared/a=b", "/shared/comment=x"+long); return err })
		e.unchanged(mail.NotFound, func() error { _, err := e.annotate(99, "/shared/a=b"); return err })
		_, err = e.acc.Annotations(e.ctx, 99, "alice")
		e.kind(err, mail.NotFound)
		e.wantAnnotations(1, "alice", "/shared/comment="+long)
	}},
	{"the number of annotations of a mailbox is bounded", func(e *env) {
		var set []string
		for i := range mail.MaxAnnotations {
			set = append(set, fmt.Sprintf("/shared/vendor/x/%04d=x", i))
		}
		_, err := e.annotate(1, set...)
		e.ok(err)
		e.unchanged(mail.Limit, func() error { _, err := e.annotate(1, "/shared/comment=a"); return err })
		_, err = e.annotate(1, "/shared/vendor/x/0000=other", "/shared/vendor/x/0001", "/private/comment=a")
		e.ok(err)
		_, err = e.annotate(2, "/shared/comment=a")
		e.ok(err)
	}},
	{"guests leave the owner most of the bounds", func(e *env) {
		entries := func(n int) (set []string) {
			for i := range n {
				set = append(set, fmt.Sprintf("/private/vendor/x/%04d=x", i))
			}
			return set
		}
		box := mail.MailboxID(1)
		as := func(guest mail.AccountID, set ...string) error {
			_, err := e.acc.Annotate(e.ctx, box, guest, annotationsOf(set...))
			return err
		}
		most := mail.MaxAnnotations / mail.OneGuest
		for i := range mail.OneGuest / mail.AllGuests {
			guest := mail.AccountID(fmt.Sprint("guest", i))
			e.unchanged(mail.Limit, func() error { return as(guest, entries(most+1)...) })
			e.ok(as(guest, entries(most)...))
			e.unchanged(mail.Limit, func() error { return as(guest, "/private/comment=a") })
		}
		e.unchanged(mail.Limit, func() error { return as("late", "/private/comment=a") })
		e.ok(as("guest0", "/private/vendor/x/0000=other", "/private/vendor/x/0001"))
		e.ok(as("late", "/private/comment=a"))
		e.ok(as("guest1", "/shared/comment=a")) // who may, does it in the owner's name
		_, err := e.annotate(1, entries(mail.MaxAnnotations/mail.AllGuests-1)...)
		e.ok(err)
		box = 2
		value := strings.Repeat("x", mail.MaxAnnotationValue-len("/private/vendor/x/000"))
		for i := range mail.MaxMailboxOctets / mail.OneGuest / mail.MaxAnnotationValue {
			e.ok(as("large", fmt.Sprintf("/private/vendor/x/%03d=%s", i, value)))
		}
		e.unchanged(mail.Limit, func() error { return as("large", "/private/comment=a") })
	}},
	{"the octets of all annotations are bounded", func(e *env) {
		value := strings.Repeat("x", mail.MaxAnnotationValue-len("/shared/vendor/x/000"))
		full := mail.MaxMailboxOctets / mail.MaxAnnotationValue
		for i := range mail.MaxAnnotationOctets / mail.MaxAnnotationValue {
			if i%full == 0 && i/full > 6 {
				e.create(fmt.Sprint("more", i))
			}
			id := mail.MailboxID(i / full)
			_, err := e.annotate(id, fmt.Sprintf("/shared/vendor/x/%03d=%s", i, value))
			e.ok(err)
			if i%full == full-1 {
				e.unchanged(mail.Limit, func() error { _, err := e.annotate(id, "/shared/comment=a"); return err })
			}
		}
		empty := e.create("empty").ID
		e.unchanged(mail.Limit, func() error { _, err := e.annotate(empty, "/shared/comment=a"); return err })
		_, err := e.annotate(0, "/shared/vendor/x/000")
		e.ok(err)
		_, err = e.annotate(empty, "/shared/comment=a")
		e.ok(err)
	}},
	{"a rename keeps annotations, of INBOX on both, and a deletion deletes them", func(e *env) {
		id := e.create("x/y").ID
		_, err := e.annotate(id, "/shared/comment=y", "/private/comment=p")
		e.ok(err)
		e.ok(e.acc.RenameMailbox(e.ctx, "x", "z"))
		e.wantAnnotations(id, "alice", "/private/comment=p", "/shared/comment=y")
		_, err = e.annotate(1, "/shared/comment=inbox", "/shared/a=b")
		e.ok(err)
		_, err = e.annotate(1, "/shared/a")
		e.ok(err)
		e.ok(e.acc.RenameMailbox(e.ctx, "INBOX", "old"))
		e.wantAnnotations(1, "alice", "/shared/comment=inbox")
		e.wantAnnotations(e.box("old").ID, "alice", "/shared/comment=inbox")
		e.ok(e.acc.DeleteMailbox(e.ctx, "z/y"))
		_, err = e.acc.Annotations(e.ctx, id, "alice")
		e.kind(err, mail.NotFound)
		if again := e.create("z/y").ID; again != id {
			e.wantAnnotations(again, "alice")
		}
	}},
	{"the entry of the special use gives and takes uses", func(e *env) {
		before := e.modSeq()
		_, err := e.annotate(1, `/private/specialuse=\Junk \Sent`, "/shared/comment=a")
		e.ok(err)
		e.wantAnnotations(1, "alice", `/private/specialuse=\Junk \Sent`, "/shared/comment=a")
		e.wantAnnotations(1, "bob", "/shared/comment=a")
		if e.modSeq() != before+1 || len(e.box("Sent").Uses) != 0 || len(e.box("INBOX").Uses) != 2 {
			e.Errorf("ModSeq %d, uses %q and %q", e.modSeq(), e.box("INBOX").Uses, e.box("Sent").Uses)
		}
		e.unchanged(mail.Invalid, func() error { _, err := e.annotate(1, `/private/specialuse=\All`, "/shared/comment=b"); return err })
		_, err = e.annotate(1, "/private/specialuse")
		e.ok(err)
		e.wantAnnotations(1, "alice", "/shared/comment=a")
	}},
	{"Annotated lists what was set and removed since, for those who see it", func(e *env) {
		e.wantAnnotated(0, "alice")
		first, err := e.annotate(1, "/shared/comment=a", "/private/comment=b")
		e.ok(err)
		e.wantAnnotated(0, "alice", "1/private/commentfalse", "1/shared/commentfalse")
		e.wantAnnotated(0, "bob", "1/shared/commentfalse")
		e.add(1, 1)
		_, err = e.annotate(0, "/private/comment=c")
		e.ok(err)
		_, err = e.annotate(1, "/shared/comment")
		e.ok(err)
		e.wantAnnotated(first, "alice", "0/private/commentfalse", "1/shared/commenttrue")
		e.wantAnnotated(first, "bob", "1/shared/commenttrue")
		e.wantAnnotated(e.modSeq(), "alice")
	}},
	{"only the last removals are remembered", func(e *env) {
		const n = mail.MaxRemovedAnnotations
		for i := range n + 3 {
			for _, s := range []string{"=x", ""} {
				_, err := e.annotate(1, fmt.Sprintf("/shared/vendor/x/%03d%s", i, s))
				e.ok(err)
			}
		}
		list, err := e.acc.Annotated(e.ctx, 0, "alice")
		e.ok(err)
		if len(list) != n || list[0].Name != "/shared/vendor/x/003" {
			e.Errorf("%d, from %s", len(list), list[0].Name)
		}
	}},
}
