package sqlite

import (
	"context"
	"slices"

	"github.com/constance-mail/constance/internal/mail"
)

// outlined is how many messages a mailbox has at least whose snapshot is not read for its outline. With fewer it takes no
// longer.
const outlined = 4 * mail.PageSize

// Outline implements mail.Messages.
func (a *account) Outline(ctx context.Context, mailbox mail.MailboxID, since mail.ModSeq) (*mail.Outline, error) {
	l, err := a.boxes(ctx)
	if err != nil {
		return nil, err
	}
	if m := l.find(mailbox); m == nil || m.Messages < outlined || a.hasSnapshot(mailbox) {
		s, err := a.Snapshot(ctx, mailbox)
		if err != nil {
			return nil, err
		}
		return s.Outline(since), nil
	}
	var o *mail.Outline
	err = a.view(ctx, "open mailbox", string(a.id), func(_ *files, c *conn) (err error) {
		o, err = c.outline(mailbox, since, l)
		return err
	})
	return o, err
}

// hasSnapshot tells whether a snapshot of the mailbox is kept, maybe an old one.
func (a *account) hasSnapshot(mailbox mail.MailboxID) bool {
	f, err := a.acquire()
	if err != nil {
		return false // who reads it meets the same error
	}
	defer f.release()
	return a.store.snaps.get(snapKey{account: a.id, birth: f.birth, mailbox: mailbox}) != nil
}

// outline goes through the marks of a mailbox and keeps those that changed after since: less than a snapshot has. l is the list
// of mailboxes, maybe an old one.
func (c *conn) outline(mailbox mail.MailboxID, since mail.ModSeq, l *boxes) (*mail.Outline, error) {
	b, _, err := c.boxFor(mailbox, l)
	if err != nil {
		return nil, err
	}
	s, err := c.pagesSince(mailbox, 0)
	if err != nil {
		return nil, err
	}
	defer s.done()
	var changed []mail.Mark
	o := &mail.Outline{Mailbox: b.Mailbox}
	n := 0
	for m := (marks{}); ; {
		row, err := s.Step()
		if err != nil {
			return nil, err
		}
		if !row {
			break
		}
		if err := m.decode(s.ColumnInt64(0), s.bytes(1)); err != nil {
			return nil, err
		}
		if len(m.uids) == 0 {
			continue
		}
		if at := mail.FirstUnseen(m.flags); o.FirstUnseen == 0 && at >= 0 {
			o.FirstUnseen = uint32(n+at) + 1
		}
		o.UIDs.AddAll(m.uids)
		changed = m.appendChanged(changed, since)
		n += len(m.uids)
	}
	if n != int(b.Messages) {
		return nil, corrupt(b.Name, "its pages hold another number of messages than it counts")
	}
	o.Changed = slices.Values(changed)
	return o, nil
}

// appendChanged appends what changed after since.
func (m *marks) appendChanged(to []mail.Mark, since mail.ModSeq) []mail.Mark {
	for row, mod := range m.mods {
		if mod > since {
			to = append(to, mail.Mark{UID: m.uids[row], Flags: m.flags[row], ModSeq: mod})
		}
	}
	return to
}
