package imapd

import (
	"context"
	"io"
	"time"

	"github.com/constance-mail/constance/internal/mail"
	"github.com/constance-mail/constance/internal/message"
)

// acrossMessages and acrossOctets bound what is carried at a time from one account to another.
const (
	acrossMessages = 200
	acrossOctets   = 8 << 20
)

// carrier carries messages into a mailbox where the store cannot copy them itself: into another account, or where not
// all of their flags may be set. What it appended it takes back if the rest fails: all or none, but for a crash.
// RFC 9051 section 6.4.7, RFC 4314 section 4.
type carrier struct {
	s      *session
	to     found
	msgs   []mail.NewMessage
	from   mail.UIDSet // of msgs
	octets int64
	done   mail.Copied
}

// across copies messages of the selected mailbox.
func (s *session) across(ctx context.Context, uids mail.UIDSet, to found) (mail.Copied, error) {
	snap, err := s.sel.acct.Snapshot(ctx, s.sel.id)
	if err != nil {
		return mail.Copied{}, err
	}
	k := carrier{s: s, to: to, done: mail.Copied{UIDValidity: to.box.UIDValidity}}
	defer k.drop()
	for u := range uids.All() {
		i, ok := snap.Find(u)
		if !ok {
			continue
		}
		if err = k.take(ctx, snap, i); err != nil {
			break
		}
	}
	if err == nil {
		err = k.flush(ctx)
	}
	if err != nil {
		k.undo(context.WithoutCancel(ctx))
		return mail.Copied{}, err
	}
	return k.done, nil
}

// take takes the i-th message of the selected mailbox. One that was purged meanwhile is passed over.
func (k *carrier) take(ctx context.Context, snap *mail.Snapshot, i int) error {
	p, row := snap.Locate(i)
	content, err := k.s.sel.acct.OpenContent(ctx, p.Contents[row])
	if err != nil {
		if mail.KindOf(err) == mail.NotFound {
			return nil
		}
		return err
	}
	m, err := k.upload(ctx, content)
	if e := content.Close(); err == nil {
		err = e
	}
	if m.Upload != nil {
		k.octets += m.Upload.Size()
		m.Flags = permitted(p.Flags[row].Flags(snap.Mailbox.Keywords), k.to.may)
		m.Internal = time.Unix(p.Internal[row], 0)
		k.msgs = append(k.msgs, m)
		k.from.Add(p.UIDs[row])
	}
	if err == nil && (len(k.msgs) == acrossMessages || k.octets >= acrossOctets) {
		err = k.flush(ctx)
	}
	return err
}

func (k *carrier) upload(ctx context.Context, content mail.Content) (mail.NewMessage, error) {
	up, err := k.to.acct.NewUpload(ctx, content.Size())
	if err != nil {
		return mail.NewMessage{}, err
	}
	m := mail.NewMessage{Upload: up}
	if _, err = io.Copy(up, io.NewSectionReader(content, 0, content.Size())); err == nil {
		m.Digest, err = message.Digest(up, up.Size())
	}
	return m, err
}

// flush appends what was taken.
func (k *carrier) flush(ctx context.Context) error {
	defer k.drop()
	if len(k.msgs) == 0 {
		return nil
	}
	done, err := k.to.acct.Append(ctx, k.to.box.ID, k.msgs)
	if err != nil {
		return err
	}
	k.done.UIDValidity, k.done.ModSeq = done.UIDValidity, done.ModSeq
	for _, r := range k.from {
		k.done.From.AddRange(r.Start, r.Stop)
	}
	k.done.To.AddRange(done.UIDs[0], done.UIDs[len(done.UIDs)-1])
	return nil
}

// drop gives back the uploads.
func (k *carrier) drop() {
	for _, m := range k.msgs {
		_ = m.Upload.Close() // taken, or of no use
	}
	k.msgs, k.from, k.octets = k.msgs[:0], nil, 0
}

// undo takes back what was appended. Should that fail, it is there: the client hears of an error anyway.
func (k *carrier) undo(ctx context.Context) {
	if _, err := expungeUIDs(ctx, k.to.acct, k.to.box.ID, k.done.To); err != nil {
		k.s.srv.opts.Log.Error("copies of a failed COPY stay", "mailbox", k.to.box.Name, "uids", k.done.To.String(), "error", err)
	}
}

// expungeUIDs removes messages, by the change that is returned.
func expungeUIDs(ctx context.Context, acct mail.Account, box mail.MailboxID, uids mail.UIDSet) (
	change mail.ModSeq, err error) {
	if len(uids) == 0 {
		return 0, nil
	}
	_, err = acct.SetFlags(ctx, box, mail.FlagChange{UIDs: uids, Op: mail.AddFlags, Flags: []mail.Flag{mail.Deleted}})
	if err == nil {
		_, change, err = acct.Expunge(ctx, box, uids)
	}
	return change, err
}

// copyTo copies messages of the selected mailbox, moveTo moves them: gone is the change that took the originals away.
func (s *session) copyTo(ctx context.Context, uids mail.UIDSet, to found) (mail.Copied, error) {
	if s.carries(&to) {
		return to.acct.Copy(ctx, s.sel.id, uids, to.box.ID)
	}
	return s.across(ctx, uids, to)
}

func (s *session) moveTo(ctx context.Context, uids mail.UIDSet, to found) (done mail.Copied, gone mail.ModSeq, err error) {
	if s.carries(&to) {
		done, err = to.acct.Move(ctx, s.sel.id, uids, to.box.ID)
		return done, done.ModSeq, err
	}
	return s.moveAcross(ctx, uids, to)
}

// moveAcross is across, and then the expunge of the originals: a message is in both places rather than in none. A shutdown
// does not come between the two. RFC 6851 section 3.3.
func (s *session) moveAcross(ctx context.Context, uids mail.UIDSet, to found) (
	done mail.Copied, gone mail.ModSeq, err error) {
	if done, err = s.across(ctx, uids, to); err == nil {
		gone, err = expungeUIDs(context.WithoutCancel(ctx), s.sel.acct, s.sel.id, done.From)
	}
	return done, gone, err
}

// carries tells whether the store itself can copy from the selected mailbox to that one.
func (s *session) carries(to *found) bool {
	return to.acct.ID() == s.sel.acct.ID() && to.may&flagRights == flagRights
}
