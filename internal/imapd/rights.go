package imapd

import (
	"context"
	"slices"
	"strings"

	"github.com/constance-mail/constance/internal/mail"
)

// flagRights are those that a change of flags needs, some of them.
const flagRights = mail.RightSeen | mail.RightWrite | mail.RightDeleteMessages

// mayFlag tells whether a flag may be changed with these rights. RFC 4314 section 4.
func mayFlag(f mail.Flag, may mail.Rights) bool {
	switch {
	case strings.EqualFold(string(f), string(mail.Seen)):
		return may&mail.RightSeen != 0
	case strings.EqualFold(string(f), string(mail.Deleted)):
		return may&mail.RightDeleteMessages != 0
	}
	return may&mail.RightWrite != 0
}

// permitted are those of flags that may be changed with these rights: the others are left out in silence.
// RFC 4314 section 4.
func permitted(flags []mail.Flag, may mail.Rights) []mail.Flag {
	if may&flagRights == flagRights {
		return flags
	}
	return slices.DeleteFunc(slices.Clone(flags), func(f mail.Flag) bool { return !mayFlag(f, may) })
}

// discloses tells whether the UIDs of what was put into a mailbox may be told: only to those who may select it.
// RFC 9051 sections 6.3.12 and 6.4.7.
func (m *found) discloses() bool { return m.may&mail.RightRead != 0 }

// restrict restricts a STORE to the flags that the user may change. It fails only if none of them may be.
// RFC 4314 section 4.
func restrict(c *mail.FlagChange, may mail.Rights) error {
	if may&flagRights == flagRights {
		return nil
	}
	asked := len(c.Flags)
	c.Flags, c.Mask = permitted(c.Flags, may), may.Flags()
	if c.Mask == 0 || asked > 0 && len(c.Flags) == 0 {
		return errNoRight
	}
	return nil
}

// changing are the rights with which a mailbox is not read-only: flags that are personal do not count. RFC 4314
// section 5.2.
func changing(p mail.Personal) mail.Rights {
	r := mail.RightInsert | mail.RightExpunge | mail.RightDeleteMessages
	if p != mail.PersonalAll {
		r |= mail.RightWrite
	}
	if p == mail.PersonalNone {
		r |= mail.RightSeen
	}
	return r
}

// recheck looks again at what the user may do in the selected mailbox of somebody else, if anything has changed there:
// what was taken away is gone at the next command. RFC 4314 section 5.1.1.
func (s *session) recheck(ctx context.Context) error {
	m := s.sel
	if m == nil || m.mine {
		return nil
	}
	now, err := m.acct.ModSeq(ctx)
	if err != nil || now == m.checked {
		return err
	}
	snap, err := m.acct.Snapshot(ctx, m.id)
	if mail.KindOf(err) == mail.NotFound && err != nil {
		return nil // it was deleted: sync tells
	}
	if err == nil {
		m.checked = now
		s.permit(&snap.Mailbox)
	}
	return err
}

// permit takes note of what the user may do in the selected mailbox now, and tells if that is another thing for flags.
func (s *session) permit(box *mail.Mailbox) {
	m := s.sel
	may := m.rights(box)
	was := m.may
	if m.may = may; (was^may)&flagRights != 0 {
		s.tellFlags()
	}
}
