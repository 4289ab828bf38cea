package imap

// Copy is COPY, or UID COPY. RFC 9051 section 6.4.7.
type Copy struct {
	UID     bool
	Set     NumSet
	Mailbox string
}

// Move is MOVE, or UID MOVE. RFC 9051 section 6.4.8, RFC 6851.
type Move struct {
	UID     bool
	Set     NumSet
	Mailbox string
}

// Expunge is EXPUNGE, or UID EXPUNGE with a set. RFC 9051 sections 6.4.3 and 6.4.9.
type Expunge struct {
	UID bool
	Set NumSet // with UID only
}
