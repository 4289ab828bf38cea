// Package storetest is what every mail.Store has to pass: Run is the suite, one subtest per sentence of the
// contracts in package mail; RunHistories compares the store with store/mem over random histories; Crash kills
// processes that use it; Bench measures it. Begin with Run. A store under test is opened with Options.
//
// # What the contracts leave open
//
// Where package mail leaves a choice, every store makes the same one, so that random histories can compare them:
//
// Checks. A call first refuses a ctx that is done (its own error), then a closed store (Unavailable), a bad
// account (NotFound), bad arguments (Invalid), what is missing (NotFound), then Denied, Exists, OverQuota, Limit,
// in this order.
//
// Changes. ModSeq starts at 1, with the account. Each of CreateMailbox, DeleteMailbox, RenameMailbox, Subscribe,
// Append, SetFlags, Expunge, Copy and Move takes the next value if it changes something, and none if not;
// SetQuota, Purge and ClaimRecent take none. A new mailbox (implied parents too) starts with HighestMod = its
// call's value; afterwards HighestMod moves only with its messages.
//
// Numbers. MailboxID and ContentID count from 1 and are never used again, not after a Purge either: INBOX is 1,
// then the mailboxes of mail.Options in their order, parents before them (a name that is there already only gets
// the Use and the subscription). A refused call uses up no number. UIDVALIDITY of a new mailbox is the larger of
// the clock's seconds and the account's highest so far plus one. UIDs start with 1.
//
// Names. Subscriptions are a set of names. A rename of mailbox a to b takes a out of the set, if it is in, and
// adds b, and likewise with each mailbox below; a subscribed name without a mailbox stays. A deleted mailbox stays
// subscribed. Of INBOX's rename only the messages are concerned. The new names of a rename must all be free before
// the call, or Exists; a rename to the same name is Exists, one to a name below itself Invalid (but for INBOX),
// and one that makes a name below too long is Invalid. Uses are kept sorted, without doubles; an unknown one is
// Invalid. An account has at most mail.MaxMailboxes; a CreateMailbox or RenameMailbox that would make more is
// refused with Limit.
//
// INBOX renamed: a new mailbox takes all messages by a move (new UIDs from 1, save date now), under one ModSeq.
//
// Flags. \Recent is ignored. A keyword has 1 to 255 octets, all ATOM-CHAR of RFC 9051 section 9; else, like an
// unknown backslash flag or an unknown FlagOp, it is Invalid. A keyword is added to the table only if a message
// will carry it, in the order of the flags asked for (Copy: the order of the source's table), spelt as at the
// first time: in the first place that is "", else at the end. If the places are too few for all the new ones,
// first every keyword that no message of the mailbox carries (before the call) and that the call does not name
// gives up its place, whose name becomes ""; if that is not enough, Limit.
//
// SetFlags. With Conditional a message whose ModSeq is over UnchangedSince is in Failed, whether or not it would
// change.
//
// Threads. A message has ids: its References in their order, then its own MessageID, if any. The first of them
// that is known decides the thread; if none is, the message begins a new ThreadID, counted from 1. Then those of
// its ids that are unknown are known, of that thread. An id is known as long as a content with it among its ids is
// there (not purged). Digest is not changed by Append, so that many accounts can share one.
//
// Quota. Append and Copy that would take the use over a limit are OverQuota; Move and RenameMailbox never are.
// Negative limits are Invalid. Several messages are judged together.
//
// Append. No messages: nothing happens, ModSeq 0. An Upload that is nil, closed, taken, of another account or
// there twice, or no Digest: Invalid. After a refusal the Upload can be used again. Empty messages are allowed.
//
// Copy and Move may have from == to. Nothing there to copy: empty sets, the target's UIDValidity, ModSeq 0.
// Keywords go along.
//
// Expunge. uids not nil but empty: nothing is removed. Nothing removed: nil, 0.
//
// Vanished is complete if no expunge after since was forgotten by a Purge; a mailbox was complete at its creation.
// Purge forgets the expunges strictly before the time; a content goes when no message and no remembered expunge
// has it any more. PurgeResult.Messages counts forgotten expunges (also of deleted mailboxes), Contents and Octets
// the contents that went. Until then OpenContent and Digests still give them.
//
// ClaimRecent gives a message to one caller only among those of one Store; another process, or the store opened
// again, may give it again (in doubt a message is recent, RFC 3501 section 2.3.2), but none may be passed over
// that was given to nobody.
//
// A removed account that is used by a new handle comes into being again, empty.
package storetest
