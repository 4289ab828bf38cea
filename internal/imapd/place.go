package imapd

import (
	"context"

	"github.com/constance-mail/constance/internal/mail"
)

// place is a mailbox name as the client writes it, resolved: the account it lies in, and its name there.
type place struct {
	acct   mail.Account
	name   string
	prefix string // of the client's names for what is in the account; "" for the user's own
}

// place resolves a mailbox name. Every command that takes one comes through here.
func (s *session) place(_ context.Context, name string) (place, error) {
	return place{acct: s.acct, name: name}, nil
}

// found is a mailbox that is there.
type found struct {
	place
	box mail.Mailbox
}

// find is the mailbox of that name, for a command that works on it. Kind NotFound.
func (s *session) find(ctx context.Context, name string) (found, error) {
	p, err := s.place(ctx, name)
	if err != nil {
		return found{}, err
	}
	return p.find(ctx)
}

// find is the mailbox that is there. Kind NotFound.
func (p place) find(ctx context.Context) (found, error) {
	m, err := p.acct.Mailbox(ctx, p.name)
	return found{p, m}, err
}

// objectID is the MAILBOXID. RFC 8474 section 4.1.
func (m *found) objectID() string { return m.box.ID.ObjectID(m.acct.ID()) }
