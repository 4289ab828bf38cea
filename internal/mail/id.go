package mail

import "strconv"

type (
	// AccountID names an account for ever, whatever its login names are: 1 to 32 characters of [0-9a-z]. It is also
	// the name of the account's directory.
	AccountID string
	// MailboxID names a mailbox within its account, never reused, unchanged by a rename.
	MailboxID uint64
	// ContentID names the content of a message within its account: a copy has the same one. Ascending with arrival.
	ContentID uint64
	// ThreadID names a conversation within its account.
	ThreadID uint64
	// UID is a message's unique identifier in one mailbox, 0 none. RFC 9051 section 2.3.1.1.
	UID uint32
	// UIDValidity says for which life of a mailbox its UIDs hold. RFC 9051 section 2.3.1.1.
	UIDValidity uint32
	// ModSeq orders all changes of an account; each change has one of its own, 0 is before all. RFC 7162 section 3.
	ModSeq uint64
)

// Never is the ModSeq after which nothing changes: of 63 bits (RFC 7162 section 3.1).
const Never ModSeq = 1<<63 - 1

// ObjectID is the MAILBOXID of the mailbox: unique among all mailboxes of the server. RFC 8474 section 4.1.
func (m MailboxID) ObjectID(a AccountID) string { return objectID('F', a, uint64(m)) }

// ObjectID is the EMAILID of the content: unique among all contents of the server. RFC 8474 section 5.1.
func (c ContentID) ObjectID(a AccountID) string { return objectID('M', a, uint64(c)) }

// ObjectID is the THREADID of the conversation: unique among all of the server. RFC 8474 section 5.2.
func (t ThreadID) ObjectID(a AccountID) string { return objectID('T', a, uint64(t)) }

func objectID(kind byte, a AccountID, n uint64) string {
	b := make([]byte, 0, len(a)+16)
	b = append(b, kind)
	b = append(b, a...)
	b = append(b, '-')
	return string(strconv.AppendUint(b, n, 36))
}

// Valid tells whether a is a well-formed account identifier, and so safe as a file name.
func (a AccountID) Valid() bool {
	for i := range len(a) {
		if c := a[i]; (c < '0' || c > '9') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return len(a) > 0 && len(a) <= 32
}
