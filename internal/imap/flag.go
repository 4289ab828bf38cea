package imap

import (
	"strings"

	"github.com/constance-mail/constance/internal/imap/wire"
	"github.com/constance-mail/constance/internal/mail"
)

// The bounds of flags: in one list, octets of one.
const (
	maxFlags   = 200
	maxFlagLen = 255
)

// recent is \Recent, which clients cannot set. RFC 3501 section 2.3.2.
const recent = `\Recent`

// flag = "\Answered" / ... / flag-keyword / flag-extension; RFC 9051 section 9. \Recent is passed over, a system flag
// gets its usual case.
func flag(d *wire.Decoder, flags *[]mail.Flag) bool {
	var s string
	if !d.MustFlag(&s) {
		return false
	}
	if len(s) > maxFlagLen || len(*flags) == maxFlags {
		return d.Fail("too many flags, or too long a flag")
	}
	if strings.EqualFold(s, recent) {
		return true
	}
	*flags = append(*flags, canonicalFlag(s))
	return true
}

// canonicalFlag gives a system flag its usual case.
func canonicalFlag(s string) mail.Flag {
	if s[0] == '\\' {
		for _, f := range mail.SystemFlags {
			if strings.EqualFold(s, string(f)) {
				return f
			}
		}
	}
	return mail.Flag(s)
}

// flag-list = "(" [flag *(SP flag)] ")"; RFC 9051 section 9.
func flagList(d *wire.Decoder, flags *[]mail.Flag) bool {
	return d.List(func() bool { return flag(d, flags) })
}

// AppendFlags appends a list of flags in parentheses. RFC 9051 section 9 (flag-list).
func AppendFlags(b []byte, flags []mail.Flag) []byte {
	b = append(b, '(')
	for i, f := range flags {
		if i > 0 {
			b = append(b, ' ')
		}
		b = append(b, f...)
	}
	return append(b, ')')
}

// AppendFlagSet appends the flags of set in parentheses, \Recent among them if recent is set: FETCH's FLAGS.
func AppendFlagSet(b []byte, set mail.FlagSet, keywords []mail.Flag, isRecent bool) []byte {
	b = append(b, '(')
	start := len(b)
	for i, f := range mail.SystemFlags {
		if set&(1<<i) != 0 {
			b = append(append(b, f...), ' ')
		}
	}
	if rest := set >> len(mail.SystemFlags); rest != 0 {
		for i, f := range keywords {
			if rest&(1<<i) != 0 {
				b = append(append(b, f...), ' ')
			}
		}
	}
	if isRecent {
		b = append(b, recent+" "...)
	}
	if len(b) > start {
		b = b[:len(b)-1]
	}
	return append(b, ')')
}
