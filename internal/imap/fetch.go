package imap

import (
	"strconv"

	"github.com/constance-mail/constance/internal/imap/wire"
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
	Partial      Window      // with UID only; its First is 0 if not given. RFC 9394 section 3.3
}

// FetchItem is one thing to fetch.
type FetchItem struct {
	Attr    FetchAttr
	Section message.Section // of FetchSection; FetchBinary and FetchBinarySize use only its Path
	Peek    bool            // \Seen is not set
	Partial bool            // <Offset.Length> was given
	Offset  int64           // octets
	Length  int64           // octets, not 0
	Lazy    bool            // of FetchPreview: only if it is at hand. RFC 8970 section 4.1
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
	FetchPreview       // RFC 8970 section 3
	FetchSection       // BODY[...]
	FetchBinary        // BINARY[...], RFC 3516
	FetchBinarySize    // BINARY.SIZE[...]
	FetchRFC822        // RFC822, as BODY[] with another name. RFC 3501 section 6.4.5
	FetchRFC822Header  // RFC822.HEADER, as BODY.PEEK[HEADER]
	FetchRFC822Text    // RFC822.TEXT, as BODY[TEXT]
)

// Verb is "FETCH".
func (*Fetch) Verb() string { return "FETCH" }

// Append appends the command.
func (c *Fetch) Append(b []byte, _ bool) []byte {
	b = c.Set.Append(appendUID(b, c.UID, "FETCH"))
	return c.appendModifiers(appendFetchItems(append(b, ' '), c.Items))
}

// appendFetchItems appends items in parentheses.
func appendFetchItems(b []byte, items []FetchItem) []byte {
	b = append(b, '(')
	for i := range items {
		if i > 0 {
			b = append(b, ' ')
		}
		b = items[i].append(b)
	}
	return append(b, ')')
}

func (c *Fetch) appendModifiers(b []byte) []byte {
	if c.ChangedSince == 0 && c.Partial.First == 0 {
		return b
	}
	b = append(b, ' ')
	start := len(b)
	if c.ChangedSince != 0 {
		b = strconv.AppendUint(append(b, " CHANGEDSINCE "...), uint64(c.ChangedSince), 10)
	}
	if c.Vanished {
		b = append(b, " VANISHED"...)
	}
	if c.Partial.First != 0 {
		b = c.Partial.Append(append(b, " PARTIAL "...))
	}
	b[start] = '('
	return append(b, ')')
}

func (i *FetchItem) append(b []byte) []byte {
	switch {
	case i.Attr == FetchSection && i.Peek:
		b = append(b, "BODY.PEEK"...)
	case i.Attr == FetchBinary && i.Peek:
		b = append(b, "BINARY.PEEK"...)
	case i.Lazy:
		return append(b, "PREVIEW (LAZY)"...)
	default:
		return i.appendName(b, true)
	}
	return i.appendSection(b, true)
}

// AppendName appends the name under which the item is answered: without .PEEK, and of <offset.length> only the
// offset.
// RFC 9051 section 7.5.2.
func (i *FetchItem) AppendName(b []byte) []byte { return i.appendName(b, false) }

func (i *FetchItem) appendName(b []byte, request bool) []byte {
	switch i.Attr {
	case FetchSection:
		b = append(b, "BODY"...)
	case FetchBinary:
		b = append(b, "BINARY"...)
	case FetchBinarySize:
		b = append(b, "BINARY.SIZE"...)
	default:
		return append(b, fetchWords[i.Attr]...)
	}
	return i.appendSection(b, request)
}

// sectionWords are the words of message.Specifier.
var sectionWords = [...]string{message.Header: "HEADER", message.HeaderFields: "HEADER.FIELDS",
	message.HeaderFieldsNot: "HEADER.FIELDS.NOT", message.Text: "TEXT", message.MIME: "MIME"}

func (i *FetchItem) appendSection(b []byte, request bool) []byte {
	b = append(b, '[')
	for k, n := range i.Section.Path {
		if k > 0 {
			b = append(b, '.')
		}
		b = strconv.AppendInt(b, int64(n), 10)
	}
	if i.Section.What != message.Whole {
		if len(i.Section.Path) > 0 {
			b = append(b, '.')
		}
		b = append(b, sectionWords[i.Section.What]...)
	}
	for k, f := range i.Section.Fields {
		if k == 0 {
			b = append(b, " ("...)
		} else {
			b = append(b, ' ')
		}
		b = wire.AppendAString(b, f, false)
	}
	if len(i.Section.Fields) > 0 {
		b = append(b, ')')
	}
	b = append(b, ']')
	if !i.Partial {
		return b
	}
	b = strconv.AppendInt(append(b, '<'), i.Offset, 10)
	if request {
		b = strconv.AppendInt(append(b, '.'), i.Length, 10)
	}
	return append(b, '>')
}
