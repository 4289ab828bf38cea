package imap

// Delete is DELETE. RFC 9051 section 6.3.5.
type Delete struct{ Mailbox string }

// Rename is RENAME. RFC 9051 section 6.3.6.
type Rename struct{ From, To string }

// Subscribe is SUBSCRIBE. RFC 9051 section 6.3.7.
type Subscribe struct{ Mailbox string }

// Unsubscribe is UNSUBSCRIBE. RFC 9051 section 6.3.8.
type Unsubscribe struct{ Mailbox string }
