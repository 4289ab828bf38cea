package search

import (
	"context"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/constance-mail/constance/internal/imap"
	"github.com/constance-mail/constance/internal/imap/wire"
	"github.com/constance-mail/constance/internal/mail"
	"github.com/constance-mail/constance/internal/message"
	"github.com/constance-mail/constance/internal/store/mem"
)

// mailboxTest is a mailbox to search in.
type mailboxTest struct {
	t    testing.TB
	acct mail.Account
	in   Scope // the INBOX of acct as it was when open was called
	n    int   // messages that were appended: the i-th came on day i of 2026
}

// newMailboxTest has these messages in a store in memory.
func newMailboxTest(t testing.TB, messages []string) *mailboxTest {
	t.Helper()
	store := mem.New(mail.Options{})
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return mailboxTestOf(t, store.Account("test"), messages)
}

// mailboxTestOf is the INBOX of an account that gets these messages.
func mailboxTestOf(t testing.TB, acct mail.Account, messages []string) *mailboxTest {
	t.Helper()
	m := &mailboxTest{t: t, acct: acct, in: Scope{Resources: NewResources(0), Account: acct}}
	m.open()
	for _, text := range messages {
		m.append(text)
	}
	m.open()
	return m
}

// open has all messages of now known.
func (m *mailboxTest) open() {
	m.t.Helper()
	box, err := m.acct.Mailbox(context.Background(), mail.Inbox)
	m.check(err)
	m.in.Snapshot, err = m.acct.Snapshot(context.Background(), box.ID)
	m.check(err)
	m.in.Last = box.UIDNext - 1
}

func (m *mailboxTest) check(err error) {
	m.t.Helper()
	if err != nil {
		m.t.Fatal(err)
	}
}

func (m *mailboxTest) append(text string) {
	m.t.Helper()
	ctx := context.Background()
	up, err := m.acct.NewUpload(ctx, int64(len(text)))
	m.check(err)
	defer func() { m.check(up.Close()) }()
	_, err = io.WriteString(up, text)
	m.check(err)
	d, err := message.Digest(up, up.Size())
	m.check(err)
	m.n++
	at := time.Date(2026, 1, m.n, 12, 0, 0, 0, time.UTC)
	_, err = m.acct.Append(ctx, m.in.Snapshot.Mailbox.ID, []mail.NewMessage{{Upload: up, Digest: d, Internal: at}})
	m.check(err)
}

// flag adds flags to messages.
func (m *mailboxTest) flag(flags []mail.Flag, uids mail.UIDSet) {
	m.t.Helper()
	_, err := m.acct.SetFlags(context.Background(), m.in.Snapshot.Mailbox.ID, mail.FlagChange{UIDs: uids, Op: mail.AddFlags, Flags: flags})
	m.check(err)
}

func (m *mailboxTest) expunge(uids mail.UIDSet) {
	m.t.Helper()
	m.flag([]mail.Flag{mail.Deleted}, uids)
	_, _, err := m.acct.Expunge(context.Background(), m.in.Snapshot.Mailbox.ID, uids)
	m.check(err)
}

// lineSource is one command line.
type lineSource struct{ io.Reader }

func (lineSource) Wait() error { return nil }

// literals are written «so» in the tests.
var literals = regexp.MustCompile("«[^»]*»")

func (m *mailboxTest) read(line string) imap.Command {
	m.t.Helper()
	line = literals.ReplaceAllStringFunc(line, func(s string) string {
		s = s[len("«") : len(s)-len("»")]
		return fmt.Sprintf("{%d+}\r\n%s", len(s), s)
	})
	_, c, err := imap.Read(wire.NewDecoder(lineSource{strings.NewReader("t " + line + "\r\n")}, wire.Options{}))
	m.check(err)
	return c
}

// do carries out a SEARCH, SORT or THREAD whose sets are of UIDs: the UIDs as a set, with the scores if
// RELEVANCY is asked for; those in their order; or as THREAD answers.
func (m *mailboxTest) do(line string) (string, error) {
	m.t.Helper()
	switch c := m.read(line).(type) {
	case *imap.Search:
		scored := c.Return&imap.ReturnRelevancy != 0
		found, err := New(&m.in, &c.Key, scored).Run(context.Background())
		if scored {
			return fmt.Sprint(found.UIDs, " ", found.Scores), err
		}
		return found.UIDs.String(), err
	case *imap.Sort:
		return m.sort(c)
	case *imap.Thread:
		q := New(&m.in, &c.Search.Key, false)
		found, err := q.Run(context.Background())
		if err != nil {
			return "", err
		}
		f, err := q.Thread(context.Background(), found.UIDs, c.Algorithm)
		if err != nil {
			return "", err
		}
		return string(appendThreads(nil, f, f.Root)), nil
	}
	m.t.Fatalf("%s is no search", line)
	return "", nil
}

func (m *mailboxTest) sort(c *imap.Sort) (string, error) {
	q := New(&m.in, &c.Search.Key, c.Search.Key.Has(imap.SearchFuzzy))
	found, err := q.Run(context.Background())
	if err != nil {
		return "", err
	}
	order, err := q.Sort(context.Background(), found, c.Criteria)
	return fmt.Sprint(order), err
}

// appendThreads appends a node and its siblings, as THREAD answers. RFC 5256 section 4.
func appendThreads(b []byte, f *Forest, i int32) []byte {
	for ; i != None; i = f.Next[i] {
		b = append(appendThread(append(b, '('), f, i), ')')
	}
	return b
}

func appendThread(b []byte, f *Forest, i int32) []byte {
	child := f.Child[i]
	if int(i) < len(f.UIDs) {
		b = strconv.AppendUint(b, uint64(f.UIDs[i]), 10)
		if child != None {
			b = append(b, ' ')
		}
	}
	if child != None && f.Next[child] == None {
		return appendThread(b, f, child)
	}
	return appendThreads(b, f, child)
}

// expect compares what a command that succeeds finds.
func (m *mailboxTest) expect(line, want string) {
	m.t.Helper()
	if got, err := m.do(line); err != nil || got != want {
		m.t.Errorf("%s: got %q, %v, want %q", line, got, err, want)
	}
}

// uids are the UIDs of what a key finds.
func (m *mailboxTest) uids(key string) mail.UIDSet {
	m.t.Helper()
	found, err := New(&m.in, &m.read("SEARCH "+key).(*imap.Search).Key, false).Run(context.Background())
	m.check(err)
	return found.UIDs
}
