package imap

// Status is STATUS. RFC 9051 section 6.3.11.
type Status struct {
	Mailbox string
	Items   StatusItems
}

// StatusItems are STATUS's data items, as bits. RFC 9051 section 6.3.11.
type StatusItems uint16

// The items.
const (
	StatusMessages       StatusItems = 1 << iota
	StatusRecent                     // RFC 3501 section 6.3.10
	StatusUIDNext                    //
	StatusUIDValidity                //
	StatusUnseen                     //
	StatusDeleted                    //
	StatusSize                       // RFC 8438
	StatusHighestModSeq              // RFC 7162 section 3.1.7
	StatusMailboxID                  // RFC 8474 section 4.3
	StatusAppendLimit                // RFC 7889 section 3.1
	StatusDeletedStorage             // RFC 9208 section 4.1.4
)
