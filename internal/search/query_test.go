package search

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/constance-mail/constance/internal/fold"
	"github.com/constance-mail/constance/internal/imap"
	"github.com/constance-mail/constance/internal/mail"
)

// subjects are messages with these subjects.
func subjects(all ...string) (messages []string) {
	for _, s := range all {
		messages = append(messages, "Subject: "+s+"\r\n\r\nx\r\n")
	}
	return messages
}

// TestLast: messages that the client does not know of are neither found nor put in order.
func TestLast(t *testing.T) {
	m := newMailboxTest(t, subjects("b", "a", "b"))
	m.in.Last = 2
	m.expect("SEARCH ALL", "1:2")
	m.expect("SEARCH SUBJECT b", "1")
	m.expect("SEARCH UID *", "2")
	m.expect("SORT (SUBJECT) UTF-8 ALL", "[2 1]")
	m.expect("THREAD ORDEREDSUBJECT UTF-8 ALL", "(1)(2)")
	m.in.Last = 0
	m.expect("SEARCH ALL", "")
	m.expect("SORT (SUBJECT) UTF-8 ALL", "[]")
	m.expect("THREAD REFERENCES UTF-8 ALL", "")
}

// TestScope: what is recent, and how texts are compared, is the scope's.
func TestScope(t *testing.T) {
	m := newMailboxTest(t, subjects("b", "A", "B"))
	m.in.Recent = mail.SetOf(3)
	m.expect("SEARCH RECENT", "3")
	m.expect("SEARCH SUBJECT b", "1,3")
	m.expect("SORT (SUBJECT) UTF-8 ALL", "[2 1 3]")
	m.in.Collation = fold.Octet
	m.expect("SEARCH SUBJECT b", "1")
	m.expect("SORT (SUBJECT) UTF-8 ALL", "[2 3 1]")
}

// TestTell: the progress is told page by page, and who does not want to hear more ends the search.
func TestTell(t *testing.T) {
	const pages = 3
	m := newMailboxTest(t, subjects(make([]string, pages*mail.PageSize)...))
	var told []int
	m.in.Tell = func(done, total int) error {
		if total != pages*mail.PageSize {
			t.Errorf("%d messages in all", total)
		}
		told = append(told, done)
		return nil
	}
	m.expect("SEARCH UNSEEN", fmt.Sprintf("1:%d", pages*mail.PageSize))
	if n := len(told); n < pages || !slices.IsSorted(told) || told[0] > mail.PageSize || told[n-1] != pages*mail.PageSize {
		t.Errorf("told %v", told)
	}
	gone := errors.New("gone")
	m.in.Tell = func(int, int) error { return gone }
	if _, err := m.do("SEARCH UNSEEN"); !errors.Is(err, gone) {
		t.Errorf("got %v", err)
	}
}

// TestChanged: only what changed, or is new, is looked at, and what of it matches is found. RFC 5267 section
// 4.3.
func TestChanged(t *testing.T) {
	m := newMailboxTest(t, subjects("a", "b", "a", "b"))
	told, last := m.in.Snapshot.Mailbox.HighestMod, m.in.Last
	m.flag([]mail.Flag{mail.Seen}, mail.SetOf(2, 3))
	for _, text := range subjects("a", "b") {
		m.append(text)
	}
	m.open()
	q := New(&m.in, &imap.SearchKey{Op: imap.SearchSubject, Text: "a"}, false)
	found, examined, err := q.Changed(context.Background(), told, last)
	m.check(err)
	if got := examined.String(); got != "2:3,5:6" {
		t.Errorf("%s are examined", got)
	}
	if got := found.UIDs.Intersect(examined).String(); got != "3,5" {
		t.Errorf("%s of them match", got)
	}
	q = New(&m.in, &imap.SearchKey{Op: imap.SearchAll}, false)
	if found, examined, err := q.Changed(context.Background(), m.in.Snapshot.Mailbox.HighestMod, m.in.Last); err != nil || len(examined) > 0 || len(found.UIDs) > 0 {
		t.Errorf("nothing changed: %s, %s, %v", found.UIDs, examined, err)
	}
}

// TestTellInPage: where contents have to be read, the progress is told content by content.
func TestTellInPage(t *testing.T) {
	m := newMailboxTest(t, subjects("a", "b", "c"))
	var told []int
	m.in.Tell = func(done, _ int) error {
		told = append(told, done)
		return nil
	}
	m.expect("SEARCH BODY x", "1:3")
	if !slices.Equal(told, []int{0, 1, 2, 3}) {
		t.Errorf("told of %v", told)
	}
	gone := errors.New("gone")
	m.in.Tell = func(done, _ int) error {
		if done == 1 {
			return gone
		}
		return nil
	}
	if _, err := m.do("SEARCH BODY x"); !errors.Is(err, gone) {
		t.Errorf("the client is gone: %v", err)
	}
}

// TestLargeDigests: more octets of digests than are kept at a time, of messages whose contents have to be read.
func TestLargeDigests(t *testing.T) {
	var messages []string
	to := strings.Repeat("somebody.with.a.long.name@example.org, ", 50_000/40) + "a@b"
	const n = 3 * keptOctets / 50_000
	for i := range n {
		messages = append(messages, fmt.Sprintf("To: %s\r\n\r\nNumber %d.\r\n", to, i))
	}
	m := newMailboxTest(t, messages)
	kept := 0
	for _, p := range m.in.Snapshot.Pages {
		err := m.acct.Digests(context.Background(), p.Contents, ^mail.ColBorrowed, func(_ int, d *mail.Digest) error {
			kept += len(d.Parts) + len(d.Headers) + len(d.To)
			return nil
		})
		m.check(err)
	}
	if kept < 2*keptOctets {
		t.Fatalf("only %d octets", kept)
	}
	m.expect(fmt.Sprintf("SEARCH TO b BODY %q", fmt.Sprintf("Number %d.", n-1)), fmt.Sprint(n))
	m.expect("SEARCH TO b BODY number", fmt.Sprintf("1:%d", n))
}
