package imapd

import (
	"context"
	"strings"

	"golang.org/x/text/unicode/norm"

	"github.com/constance-mail/constance/internal/imap"
	"github.com/constance-mail/constance/internal/mail"
	"github.com/constance-mail/constance/internal/wait"
)

// trimmed is a name without the separator at its end, by which a client says that there will be names below it.
// RFC 9051 section 6.3.4.
func trimmed(name string) string {
	if len(name) > 1 {
		return strings.TrimSuffix(name, string(mail.Separator))
	}
	return name
}

// newName is the name that a mailbox is to get. Where names are UTF-8 it must be in Unicode's normalization form C; modified
// UTF-7 stays exactly as it is. RFC 9051 sections 5.1 and 6.3.4 and appendix A.1, RFC 6855 section 3.
func (s *session) newName(name string) (string, error) {
	if s.utf8() && !norm.NFC.IsNormalString(name) {
		return "", refuse(imap.CodeCannot, "the name is not in Unicode's normalization form C")
	}
	return trimmed(name), nil
}

// specialUses are those that can be given to a mailbox. RFC 6154 section 3.
var specialUses = []mail.SpecialUse{mail.UseArchive, mail.UseDrafts, mail.UseJunk, mail.UseSent, mail.UseTrash}

// create is CREATE. RFC 9051 section 6.3.4, RFC 6154 section 3, RFC 8474 section 4.1.
func (s *session) create(ctx context.Context, c *imap.Create) error {
	uses := make([]mail.SpecialUse, 0, len(c.Uses))
	for _, u := range c.Uses {
		known := false
		for _, k := range specialUses {
			if strings.EqualFold(string(u), string(k)) {
				uses, known = append(uses, k), true
			}
		}
		if !known {
			return refuse(imap.CodeUseAttr, "this special use is not supported")
		}
	}
	defer s.slot.Enter(s.slot.Enter(wait.StoreWrite))
	name, err := s.newName(c.Mailbox)
	if err != nil {
		return err
	}
	if sp, login, ok := s.accountName(name); ok {
		return s.createAccount(ctx, sp, login, uses)
	}
	at, err := s.place(ctx, name)
	if err != nil {
		return err
	}
	if err := at.mayCreate(ctx); err != nil {
		return err
	}
	if len(uses) > 0 && !at.mine && !at.admin { // the owner's mailbox of that use would lose it
		return refuse(imap.CodeUseAttr, "not your mailboxes")
	}
	var m mail.Mailbox
	err = s.making(ctx, at.acct, func() (err error) {
		m, err = at.acct.CreateMailbox(ctx, at.name, uses)
		return err
	})
	if err != nil {
		return err
	}
	s.okCode(imap.AppendMailboxIDCode(nil, m.ID.ObjectID(at.acct.ID())))
	return nil
}

// deleteMailbox is DELETE. Who has it selected sees its messages go. RFC 9051 section 6.3.5.
func (s *session) deleteMailbox(ctx context.Context, c *imap.Delete) error {
	defer s.slot.Enter(s.slot.Enter(wait.StoreWrite))
	m, err := s.find(ctx, c.Mailbox)
	if err != nil {
		return err
	}
	if _, _, ok := s.accountName(c.Mailbox); ok {
		return s.deleteAccount(ctx, &m.place)
	}
	return s.making(ctx, m.acct, func() error { return m.acct.DeleteMailbox(ctx, m.box.Name) })
}

// rename is RENAME. Sessions that have it selected go on, by its identifier. RFC 9051 section 6.3.6.
func (s *session) rename(ctx context.Context, c *imap.Rename) error {
	defer s.slot.Enter(s.slot.Enter(wait.StoreWrite))
	from, err := s.find(ctx, c.From)
	if err != nil {
		return err
	}
	if s.renamesAccount(c) {
		return s.renameAccount(ctx, &from.place, trimmed(c.To))
	}
	name, err := s.newName(c.To)
	if err != nil {
		return err
	}
	to, err := s.place(ctx, name)
	if err != nil {
		return err
	}
	if from.acct.ID() != to.acct.ID() {
		return refuse(imap.CodeCannot, "a mailbox stays in its account: CREATE one there, and MOVE or COPY the messages")
	}
	if !from.mine && from.box.Name == mail.Inbox { // its messages would move, not it
		return errNoRight
	}
	if err := to.mayCreate(ctx); err != nil {
		return err
	}
	return s.making(ctx, from.acct, func() error { return from.acct.RenameMailbox(ctx, from.box.Name, to.name) })
}

// subscribe is SUBSCRIBE. RFC 9051 section 6.3.7.
func (s *session) subscribe(ctx context.Context, c *imap.Subscribe) error {
	return s.setSubscribed(ctx, c.Mailbox, true)
}

// unsubscribe is UNSUBSCRIBE. RFC 9051 section 6.3.8.
func (s *session) unsubscribe(ctx context.Context, c *imap.Unsubscribe) error {
	return s.setSubscribed(ctx, c.Mailbox, false)
}

func (s *session) setSubscribed(ctx context.Context, name string, on bool) error {
	defer s.slot.Enter(s.slot.Enter(wait.StoreWrite))
	return s.making(ctx, s.acct, func() error { return s.acct.Subscribe(ctx, s.canonical(trimmed(name)), on) })
}

// status is STATUS. RFC 9051 section 6.3.11.
func (s *session) status(ctx context.Context, c *imap.Status) error {
	was := s.slot.Enter(wait.StoreRead)
	m, err := s.find(ctx, c.Mailbox)
	s.slot.Enter(was)
	if err != nil {
		return err
	}
	if c.Items&imap.StatusHighestModSeq != 0 {
		s.enable(featCondStore) // RFC 7162 section 3.1
	}
	return s.appendStatus(ctx, &m, c.Mailbox, c.Items)
}

// appendStatus appends a STATUS response. What is recent to others is not known without taking it, so RECENT is 0 but
// for the selected mailbox.
func (s *session) appendStatus(ctx context.Context, m *found, name string, items imap.StatusItems) (err error) {
	d := imap.StatusData{Mailbox: &m.box, MailboxID: m.objectID(), AppendLimit: s.srv.opts.AppendLimit}
	if s.sel != nil && s.sel.id == m.box.ID && s.sel.acct.ID() == m.acct.ID() {
		d.Recent = uint32(s.sel.view.contained(s.sel.recent).Len())
	}
	if items&imap.StatusDeletedStorage != 0 && m.box.Deleted > 0 {
		if d.Deleted, err = s.deletedStorage(ctx, m); err != nil {
			return err
		}
	}
	s.out.buf = imap.AppendStatus(s.out.buf, name, items, &d, s.utf8())
	return nil
}

// deletedStorage is the octets of the messages with \Deleted. It is counted, as few ask, and only where there are some.
// RFC 9208 section 4.1.4.
func (s *session) deletedStorage(ctx context.Context, m *found) (int64, error) {
	was := s.slot.Enter(wait.StoreRead)
	snap, err := m.acct.Snapshot(ctx, m.box.ID)
	s.slot.Enter(was)
	if err != nil {
		return 0, err
	}
	total := int64(0)
	for _, p := range snap.Pages {
		for i, f := range p.Flags {
			if f&mail.BitDeleted != 0 {
				total += p.Sizes[i]
			}
		}
	}
	return total, nil
}
