package imapd

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/constance-mail/constance/internal/fold"
	"github.com/constance-mail/constance/internal/imap"
	"github.com/constance-mail/constance/internal/mail"
	"github.com/constance-mail/constance/internal/search"
)

// letter is a message by its fields; an empty one is left out.
func letter(from, to, cc, subject, date string) string {
	var b strings.Builder
	for _, f := range [...][2]string{{"From", from}, {"To", to}, {"Cc", cc}, {"Subject", subject}, {"Date", date}} {
		if f[1] != "" {
			fmt.Fprintf(&b, "%s: %s\r\n", f[0], f[1])
		}
	}
	return b.String() + "\r\nx\r\n"
}

func sortTest(t testing.TB) *messagesTest {
	return newMessagesTest(t, []string{
		letter("Zoe <ann@x>", "b@x", "c@x", "Re: beta", "Thu, 1 Jan 2026 10:00:00 +0000"),
		letter(`"adam" <Bob@x>`, "Äb <a@x>", "", "alpha", "Thu, 1 Jan 2026 12:00:00 +0300"), // 09:00
		letter("=?utf-8?q?=C3=89va?= <carl@x>", "", "C@y", "[list] Beta", ""),               // internal: 3 January
		letter("", "zed@x", "", "", "Wed, 31 Dec 2025 10:00:00 +0000"),
		letter("ann@y", "b@z", "a@x", strings.Repeat("long ", 20), "Thu, 1 Jan 2026 10:00:00 +0000"),
	})
}

// RFC 5256 section 3, RFC 5957 section 4.
func TestSort(t *testing.T) {
	m := sortTest(t)
	for _, c := range []struct{ criteria, want string }{
		{"ARRIVAL", "1 2 3 4 5"}, {"REVERSE ARRIVAL", "5 4 3 2 1"},
		{"DATE", "4 2 1 5 3"}, {"REVERSE DATE", "3 1 5 2 4"}, // 1 and 5 are equal
		{"SIZE", "4 3 2 1 5"}, {"SUBJECT", "4 2 1 3 5"}, {"REVERSE SUBJECT", "5 1 3 2 4"},
		{"SUBJECT DATE", "4 2 1 3 5"}, {"SUBJECT REVERSE ARRIVAL", "4 2 3 1 5"},
		{"FROM", "4 1 5 2 3"}, {"TO", "3 2 1 5 4"}, {"CC", "2 4 5 1 3"},
		{"DISPLAYFROM", "4 2 5 3 1"}, {"DISPLAYTO", "3 2 1 5 4"},
		{"FROM REVERSE SUBJECT SIZE", "4 5 1 2 3"},
	} {
		m.expect("SORT ("+c.criteria+") UTF-8 ALL", "* SORT "+c.want+"\n")
	}
	m.expect("SORT (DATE) UTF-8 2:4", "* SORT 4 2 3\n")
	m.expect("SORT (DATE) US-ASCII SUBJECT none", "* SORT\n")
	m.expect("SORT (CC) UTF-8 SUBJECT «BETA»", "* SORT 1 3\n")
	m.refused("SORT (DATE) X-NONE ALL", imap.CodeBadCharset+" (US-ASCII UTF-8)", "")
}

