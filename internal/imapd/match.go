package imapd

import (
	"strings"

	"github.com/constance-mail/constance/internal/mail"
)

// matcher matches mailbox names against a pattern of LIST: "*" stands for anything, "%" for anything within a level.
// It takes time in proportion to name times pattern, whatever the wildcards are. RFC 9051 section 6.3.9.
type matcher struct {
	pattern string
	now     []bool // now[i]: pattern[:i] matches what was looked at
}

// newMatcher is a matcher for a reference and a pattern: the one is put before the other. RFC 9051 section 6.3.9.
func newMatcher(reference, pattern string) *matcher {
	p := collapse(reference + pattern)
	return &matcher{pattern: p, now: make([]bool, min(len(p), maxPattern)+1)}
}

// collapse makes runs of wildcards one: "%*%" is "*".
func collapse(p string) string {
	if !strings.ContainsAny(p, "%*") {
		return p
	}
	var b strings.Builder
	for i := 0; i < len(p); {
		if p[i] != '%' && p[i] != '*' {
			b.WriteByte(p[i])
			i++
			continue
		}
		wild := byte('%')
		for ; i < len(p) && (p[i] == '%' || p[i] == '*'); i++ {
			if p[i] == '*' {
				wild = '*'
			}
		}
		b.WriteByte(wild)
	}
	return b.String()
}

// maxPattern bounds the patterns that can match: no name is that long.
const maxPattern = 2*mail.MaxNameLen + 1

// match tells whether the name matches. INBOX, also as the first level of a name, matches in any case.
func (m *matcher) match(name string) bool {
	p, anyCase := m.pattern, 0
	if name == mail.Inbox || strings.HasPrefix(name, mail.Inbox+"/") {
		anyCase = len(mail.Inbox)
	}
	switch {
	case len(p) > maxPattern:
		return false
	case p == "*":
		return true
	case p == "%":
		return strings.IndexByte(name, mail.Separator) < 0
	case !strings.ContainsAny(p, "*%"):
		return len(p) == len(name) && strings.EqualFold(p[:anyCase], name[:anyCase]) && p[anyCase:] == name[anyCase:]
	}
	return m.simulate(p, name, anyCase)
}

// simulate follows all ways to match at the same time. The case of the first anyCase octets of name does not matter.
func (m *matcher) simulate(p, name string, anyCase int) bool {
	now := m.now
	clear(now)
	now[0] = true
	for i := range len(p) { // wildcards may stand for nothing
		now[i+1] = now[i] && (p[i] == '*' || p[i] == '%')
	}
	for i := range len(name) {
		c := name[i]
		left := now[0] // now[j] before this character
		now[0] = false
		for j := range len(p) {
			was := now[j+1]
			switch p[j] {
			case '*':
				now[j+1] = was || now[j]
			case '%':
				now[j+1] = was && c != mail.Separator || now[j]
			default:
				now[j+1] = left && (p[j] == c || i < anyCase && p[j] == c|0x20)
			}
			left = was
		}
	}
	return now[len(p)]
}
