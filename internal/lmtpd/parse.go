package lmtpd

import (
	"bytes"
	"math"
	"strings"
	"unicode/utf8"
)

// The bounds of what a command line may carry; the line itself has been bounded before it is parsed.
const (
	maxPath  = 512 // octets of an address: more than RFC 5321 section 4.5.3.1.3 allows, since some use more
	maxHello = 255 // RFC 5321 section 4.5.3.1.2
	maxEnvID = 100 // RFC 3461 section 5.4
	maxORcpt = 500 // RFC 3461 section 5.4
)

// mailParams are the parameters of MAIL that matter here; those of RFC 3461 are checked and dropped.
type mailParams struct {
	size   int64 // SIZE, RFC 1870; MaxInt64 for all above; 0 unknown
	binary bool  // BODY=BINARYMIME, RFC 3030 section 3
	utf8   bool  // SMTPUTF8, RFC 6531 section 3.4
}

// verb splits a command line. The verb comes in upper case, "" if there is none.
func verb(line []byte, buf *[8]byte) (verb, args []byte) {
	line = bytes.TrimRight(line, " \t")
	word, args, _ := bytes.Cut(line, []byte(" "))
	if len(word) > len(buf) {
		return nil, args
	}
	for i, c := range word {
		if 'a' <= c && c <= 'z' {
			c -= 'a' - 'A'
		}
		buf[i] = c
	}
	return buf[:len(word)], args
}

// parseMail is "FROM:" Reverse-path [SP Mail-parameters]. RFC 5321 section 4.1.1.2.
func parseMail(args []byte) (from string, p mailParams, fault answer) {
	rest, ok := cutFold(args, "FROM:")
	if !ok {
		return "", p, badSyntax
	}
	path, rest, fault := cutPath(rest)
	if fault.isSet() {
		return "", p, fault
	}
	if fault = p.parse(rest); fault.isSet() {
		return "", p, fault
	}
	if len(path) == 0 { // the null sender
		return "", p, answer{}
	}
	box, fault := mailbox(path, p.utf8)
	return string(box), p, fault
}

// parseRcpt is "TO:" Forward-path [SP Rcpt-parameters]. RFC 5321 section 4.1.1.3. The address comes back even
// if it is at fault.
func parseRcpt(args []byte, utf8OK bool) (to string, fault answer) {
	rest, ok := cutFold(args, "TO:")
	if !ok {
		return "", badSyntax
	}
	path, rest, fault := cutPath(rest)
	if fault.isSet() {
		return "", fault
	}
	if fault = rcptParams(rest); fault.isSet() {
		return string(path), fault
	}
	box, fault := mailbox(path, utf8OK)
	if fault.isSet() {
		return string(path[:min(len(path), maxPath)]), fault
	}
	return string(box), answer{}
}

// cutFold takes a word off, in whatever case, and spaces after it, which the grammar does not have and some
// clients send.
func cutFold(b []byte, word string) (rest []byte, ok bool) {
	if len(b) < len(word) || !strings.EqualFold(string(b[:len(word)]), word) {
		return b, false
	}
	return bytes.TrimLeft(b[len(word):], " "), true
}

// cutPath takes a path off, without its <> and its source route, which is ignored: RFC 5321 appendix C. What
// follows is nothing or begins with a space.
func cutPath(b []byte) (path, rest []byte, fault answer) {
	end := pathEnd(b)
	if end < 0 {
		return nil, b, badSyntax
	}
	path, rest = b[1:end], b[end+1:]
	if len(rest) > 0 && rest[0] != ' ' {
		return nil, b, badSyntax
	}
	if len(path) > 0 && path[0] == '@' {
		n := sourceRoute(path)
		if n == 0 {
			return nil, b, badSyntax
		}
		path = path[n:]
	}
	return path, rest, answer{}
}

// pathEnd is where the > of a path is that begins b, not counting those in a quoted string; -1 if nowhere.
func pathEnd(b []byte) int {
	if len(b) == 0 || b[0] != '<' {
		return -1
	}
	quoted := false
	for i := 1; i < len(b); i++ {
		switch {
		case b[i] == '"':
			quoted = !quoted
		case b[i] == '\\' && quoted:
			i++
		case b[i] == '>' && !quoted:
			return i
		}
	}
	return -1
}

