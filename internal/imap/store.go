package imap

import "github.com/constance-mail/constance/internal/mail"

// Store is STORE, or UID STORE. RFC 9051 section 6.4.6, RFC 7162 section 3.1.3.
type Store struct {
	UID            bool
	Set            NumSet
	Conditional    bool // UNCHANGEDSINCE was given
	UnchangedSince mail.ModSeq
	Op             mail.FlagOp
	Silent         bool
	Flags          []mail.Flag // without \Recent
}
