package imapd

import (
	"github.com/constance-mail/constance/internal/mail"
)

// state is where a session stands, as a bit, so that a command can be allowed in several. RFC 9051 section 3.
type state uint8

const (
	notAuthenticated state = 1 << iota
	authenticated
	inSelected // a mailbox is selected

	anyState = notAuthenticated | authenticated | inSelected
	loggedIn = authenticated | inSelected
)

// features are what a client asked for by ENABLE or by using it, as bits.
type features uint8

const (
	featRev2      features = 1 << iota // IMAP4rev2, with mailbox names in UTF-8. RFC 9051 section 6.3.1
	featCondStore                      // RFC 7162 section 3.1
	featQResync                        // RFC 7162 section 3.2; featCondStore comes with it
	featMetadata                       // RFC 5464 section 4.4.2: changed annotations are told
	featUTF8                           // UTF8=ACCEPT: mailbox names and quoted strings in UTF-8. RFC 6855 section 3
	featUIDOnly                        // no message numbers. RFC 9586 section 3
	endOfFeatures
)

// selected is the mailbox that a session has selected. Owned by the session.
type selected struct {
	place
	id       mail.MailboxID
	may      mail.Rights // as they were when the account had the ModSeq checked
	checked  mail.ModSeq
	readOnly bool // by EXAMINE

	view     view        // what the client knows
	told     mail.ModSeq // every change up to this one was reported, but for held and flags
	flags    mail.ModSeq // every change of flags up to this one was reported: less than told while NOTIFY wants none
	held     bool        // view has expunged messages that could not be reported yet
	before   mail.ModSeq // told, as it was before the first of these, if held
	keywords []mail.Flag // as the client knows them from FLAGS
	recent   mail.UIDSet // messages that are \Recent in this session. RFC 3501 section 2.3.2
	unread   bool        // its snapshot is not read yet, see readAhead
	saved    mail.UIDSet // the saved search result. RFC 5182
	contexts []*updating // searches of whose changes the client is told. RFC 5267
}

// highest is the ModSeq from which the client can resynchronize without missing anything. RFC 7162 section 3.2.
func (m *selected) highest() mail.ModSeq {
	if m.held {
		return min(m.before, m.flags)
	}
	return m.flags
}

// known takes note of a change by this session itself: the client was told of it, or asked not to be (.SILENT). Only
// what directly follows all that was reported counts; otherwise somebody else's change could hide behind it, and sync
// reports both.
func (m *selected) known(own mail.ModSeq) {
	if own != m.told+1 {
		return
	}
	if m.flags == m.told {
		m.flags = own
	}
	m.told = own
}
