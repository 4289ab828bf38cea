package imap

import (
	"time"

	"github.com/constance-mail/constance/internal/mail"
)

// Append is APPEND up to its first literal, which the engine then reads: Decoder.Literal for the octets, then Next.
// RFC 9051 section 6.3.12.
type Append struct {
	Mailbox string
	Message AppendMessage
}

// AppendMessage is what is said of a message before its literal. RFC 9051 section 6.3.12, RFC 3516 section 4.4.
type AppendMessage struct {
	Flags  []mail.Flag
	Date   time.Time // zero if not given
	Size   int64     // octets
	Binary bool      // literal8
	Sync   bool      // the client waits for the continuation request, which Decoder.Literal sends
}
