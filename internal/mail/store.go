package mail

import (
	"context"
	"time"
)

// Store holds accounts. Every method of it and of what it returns is safe for any goroutine, unless it says otherwise,
// and several processes may use the same store at a time. A method that returned without an error has made its change
// durable; one that returned an error has changed nothing. Errors are *Error, but for ctx's own.
type Store interface {
	// Account is a handle to an account, made without I/O. The account comes into being, with INBOX and the mailboxes
	// of Options, at the first use of the handle. An invalid id fails then with kind NotFound.
	Account(id AccountID) Account
	// Create has an account come into being that is not there. Kinds Exists, NotFound (an invalid id).
	Create(ctx context.Context, id AccountID) error
	// Remove deletes an account with all its mail; a missing one is no error.
	Remove(ctx context.Context, id AccountID) error
	// Unindexed are the accounts of which a search wanted more to be in the index of text, since their last IndexText. A
	// hint: some may be missing.
	Unindexed(ctx context.Context) ([]AccountID, error)
	// Close ends all use; handles fail with Unavailable afterwards.
	Close() error
}

// Account is one account of a Store.
type Account interface {
	ID() AccountID
	// ModSeq is the number of the account's last change, 1 before any. It costs far less than any other method (no database)
	// and is never behind a change that was acknowledged before the call, by whichever process.
	ModSeq(ctx context.Context) (ModSeq, error)
	// Watch has wake called soon after a change by anybody, from some goroutine: wake must not block and carries no
	// data, so look at ModSeq and Snapshot. Changes may share a call; a call may come without a change; a lost hint is made up for
	// by a slow poll. stop ends it, and returns when wake no longer runs.
	Watch(wake func()) (stop func())

	Mailboxes
	Messages
	Annotations

	// As is the same account as the owner of another one sees it: with own flags, see Personal. Flags of messages, what
	// they say to conditions and ModSeqs, and Unseen of Mailbox (not of Mailboxes) are the viewer's; \Recent is nobody's.
	// Mailboxes that the viewer creates on the first level get INBOX's ACL. Rights are the caller's to check.
	As(viewer AccountID) Account

	// Usage is the quota and its use. RFC 9208.
	Usage(ctx context.Context) (Usage, error)
	// SetQuota sets the limits; being over them already is no error. Kind Invalid: a negative one.
	SetQuota(ctx context.Context, q Quota) error
	// Verify recomputes everything that can be recomputed (counters, quota, sizes, digests, checksums, references) and
	// reports each difference. It writes nothing and blocks nobody for long.
	Verify(ctx context.Context, report func(Problem)) error
	// Purge gives back the room of what was expunged before the given time, and forgets those expunges.
	Purge(ctx context.Context, before time.Time) (PurgeResult, error)
	// IndexText brings the index of text up to date, which TextCandidates asks. It may take minutes and blocks nobody. Kind
	// Unavailable: somebody else is at it.
	IndexText(ctx context.Context, how Indexing) (TextIndex, error)
}

// Indexing says what IndexText does.
type Indexing uint8

// The ways of IndexText.
const (
	IndexMake   Indexing = iota // make it if there is none
	IndexUpdate                 // nothing if there is none
	IndexAnew                   // make it anew
)

// TextIndex is what an index of text has after an IndexText, all 0 if the store has none.
type TextIndex struct {
	Indexed  int64 // contents that were added
	Contents int64 // contents that it knows the text of
	Passed   int64 // contents that it passed over: searches always look into them
	Octets   int64 // on disk
}

// PurgeResult counts what a Purge removed.
type PurgeResult struct {
	Messages, Contents int64
	Octets             int64
}

// Mailboxes is the tree of mailboxes of an account. Names are UTF-8; methods apply CleanName.
type Mailboxes interface {
	// Mailboxes lists all, ordered by name with Separator before every other character, and the names that are subscribed without being there,
	// as a Mailbox with ID 0.
	Mailboxes(ctx context.Context) ([]Mailbox, error)
	// Mailbox is the mailbox of that name. Kind NotFound.
	Mailbox(ctx context.Context, name string) (Mailbox, error)
	// CreateMailbox creates a mailbox and those above it that are missing. A use that another mailbox has moves here.
	// Kinds Exists, Invalid, Limit, OverQuota.
	CreateMailbox(ctx context.Context, name string, uses []SpecialUse) (Mailbox, error)
	// DeleteMailbox deletes a mailbox with its messages, not those below it. Its messages count as expunged. Kinds NotFound, Denied (INBOX).
	DeleteMailbox(ctx context.Context, name string) error
	// RenameMailbox renames a mailbox and those below it; ID, UIDs, UIDValidity and subscriptions of the mailbox stay.
	// Renaming INBOX moves its messages to a new mailbox and leaves INBOX empty, with those below it where they are.
	// RFC 9051 section 6.3.6. Kinds NotFound, Exists (also of one below), Invalid, Limit, OverQuota.
	RenameMailbox(ctx context.Context, from, to string) error
	// SetACL changes one entry of a mailbox's ACL. A new mailbox gets the ACL of the one above it. RFC 4314 sections 3.1
	// and 4. Kinds NotFound, Limit.
	SetACL(ctx context.Context, id MailboxID, c ACLChange) error
	// SetPersonal says which flags of the mailbox are personal. Flags that users have already stay and come back with the
	// setting. Kinds NotFound, Invalid.
	SetPersonal(ctx context.Context, id MailboxID, p Personal) error
	// Subscribe sets or takes away a subscription of a name, which need not exist. RFC 9051 section 6.3.7.
	Subscribe(ctx context.Context, name string, on bool) error
}

