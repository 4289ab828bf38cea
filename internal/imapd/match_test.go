package imapd

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/constance-mail/constance/internal/mail"
)

func TestMatch(t *testing.T) {
	for _, c := range []struct {
		ref, pattern, name string
		want               bool
	}{
		{"", "*", "a/b", true}, {"", "%", "a", true}, {"", "%", "a/b", false}, {"", "%/%", "a/b", true}, {"", "%/%", "a", false},
		{"", "a*", "a/b/c", true}, {"", "*c", "a/b/c", true}, {"", "a/%", "a/b/c", false}, {"", "a/%/c", "a/b/c", true},
		{"", "*b*", "a/b/c", true}, {"", "*x*", "a/b/c", false}, {"", "%b%", "abc", true}, {"", "a%c", "ac", true},
		{"a/", "%", "a/b", true}, {"a/", "b", "a/b", true}, {"", "", "a", false},
		{"", "inbox", "INBOX", true}, {"", "InBox/sub", "INBOX/sub", true}, {"", "inbox/SUB", "INBOX/sub", false},
		{"", "in%", "INBOX", true}, {"", "*below", "INBOX/below", true}, {"", "i*x/b*", "INBOX/below", true},
		{"", "inboxes", "INBOXES", false}, {"", "A", "a", false}, {"", "日本", "日本", true}, {"", "%本", "日本", true},
		{"", "%*%*%", "a/b", true}, {"", strings.Repeat("*a", 900), strings.Repeat("a", 900), true},
		{"", strings.Repeat("%a", 900) + "b", strings.Repeat("a", 999), false}, {"", strings.Repeat("x", 9000), "x", false},
	} {
		if got := newMatcher(c.ref, c.pattern).match(c.name); got != c.want {
			t.Errorf("%.40q %.40q and %.40q: got %v", c.ref, c.pattern, c.name, got)
		}
	}
}

// naive is the definition of the wildcards.
func naive(p, name string) bool {
	if p == "" {
		return name == ""
	}
	switch p[0] {
	case '*', '%':
		for i := 0; i <= len(name); i++ {
			if naive(p[1:], name[i:]) {
				return true
			}
			if i < len(name) && p[0] == '%' && name[i] == mail.Separator {
				return false
			}
		}
		return false
	}
	return name != "" && name[0] == p[0] && naive(p[1:], name[1:])
}

func TestMatchAgainstNaive(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	random := func(alphabet string, n int) string {
		b := make([]byte, r.IntN(n))
		for i := range b {
			b[i] = alphabet[r.IntN(len(alphabet))]
		}
		return string(b)
	}
	for range 20000 {
		p, name := random("ab/*%%*", 9), random("aab/", 9)
		long := strings.Repeat("c", r.IntN(2)*(55+r.IntN(12))) // over the end of a word of states, or not
		p, name = long+p, long+name
		if got, want := newMatcher("", p).match(name), naive(p, name); got != want {
			t.Fatalf("%q and %q: got %v", p, name, got)
		}
	}
}

func TestTree(t *testing.T) {
	boxes := []mail.Mailbox{{ID: 1, Name: "INBOX"}, {ID: 2, Name: "a/b/c"}, {Name: "a/b/d/e"}, {ID: 4, Name: "a-b"}, {ID: 5, Name: "x"}, {ID: 6, Name: "x/y"}}
	var got []string
	for _, e := range tree(boxes, nil) {
		s := e.name
		for _, f := range []struct {
			is   bool
			word string
		}{{e.exists, "exists"}, {e.implied, "parent"}, {e.subscribed, "subscribed"}} {
			if f.is {
				s += " " + f.word
			}
		}
		got = append(got, s)
	}
	want := "INBOX exists; a parent; a/b parent; a/b/c exists; a/b/d; a/b/d/e subscribed; a-b exists; x exists parent; x/y exists"
	if s := strings.Join(got, "; "); s != want {
		t.Errorf("got  %s\nwant %s", s, want)
	}
}

func BenchmarkMatch(b *testing.B) {
	m := newMatcher("", "Archive/*/2%")
	for b.Loop() {
		m.match("Archive/Projects/Constance/2026")
	}
}
