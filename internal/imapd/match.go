package imapd

import (
	"strings"

	"github.com/constance-mail/constance/internal/mail"
)

// matcher matches mailbox names against a pattern of LIST: "*" stands for anything, "%" for anything within a level.
// It follows all ways to match at the same time, 64 in a step, so that its time is in proportion to name times pattern
// whatever the wildcards are. RFC 9051 section 6.3.9.
type matcher struct {
	pattern string
	// Bit i of a set stands for: the first i characters of the pattern that are no wildcards are matched.
	wanted   [256][]uint64 // by character: where it is the next one; nil for nowhere
	anywhere []uint64      // where anything may come before the next one
	inLevel  []uint64      // where anything but Separator may
	end      int           // the bit that stands for all
	now      []uint64      // where the name looked at can be
}

// newMatcher is a matcher for a reference and a pattern: the one is put before the other. RFC 9051 section 6.3.9.
func newMatcher(reference, pattern string) *matcher {
	m := &matcher{pattern: collapse(reference + pattern)}
	p := m.pattern
	if len(p) > maxPattern || !strings.ContainsAny(p, "*%") {
		return m
	}
	words := len(p)/64 + 1
	m.anywhere, m.inLevel, m.now = make([]uint64, words), make([]uint64, words), make([]uint64, words)
	for i := range len(p) {
		word, bit := m.end/64, uint64(1)<<(m.end%64)
		switch c := p[i]; c {
		case '*':
			m.anywhere[word] |= bit
			m.inLevel[word] |= bit
		case '%':
			m.inLevel[word] |= bit
		default:
			if m.wanted[c] == nil {
				m.wanted[c] = make([]uint64, words)
			}
			m.wanted[c][word] |= bit
			m.end++
		}
	}
	return m
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
	return m.simulate(name, anyCase)
}

// simulate looks at a name character by character. The case of its first anyCase octets does not matter.
func (m *matcher) simulate(name string, anyCase int) bool {
	clear(m.now)
	m.now[0] = 1
	for i := range len(name) {
		c := name[i]
		stay := m.inLevel
		if c == mail.Separator {
			stay = m.anywhere
		}
		step, other := m.wanted[c], []uint64(nil)
		if i < anyCase {
			other = m.wanted[c|0x20]
		}
		carry := uint64(0)
		for w, was := range m.now {
			next := uint64(0)
			if step != nil {
				next = step[w]
			}
			if other != nil {
				next |= other[w]
			}
			next &= was
			m.now[w] = was&stay[w] | next<<1 | carry
			carry = next >> 63
		}
	}
	return m.now[m.end/64]&(1<<(m.end%64)) != 0
}
