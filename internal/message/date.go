package message

import (
	"bytes"
	"time"

	"github.com/constance-mail/constance/internal/mail"
)

// date reads a Date field: the instant (seconds since 1970) and the calendar day that it names in its own zone (days
// since 1970-01-01); mail.NoDate if it cannot be read. Besides RFC 5322 sections 3.3 and 4.3 it takes what mailers
// write: ctime's order, month names written out, "2-Jan-2006", ISO 8601, no seconds, no zone.
func date(v []byte) (sent int64, day int32) {
	var space [128]byte
	v = plainDate(space[:0], v)
	var p dateParser
	p.month, p.day, p.year, p.hour = -1, -1, -1, -1
	for len(v) > 0 {
		n := bytes.IndexByte(v, ' ')
		switch n {
		case 0:
			v = v[1:]
			continue
		case -1:
			n = len(v)
		}
		p.token(v[:n])
		v = v[n:]
	}
	return p.result()
}

// plainDate appends v without comments, with spaces for commas and all white space, and with none of these around a
// colon; as far as it fits.
func plainDate(dst, v []byte) []byte {
	for i := 0; i < len(v) && len(dst) < cap(dst); i++ {
		c := v[i]
		switch {
		case c == '(':
			i += skipComment(v[i:]) - 1
			c = ' '
		case isFWS(c) || c == ',' || c == 0:
			c = ' '
		case c == ':':
			dst = bytes.TrimRight(dst, " ")
		}
		if c != ' ' || len(dst) > 0 && dst[len(dst)-1] != ':' {
			dst = append(dst, c)
		}
	}
	return dst
}

// dateParser collects what the words of a date say.
type dateParser struct {
	year, month, day, hour int // -1 unknown; month 1 to 12
	minute, second         int
	zone                   int // seconds east of UTC
	bad                    bool
}

func (p *dateParser) token(t []byte) {
	switch c := t[0]; {
	case (c == '+' || c == '-') && p.hour >= 0:
		p.offset(t)
	case c >= '0' && c <= '9':
		p.number(t)
	default:
		if m := month(t); m > 0 && p.month < 0 {
			p.month = m
		} else if p.hour >= 0 {
			p.named(t)
		}
	}
}

// number is a token that begins with a digit: a day, a year, a time, or several of them in one.
func (p *dateParser) number(t []byte) {
	n, rest := digits(t)
	size := len(t) - len(rest)
	switch {
	case len(rest) > 0 && (rest[0] == ':' || rest[0] == '.' && p.hour < 0 && p.month > 0):
		p.clock(n, rest)
	case len(rest) > 1 && (rest[0] == '-' || rest[0] == '/') && size <= 4:
		p.dashed(n, size, rest[1:])
	case len(rest) > 0 && size > 2: // "2026GMT"
		p.setYear(n, size)
		p.named(rest)
	case p.day < 0 && size <= 2:
		p.day = n
	case p.year < 0:
		p.setYear(n, size)
	}
}

// setYear takes years of two and three digits as RFC 5322 section 4.3 says.
func (p *dateParser) setYear(n, size int) {
	switch {
	case size > 4:
		p.bad = true
	case size <= 2 && n < 50:
		n += 2000
	case size <= 3:
		n += 1900
	}
	p.year = n
}

// dashed is "2-Jan-2006" or "2006-01-02", perhaps with "T15:04:05Z" after it.
func (p *dateParser) dashed(first, size int, rest []byte) {
	if m := month(rest); m > 0 {
		p.day, p.month = first, m
		for len(rest) > 0 && rest[0] != '-' && rest[0] != '/' {
			rest = rest[1:]
		}
		if len(rest) > 1 {
			y, tail := digits(rest[1:])
			p.setYear(y, len(rest)-1-len(tail))
		}
		return
	}
	if size != 4 {
		return
	}
	m, rest := digits(rest)
	if len(rest) < 2 {
		return
	}
	d, rest := digits(rest[1:])
	p.year, p.month, p.day = first, m, d
	if len(rest) > 1 && (rest[0] == 'T' || rest[0] == 't') {
		h, rest := digits(rest[1:])
		p.clock(h, rest)
	}
}

