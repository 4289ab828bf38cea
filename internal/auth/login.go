package auth

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// MaxLogin is how many octets a login name can have.
const MaxLogin = 255

type loginError string

func (e loginError) Error() string { return "login name " + string(e) }

// CleanLogin is the canonical form of a login name: without white space around it, composed (NFC), in lower
// case. Kind Invalid: empty, longer than MaxLogin, not UTF-8, or with a control character, a space, a slash
// or a colon (which ends the name in a passwd-file). After RFC 8265 section 3.3, without its tables.
func CleanLogin(login string) (string, error) {
	const most = 4 * MaxLogin // before composing; nothing longer can become short enough
	if len(login) > most {
		return "", invalid("login", login[:64], loginError("is too long"))
	}
	if !utf8.ValidString(login) {
		return "", invalid("login", "", loginError("is not UTF-8"))
	}
	s := strings.TrimSpace(login)
	if !plainASCII(s) {
		s = norm.NFC.String(strings.ToLower(norm.NFC.String(s)))
	}
	why := ""
	switch {
	case s == "":
		why = "is empty"
	case len(s) > MaxLogin:
		why = "is longer than 255 octets"
	case strings.ContainsFunc(s, notInLogin):
		why = "holds a control character, a space, '/' or ':'"
	case s == "." || s == "..":
		why = "is a dot"
	}
	if why != "" {
		return "", invalid("login", s[:min(len(s), 64)], loginError(why))
	}
	return s, nil
}

// plainASCII tells whether s is its own canonical form, but for characters that are not allowed.
func plainASCII(s string) bool {
	for i := range len(s) {
		if c := s[i]; c >= utf8.RuneSelf || c >= 'A' && c <= 'Z' {
			return false
		}
	}
	return true
}

func notInLogin(r rune) bool {
	return r == '/' || r == ':' || r == utf8.RuneError ||
		unicode.IsControl(r) || unicode.IsSpace(r) || unicode.Is(unicode.Cf, r)
}

// SplitAddress splits a mail address at its last @ and takes the quotes of a quoted local part away. An
// address without a domain is a local part. RFC 5321 section 4.1.2.
func SplitAddress(address string) (local, domain string) {
	local = address
	if i := strings.LastIndexByte(address, '@'); i >= 0 {
		local, domain = address[:i], address[i+1:]
	}
	if n := len(local); n < 2 || local[0] != '"' || local[n-1] != '"' {
		return local, domain
	}
	b := make([]byte, 0, len(local))
	for i := 1; i < len(local)-1; i++ {
		if local[i] == '\\' && i+1 < len(local)-1 {
			i++
		}
		b = append(b, local[i])
	}
	return string(b), domain
}

// splitDetail splits "user+detail". RFC 5233 section 1.
func splitDetail(local string) (user, detail string) {
	user, detail, _ = strings.Cut(local, "+")
	return user, detail
}
