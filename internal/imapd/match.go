package imapd

import (
	"strings"

	"github.com/constance-mail/constance/internal/mail"
)

// matcher matches mailbox names against a pattern of LIST: "*" stands for anything, "%" for anything within a level.
// It takes time in proportion to name times pattern, whatever the wildcards are. RFC 9051 section 6.3.9.
type matcher struct {
	pattern string
	inbox   string // the pattern as it is for INBOX, which knows no case: in capitals as far as its first level goes
	now     []bool // now[i]: pattern[:i] matches what was looked at
}

// newMatcher is a matcher for a reference and a pattern: the one is put before the other. RFC 9051 section 6.3.9.
func newMatcher(reference, pattern string) *matcher {
	p := collapse(reference + pattern)
	first, rest, deeper := strings.Cut(p, "/")
	m := &matcher{pattern: p, inbox: strings.ToUpper(first), now: make([]bool, len(p)+1)}
	if deeper {
		m.inbox += "/" + rest
	}
	if len(m.inbox) != len(p) { // letters whose capitals are longer are not in INBOX
		m.inbox = p
	}
	return m
}

// collapse makes runs of wildcards one: "%*%" is "*".
func collapse(p string) string {
	if !strings.Contains(p, "%%") && !strings.Contains(p, "**") && !strings.Contains(p, "%*") && !strings.Contains(p, "*%") {
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

// match tells whether the name matches.
func (m *matcher) match(name string) bool {
	p := m.pattern
	if name == mail.Inbox || strings.HasPrefix(name, mail.Inbox+"/") {
		p = m.inbox
	}
	switch {
	case p == "*":
		return true
	case p == "%":
		return strings.IndexByte(name, mail.Separator) < 0
	case !strings.ContainsAny(p, "*%"):
		return p == name
	case len(p) > 2*mail.MaxNameLen:
		return false
	}
	return m.simulate(p, name)
}

// simulate follows all ways to match at the same time.
func (m *matcher) simulate(p, name string) bool {
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
				now[j+1] = left && p[j] == c
			}
			left = was
		}
	}
	return now[len(p)]
}
