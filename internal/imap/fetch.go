package imap

import (
	"github.com/constance-mail/constance/internal/mail"
	"github.com/constance-mail/constance/internal/message"
)

// Fetch is FETCH, or UID FETCH. RFC 9051 section 6.4.5, RFC 7162 sections 3.1.4 and 3.2.6.
type Fetch struct {
	UID          bool
	Set          NumSet
	Items        []FetchItem // macros are resolved; each at most once but for sections
	ChangedSince mail.ModSeq // 0 if not given
	Vanished     bool        // with UID and ChangedSince only
}

// FetchItem is one thing to fetch.
type FetchItem struct {
	Attr    FetchAttr
	Section message.Section // of FetchSection; FetchBinary and FetchBinarySize use only its Path
	Peek    bool            // \Seen is not set
	Partial bool            // <Offset.Length> was given
	Offset  int64           // octets
	Length  int64           // octets, not 0
}

// FetchAttr names a data item of FETCH.
type FetchAttr uint8

// The data items. RFC 9051 section 6.4.5.
const (
	FetchUID FetchAttr = iota
	FetchFlags
	FetchInternalDate
	FetchSize          // RFC822.SIZE
	FetchEnvelope      //
	FetchBody          // BODY without a section: the structure without extension data
	FetchBodyStructure //
	FetchModSeq        // RFC 7162 section 3.1.4.2
	FetchEmailID       // RFC 8474 section 5.3
	FetchThreadID      // RFC 8474 section 5.3
	FetchSaveDate      // RFC 8514 section 4.3
	FetchSection       // BODY[...]
	FetchBinary        // BINARY[...], RFC 3516
	FetchBinarySize    // BINARY.SIZE[...]
	FetchRFC822        // RFC822, as BODY[] with another name. RFC 3501 section 6.4.5
	FetchRFC822Header  // RFC822.HEADER, as BODY.PEEK[HEADER]
	FetchRFC822Text    // RFC822.TEXT, as BODY[TEXT]
)