// RFC 5267 section 3, RFC 9394 section 3, RFC 5182, RFC 7162 section 3.1.10.
func TestSortReturn(t *testing.T) {
	m := sortTest(t)
	m.expungeElsewhere(1)
	m.check(m.s.sync(context.Background(), true)) // numbers and UIDs differ now
	m.check(m.s.out.flush())
	now, err := m.acct.ModSeq(context.Background())
	m.check(err)
	m.s.enable(featCondStore)
	m.check(m.s.out.flush())
	for _, c := range []struct{ line, want string }{
		{"SORT (DATE) UTF-8 ALL", "* SORT 3 1 4 2\n"}, {"UID SORT (DATE) UTF-8 ALL", "* SORT 4 2 5 3\n"},
		{"SORT RETURN () (DATE) UTF-8 ALL", "* ESEARCH (TAG \"t\") ALL 3,1,4,2\n"},
		{"UID SORT RETURN (ALL) (ARRIVAL) UTF-8 ALL", "* ESEARCH (TAG \"t\") UID ALL 2:5\n"},
		{"UID SORT RETURN (ALL) (REVERSE ARRIVAL) UTF-8 ALL", "* ESEARCH (TAG \"t\") UID ALL 5,4,3,2\n"}, // RFC 5267 section 3.2
		{"UID SORT RETURN (MIN MAX COUNT) (DATE) UTF-8 ALL", "* ESEARCH (TAG \"t\") UID MIN 4 MAX 3 COUNT 4\n"},
		{"UID SORT RETURN (PARTIAL 2:3) (DATE) UTF-8 ALL", "* ESEARCH (TAG \"t\") UID PARTIAL (2:3 2,5)\n"},
		{"UID SORT RETURN (PARTIAL -1:-2) (DATE) UTF-8 ALL", "* ESEARCH (TAG \"t\") UID PARTIAL (-1:-2 5,3)\n"},
		{"SORT RETURN (PARTIAL 5:6) (DATE) UTF-8 ALL", "* ESEARCH (TAG \"t\") PARTIAL (5:6 NIL)\n"},
		{"SORT RETURN (MIN COUNT) (DATE) UTF-8 KEYWORD x", "* ESEARCH (TAG \"t\") COUNT 0\n"},
		{"SORT RETURN (SAVE) (DATE) UTF-8 UID 3:4", ""}, {"UID SEARCH $", "* SEARCH 3 4\n"},
		{"UID SORT RETURN (SAVE PARTIAL 1:1 MAX) (DATE) UTF-8 ALL", "* ESEARCH (TAG \"t\") UID MAX 3 PARTIAL (1:1 4)\n"},
		{"UID SEARCH $", "* SEARCH 3 4\n"},
		{"UID SORT (DATE) UTF-8 MODSEQ 1", fmt.Sprintf("* SORT 4 2 5 3 (MODSEQ %d)\n", now-2)},
		{"UID SORT RETURN (MIN) (DATE) UTF-8 MODSEQ 1", fmt.Sprintf("* ESEARCH (TAG \"t\") UID MIN 4 MODSEQ %d\n", now-3)},
		{"UID SORT RETURN (COUNT PARTIAL 1:1) (DATE) UTF-8 MODSEQ 1",
			fmt.Sprintf("* ESEARCH (TAG \"t\") UID PARTIAL (1:1 4) COUNT 4 MODSEQ %d\n", now-2)},
	} {
		m.expect(c.line, c.want)
	}
}

// RFC 9394 section 3.1 and table 1 of section 3.2.
func TestSearchPartial(t *testing.T) {
	m := searchTest(t)
	for _, c := range []struct{ line, want string }{
		{"SEARCH RETURN (PARTIAL 1:2) UNSEEN", "* ESEARCH (TAG \"t\") PARTIAL (1:2 2,4)\n"},
		{"SEARCH RETURN (PARTIAL 3:2) UNSEEN", "* ESEARCH (TAG \"t\") PARTIAL (3:2 4:5)\n"},
		{"SEARCH RETURN (PARTIAL 3:9) UNSEEN", "* ESEARCH (TAG \"t\") PARTIAL (3:9 5)\n"},
		{"SEARCH RETURN (PARTIAL 4:9) UNSEEN", "* ESEARCH (TAG \"t\") PARTIAL (4:9 NIL)\n"},
		{"UID SEARCH RETURN (PARTIAL -1:-2 COUNT) UNSEEN", "* ESEARCH (TAG \"t\") UID PARTIAL (-1:-2 4:5) COUNT 3\n"},
		{"SEARCH RETURN (PARTIAL -9:-3) UNSEEN", "* ESEARCH (TAG \"t\") PARTIAL (-9:-3 2)\n"},
		{"SEARCH RETURN (SAVE PARTIAL 2:2) ALL", "* ESEARCH (TAG \"t\") PARTIAL (2:2 2)\n"}, {"SEARCH $", "* SEARCH 2\n"},
		{"SEARCH RETURN (SAVE PARTIAL 2:2 MIN) ALL", "* ESEARCH (TAG \"t\") MIN 1 PARTIAL (2:2 2)\n"}, {"SEARCH $", "* SEARCH 1 2\n"},
		{"SEARCH RETURN (SAVE PARTIAL 2:2 MAX) ALL", "* ESEARCH (TAG \"t\") MAX 5 PARTIAL (2:2 2)\n"}, {"SEARCH $", "* SEARCH 2 5\n"},
		{"SEARCH RETURN (SAVE PARTIAL 2:2 MIN MAX) ALL", "* ESEARCH (TAG \"t\") MIN 1 MAX 5 PARTIAL (2:2 2)\n"},
		{"SEARCH $", "* SEARCH 1 2 5\n"},
		{"SEARCH RETURN (SAVE PARTIAL 2:2 COUNT MIN) 2:4", "* ESEARCH (TAG \"t\") MIN 2 PARTIAL (2:2 3) COUNT 3\n"},
		{"SEARCH $", "* SEARCH 2 3 4\n"},
		{"SEARCH RETURN (PARTIAL 1:1) KEYWORD none", "* ESEARCH (TAG \"t\") PARTIAL (1:1 NIL)\n"},
	} {
		m.expect(c.line, c.want)
	}
}