// Messages is what is in the mailboxes. A MailboxID that is gone: kind NotFound.
type Messages interface {
	// Snapshot is the mailbox as it is now: every change acknowledged before the call is in it.
	Snapshot(ctx context.Context, mailbox MailboxID) (*Snapshot, error)
	// Outline is what SELECT tells of the mailbox as it is now, with what changed after since (RFC 7162 section 3.2.5;
	// Never for nothing). It is had sooner than a Snapshot, if that is not at hand.
	Outline(ctx context.Context, mailbox MailboxID, since ModSeq) (*Outline, error)
	// Vanished are the UIDs expunged after since, as far as they are remembered: complete reports whether that is all
	// of them; otherwise the caller has to find out by comparing. RFC 7162 section 3.2.
	Vanished(ctx context.Context, mailbox MailboxID, since ModSeq) (uids UIDSet, complete bool, err error)
	// ClaimRecent makes the messages that no session was told of recent for the caller: those from first on. Not
	// durable. RFC 3501 section 2.3.2.
	ClaimRecent(ctx context.Context, mailbox MailboxID) (first UID, err error)

	// Digests calls yield with the wanted columns of each content in the order of ids, in one short read: keep ids to some
	// hundred. The digest and its slices are valid during the call only (texts, too, with ColBorrowed). A content that is gone (purged) is passed over.
	// An error of yield ends it and is returned.
	Digests(ctx context.Context, ids []ContentID, want Columns, yield func(i int, d *Digest) error) error
	// OpenContent opens the octets of a message. Kind NotFound once purged.
	OpenContent(ctx context.Context, id ContentID) (Content, error)
	// OpenContents opens those of several messages in the order of ids, as many as are had in one short read: at least
	// the first, and then no more than keep about that many octets in memory. One that was purged is nil.
	OpenContents(ctx context.Context, ids []ContentID, octets int64) ([]Content, error)
	// TextCandidates asks the index of text, for each of texts, which of the contents from first to last may hold it in a header
	// field or a text part, as message.Looker is shown them. Texts are folded by package fold. A content that holds it is never
	// left out, also one that arrived just now; a store without an index leaves out nothing.
	TextCandidates(ctx context.Context, first, last ContentID, texts [][]byte) ([]Candidates, error)

	// The changes below count in the Progress of their ctx the messages that they have dealt with: SetFlags and Expunge those of
	// uids, the others those that come into a mailbox.

	// NewUpload begins a message of about size octets (-1 unknown).
	NewUpload(ctx context.Context, size int64) (Upload, error)
	// Append puts messages into a mailbox, all or none. Kinds OverQuota, Limit.
	Append(ctx context.Context, mailbox MailboxID, msgs []NewMessage) (Appended, error)
	// Replace is Append of one message and the expunge of another one in one transaction; the quota is for what is left.
	// RFC 8508 section 3.4. Kinds OverQuota, Limit, Conflict: the message that goes is gone already.
	Replace(ctx context.Context, r Replacement) (Appended, error)
	// SetFlags changes flags; UIDs that are not there are passed over. New keywords are added to the mailbox. Kind Limit: too many of them.
	SetFlags(ctx context.Context, mailbox MailboxID, c FlagChange) (FlagsChanged, error)
	// Expunge removes the messages with \Deleted, all of them or (uids not nil) only those of uids. Nothing to remove is no error.
	// RFC 4315 section 2.1.
	Expunge(ctx context.Context, mailbox MailboxID, uids UIDSet) (UIDSet, ModSeq, error)
	// Copy adds the messages to another mailbox of the account, with flags and internal date, all or none; the copies'
	// save date is now. Kinds OverQuota, Limit.
	Copy(ctx context.Context, from MailboxID, uids UIDSet, to MailboxID) (Copied, error)
	// Move is Copy and the expunge of the originals in one transaction. RFC 6851.
	Move(ctx context.Context, from MailboxID, uids UIDSet, to MailboxID) (Copied, error)
}

// Options are what every Store can be told.
type Options struct {
	Mailboxes []NewMailbox // of a new account, besides INBOX
	Quota     Quota        // of a new account
}

// NewMailbox is a mailbox that each new account gets.
type NewMailbox struct {
	Name       string
	Use        SpecialUse
	Subscribed bool
}
