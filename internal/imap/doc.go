// Package imap holds IMAP's commands and responses as values, in both revisions (RFC 9051, RFC 3501). It does no I/O.
//
// A command is a struct, one file each: Read reads the next one from a wire.Decoder, and Append writes it as a client
// would send it, so that whatever was written is read again the same. Responses are functions that append to a byte
// slice and keep no state. Mailbox names are UTF-8 inside; on the wire they are modified UTF-7 or UTF-8, as the
// session's revision wants it.
package imap