// sourceRoute is the length of A-d-l ":", 0 if there is none.
func sourceRoute(b []byte) int {
	for i := 0; i < len(b) && b[i] == '@'; i++ {
		n := domain(b[i+1:])
		i += 1 + n
		if n == 0 || i == len(b) {
			return 0
		}
		if b[i] == ':' {
			return i + 1
		}
		if b[i] != ',' {
			return 0
		}
	}
	return 0
}

// mailbox checks that b is Mailbox, or a Local-part alone: a user of this host, as "postmaster" is in any
// case. RFC 5321 sections 4.1.1.3 and 4.1.2, RFC 6531 section 3.3.
func mailbox(b []byte, utf8OK bool) (_ []byte, fault answer) {
	if len(b) > maxPath {
		return b, pathTooLong
	}
	ascii := true
	for i := 0; i < len(b); {
		r, n := utf8.DecodeRune(b[i:])
		if r < ' ' || r == 0x7f || r == utf8.RuneError || r >= 0x80 && r < 0xa0 {
			return b, badCharacters
		}
		ascii = ascii && r < utf8.RuneSelf
		i += n
	}
	n := localPart(b)
	switch {
	case n == 0:
		return b, badSyntax
	case n < len(b) && (b[n] != '@' || domain(b[n+1:]) != len(b)-n-1 || n == len(b)-1):
		return b, badSyntax
	case !ascii && !utf8OK:
		return b, needsUTF8
	}
	return b, answer{}
}

// localPart is the length of Local-part, 0 if there is none. Dots may stand anywhere: there are such addresses.
func localPart(b []byte) int {
	if len(b) > 0 && b[0] == '"' {
		for i := 1; i < len(b); i++ {
			switch b[i] {
			case '\\':
				i++
			case '"':
				return i + 1
			}
		}
		return 0
	}
	n := 0
	for n < len(b) && (isAlnum(b[n]) || strings.IndexByte("!#$%&'*+-/=?^_`{|}~.", b[n]) >= 0) {
		n++
	}
	return n
}

// domain is the length of Domain or address-literal, 0 if there is none. Hyphens and underscores may stand
// anywhere in a label.
func domain(b []byte) int {
	if len(b) > 0 && b[0] == '[' {
		n := 1
		for n < len(b) && b[n] > ' ' && b[n] < 0x7f && b[n] != '[' && b[n] != '\\' && b[n] != ']' {
			n++
		}
		if n == 1 || n == len(b) || b[n] != ']' {
			return 0
		}
		return n + 1
	}
	label, n := 0, 0
	for ; n < len(b); n++ {
		switch {
		case isAlnum(b[n]) || b[n] == '-' || b[n] == '_':
			label++
		case b[n] == '.' && label > 0:
			label = 0
		default:
			return labelEnd(n, label)
		}
	}
	return labelEnd(n, label)
}

// labelEnd is n if a label ends there.
func labelEnd(n, label int) int {
	if label == 0 {
		return 0
	}
	return n
}

// isAlnum is Let-dig, and what UTF-8 adds to it. RFC 6531 section 3.3.
func isAlnum(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c >= 0x80
}

// parse is Mail-parameters, each at most once.
func (p *mailParams) parse(b []byte) (fault answer) {
	var seen seenParams
	for len(b) > 0 {
		name, value, has, rest := cutParam(b)
		b = rest
		k := 0
		ok := false
		switch {
		case fold(name, "SIZE"):
			k, ok = 1, has
			p.size, ok = number(value, ok)
		case fold(name, "BODY"):
			k = 2
			p.binary = fold(value, "BINARYMIME")
			ok = p.binary || fold(value, "8BITMIME") || fold(value, "7BIT")
		case fold(name, "SMTPUTF8"):
			k, ok, p.utf8 = 3, !has, true
		case fold(name, "RET"):
			k, ok = 4, fold(value, "FULL") || fold(value, "HDRS")
		case fold(name, "ENVID"):
			k, ok = 5, len(value) > 0 && len(value) <= maxEnvID && isXtext(value)
		case !isKeyword(name):
			return badParameter
		default:
			return unknownParameter
		}
		if !ok || !seen.first(k) {
			return badParameter
		}
	}
	return answer{}
}

