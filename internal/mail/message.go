package mail

import (
	"io"
	"time"
)

// Digest is what is computed once from a message's octets when it arrives and is stored beside them, so that listing,
// sorting and searching never open a body. Package message makes it. The wire forms are ready to be sent to any client.
type Digest struct {
	Envelope      []byte // RFC 9051 section 7.5.2, the parenthesized list; 8-bit text as literals
	BodyStructure []byte // the same section, with extension data
	Parts         []byte // the tree of MIME parts as offsets into the octets; only package message reads it
	Headers       []byte // the header fields that clients list (message.CachedFields), as they stand, each with its CRLF
	HeaderSize    int64  // octets up to and with the empty line
	Preview       []byte // one line of UTF-8; empty: nothing to show; nil: not made when it was stored. RFC 8970 section 3

	Keys
	MessageID  string   // without <>, "" if none
	References []string // message ids this one answers to, oldest first: References, else In-Reply-To; without <>
}

// Keys is the decoded text (UTF-8, RFC 2047 undone) that SEARCH and SORT look at.
type Keys struct {
	Subject string
	From    string // "Name <local@domain>, ..." as are To, Cc, Bcc
	To      string
	Cc      string
	Bcc     string

	BaseSubject string // RFC 5256 section 2.1, case kept
	FromSort    string // the local part of the first address ("mailbox" in RFC 5256 section 3), as are ToSort, CcSort
	ToSort      string
	CcSort      string
	FromDisplay string // RFC 5957 section 3
	ToDisplay   string

	Sent    int64 // Date as an instant, seconds since 1970; NoDate if it has none that can be read
	SentDay int32 // the Date's own calendar day, days since 1970-01-01, whatever its zone; 0 with NoDate
	Thread  ThreadID
}

// NoDate is Keys.Sent of a message without a readable Date.
const NoDate = -1 << 63

// Columns says which fields of a Digest are wanted: each is read from disk only if asked for.
type Columns uint32

// The columns of a digest. What is asked for as ColDates comes with every one of ColKeys.
const (
	ColEnvelope Columns = 1 << iota
	ColBodyStructure
	ColParts   // Parts and HeaderSize
	ColHeaders // Headers
	ColPreview
	ColDates // Sent, SentDay and Thread
	ColReferences
	ColMessageID // the first of Texts; the others follow in their order
	ColSubject
	ColFrom
	ColTo
	ColCc
	ColBcc
	ColBaseSubject
	ColFromSort
	ColToSort
	ColCcSort
	ColFromDisplay
	ColToDisplay // the last of Texts
	endOfColumns

	// ColBorrowed has texts and references be valid during the call only, as slices are, which saves copies.
	ColBorrowed Columns = 1 << 31

	// ColKeys is Keys, MessageID and References.
	ColKeys = endOfColumns - ColDates
)

// TextCount is how many texts a digest has besides its references.
const TextCount = 12

// Texts are the texts of a digest: the i-th is the column ColMessageID<<i.
func (d *Digest) Texts() [TextCount]*string {
	return [...]*string{&d.MessageID, &d.Subject, &d.From, &d.To, &d.Cc, &d.Bcc, &d.BaseSubject, &d.FromSort, &d.ToSort,
		&d.CcSort, &d.FromDisplay, &d.ToDisplay}
}

// Content is the octets of a stored message. For one goroutine.
type Content interface {
	io.ReaderAt
	Size() int64 // octets
	Close() error
}

// Upload takes the octets of a message that arrives: write them, have the digest computed by reading them back, hand
// it to Append, Close it in any case. Small ones stay in memory, larger ones go to disk; an Upload that no Append took
// leaves nothing behind. For one goroutine.
type Upload interface {
	io.Writer
	io.ReaderAt
	Size() int64 // octets written so far
	Close() error
}

// NewMessage is a message to be appended.
type NewMessage struct {
	Upload   Upload    // of the same account
	Digest   *Digest   // of Upload's octets; the store sets Keys.Thread
	Flags    []Flag    // \Recent is ignored
	Internal time.Time // internal date, zero for now
}

// Replacement is a message that takes the place of another one, in the same or another mailbox of the account.
type Replacement struct {
	Mailbox MailboxID // of the message that goes
	UID     UID       // of it
	To      MailboxID // of the message that comes
	Message NewMessage
}

// Appended says what became of an Append or Replace: the i-th message has UIDs[i].
type Appended struct {
	UIDValidity UIDValidity
	UIDs        []UID // ascending
	Contents    []ContentID
	ModSeq      ModSeq
}

// Copied says what became of a Copy or Move: the i-th UID of From is the i-th of To. Empty sets if none of the asked
// for messages is there.
type Copied struct {
	UIDValidity UIDValidity // of the target
	From, To    UIDSet      // in step
	ModSeq      ModSeq
}

// FlagOp says how FlagChange.Flags changes a message.
type FlagOp uint8

// The operations of STORE. RFC 9051 section 6.4.6.
const (
	ReplaceFlags FlagOp = iota
	AddFlags
	RemoveFlags
)

// FlagChange is one STORE.
type FlagChange struct {
	UIDs  UIDSet
	Op    FlagOp
	Flags []Flag
	// Mask: only these flags may change, as bits of the mailbox; 0 for all.
	Mask FlagSet
	// Conditional: only messages whose ModSeq is at most UnchangedSince. RFC 7162 section 3.1.3.
	Conditional    bool
	UnchangedSince ModSeq
}

// FlagsChanged says what became of a FlagChange.
type FlagsChanged struct {
	Changed UIDSet // really have other flags now
	Failed  UIDSet // changed by somebody since UnchangedSince, and left alone
	ModSeq  ModSeq // of Changed; 0 if that is empty
}

// Usage is what an account holds and may hold. Expunged messages do not count.
type Usage struct {
	Storage   int64 // octets, each entry of a mailbox counted
	Messages  int64
	Mailboxes int64 // INBOX included
	Limit     Quota
}

// Quota is what an account may hold, 0 means no limit. RFC 9208 section 5.
type Quota struct {
	Storage   int64 // octets
	Messages  int64
	Mailboxes int64 // MaxMailboxes at most, whatever stands here
}

// Valid tells whether q has no negative limit.
func (q Quota) Valid() bool { return q.Storage >= 0 && q.Messages >= 0 && q.Mailboxes >= 0 }

// Holds tells whether more messages of so many octets would be within q.
func (u *Usage) Holds(messages, octets int64) bool {
	return (u.Limit.Storage == 0 || octets <= u.Limit.Storage-u.Storage) &&
		(u.Limit.Messages == 0 || messages <= u.Limit.Messages-u.Messages)
}

// Problem is what a verification found.
type Problem struct {
	Mailbox string // "" for the account
	UID     UID    // 0 for the mailbox
	Text    string
}