// Whatever the cache holds, and whatever arrived or went since, the order is that of a plain stable sort of the keys.
func TestSortHistory(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	words := []string{"", "a", "A", "b", "Re: a", "é", "E", "ee", "z (fwd)", "日本", "aaaaaaaaaa", "aaaaaaaab"}
	random := func() string {
		w := func() string { return words[r.IntN(len(words))] }
		day := time.Date(2026, 1, 1+r.IntN(5), 0, 0, 0, 0, time.UTC)
		return letter(w()+" <"+words[1+r.IntN(3)]+"@x>", w()+" <b@x>", w()+" <c@x>", w(), day.Format(time.RFC1123Z))
	}
	m := newMessagesTest(t, []string{random(), random(), random()})
	for range 60 {
		switch n := m.s.sel.view.len(); {
		case r.IntN(3) > 0 || n < 2:
			m.append(mail.Inbox, random(), time.Date(2026, 1, 1+r.IntN(9), 0, 0, 0, 0, time.UTC), nil)
		default:
			m.expungeElsewhere(m.s.sel.view.uid(1 + uint32(r.IntN(int(n)))))
		}
		m.check(m.s.sync(context.Background(), true))
		m.check(m.s.out.flush())
		var criteria []imap.SortCriterion
		for range 1 + r.IntN(3) {
			criteria = append(criteria, imap.SortCriterion{Key: imap.SortKey(r.IntN(9)), Reverse: r.IntN(2) == 0})
		}
		c := imap.Sort{Search: imap.Search{Charset: "UTF-8", UID: true}, Criteria: criteria}
		m.expect(string(c.Append(nil, true)), "* SORT"+m.sortedPlainly(criteria)+"\n")
	}
}

// sortedPlainly are the UIDs of the selected mailbox as they have to be sorted.
func (m *messagesTest) sortedPlainly(criteria []imap.SortCriterion) string {
	type message struct {
		uid    mail.UID
		digest mail.Digest
		page   *mail.Page
		row    int
	}
	snap, err := m.acct.Snapshot(context.Background(), m.s.sel.id)
	m.check(err)
	var all []message
	for _, p := range snap.Pages {
		m.check(m.acct.Digests(context.Background(), p.Contents, mail.ColKeys, func(i int, d *mail.Digest) error {
			all = append(all, message{p.UIDs[i], *d, p, i})
			return nil
		}))
	}
	text := func(a, b string) int { return bytes.Compare(fold.Append(nil, a), fold.Append(nil, b)) }
	slices.SortStableFunc(all, func(a, b message) int {
		for _, c := range criteria {
			n := [...]int{
				imap.SortArrival:     cmp.Compare(a.page.Internal[a.row], b.page.Internal[b.row]),
				imap.SortCc:          text(a.digest.CcSort, b.digest.CcSort),
				imap.SortDate:        cmp.Compare(a.digest.Sent, b.digest.Sent),
				imap.SortFrom:        text(a.digest.FromSort, b.digest.FromSort),
				imap.SortSize:        cmp.Compare(a.page.Sizes[a.row], b.page.Sizes[b.row]),
				imap.SortSubject:     text(a.digest.BaseSubject, b.digest.BaseSubject),
				imap.SortTo:          text(a.digest.ToSort, b.digest.ToSort),
				imap.SortDisplayFrom: text(a.digest.FromDisplay, b.digest.FromDisplay),
				imap.SortDisplayTo:   text(a.digest.ToDisplay, b.digest.ToDisplay),
			}[c.Key]
			if c.Reverse {
				n = -n
			}
			if n != 0 {
				return n
			}
		}
		return 0
	})
	var b strings.Builder
	for i := range all {
		fmt.Fprintf(&b, " %d", all[i].uid)
	}
	return b.String()
}

func benchmarkSort(b *testing.B, n int, line string, cold bool) {
	m := manyMessages(b, n)
	b.ReportAllocs()
	for b.Loop() {
		if cold {
			m.s.srv.searching = search.NewResources(0)
		}
		if _, err := m.do(line); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSort(b *testing.B) {
	for _, n := range []int{20_000, 100_000} {
		for _, c := range []struct{ name, line string }{
			{"ReverseDate", "UID SORT (REVERSE DATE) UTF-8 ALL"}, {"Subject", "UID SORT (SUBJECT) UTF-8 ALL"},
			{"Arrival", "UID SORT (ARRIVAL) UTF-8 ALL"}, {"References", "UID THREAD REFERENCES UTF-8 ALL"},
			{"Refs", "UID THREAD REFS UTF-8 ALL"}, {"OrderedSubject", "UID THREAD ORDEREDSUBJECT UTF-8 ALL"},
		} {
			b.Run(fmt.Sprintf("%s%d/cold", c.name, n), func(b *testing.B) { benchmarkSort(b, n, c.line, true) })
			b.Run(fmt.Sprintf("%s%d/warm", c.name, n), func(b *testing.B) { benchmarkSort(b, n, c.line, false) })
		}
	}
}
