package wire

import (
	"strconv"
	"time"
	"unicode/utf8"
)

// AppendQuoted appends s as a quoted string. It must hold neither NUL, CR nor LF. RFC 9051 section 9.
func AppendQuoted(b []byte, s string) []byte {
	b = append(b, '"')
	for i := range len(s) {
		if s[i] == '"' || s[i] == '\\' {
			b = append(b, '\\')
		}
		b = append(b, s[i])
	}
	return append(b, '"')
}

// quotable tells whether s can be a quoted string; with utf8OK also if it holds UTF-8.
func quotable(s string, utf8OK bool) bool {
	if len(s) > 1024 {
		return false
	}
	high := false
	for i := range len(s) {
		c := s[i]
		if c == 0 || c == '\r' || c == '\n' {
			return false
		}
		high = high || c >= 0x80
	}
	return !high || utf8OK && utf8.ValidString(s)
}

// AppendString appends s as a server does: quoted if that can be and it is short, or a literal. With utf8 a quoted
// string
// may hold UTF-8, which s then is. RFC 9051 section 9.
func AppendString(b []byte, s string, utf8 bool) []byte {
	if quotable(s, utf8) {
		return AppendQuoted(b, s)
	}
	b = AppendLiteralHeader(b, int64(len(s)))
	return append(b, s...)
}

// AppendLiteralHeader appends a server's announcement of a literal of n octets.
func AppendLiteralHeader(b []byte, n int64) []byte {
	b = append(b, '{')
	b = strconv.AppendInt(b, n, 10)
	return append(b, "}\r\n"...)
}

// AppendLiteral8Header appends a server's announcement of a literal8 of n octets. RFC 3516 section 5.
func AppendLiteral8Header(b []byte, n int64) []byte { return AppendLiteralHeader(append(b, '~'), n) }

// AppendAString appends s as a client does: an atom, a quoted string or a non-synchronizing literal.
func AppendAString(b []byte, s string, utf8 bool) []byte {
	if IsAString(s) {
		return append(b, s...)
	}
	return AppendClientString(b, s, utf8)
}

// IsAString tells whether s is an astring without quotes. RFC 9051 section 9, "1*ASTRING-CHAR".
func IsAString(s string) bool { return isAtom(s, astringChars) }

// AppendClientString appends s as a client does: a quoted string or a non-synchronizing literal. RFC 7888.
func AppendClientString(b []byte, s string, utf8 bool) []byte {
	if quotable(s, utf8) {
		return AppendQuoted(b, s)
	}
	b = append(b, '{')
	b = strconv.AppendInt(b, int64(len(s)), 10)
	b = append(b, "+}\r\n"...)
	return append(b, s...)
}

func isAtom(s string, c *class) bool {
	for i := range len(s) {
		if !c[s[i]] {
			return false
		}
	}
	return len(s) > 0
}

// AppendMailbox appends a mailbox name as a server does: quoted, in modified UTF-7 or with utf8 as it is.
func AppendMailbox(b []byte, name string, utf8 bool) []byte {
	if utf8 {
		return AppendString(b, name, true)
	}
	plain := true
	for i := range len(name) {
		plain = plain && name[i] >= 0x20 && name[i] <= 0x7e && name[i] != '&'
	}
	if !plain {
		name = string(AppendName(nil, name))
	}
	return AppendString(b, name, false)
}

// AppendDateTime appends t as date-time, in its own zone. RFC 9051 section 9.
func AppendDateTime(b []byte, t time.Time) []byte {
	b = append(b, '"')
	d := t.Day()
	if d < 10 {
		b = append(b, ' ', byte('0'+d))
	} else {
		b = two(b, d)
	}
	b = append(b, '-')
	m := 3 * (int(t.Month()) - 1)
	b = append(b, months[m:m+3]...)
	b = append(b, '-')
	b = two(two(b, t.Year()/100%100), t.Year()%100)
	b = append(b, ' ')
	b = append(two(b, t.Hour()), ':')
	b = append(two(b, t.Minute()), ':')
	b = append(two(b, t.Second()), ' ')
	_, east := t.Zone()
	if east < 0 {
		b = append(b, '-')
		east = -east
	} else {
		b = append(b, '+')
	}
	b = two(two(b, east/3600%100), east/60%60)
	return append(b, '"')
}

// AppendDate appends the day of t as date. RFC 9051 section 9.
func AppendDate(b []byte, t time.Time) []byte {
	b = strconv.AppendInt(b, int64(t.Day()), 10)
	b = append(b, '-')
	m := 3 * (int(t.Month()) - 1)
	b = append(b, months[m:m+3]...)
	b = append(b, '-')
	return two(two(b, t.Year()/100%100), t.Year()%100)
}

func two(b []byte, n int) []byte { return append(b, byte('0'+n/10), byte('0'+n%10)) }
