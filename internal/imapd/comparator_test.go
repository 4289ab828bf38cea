package imapd

import (
	"context"
	"testing"

	"github.com/constance-mail/constance/internal/fold"
	"github.com/constance-mail/constance/internal/imap"
)

// RFC 4790 section 3.2.
func TestMatchesCollation(t *testing.T) {
	for _, c := range []struct {
		pattern, name string
		want          bool
	}{
		{"i;octet", "i;octet", true}, {"I;OCTET", "i;octet", true}, {"+i;octet", "i;octet", true}, {"-i;octet", "i;octet", false},
		{"default", "i;unicode-casemap", true}, {"default", "i;octet", false}, {"*", "i;octet", true}, {"i;*", "i;octet", true},
		{"i;*casemap", "i;ascii-casemap", true}, {"i;*casemap", "i;octet", false}, {"*;oct*t", "i;octet", true}, {"*a*a*", "i;ascii-casemap", true},
		{"cz;*", "i;octet", false}, {"i;octet*", "i;octet", true}, {"*octe", "i;octet", false}, {"*a*b*", "i;ascii-casemap", false},
	} {
		if got := matchesCollation(c.pattern, c.name); got != c.want {
			t.Errorf("%s, %s: got %v", c.pattern, c.name, got)
		}
	}
}

// RFC 5255 sections 4.2, 4.7 and 4.8: what the active comparator is used for.
func TestComparator(t *testing.T) {
	m := newMessagesTest(t, []string{letter("a@x", "", "", "b", ""), letter("_@x", "", "", "É", ""), letter("B@x", "", "", "A", ""),
		letter("a@x", "", "", "Re: B", "")})
	choose := func(want string, patterns ...string) {
		t.Helper()
		m.out.Reset()
		m.s.out.begin()
		m.check(m.s.comparator(context.Background(), &imap.Comparator{Patterns: patterns}))
		m.check(m.s.out.flush())
		if got := m.out.String(); got != want+"\r\n" {
			t.Errorf("%q: got %q", patterns, got)
		}
	}
	choose("* COMPARATOR i;unicode-casemap")
	m.expect("SORT (SUBJECT) UTF-8 ALL", "* SORT 3 1 4 2\n")
	m.expect("SORT (FROM) UTF-8 ALL", "* SORT 1 4 3 2\n")
	m.expect("SEARCH SUBJECT e", "* SEARCH 2 4\n")
	m.expect("THREAD ORDEREDSUBJECT UTF-8 ALL", "* THREAD (1 4)(2)(3)\n")
	choose("* COMPARATOR i;octet (i;ascii-casemap i;octet)", "cz;*", "i;octet", "i;a*")
	m.expect("SORT (SUBJECT) UTF-8 ALL", "* SORT 3 4 1 2\n")
	m.expect("SORT (FROM) UTF-8 ALL", "* SORT 3 2 1 4\n")
	m.expect("SEARCH SUBJECT b", "* SEARCH 1\n")
	m.expect("SEARCH BODY X", "* SEARCH\n")
	m.expect("SEARCH HEADER Subject re", "* SEARCH\n")
	m.expect("THREAD ORDEREDSUBJECT UTF-8 ALL", "* THREAD (1)(2)(3)(4)\n")
	choose("* COMPARATOR i;ascii-casemap", "i;ascii-casemap")
	m.expect("SORT (SUBJECT) UTF-8 ALL", "* SORT 3 1 4 2\n")
	m.expect("SEARCH SUBJECT e", "* SEARCH 4\n")
	m.expect("SEARCH SUBJECT «é»", "* SEARCH\n")
	choose("* COMPARATOR i;unicode-casemap", "default")
	m.expect("SEARCH SUBJECT «é»", "* SEARCH 2\n")
	if err := m.s.comparator(context.Background(), &imap.Comparator{Patterns: []string{"cz;*"}}); err == nil || m.s.collation != fold.UnicodeCasemap {
		t.Errorf("got %v, active %v", err, m.s.collation)
	}
}
