package imap

import (
	"strconv"

	"github.com/constance-mail/constance/internal/imap/wire"
	"github.com/constance-mail/constance/internal/mail"
)

// AppendSearch appends a SEARCH response with the numbers of set (UIDs, or message numbers in the same type), and
// with
// the highest mod-sequence of them unless that is 0. RFC 3501 section 7.2.5, RFC 7162 section 3.1.5.
func AppendSearch(b []byte, set mail.UIDSet, modSeq mail.ModSeq) []byte {
	b = append(b, "* SEARCH"...)
	for _, r := range set {
		for n := uint64(r.Start); n <= uint64(r.Stop); n++ {
			b = strconv.AppendUint(append(b, ' '), n, 10)
		}
	}
	if modSeq != 0 && len(set) > 0 {
		b = strconv.AppendUint(append(b, " (MODSEQ "...), uint64(modSeq), 10)
		b = append(b, ')')
	}
	return append(b, "\r\n"...)
}

// ESearchData is an ESEARCH response.
type ESearchData struct {
	Tag    string
	UID    bool
	Return SearchReturn // which of the results below to tell: MIN, MAX and ALL only if something was found
	Set    mail.UIDSet  // what was found: UIDs, or message numbers in the same type
	ModSeq mail.ModSeq  // 0 for none. RFC 7162 section 3.1.10
}

// AppendESearch appends an ESEARCH response. RFC 9051 section 7.3.4, RFC 4731 section 3.1.
func AppendESearch(b []byte, e *ESearchData) []byte {
	b = wire.AppendQuoted(append(b, "* ESEARCH (TAG "...), e.Tag)
	b = append(b, ')')
	if e.UID {
		b = append(b, " UID"...)
	}
	if n := len(e.Set); n > 0 {
		if e.Return&ReturnMin != 0 {
			b = strconv.AppendUint(append(b, " MIN "...), uint64(e.Set[0].Start), 10)
		}
		if e.Return&ReturnMax != 0 {
			b = strconv.AppendUint(append(b, " MAX "...), uint64(e.Set[n-1].Stop), 10)
		}
		if e.Return&ReturnAll != 0 {
			b = e.Set.Append(append(b, " ALL "...))
		}
	}
	if e.Return&ReturnCount != 0 {
		b = strconv.AppendUint(append(b, " COUNT "...), uint64(e.Set.Len()), 10)
	}
	if e.ModSeq != 0 && len(e.Set) > 0 {
		b = strconv.AppendUint(append(b, " MODSEQ "...), uint64(e.ModSeq), 10)
	}
	return append(b, "\r\n"...)
}
