package imap

import (
	"errors"
	"strings"

	"github.com/constance-mail/constance/internal/imap/wire"
)

// stored is text that is read as if a client had sent it.
type stored struct{ *strings.Reader }

// Wait implements wire.Source.
func (stored) Wait() error { return nil }

// ParseSearchCriteria reads search-criteria, as a filter holds them, in UTF-8. RFC 5466 section 4.
func ParseSearchCriteria(text string) (SearchKey, error) {
	var k SearchKey
	d := wire.NewDecoder(stored{strings.NewReader(text + "\r\n")}, wire.Options{
		Continue: func(int64) error { return nil }, // the octets are there
	})
	if err := d.Begin(); err != nil {
		return k, err
	}
	p := searchParser{d: d}
	if !p.and(&k, searchStart(d)) || !d.MustEnd() {
		return k, d.Err()
	}
	if d.Buffered() > 0 {
		return k, errors.New("more than one line")
	}
	return k, nil
}

// filter-name = 1*<any ATOM-CHAR except "/">; RFC 5466 section 4.
func mustFilterName(d *wire.Decoder, name *string) bool {
	return d.MustAtom(name) && (!strings.Contains(*name, "/") || d.Fail("a filter's name has no slash"))
}

// AppendUndefinedFilterCode appends UNDEFINED-FILTER with the name of the filter. RFC 5466 section 4.
func AppendUndefinedFilterCode(b []byte, name string) []byte {
	return append(append(append(b, "[UNDEFINED-FILTER "...), name...), ']')
}
