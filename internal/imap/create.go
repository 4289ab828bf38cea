package imap

import "github.com/constance-mail/constance/internal/mail"

// Create is CREATE. A name may end with the separator, which says that names below it will be created.
// RFC 9051 section 6.3.4, RFC 6154 section 3.
type Create struct {
	Mailbox string
	Uses    []mail.SpecialUse // as sent: also unknown ones, which the engine refuses with USEATTR
}
