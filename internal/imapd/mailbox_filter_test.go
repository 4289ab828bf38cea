package imapd

import (
	"strconv"
	"strings"
	"testing"

	"github.com/constance-mail/constance/internal/imap"
)

// RFC 5465 section 6, RFC 7377 section 2.2.
func TestMailboxFilter(t *testing.T) {
	for _, c := range []struct {
		kind       imap.FilterKind
		names      []string
		name       string
		subscribed bool
		want       bool
	}{
		{imap.FilterPersonal, nil, "a", false, true},
		{imap.FilterInboxes, nil, "a", false, true},
		{imap.FilterSubscribed, nil, "a", false, false},
		{imap.FilterSubscribed, nil, "a", true, true},
		{imap.FilterSelected, nil, "a", true, false},
		{imap.FilterMailboxes, []string{"b", "a"}, "a", false, true},
		{imap.FilterMailboxes, []string{"inbox"}, "INBOX", false, true},
		{imap.FilterMailboxes, []string{"a"}, "a/b", false, false},
		{imap.FilterMailboxes, []string{"*", "a%", "/"}, "a", false, false}, // no wildcards: section 6.6
		{imap.FilterSubtree, []string{"a"}, "a", false, true},
		{imap.FilterSubtree, []string{"a"}, "a/b/c", false, true},
		{imap.FilterSubtree, []string{"a"}, "ab", false, false},
		{imap.FilterSubtreeOne, []string{"a"}, "a", false, true},
		{imap.FilterSubtreeOne, []string{"a"}, "a/b", false, true},
		{imap.FilterSubtreeOne, []string{"a"}, "a/b/c", false, false},
	} {
		f := newMailboxFilter(&imap.MailboxFilter{Kind: c.kind, Names: c.names})
		if got := f.matches(c.name, c.subscribed); got != c.want {
			t.Errorf("kind %d of %q: %q subscribed %v: got %v", c.kind, c.names, c.name, c.subscribed, got)
		}
	}
}

// A client can list 32,000 names, and have 10,000 mailboxes: each looks at all.
func BenchmarkMailboxFilter(b *testing.B) {
	var names []string
	for i := range 1000 {
		names = append(names, "name"+strconv.Itoa(i))
	}
	for _, kind := range []imap.FilterKind{imap.FilterMailboxes, imap.FilterSubtree} {
		b.Run(strconv.Itoa(int(kind)), func(b *testing.B) {
			f := newMailboxFilter(&imap.MailboxFilter{Kind: kind, Names: names})
			for b.Loop() {
				f.matches(strings.Repeat("x/", 9)+"y", false)
			}
		})
	}
}
