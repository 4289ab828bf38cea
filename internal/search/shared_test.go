package search

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/constance-mail/constance/internal/imap"
	"github.com/constance-mail/constance/internal/mail"
	"github.com/constance-mail/constance/internal/store/storetest"
)

// sharedLines are commands that look at more than the columns of the snapshot.
var sharedLines = []string{
	"SEARCH FROM sender12", "SEARCH NOT SUBJECT meeting", "SEARCH BODY quetzal", "SEARCH TEXT \"invoice and\" UNSEEN",
	"SEARCH OR (SUBJECT report) (HEADER References 9@)", "SEARCH SENTSINCE 15-Nov-2023",
	"SEARCH UID 5:1900 FROM 3", "SORT (SUBJECT) UTF-8 ALL", "SORT (REVERSE FROM DATE) UTF-8 ALL",
	"SEARCH RETURN (RELEVANCY) FUZZY (OR TEXT quezal (SUBJECT meetign UNSEEN))", "SORT (RELEVANCY) UTF-8 FUZZY FROM \"sendr 12\"",
	"SORT (REVERSE DATE) UTF-8 UID 1:2000 BODY budget", "THREAD REFERENCES UTF-8 ALL", "THREAD ORDEREDSUBJECT UTF-8 ALL",
}

// TestSharedEqualsAlone: several goroutines find and order in a large mailbox what one does.
func TestSharedEqualsAlone(t *testing.T) {
	var texts []string
	for i := range 2300 {
		texts = append(texts, storetest.Letter(i))
	}
	m := newMailboxTest(t, texts)
	m.flag([]mail.Flag{mail.Seen}, mail.UIDSet{{Start: 700, Stop: 740}, {Start: 1500, Stop: 1501}})
	m.expunge(mail.UIDSet{{Start: 700, Stop: 739}, {Start: 1501, Stop: 1501}})
	m.open()
	for _, line := range sharedLines {
		var got [2]string
		for i, free := range []int{0, 3} {
			var err error
			m.in.Resources = &Resources{hands: &hands{free: free}, columns: newColumnCache(columnCacheSize)}
			got[i], err = m.do(line)
			m.check(err)
			if back := m.in.Resources.hands.free; back != free {
				t.Fatalf("%s: %d goroutines are given back, want %d", line, back, free)
			}
		}
		if got[0] != got[1] || got[0] == "" {
			t.Errorf("%s: alone %.200q, shared %.200q", line, got[0], got[1])
		}
	}
}

// brokenDigests is an account whose digests cannot be read from a content on.
type brokenDigests struct {
	mail.Account
	from mail.ContentID
}

var errDigests = errors.New("broken digests")

func (a brokenDigests) Digests(
	ctx context.Context, ids []mail.ContentID, want mail.Columns, yield func(int, *mail.Digest) error,
) error {
	if ids[0] >= a.from {
		return errDigests
	}
	return a.Account.Digests(ctx, ids, want, yield)
}

// TestSharedFails: an error in one goroutine ends the command, and one that is cancelled ends, too.
func TestSharedFails(t *testing.T) {
	var texts []string
	for i := range 2300 {
		texts = append(texts, fmt.Sprintf("Subject: %d\r\n\r\n", i))
	}
	m := newMailboxTest(t, texts)
	m.in.Resources.hands = &hands{free: 2}
	for _, from := range []mail.ContentID{1, 1030, 1600, 2040} {
		m.in.Account = brokenDigests{m.acct, from}
		for _, line := range []string{"SEARCH SUBJECT 77", "SORT (SUBJECT) UTF-8 ALL"} {
			if _, err := m.do(line); !errors.Is(err, errDigests) {
				t.Errorf("from content %d: %s: %v", from, line, err)
			}
		}
	}
	m.in.Account = m.acct
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	q := New(&m.in, &imap.SearchKey{Op: imap.SearchAll}, false)
	if err := q.shared(ctx, 2, m.in.Snapshot.Pages); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}
