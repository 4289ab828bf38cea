package sqlite

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/constance-mail/constance/internal/mail"
)

func openTest(t testing.TB, dir string, o Options) *store {
	t.Helper()
	s, err := Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s.(*store)
}

// deliver appends a message of these octets.
func deliver(t testing.TB, a mail.Account, box mail.MailboxID, text string, flags ...mail.Flag) mail.Appended {
	t.Helper()
	out, err := tryDeliver(a, box, text, flags...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func tryDeliver(a mail.Account, box mail.MailboxID, text string, flags ...mail.Flag) (mail.Appended, error) {
	m, err := newMessage(a, text, flags)
	if err != nil {
		return mail.Appended{}, err
	}
	defer m.Upload.Close()
	return a.Append(context.Background(), box, []mail.NewMessage{m})
}

// tryReplace replaces by a small message.
func tryReplace(a mail.Account, r mail.Replacement, flags []mail.Flag) (mail.Appended, error) {
	m, err := newMessage(a, "text", flags)
	if err != nil {
		return mail.Appended{}, err
	}
	defer m.Upload.Close()
	r.Message = m
	return a.Replace(context.Background(), r)
}

// newMessage is a message of these octets, whose digest is made up.
func newMessage(a mail.Account, text string, flags []mail.Flag) (mail.NewMessage, error) {
	u, err := a.NewUpload(context.Background(), int64(len(text)))
	if err != nil {
		return mail.NewMessage{}, err
	}
	if _, err := io.Copy(u, strings.NewReader(text)); err != nil {
		return mail.NewMessage{}, errors.Join(err, u.Close())
	}
	d := &mail.Digest{
		Envelope: []byte("(env)"), BodyStructure: []byte("(bs)"), Parts: []byte("parts"), Headers: []byte("h: x\r\n"),
		HeaderSize: 3,
	}
	d.Subject, d.MessageID = "subject", "id@x"
	return mail.NewMessage{Upload: u, Digest: d, Flags: flags, Internal: time.Unix(1e9, 0)}, nil
}

func TestWalk(t *testing.T) {
	ctx := context.Background()
	o := Options{InlineLimit: 100}
	o.Mailboxes = []mail.NewMailbox{{Name: "Sent", Use: mail.UseSent, Subscribed: true}}
	s := openTest(t, t.TempDir(), o)
	a := s.Account("alice")
	boxes, err := a.Mailboxes(ctx)
	if err != nil || len(boxes) != 2 {
		t.Fatal(boxes, err)
	}
	woken := make(chan bool, 100)
	stop := a.Watch(func() { woken <- true })
	defer stop()
	long := strings.Repeat("long body ", 1000)
	r := deliver(t, a, 1, "short")
	r2 := deliver(t, a, 1, long, "$Label", mail.Seen)
	<-woken
	if m, err := a.ModSeq(ctx); m != r2.ModSeq || err != nil {
		t.Fatal(m, err, r2)
	}
	snap, err := a.Snapshot(ctx, 1)
	if err != nil || snap.Len() != 2 {
		t.Fatal(snap, err)
	}
	again, _ := a.Snapshot(ctx, 1)
	if again != snap {
		t.Error("not cached")
	}
	for i, want := range []string{"short", long} {
		c, err := a.OpenContent(ctx, append(r.Contents, r2.Contents...)[i])
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(io.NewSectionReader(c, 0, c.Size()))
		if err != nil || !bytes.Equal(b, []byte(want)) {
			t.Errorf("%q %v", b, err)
		}
		c.Close()
	}
	change := mail.FlagChange{UIDs: mail.SetOf(1, 2), Op: mail.AddFlags, Flags: []mail.Flag{mail.Deleted}}
	ch, err := a.SetFlags(ctx, 1, change)
	if err != nil || ch.Changed.Len() != 2 {
		t.Fatal(ch, err)
	}
	cp, err := a.Copy(ctx, 1, mail.SetOf(1, 2), 2)
	if err != nil || cp.To.Len() != 2 {
		t.Fatal(cp, err)
	}
	ex, _, err := a.Expunge(ctx, 1, nil)
	if err != nil || ex.Len() != 2 {
		t.Fatal(ex, err)
	}
	snap, err = a.Snapshot(ctx, 1)
	if err != nil || snap.Len() != 0 {
		t.Fatal(snap, err)
	}
	n := 0
	err = a.Digests(ctx, []mail.ContentID{1, 2}, ^mail.Columns(0), func(i int, d *mail.Digest) error {
		n++
		if d.Subject != "subject" || string(d.Envelope) != "(env)" || d.HeaderSize != 3 || d.Thread != 1 {
			t.Errorf("%+v", d)
		}
		return nil
	})
	if err != nil || n != 2 {
		t.Fatal(n, err)
	}
	if err := s.Remove(ctx, "alice"); err != nil {
		t.Fatal(err)
	}
	if snap, err := a.Snapshot(ctx, 1); err != nil || snap.Len() != 0 {
		t.Fatal(snap, err)
	}
}
