package imap

import (
	"strconv"
	"time"

	"github.com/constance-mail/constance/internal/imap/wire"
	"github.com/constance-mail/constance/internal/mail"
)

// A FETCH response is AppendFetchStart, items AppendFetchEnd. Who calls puts a space between two items: what
// was appended before may be flushed already, or end in a literal.

// AppendFetchStart appends the start of the FETCH response of the message with number n. RFC 9051 section 7.5.2.
func AppendFetchStart(b []byte, n uint32) []byte {
	b = strconv.AppendUint(append(b, "* "...), uint64(n), 10)
	return append(b, " FETCH ("...)
}

// AppendUIDFetchStart appends the start of the UIDFETCH response of the message with that UID. RFC 9586 section 3.3.
func AppendUIDFetchStart(b []byte, u mail.UID) []byte {
	b = strconv.AppendUint(append(b, "* "...), uint64(u), 10)
	return append(b, " UIDFETCH ("...)
}

// AppendFetchEnd ends a FETCH response.
func AppendFetchEnd(b []byte) []byte { return append(b, ")\r\n"...) }

// AppendFetchUID appends the item UID.
func AppendFetchUID(b []byte, u mail.UID) []byte {
	return strconv.AppendUint(append(b, "UID "...), uint64(u), 10)
}

// AppendFetchFlags appends the item FLAGS.
func AppendFetchFlags(b []byte, set mail.FlagSet, keywords []mail.Flag, isRecent bool) []byte {
	return AppendFlagSet(append(b, "FLAGS "...), set, keywords, isRecent)
}

// AppendFetchModSeq appends the item MODSEQ. RFC 7162 section 3.1.4.2.
func AppendFetchModSeq(b []byte, m mail.ModSeq) []byte {
	return append(strconv.AppendUint(append(b, "MODSEQ ("...), uint64(m), 10), ')')
}

// AppendFetchSize appends the item RFC822.SIZE.
func AppendFetchSize(b []byte, n int64) []byte {
	return strconv.AppendInt(append(b, "RFC822.SIZE "...), n, 10)
}

// AppendFetchInternalDate appends the item INTERNALDATE; sec is seconds since 1970.
func AppendFetchInternalDate(b []byte, sec int64) []byte {
	return wire.AppendDateTime(append(b, "INTERNALDATE "...), time.Unix(sec, 0).UTC())
}

// AppendFetchSaveDate appends the item SAVEDATE; sec is seconds since 1970. RFC 8514 section 4.3.
func AppendFetchSaveDate(b []byte, sec int64) []byte {
	return wire.AppendDateTime(append(b, "SAVEDATE "...), time.Unix(sec, 0).UTC())
}

// AppendFetchID appends the item EMAILID or THREADID. RFC 8474 sections 5.1 and 5.2.
func AppendFetchID(b []byte, name, id string) []byte {
	return append(append(append(append(b, name...), " ("...), id...), ')')
}

// AppendLiteral appends the announcement of a literal of n octets, which follow. RFC 9051 section 9.
func AppendLiteral(b []byte, n int64) []byte { return wire.AppendLiteralHeader(b, n) }

// AppendLiteral8 appends the announcement of a literal8 of n octets, which follow. RFC 3516 section 5.
func AppendLiteral8(b []byte, n int64) []byte { return wire.AppendLiteral8Header(b, n) }
