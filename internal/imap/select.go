package imap

import "github.com/constance-mail/constance/internal/mail"

// Select is SELECT, or EXAMINE. RFC 9051 sections 6.3.2 and 6.3.3, RFC 7162 sections 3.1.8 and 3.2.5.
type Select struct {
	Examine   bool
	Mailbox   string
	CondStore bool
	QResync   *QResync // nil if not given
}

// QResync is what a client knows of a mailbox. RFC 7162 section 3.2.5.
type QResync struct {
	UIDValidity mail.UIDValidity
	ModSeq      mail.ModSeq
	Known       mail.UIDSet // nil if not given: all
	// SeqMatch: message number Seqs[i] had UID UIDs[i], as sets in step; nil if not given.
	MatchSeqs, MatchUIDs mail.UIDSet
}
