package imap

import (
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/constance-mail/constance/internal/imap/wire"
	"github.com/constance-mail/constance/internal/mail"
	"github.com/constance-mail/constance/internal/message"
)

// URL is a relative IMAP URL of a message, or of a part of one, as CATENATE takes it. RFC 5092 sections 6
// and 7, RFC 4469 section 3.
type URL struct {
	Mailbox     string           // UTF-8; "" is the selected mailbox
	UIDValidity mail.UIDValidity // 0 if not given
	UID         mail.UID
	Section     message.Section // Whole without a path if not given
	Partial     bool            // an offset was given
	Offset      int64           // octets
	Length      int64           // octets, 0 to the end
}

// maxURL bounds a URL, octets.
const maxURL = 4096

// ParseURL reads "/mailbox;UIDVALIDITY=1/;UID=2/;SECTION=3/;PARTIAL=4.5", of which only UID has to be there;
// without a mailbox it is in the selected one. false for everything else, also for a URL with a server, a
// scheme or an authorization.
func ParseURL(s string) (URL, bool) {
	var u URL
	if len(s) > maxURL || strings.HasPrefix(s, "//") {
		return u, false
	}
	at := indexUID(s)
	if at < 0 || !u.mailbox(strings.TrimSuffix(s[:at], "/")) {
		return u, false
	}
	for i, p := range strings.Split(s[at+len(";"):], "/;") { // a section may have a slash: RFC 5092 section 11 (bchar)
		if !u.param(p, i) {
			return u, false
		}
	}
	return u, u.UID > 0
}

// indexUID is where the parameter UID begins, in any case, or -1: some write no slash before it. (In upper case, a text
// that is not UTF-8 has another length.)
func indexUID(s string) int {
	for at := range len(s) {
		if s[at] == ';' {
			if _, ok := cutParam(s[at+1:], "UID"); ok {
				return at
			}
		}
	}
	return -1
}

// mailbox reads imailbox-ref = enc-mailbox [";UIDVALIDITY=" nz-number], or nothing.
func (u *URL) mailbox(s string) bool {
	if s == "" {
		return true
	}
	name, params, has := strings.Cut(s, ";")
	name, absolute := strings.CutPrefix(name, "/")
	if name == "" || strings.ContainsAny(name, "?#") || !absolute && strings.Contains(name, ":") { // a scheme
		return false
	}
	var ok bool
	if u.Mailbox, ok = unescape(name); !ok || !utf8.ValidString(u.Mailbox) {
		return false
	}
	if !has {
		return true
	}
	v, ok := cutParam(params, "UIDVALIDITY")
	n, good := nzNumber(v)
	u.UIDValidity = mail.UIDValidity(n)
	return ok && good
}

// urlParams are the parameters behind the mailbox, in their order.
var urlParams = []struct {
	name string
	read func(*URL, string) bool
}{
	{"UID", (*URL).uid}, {"SECTION", (*URL).section}, {"PARTIAL", (*URL).partial},
}

// param reads the i-th parameter.
func (u *URL) param(s string, i int) bool {
	if (i == 0) != (u.UID == 0) {
		return false
	}
	for n, p := range urlParams {
		v, ok := cutParam(s, p.name)
		if !ok {
			continue
		}
		value, good := unescape(v)
		return good && n >= i && p.read(u, value)
	}
	return false
}

func (u *URL) uid(v string) bool {
	n, ok := nzNumber(v)
	u.UID = mail.UID(n)
	return ok
}

// section reads section-spec as FETCH does.
func (u *URL) section(v string) bool {
	if strings.ContainsAny(v, "\r\n\x00{") {
		return false
	}
	d := wire.NewDecoder(textSource{strings.NewReader("[" + v + "]\r\n")}, wire.Options{})
	i := FetchItem{Attr: FetchSection}
	if d.Begin() != nil || !i.section(d) || d.End() != nil || v == "" {
		return false
	}
	u.Section = i.Section
	return true
}

// textSource is a text that is at hand.
type textSource struct{ io.Reader }

func (textSource) Wait() error { return nil }

// partial reads partial-range = number ["." nz-number].
func (u *URL) partial(v string) bool {
	offset, length, has := strings.Cut(v, ".")
	n, err := strconv.ParseUint(offset, 10, 32)
	if err != nil || u.Partial {
		return false
	}
	u.Partial, u.Offset = true, int64(n)
	if !has {
		return true
	}
	l, ok := nzNumber(length)
	u.Length = int64(l)
	return ok
}

// cutParam is the value of a parameter of that name, in any case.
func cutParam(s, name string) (string, bool) {
	n := len(name)
	if len(s) > n && s[n] == '=' && strings.EqualFold(s[:n], name) {
		return s[n+1:], true
	}
	return "", false
}

func nzNumber(v string) (uint32, bool) {
	n, err := strconv.ParseUint(v, 10, 32)
	return uint32(n), err == nil && n > 0
}

// unescape undoes percent-encoding. RFC 3986 section 2.1.
func unescape(s string) (string, bool) {
	if strings.IndexByte(s, '%') < 0 {
		return s, true
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] != '%' {
			b = append(b, s[i])
			continue
		}
		if i+2 >= len(s) {
			return "", false
		}
		n, err := strconv.ParseUint(s[i+1:i+3], 16, 8)
		if err != nil {
			return "", false
		}
		b = append(b, byte(n))
		i += 2
	}
	return string(b), true
}

// Append appends the URL.
func (u *URL) Append(b []byte) []byte {
	if u.Mailbox != "" {
		b = append(b, '/')
		name, slash := strings.CutPrefix(u.Mailbox, "/")
		if slash { // else the name would be that of a server: RFC 3986 section 4.2
			b = append(b, "%2F"...)
		}
		b = appendEscaped(b, name)
		if u.UIDValidity > 0 {
			b = strconv.AppendUint(append(b, ";UIDVALIDITY="...), uint64(u.UIDValidity), 10)
		}
	}
	b = strconv.AppendUint(append(b, "/;UID="...), uint64(u.UID), 10)
	if u.Section.What != message.Whole || len(u.Section.Path) > 0 {
		i := FetchItem{Section: u.Section}
		s := i.appendSection(nil, true)
		b = appendEscaped(append(b, "/;SECTION="...), string(s[1:len(s)-1]))
	}
	if !u.Partial {
		return b
	}
	b = strconv.AppendInt(append(b, "/;PARTIAL="...), u.Offset, 10)
	if u.Length > 0 {
		b = strconv.AppendInt(append(b, '.'), u.Length, 10)
	}
	return b
}

// appendEscaped appends s with all percent-encoded that is not unreserved, or a slash. RFC 3986 section 2.3.
func appendEscaped(b []byte, s string) []byte {
	for i := range len(s) {
		c := s[i]
		if 'a' <= c|0x20 && c|0x20 <= 'z' || '0' <= c && c <= '9' || strings.IndexByte("-._~/", c) >= 0 {
			b = append(b, c)
			continue
		}
		b = append(b, '%', upperHex[c>>4], upperHex[c&15])
	}
	return b
}

const upperHex = "0123456789ABCDEF"

// BadURLCode is BADURL with the URL, of which what cannot stand there is percent-encoded. RFC 4469 sections
// 4.1 and 5.
func BadURLCode(url string) RespCode {
	b := []byte(CodeBadURL + " ")
	for i := range min(len(url), maxURL) {
		if c := url[i]; c <= ' ' || c >= 0x7f || c == ']' || c == '\\' || c == '"' {
			b = append(b, '%', upperHex[c>>4], upperHex[c&15])
		} else {
			b = append(b, c)
		}
	}
	return RespCode(b)
}
