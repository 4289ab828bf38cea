package imap

import (
	"strconv"

	"github.com/constance-mail/constance/internal/imap/wire"
	"github.com/constance-mail/constance/internal/mail"
)

// ListAttrs are the attributes of a LIST response, as bits. RFC 9051 section 7.3.1.
type ListAttrs uint16

// The attributes.
const (
	AttrNonExistent ListAttrs = 1 << iota
	AttrNoInferiors
	AttrNoSelect
	AttrHasChildren   // RFC 3348
	AttrHasNoChildren // RFC 3348
	AttrMarked
	AttrUnmarked
	AttrSubscribed
	AttrRemote
	AttrNoAccess // RFC 5465 section 5.9
)

var attrWords = [...]string{`\NonExistent`, `\Noinferiors`, `\Noselect`, `\HasChildren`, `\HasNoChildren`, `\Marked`,
	`\Unmarked`, `\Subscribed`, `\Remote`, `\NoAccess`}

// ListData is a LIST response.
type ListData struct {
	Attrs     ListAttrs
	Uses      []mail.SpecialUse
	Name      string // UTF-8; "" with Root
	Root      bool   // the answer to an empty pattern: the separator. RFC 9051 section 6.3.9
	ChildInfo bool   // the extended data item CHILDINFO with SUBSCRIBED. RFC 9051 section 6.3.9.6
	OldName   string // the extended data item OLDNAME, "" for none. RFC 9051 section 6.3.9.7
}

// AppendList appends a LIST response. RFC 9051 section 7.3.1.
func AppendList(b []byte, l *ListData, utf8 bool) []byte {
	b = appendListStart(append(b, "* LIST ("...), l, utf8)
	switch {
	case l.ChildInfo && l.OldName != "":
		b = append(b, ` ("CHILDINFO" ("SUBSCRIBED") "OLDNAME" (`...)
		b = append(wire.AppendMailbox(b, l.OldName, utf8), "))"...)
	case l.ChildInfo:
		b = append(b, ` ("CHILDINFO" ("SUBSCRIBED"))`...)
	case l.OldName != "":
		b = append(wire.AppendMailbox(append(b, ` ("OLDNAME" (`...), l.OldName, utf8), "))"...)
	}
	return append(b, "\r\n"...)
}

// AppendLSub appends an LSUB response: only attributes and name are used. RFC 3501 section 7.2.3.
func AppendLSub(b []byte, l *ListData, utf8 bool) []byte {
	return append(appendListStart(append(b, "* LSUB ("...), l, utf8), "\r\n"...)
}

func appendListStart(b []byte, l *ListData, utf8 bool) []byte {
	start := len(b)
	for i, w := range attrWords {
		if l.Attrs&(1<<i) != 0 {
			b = append(append(b, w...), ' ')
		}
	}
	for _, u := range l.Uses {
		b = append(append(b, u...), ' ')
	}
	if len(b) > start {
		b = b[:len(b)-1]
	}
	return wire.AppendMailbox(append(b, ") \"/\" "...), l.Name, utf8)
}

// StatusData is what STATUS can tell of a mailbox.
type StatusData struct {
	Mailbox     *mail.Mailbox
	Recent      uint32
	MailboxID   string // RFC 8474
	AppendLimit int64  // octets, 0 for none. RFC 7889
	Deleted     int64  // octets of the messages with \Deleted. RFC 9208 section 4.1.4
}

// AppendStatus appends a STATUS response with those items, for the mailbox under the name given by the client.
// RFC 9051 section 7.3.2.
func AppendStatus(b []byte, name string, items StatusItems, s *StatusData, utf8 bool) []byte {
	b = append(wire.AppendMailbox(append(b, "* STATUS "...), name, utf8), " ("...)
	start := len(b)
	for i, w := range statusWords {
		item := StatusItems(1 << i)
		if items&item == 0 {
			continue
		}
		b = append(append(b, w...), ' ')
		b = append(s.appendValue(b, item), ' ')
	}
	if len(b) > start {
		b = b[:len(b)-1]
	}
	return append(b, ")\r\n"...)
}

func (s *StatusData) appendValue(b []byte, item StatusItems) []byte {
	m := s.Mailbox
	n := uint64(0)
	switch item {
	case StatusMessages:
		n = uint64(m.Messages)
	case StatusRecent:
		n = uint64(s.Recent)
	case StatusUIDNext:
		n = uint64(m.UIDNext)
	case StatusUIDValidity:
		n = uint64(m.UIDValidity)
	case StatusUnseen:
		n = uint64(m.Unseen)
	case StatusDeleted:
		n = uint64(m.Deleted)
	case StatusSize:
		n = uint64(m.Size)
	case StatusDeletedStorage:
		n = uint64(s.Deleted)
	case StatusHighestModSeq:
		n = uint64(m.HighestMod)
	case StatusMailboxID:
		return append(append(append(b, '('), s.MailboxID...), ')')
	case StatusAppendLimit:
		if s.AppendLimit == 0 {
			return append(b, "NIL"...)
		}
		n = uint64(s.AppendLimit)
	}
	return strconv.AppendUint(b, n, 10)
}