// rcptParams checks Rcpt-parameters: those of RFC 3461, which ask for what the MTA before us does, since we do
// not announce DSN.
func rcptParams(b []byte) (fault answer) {
	var seen seenParams
	for len(b) > 0 {
		name, value, _, rest := cutParam(b)
		b = rest
		k := 0
		ok := false
		switch {
		case fold(name, "NOTIFY"):
			k, ok = 1, isNotify(value)
		case fold(name, "ORCPT"):
			kind, address, semicolon := bytes.Cut(value, []byte(";"))
			k, ok = 2, semicolon && len(value) <= maxORcpt && isKeyword(kind) && isXtext(address)
		case !isKeyword(name):
			return badParameter
		default:
			return unknownParameter
		}
		if !ok || !seen.first(k) {
			return badParameter
		}
	}
	return answer{}
}

// seenParams are the parameters that came.
type seenParams uint8

func (s *seenParams) first(k int) bool {
	was := *s
	*s |= 1 << k
	return *s != was
}

// cutParam takes SP esmtp-keyword ["=" esmtp-value] off. RFC 5321 section 4.1.2.
func cutParam(b []byte) (name, value []byte, has bool, rest []byte) {
	b = bytes.TrimLeft(b, " ")
	param := b
	if i := bytes.IndexByte(b, ' '); i >= 0 {
		param, rest = b[:i], b[i:]
	}
	name, value, has = bytes.Cut(param, []byte("="))
	return name, value, has, rest
}

func fold(b []byte, s string) bool { return len(b) == len(s) && strings.EqualFold(string(b), s) }

// isKeyword tells whether b is esmtp-keyword.
func isKeyword(b []byte) bool {
	for i, c := range b {
		if c >= 0x80 || !isAlnum(c) && (c != '-' || i == 0) {
			return false
		}
	}
	return len(b) > 0
}

// isXtext tells whether b is xtext, with UTF-8 as SMTPUTF8 has it. RFC 3461 section 4.
func isXtext(b []byte) bool {
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case c <= ' ' || c == '=' || c == 0x7f:
			return false
		case c == '+' && (i+2 >= len(b) || !isHex(b[i+1]) || !isHex(b[i+2])):
			return false
		}
	}
	return utf8.Valid(b)
}

func isHex(c byte) bool { return '0' <= c && c <= '9' || 'A' <= c && c <= 'F' }

// isNotify tells whether b is NEVER or a list of the others. RFC 3461 section 4.1.
func isNotify(b []byte) bool {
	if fold(b, "NEVER") {
		return true
	}
	for {
		word, rest, more := bytes.Cut(b, []byte(","))
		if !fold(word, "SUCCESS") && !fold(word, "FAILURE") && !fold(word, "DELAY") {
			return false
		}
		if !more {
			return true
		}
		b = rest
	}
}

// number is 1*20DIGIT; what no int64 holds is MaxInt64. RFC 1870 section 4.
func number(b []byte, ok bool) (int64, bool) {
	if !ok || len(b) == 0 || len(b) > 20 || !allDigits(b) {
		return 0, false
	}
	var n int64
	for _, c := range b {
		d := int64(c - '0')
		if n > (math.MaxInt64-d)/10 {
			return math.MaxInt64, true
		}
		n = n*10 + d
	}
	return n, true
}

func allDigits(b []byte) bool {
	for _, c := range b {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

// parseBDAT is chunk-size [SP "LAST"]. RFC 3030 section 2.
func parseBDAT(args []byte) (size int64, last, ok bool) {
	word, rest, more := bytes.Cut(args, []byte(" "))
	if more {
		if last = fold(rest, "LAST"); !last {
			return 0, false, false
		}
	}
	size, ok = number(word, true)
	return size, last, ok
}
