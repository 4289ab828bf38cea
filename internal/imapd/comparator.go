package imapd

import (
	"context"
	"strings"

	"github.com/constance-mail/constance/internal/fold"
	"github.com/constance-mail/constance/internal/imap"
)

// comparator is COMPARATOR: which collation SEARCH, SORT and THREAD compare by. The first pattern that some collation
// matches says which. RFC 5255 sections 4.7 and 4.8.
func (s *session) comparator(_ context.Context, c *imap.Comparator) error {
	chosen, matched := s.collation, map[fold.Collation]bool{}
	for _, p := range c.Patterns {
		for i, name := range fold.Collations {
			if !matchesCollation(p, name) {
				continue
			}
			if len(matched) == 0 {
				chosen = fold.Collation(i)
			}
			matched[fold.Collation(i)] = true
		}
	}
	if len(c.Patterns) > 0 && len(matched) == 0 {
		return refuse(imap.CodeBadComparator, "no such comparator")
	}
	s.collation = chosen
	b := append(append(s.out.buf, "* COMPARATOR "...), chosen.String()...)
	if len(matched) > 1 {
		b = append(b, " ("...)
		for i, name := range fold.Collations {
			if matched[fold.Collation(i)] {
				b = append(append(b, name...), ' ')
			}
		}
		b[len(b)-1] = ')'
	}
	s.out.buf = append(b, "\r\n"...)
	return nil
}

// matchesCollation tells whether a collation is one that a client asks for: by name, with "*" for anything, or as the
// default. What would be in descending order ("-") is none of ours. RFC 4790 sections 3.1 to 3.3.
func matchesCollation(pattern, name string) bool {
	pattern = strings.ToLower(strings.TrimPrefix(pattern, "+"))
	if pattern == "default" {
		return name == fold.Collations[0]
	}
	first, rest, wild := strings.Cut(pattern, "*")
	if !wild {
		return pattern == name
	}
	name, ok := strings.CutPrefix(name, first)
	for ok && wild {
		var piece string
		piece, rest, wild = strings.Cut(rest, "*")
		if !wild {
			return strings.HasSuffix(name, piece)
		}
		_, name, ok = strings.Cut(name, piece)
	}
	return ok
}
