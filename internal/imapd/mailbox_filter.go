package imapd

import (
	"github.com/constance-mail/constance/internal/imap"
	"github.com/constance-mail/constance/internal/mail"
)

// mailboxFilter is an imap.MailboxFilter made ready, so that its time is that of the mailbox's levels, not of the names that a
// client listed. RFC 5465 section 6, RFC 7377 section 2.2.
type mailboxFilter struct {
	kind  imap.FilterKind
	names map[string]bool // canonical; those that can be none are left out
}

func newMailboxFilter(f *imap.MailboxFilter) mailboxFilter {
	out := mailboxFilter{kind: f.Kind, names: make(map[string]bool, len(f.Names))}
	for _, name := range f.Names {
		if clean, err := mail.CleanName(name); err == nil {
			out.names[clean] = true
		}
	}
	return out
}

// matches tells whether the filter is about a mailbox of the user. The selected one it knows nothing of.
func (f *mailboxFilter) matches(name string, subscribed bool) bool {
	switch f.kind {
	case imap.FilterInboxes, imap.FilterPersonal:
		return true
	case imap.FilterSubscribed:
		return subscribed
	case imap.FilterMailboxes:
		return f.names[name]
	case imap.FilterSubtreeOne:
		return f.names[name] || f.names[parentOf(name)]
	case imap.FilterSubtree:
		for ; name != ""; name = parentOf(name) {
			if f.names[name] {
				return true
			}
		}
	}
	return false
}

// parentOf is the name above a name, "" if there is none.
func parentOf(name string) string {
	for i := len(name) - 1; i > 0; i-- {
		if name[i] == mail.Separator {
			return name[:i]
		}
	}
	return ""
}
