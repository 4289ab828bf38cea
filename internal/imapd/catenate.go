package imapd

import (
	"bytes"
	"context"
	"io"

	"github.com/constance-mail/constance/internal/imap"
	"github.com/constance-mail/constance/internal/mail"
	"github.com/constance-mail/constance/internal/message"
	"github.com/constance-mail/constance/internal/wait"
)

// badURL is the answer for a URL that stands for nothing. RFC 4469 section 4.1.
func badURL(url string) error {
	return refuse(imap.BadURLCode(url), "no such message or part")
}

// catenate appends what a URL stands for to a message, as it stands; \Seen is not set. RFC 4469 section 3.
func (a *appender) catenate(ctx context.Context, up mail.Upload, url string) error {
	u, ok := imap.ParseURL(url)
	if !ok {
		return badURL(url)
	}
	defer a.s.slot.Enter(a.s.slot.Enter(wait.StoreRead))
	m, err := a.s.openURL(ctx, &u)
	if err != nil && mail.KindOf(err) == mail.NotFound {
		return badURL(url)
	}
	if err != nil {
		return err
	}
	defer m.content.Close() // it was read only
	octets, size, err := m.octets(&u)
	switch {
	case err != nil && mail.KindOf(err) == mail.NotFound:
		return badURL(url)
	case err != nil:
		return err
	case !a.fits(size):
		return refuse(imap.CodeTooBig, "the message becomes too large")
	}
	a.grow(size)
	_, err = io.Copy(up, octets)
	return err
}

// named is a message that a URL names.
type named struct {
	content mail.Content
	root    *message.Part
}

// openURL finds the message of a URL. Kind NotFound.
func (s *session) openURL(ctx context.Context, u *imap.URL) (named, error) {
	acct, box, err := s.mailboxOf(ctx, u)
	if err != nil {
		return named{}, err
	}
	snap, err := acct.Snapshot(ctx, box)
	if err != nil {
		return named{}, err
	}
	i, ok := snap.Find(u.UID)
	if !ok || u.UIDValidity != 0 && u.UIDValidity != snap.Mailbox.UIDValidity {
		return named{}, &mail.Error{Op: "catenate", Kind: mail.NotFound}
	}
	page, row := snap.Locate(i)
	var m named
	err = acct.Digests(ctx, page.Contents[row:row+1], mail.ColParts, func(_ int, d *mail.Digest) (err error) {
		m.root, err = message.DecodeParts(d.Parts)
		return err
	})
	if err == nil && m.root == nil {
		err = &mail.Error{Op: "catenate", Kind: mail.NotFound}
	}
	if err == nil {
		m.content, err = acct.OpenContent(ctx, page.Contents[row])
	}
	return m, err
}

// mailboxOf is the mailbox of a URL: without a name the selected one.
func (s *session) mailboxOf(ctx context.Context, u *imap.URL) (mail.Account, mail.MailboxID, error) {
	if u.Mailbox != "" {
		p, err := s.place(ctx, u.Mailbox)
		if err != nil {
			return nil, 0, err
		}
		m, err := p.find(ctx, mail.RightRead) // the command's own rights are about where the message goes
		return m.acct, m.box.ID, err
	}
	if s.sel == nil {
		return nil, 0, &mail.Error{Op: "catenate", Kind: mail.NotFound}
	}
	if err := s.recheck(ctx); err != nil {
		return nil, 0, err
	}
	if s.sel.may&mail.RightRead == 0 {
		return nil, 0, errNoRight
	}
	return s.sel.acct, s.sel.id, nil
}

// octets are what a URL stands for in its message, and how many. Kind NotFound: no such section. RFC 5092
// section 6.
func (m *named) octets(u *imap.URL) (io.Reader, int64, error) {
	e, ok := m.root.Locate(u.Section)
	if !ok {
		return nil, 0, &mail.Error{Op: "catenate", Kind: mail.NotFound}
	}
	var r io.ReaderAt = m.content
	if w := u.Section.What; w == message.HeaderFields || w == message.HeaderFieldsNot {
		header := make([]byte, e.Length) // which package message bounds
		if n, err := r.ReadAt(header, e.Offset); n < len(header) {
			return nil, 0, err
		}
		fields := message.FilterHeader(nil, header, u.Section.Fields, w == message.HeaderFieldsNot)
		r, e = bytes.NewReader(fields), message.Extent{Length: int64(len(fields))}
	}
	if u.Partial {
		length := u.Length
		if length == 0 {
			length = e.Length
		}
		e = partial(e, &imap.FetchItem{Partial: true, Offset: u.Offset, Length: length})
	}
	return io.NewSectionReader(r, e.Offset, e.Length), e.Length, nil
}
