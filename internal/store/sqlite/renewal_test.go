package sqlite

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"testing"

	"github.com/constance-mail/constance/internal/mail"
)

// After a change the process has the snapshots of the mailboxes that it had before, without reading, and they are what
// reading gives.
func TestRenewals(t *testing.T) {
	ctx := context.Background()
	o := Options{}
	o.Mailboxes = []mail.NewMailbox{{Name: "Sent", Subscribed: true}}
	s := openTest(t, t.TempDir(), o)
	a := s.Account("alice")
	for range 300 { // two pages
		deliver(t, a, 1, "text")
	}
	flags := func(op mail.FlagOp, uids mail.UIDSet, f ...mail.Flag) func() error {
		return func() error {
			_, err := a.SetFlags(ctx, 1, mail.FlagChange{UIDs: uids, Op: op, Flags: f})
			return err
		}
	}
	expunge := func() error { _, _, err := a.Expunge(ctx, 1, nil); return err }
	all := mail.UIDSet{{Start: 1, Stop: 1000}}
	for _, c := range []struct {
		name    string
		changes []mail.MailboxID
		do      func() error
	}{
		{"flag in one page", []mail.MailboxID{1}, flags(mail.AddFlags, mail.SetOf(7), mail.Seen)},
		{"new keyword in both", []mail.MailboxID{1}, flags(mail.AddFlags, all, "$New")},
		{"append", []mail.MailboxID{1}, func() error { _, err := tryDeliver(a, 1, "more", mail.Flagged); return err }},
		{"copy", []mail.MailboxID{2}, func() error { _, err := a.Copy(ctx, 1, mail.SetOf(3, 200, 290), 2); return err }},
		{"move", []mail.MailboxID{1, 2}, func() error { _, err := a.Move(ctx, 1, mail.SetOf(4, 291), 2); return err }},
		{"mark one", []mail.MailboxID{1}, flags(mail.AddFlags, mail.SetOf(9), mail.Deleted)},
		{"expunge one", []mail.MailboxID{1}, expunge},
		{"mark the first page", []mail.MailboxID{1}, flags(mail.AddFlags, mail.UIDSet{{Start: 1, Stop: 255}}, mail.Deleted)},
		{"expunge a page", []mail.MailboxID{1}, expunge},
		{"append after it", []mail.MailboxID{1}, func() error { _, err := tryDeliver(a, 1, "last"); return err }},
	} {
		for _, box := range []mail.MailboxID{1, 2} {
			if _, err := a.Snapshot(ctx, box); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := a.Mailboxes(ctx); err != nil {
			t.Fatal(err)
		}
		if err := c.do(); err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		for _, box := range c.changes {
			checkRenewal(t, c.name, a.(*account), box)
		}
	}
}

// checkRenewal compares the snapshot that is kept with the one that is read.
func checkRenewal(t *testing.T, name string, a *account, box mail.MailboxID) {
	t.Helper()
	now, err := a.ModSeq(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	err = a.view(context.Background(), "test", "", func(f *files, c *conn) error {
		key := snapKey{account: a.id, birth: f.birth, mailbox: box}
		kept := a.store.snaps.get(key)
		read, err := c.refresh(nil, key, nil)
		switch {
		case err != nil:
			return err
		case kept == nil || kept.asOf != now:
			return errors.New("no snapshot is kept of it as it is now")
		case kept.load != read.load || !reflect.DeepEqual(kept.snap, read.snap):
			return fmt.Errorf("kept %+v, read %+v", kept.snap, read.snap)
		}
		return nil
	})
	if err != nil {
		t.Errorf("%s, mailbox %d: %v", name, box, err)
	}
}
