package imapd

import (
	"fmt"
	"strings"
	"testing"

	"github.com/constance-mail/constance/internal/imap"
	"github.com/constance-mail/constance/internal/mail"
)

// limitedMailbox is a session with n messages in INBOX, and a limit.
func limitedMailbox(t *testing.T, n, limit int) *messagesTest {
	t.Helper()
	texts := make([]string, n)
	for i := range texts {
		texts[i] = fmt.Sprintf("Subject: %d\n\n", i+1)
	}
	m := newMessagesTest(t, texts)
	m.s.srv.opts.MessageLimit = limit
	return m
}

// TestLimitedFetchFromAbove: the chunks of a FETCH come from the highest UID down too, and so does what is in them.
func TestLimitedFetchFromAbove(t *testing.T) {
	const all, limit = 700, 600
	m := limitedMailbox(t, all, limit)
	for _, items := range []string{"(UID)", "(UID ENVELOPE)", "(UID BODY[])"} {
		got, err := m.do("FETCH 1:* " + items)
		if err != nil {
			t.Fatal(err)
		}
		next := all
		for line := range strings.Lines(got) {
			if !strings.HasPrefix(line, "* ") || !strings.Contains(line, " FETCH (") {
				continue
			}
			if want := fmt.Sprintf("* %d FETCH (UID %d", next, next); !strings.HasPrefix(line, want) {
				t.Fatalf("%s: got %q, want %q", items, line, want)
			}
			next--
		}
		if next != all-limit || m.s.bound.lowest != all-limit+1 {
			t.Errorf("%s: %d is not told, lowest %d", items, next, m.s.bound.lowest)
		}
	}
}

// TestUnlimited: as many messages as there are do not reach a limit.
func TestUnlimited(t *testing.T) {
	for _, limit := range []int{0, 4, 5} {
		m := limitedMailbox(t, 4, limit)
		for _, c := range []string{"FETCH 1:* UID", "STORE 1:* +FLAGS.SILENT (\\Deleted)", "SEARCH ALL", "SORT (SUBJECT) UTF-8 ALL",
			"THREAD REFERENCES UTF-8 ALL", "COPY 1:* INBOX", "UID MOVE 1:4 INBOX", "UID EXPUNGE 5:8"} {
			if _, err := m.do(c); err != nil || m.s.bound.lowest != 0 {
				t.Errorf("limit %d, %s: %v, lowest %d", limit, c, err, m.s.bound.lowest)
			}
		}
	}
}

// RFC 9738 section 3.1: which messages a search has to look at.
func TestSearchLooksAt(t *testing.T) {
	m := limitedMailbox(t, 9, 1)
	m.s.sel.saved = mail.SetOf(2, 3)
	snap, err := m.acct.Snapshot(t.Context(), m.s.sel.id)
	m.check(err)
	q := m.s.searchIn(m.acct, snap, &m.s.sel.view)
	q.saved = m.s.sel.saved
	for keys, want := range map[string]string{
		"ALL": "1:9", "2:5": "2:5", "UID 7:*": "7:9", "$": "2:3", "UIDAFTER 7": "8:9", "UIDBEFORE 3": "1:2", "UIDBEFORE 1": "",
		"UIDAFTER 4294967295": "", "UIDAFTER 2 UIDBEFORE 6 SEEN": "3:5", "(1:5 (UID 4:8)) SUBJECT a": "4:5",
		"OR 1 2": "1:9", "NOT 1": "1:9", "NOT UIDBEFORE 4": "1:9", "UIDBEFORE 4294967295": "1:9",
	} {
		k, err := imap.ParseSearchCriteria(keys)
		m.check(err)
		if got := q.among(q.view.uids(), &k).String(); got != want {
			t.Errorf("%s: got %s, want %s", keys, got, want)
		}
	}
}

// TestLimitIsTold: by the code of the tagged OK or, if that has another one, before it; not after a failure.
func TestLimitIsTold(t *testing.T) {
	const untagged = "* NO [MESSAGELIMIT 2 7] there are more messages\r\n"
	for _, c := range []struct {
		lowest           mail.UID
		had              string
		err              error
		code, wantBefore string
	}{
		{0, "", nil, "", ""},
		{7, "", nil, "[MESSAGELIMIT 2 7]", ""},
		{7, "[MODIFIED 3]", nil, "[MODIFIED 3]", untagged},
		{7, "", refuse(imap.CodeExpungeIssued, ""), "", untagged},
		{7, "", refuse(imap.CodeUnknownCTE, ""), "", untagged},
		{7, "", refuse(imap.CodeOverQuota, ""), "", ""},
		{7, "", bad(""), "", ""},
	} {
		s := &session{srv: New(Options{MessageLimit: 2}), code: []byte(c.had), bound: bounded{lowest: c.lowest}}
		s.tellLimit(c.err)
		if string(s.code) != c.code || string(s.out.buf) != c.wantBefore {
			t.Errorf("%+v: got code %q, %q before it", c, s.code, s.out.buf)
		}
	}
}

// TestLimitOfAppend: the limit that is announced is told by its own code; without one an APPEND takes 1000 messages.
func TestLimitOfAppend(t *testing.T) {
	for _, c := range []struct {
		limit, n int
		want     string
	}{
		{0, maxAppend, "a OK [APPENDUID "}, {0, maxAppend + 1, "a NO [LIMIT] "},
		{2, 2, "a OK [APPENDUID "}, {2, 3, "a NO [MESSAGELIMIT 2] "},
		{5000, maxAppend + 1, "a NO [LIMIT] "},
	} {
		s := startServer(t, func(o *Options) { o.MessageLimit = c.limit })
		k := s.login("ann")
		k.send("a APPEND INBOX" + strings.Repeat(" {1+}\r\nx", c.n) + "\r\n")
		k.want(c.want)
		want := c.n
		if strings.HasPrefix(c.want, "a NO") {
			want = 0
		}
		k.send("b STATUS INBOX (MESSAGES)\r\n")
		k.want(fmt.Sprintf(`* STATUS "INBOX" (MESSAGES %d)`, want))
	}
}