// clock reads ":04:05" after the hour, and a zone that follows without a space.
func (p *dateParser) clock(hour int, rest []byte) {
	if p.hour >= 0 {
		return
	}
	p.hour = hour
	if len(rest) > 0 {
		p.minute, rest = digits(rest[1:])
	}
	if len(rest) > 0 && (rest[0] == ':' || rest[0] == '.') {
		p.second, rest = digits(rest[1:])
	}
	if len(rest) > 0 && rest[0] == '.' { // fractions
		_, rest = digits(rest[1:])
	}
	switch {
	case len(rest) == 0:
	case rest[0] == '+' || rest[0] == '-':
		p.offset(rest)
	default:
		p.named(rest)
	}
}

// offset is a zone as "+0100" or "+01:00".
func (p *dateParser) offset(t []byte) {
	h, rest := digits(t[1:])
	m := 0
	switch size := len(t) - 1 - len(rest); {
	case size >= 3:
		h, m = h/100, h%100
	case len(rest) > 1 && rest[0] == ':':
		m, _ = digits(rest[1:])
	}
	if h > 23 || m > 59 {
		return
	}
	p.zone = h*3600 + m*60
	if t[0] == '-' {
		p.zone = -p.zone
	}
}

// zones are the names of RFC 5322 section 4.3 and some that occur; hours east of UTC.
var zones = map[string]int{
	"EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7, "MDT": -6, "PST": -8, "PDT": -7,
	"BST": 1, "MET": 1, "CET": 1, "MEZ": 1, "CEST": 2, "MEST": 2, "MESZ": 2, "EET": 2, "EEST": 3, "MSK": 3,
	"JST": 9, "KST": 9,
}

// named is a zone by its name: military ones and unknown ones say nothing, and so mean UTC.
func (p *dateParser) named(t []byte) {
	if len(t) > 4 {
		if (string(t[:3]) == "GMT" || string(t[:3]) == "UTC") && (t[3] == '+' || t[3] == '-') {
			p.offset(t[3:])
		}
		return
	}
	var up [4]byte
	for i, c := range t {
		if 'a' <= c && c <= 'z' {
			c -= 'a' - 'A'
		}
		up[i] = c
	}
	switch h, ok := zones[string(up[:len(t)])]; {
	case ok:
		p.zone = h * 3600
	case string(up[:len(t)]) == "PM" && p.hour < 12:
		p.hour += 12
	}
}

func (p *dateParser) result() (int64, int32) {
	if p.bad || p.year < 0 || p.month < 1 || p.month > 12 || p.day < 1 || p.hour > 24 || p.minute > 59 || p.second > 61 {
		return mail.NoDate, 0
	}
	if p.hour < 0 {
		p.hour = 0
	}
	midnight := time.Date(p.year, time.Month(p.month), p.day, 0, 0, 0, 0, time.UTC)
	if midnight.Day() != p.day {
		return mail.NoDate, 0
	}
	at := midnight.Unix()
	return at + int64(p.hour*3600+p.minute*60+p.second-p.zone), int32(floorDiv(at, 86400))
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// digits reads at most nine digits.
func digits(b []byte) (n int, rest []byte) {
	i := 0
	for i < len(b) && i < 9 && b[i] >= '0' && b[i] <= '9' {
		n = n*10 + int(b[i]-'0')
		i++
	}
	return n, b[i:]
}

// month is the month that a word begins with the English abbreviation of, 0 none.
func month(b []byte) int {
	const names = "janfebmaraprmayjunjulaugsepoctnovdec"
	if len(b) < 3 {
		return 0
	}
	for i := 0; i < len(names); i += 3 {
		if lower(b[0]) == names[i] && lower(b[1]) == names[i+1] && lower(b[2]) == names[i+2] {
			return i/3 + 1
		}
	}
	return 0
}
