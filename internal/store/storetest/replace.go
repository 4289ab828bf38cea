package storetest

import (
	"slices"

	"github.com/constance-mail/constance/internal/mail"
)

// replace replaces a message by a new one with these octets.
func (e *env) replace(r mail.Replacement, octets string, flags ...mail.Flag) (mail.Appended, error) {
	e.Helper()
	r.Message = e.upload([]byte(octets), flags...)
	done, err := e.acc.Replace(e.ctx, r)
	e.ok(r.Message.Upload.Close())
	return done, err
}

var replaceCases = []testCase{
	{"Replace puts a message in the place of another one under one ModSeq", func(e *env) {
		e.add(1, 3, "old")
		e.addFlags(1, mail.SetOf(3), mail.Deleted)
		before := e.modSeq()
		done, err := e.replace(mail.Replacement{Mailbox: 1, UID: 2, To: 1}, "Subject: new\r\n\r\n", mail.Draft, "new")
		e.ok(err)
		m := e.box("INBOX")
		if done.UIDValidity != m.UIDValidity || !slices.Equal(done.UIDs, []mail.UID{4}) || done.ModSeq != before+1 ||
			e.modSeq() != before+1 || m.HighestMod != before+1 || m.Messages != 3 || m.Deleted != 1 || m.UIDNext != 5 {
			e.Errorf("%+v, %+v", done, m)
		}
		e.uidSet("messages", e.snapshot(1).UIDSet(), "1,3:4")
		e.same("octets", e.octets(done.Contents[0]), []byte("Subject: new\r\n\r\n"))
		if f := e.flags(1, 4); !slices.Equal(f, []mail.Flag{mail.Draft, "new"}) { // nothing is inherited
			e.Errorf("flags %q", f)
		}
		gone, complete, err := e.acc.Vanished(e.ctx, 1, before)
		e.ok(err)
		if e.uidSet("vanished", gone, "2"); !complete {
			e.Error("not all that vanished is known")
		}
		e.reopen()
		e.uidSet("messages", e.snapshot(1).UIDSet(), "1,3:4")
	}},
	{"Replace into another mailbox changes both", func(e *env) {
		e.add(1, 2)
		other := e.box("Drafts").ID
		done, err := e.replace(mail.Replacement{Mailbox: 1, UID: 1, To: other}, "x")
		e.ok(err)
		e.uidSet("where it was", e.snapshot(1).UIDSet(), "2")
		e.uidSet("where it is", e.snapshot(other).UIDSet(), "1")
		if a, b := e.box("INBOX").HighestMod, e.box("Drafts").HighestMod; a != done.ModSeq || b != done.ModSeq {
			e.Errorf("ModSeqs %d and %d, want %d", a, b, done.ModSeq)
		}
	}},
	{"Replace counts for the quota what is left", func(e *env) {
		e.append(1, e.upload(make([]byte, 1000)))
		e.ok(e.acc.SetQuota(e.ctx, mail.Quota{Storage: 1500, Messages: 1}))
		_, err := e.replace(mail.Replacement{Mailbox: 1, UID: 1, To: 1}, string(make([]byte, 1500)))
		e.ok(err)
		e.unchanged(mail.OverQuota, func() error {
			_, err := e.replace(mail.Replacement{Mailbox: 1, UID: 2, To: 1}, string(make([]byte, 1501)))
			return err
		})
		e.uidSet("messages", e.snapshot(1).UIDSet(), "2")
	}},
	{"Replace that is refused leaves the old message", func(e *env) {
		e.add(1, 1)
		for _, c := range []struct {
			r    mail.Replacement
			want mail.Kind
		}{
			{mail.Replacement{Mailbox: 1, UID: 2, To: 1}, mail.Conflict},
			{mail.Replacement{Mailbox: 77, UID: 1, To: 1}, mail.NotFound},
			{mail.Replacement{Mailbox: 1, UID: 1, To: 77}, mail.NotFound},
		} {
			e.unchanged(c.want, func() error { _, err := e.replace(c.r, "x"); return err })
		}
		e.unchanged(mail.Invalid, func() error {
			_, err := e.acc.Replace(e.ctx, mail.Replacement{Mailbox: 1, UID: 1, To: 1})
			return err
		})
		e.uidSet("messages", e.snapshot(1).UIDSet(), "1")
	}},
}
