package imapd

import (
	"context"

	"github.com/constance-mail/constance/internal/imap"
	"github.com/constance-mail/constance/internal/mail"
	"github.com/constance-mail/constance/internal/wait"
)

// metadataTold is what a session that asked for it was told of changed annotations in the user's account. RFC
// 5464 section 4.4.2.
type metadataTold struct {
	upTo mail.ModSeq // every change up to this one was told; 0 before the first look
}

// known takes note of a change by this session itself. Only what directly follows all that was told counts:
// somebody else's change could hide behind it, and both are told then.
func (p *metadataTold) known(own mail.ModSeq) {
	if p.upTo != 0 && own == p.upTo+1 {
		p.upTo = own
	}
}

// pushMetadata tells which annotations others have changed, to who has enabled it. It costs a look at the
// account's ModSeq as long as nothing did.
func (s *session) pushMetadata(ctx context.Context) error {
	p := &s.metadata
	if s.features&featMetadata == 0 && (s.notify == nil || len(s.notify.groups) == 0) {
		return nil
	}
	now, err := s.acct.ModSeq(ctx)
	if err != nil || now <= p.upTo {
		return err
	}
	if p.upTo == 0 {
		p.upTo = now
		return nil
	}
	defer s.slot.Enter(s.slot.Enter(wait.StoreRead))
	changed, err := s.acct.Annotated(ctx, p.upTo, s.acct.ID())
	if err != nil {
		return err
	}
	if err := s.tellAnnotated(ctx, changed); err != nil {
		return err
	}
	p.upTo = now
	for i := range changed { // what came between the two looks is told already
		p.upTo = max(p.upTo, changed[i].ModSeq)
	}
	return nil
}

// wantsAnnotated tells whether changed annotations of a mailbox, or of the server (nil), are to be told. RFC
// 5465 sections 5.6 and 5.7.
func (s *session) wantsAnnotated(m *mail.Mailbox) bool {
	switch {
	case s.features&featMetadata != 0:
		return true
	case m != nil:
		return s.notify.events(m.Name, m.Subscribed)&imap.EventMailboxMetadataChange != 0
	}
	for i := range s.notify.groups {
		if s.notify.groups[i].events&imap.EventServerMetadataChange != 0 {
			return true
		}
	}
	return false
}

// tellAnnotated tells the names of changed annotations, those of a mailbox together.
func (s *session) tellAnnotated(ctx context.Context, changed []mail.Annotation) error {
	if len(changed) == 0 {
		return nil
	}
	boxes, err := s.acct.Mailboxes(ctx)
	if err != nil {
		return err
	}
	byID := map[mail.MailboxID]*mail.Mailbox{}
	for i := range boxes {
		byID[boxes[i].ID] = &boxes[i]
	}
	byID[0] = nil
	for len(changed) > 0 {
		id := changed[0].Mailbox
		var entries []string
		for ; len(changed) > 0 && changed[0].Mailbox == id; changed = changed[1:] {
			entries = append(entries, changed[0].Name)
		}
		m, there := byID[id]
		if !there || !s.wantsAnnotated(m) {
			continue
		}
		name := ""
		if m != nil {
			name = m.Name
		}
		s.out.buf = imap.AppendMetadataNames(s.out.buf, name, entries, s.utf8())
		if err := s.out.flushLarge(); err != nil {
			return err
		}
	}
	return nil
}
