package imapd

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/constance-mail/constance/internal/mail"
)

// sharedLines are commands that look at more than the columns of the snapshot.
var sharedLines = []string{
	"UID SEARCH FROM sender12", "UID SEARCH NOT SUBJECT meeting", "UID SEARCH BODY quetzal", "UID SEARCH TEXT \"invoice and\" UNSEEN",
	"UID SEARCH OR (SUBJECT report) (HEADER References 9@)", "UID SEARCH RETURN (MIN MAX COUNT) SENTSINCE 1-Jan-2024",
	"UID SEARCH 5:1900 FROM 3", "UID SORT (SUBJECT) UTF-8 ALL", "UID SORT (REVERSE FROM DATE) UTF-8 ALL",
	"UID SEARCH RETURN (ALL RELEVANCY) FUZZY (OR TEXT quezal (SUBJECT meetign UNSEEN))", "UID SORT (RELEVANCY) UTF-8 FUZZY FROM \"sendr 12\"",
	"UID SORT (REVERSE DATE) UTF-8 1:2000 BODY budget", "UID THREAD REFERENCES UTF-8 ALL", "UID THREAD ORDEREDSUBJECT UTF-8 ALL",
}

// TestSharedEqualsAlone: several goroutines find and order in a large mailbox what one does.
func TestSharedEqualsAlone(t *testing.T) {
	var texts []string
	for i := range 2300 {
		texts = append(texts, benchText(i))
	}
	m := newMessagesTest(t, texts)
	_, err := m.do("UID STORE 700:740,1500:1501 +FLAGS (\\Deleted \\Seen)")
	m.check(err)
	_, err = m.do("UID EXPUNGE 700:739,1501")
	m.check(err)
	for _, line := range sharedLines {
		var got [2]string
		for i, free := range []int{0, 3} {
			m.s.srv.hands, m.s.srv.columns = &hands{free: free}, newColumnCache(columnCacheSize)
			got[i], err = m.do(line)
			m.check(err)
			if m.s.srv.hands.free != free {
				t.Fatalf("%s: %d goroutines are given back, want %d", line, m.s.srv.hands.free, free)
			}
		}
		if got[0] != got[1] || len(got[0]) < 20 {
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
	m := newMessagesTest(t, texts)
	m.s.srv.hands = &hands{free: 2}
	for _, from := range []mail.ContentID{1, 1030, 1600, 2040} {
		m.s.sel.acct = brokenDigests{m.acct, from}
		for _, line := range []string{"UID SEARCH SUBJECT 77", "UID SORT (SUBJECT) UTF-8 ALL"} {
			if _, err := m.do(line); !errors.Is(err, errDigests) {
				t.Errorf("from content %d: %s: %v", from, line, err)
			}
		}
	}
	m.s.sel.acct = m.acct
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	snap, err := m.acct.Snapshot(context.Background(), m.s.sel.id)
	m.check(err)
	q := m.s.searchIn(m.acct, snap, &m.s.sel.view)
	if err := q.shared(ctx, 2, snap.Pages); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}
