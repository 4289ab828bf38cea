// Package mail holds the nouns of a mail store and the interfaces to it: accounts, mailboxes, messages, flags,
// change numbers. It has no implementation of a store, does no I/O and imports the standard library only.
//
// An account is the unit of everything: it has a tree of mailboxes, the contents of its messages, one counter of
// changes (ModSeq) and a quota. A message is an entry in a mailbox (UID, flags, ModSeq) that points to a content (the
// octets and what was computed from them once, see Digest); copying a message adds an entry and no content.
//
// Readers see a mailbox as a Snapshot: immutable, shared by all sessions of a process. What changed since is found by
// asking for the next Snapshot and comparing, never from a message about the change: see Account.Watch.
package mail
