package imapd

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/constance-mail/constance/internal/imap"
	"github.com/constance-mail/constance/internal/mail"
)

func searchTest(t testing.TB) *messagesTest {
	huge := "Subject: huge header\r\n" + strings.Repeat("X-Spam-Report: "+strings.Repeat("y", 900)+"\r\n", 30) + "X-Last: needle\r\n\r\nx\r\n"
	return newMessagesTest(t, []string{
		crlf(simpleMessage),
		crlf(nestedMessage),
		"From: =?koi8-r?B?6dfBzg==?= <ivan@example.ru>\r\nTo: bob@example.net\r\nCc: \"Carol, C.\" <carol@example.net>\r\n" +
			"Subject: =?koi8-r?Q?=F0=D2=C9=D7=C5=D4?=\r\nDate: Sat, 3 Jan 2026 23:30:00 -0500\r\nContent-Type: text/plain; charset=koi8-r\r\n\r\n" +
			"\xf0\xf2\xe9\xf7\xe5\xf4 there\r\n",
		"Bcc: secret@example.org\r\nSubject: no date\r\nX-Empty:\r\nContent-Transfer-Encoding: base64\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nU3RyYcOfZSBpbiBLw7Zsbg==\r\n",
		huge,
	}, []mail.Flag{mail.Seen}, []mail.Flag{mail.Flagged, "$Work"}, []mail.Flag{mail.Seen, mail.Answered}, []mail.Flag{mail.Draft}, []mail.Flag{mail.Deleted})
}

func TestSearch(t *testing.T) {
	m := searchTest(t)
	ctx := context.Background()
	snap, err := m.acct.Snapshot(ctx, m.s.sel.id)
	m.check(err)
	page, _ := snap.Locate(1)
	emailID := page.Contents[1].ObjectID(m.acct.ID())
	var thread mail.ThreadID
	m.check(m.acct.Digests(ctx, page.Contents[2:3], mail.ColDates, func(_ int, d *mail.Digest) error { thread = d.Thread; return nil }))
	m.s.sel.recent = mail.SetOf(4, 5)
	m.s.sel.saved = mail.SetOf(2, 5)
	for _, c := range []struct{ keys, want string }{
		{"ALL", "1 2 3 4 5"}, {"1:2", "1 2"}, {"*", "5"}, {"UID 2,4", "2 4"}, {"NOT 2:4", "1 5"}, {"$", "2 5"}, {"NOT $", "1 3 4"},
		{"SEEN", "1 3"}, {"UNSEEN", "2 4 5"}, {"FLAGGED", "2"}, {"UNFLAGGED", "1 3 4 5"}, {"ANSWERED", "3"}, {"UNANSWERED", "1 2 4 5"},
		{"DELETED", "5"}, {"UNDELETED", "1 2 3 4"}, {"DRAFT", "4"}, {"UNDRAFT", "1 2 3 5"}, {"KEYWORD $work", "2"}, {"UNKEYWORD $Work", "1 3 4 5"},
		{"KEYWORD unknown", ""}, {"RECENT", "4 5"}, {"NEW", "4 5"}, {"OLD", "1 2 3"},
		{"OR SEEN FLAGGED", "1 2 3"}, {"SEEN ANSWERED", "3"}, {"(SEEN ANSWERED)", "3"}, {"NOT (OR SEEN FLAGGED)", "4 5"},
		{"FROM ann", "1"}, {"FROM EXAMPLE.ORG", "1 2"}, {"FROM «иВАН»", "3"}, {"TO bob", "1 3"}, {"CC \"carol, c.\"", "3"}, {"BCC secret", "4"},
		{"SUBJECT hello", "1"}, {"SUBJECT «GRÜSSE»", ""}, {"SUBJECT «grüße»", "2"}, {"SUBJECT «привет»", "3"}, {"SUBJECT «ПРИВЕТ»", "3"}, {"SUBJECT \"\"", "1 2 3 4 5"},
		{"HEADER X-Odd YES", "1"}, {"HEADER X-Odd no", ""}, {"HEADER X-Odd \"\"", "1"}, {"HEADER X-Empty \"\"", "4"}, {"HEADER Subject date", "4"},
		{"HEADER X-Last needle", "5"}, {"HEADER Subject huge", "5"}, {"HEADER X-Spam-Report yyy", "5"}, {"HEADER X-None \"\"", ""},
		{"BODY body", "1 2"}, {"BODY «GRÜßE»", "2"}, {"BODY «привет»", "3"}, {"BODY «STRAßE»", "4"}, {"BODY «köln»", "4"}, {"BODY inner", "2"}, {"BODY Hello", ""},
		{"BODY multipart", ""}, {"BODY \"\"", "1 2 3 4 5"},
		{"TEXT hello", "1"}, {"TEXT X-Odd", "1 2"}, {"TEXT needle", "5"}, {"TEXT «привет»", "3"}, {"TEXT \"inner body\"", "2"}, {"TEXT in@example.org", "2"},
		{"LARGER 1000", "5"}, {"SMALLER 130", "1"}, {"NOT SMALLER 130 NOT LARGER 1000", "2 3 4"}, {"LARGER 129", "2 3 4 5"},
		{"BEFORE 3-Jan-2026", "1 2"}, {"ON 3-Jan-2026", "3"}, {"SINCE 3-Jan-2026", "3 4 5"},
		{"SENTBEFORE 2-Jan-2026", "1"}, {"SENTON 3-Jan-2026", "3"}, {"SENTSINCE 2-Jan-2026", "2 3"}, {"NOT SENTSINCE 1-Jan-1900", "4 5"},
		{"SAVEDSINCE 1-Jan-2026", "1 2 3 4 5"}, {"SAVEDBEFORE 1-Jan-2026", ""}, {"SAVEDATESUPPORTED", "1 2 3 4 5"},
		{"YOUNGER 60", ""}, {"OLDER 60", "1 2 3 4 5"},
		{"EMAILID " + emailID, "2"}, {"EMAILID M123", ""}, {"EMAILID x", ""}, {"THREADID " + thread.ObjectID(m.acct.ID()), "3"},
		{"SEEN BODY there", "3"}, {"UNSEEN BODY there", ""}, {"OR SEEN BODY «straße»", "1 3 4"}, {"OR BODY there FROM ann", "1 3"}, {"NOT BODY body", "3 4 5"},
		{"NOT (FROM ann)", "2 3 4 5"}, {"CHARSET ISO-8859-1 SUBJECT «gr\xfc\xdfe»", "2"}, {"CHARSET UTF-8 SUBJECT «grüße»", "2"},
	} {
		want := "* SEARCH\n"
		if c.want != "" {
			want = "* SEARCH " + c.want + "\n"
		}
		m.expect("SEARCH "+c.keys, want)
	}
	m.refused("SEARCH CHARSET X-NONE SUBJECT x", imap.CodeBadCharset+" (US-ASCII UTF-8)", "")
}

// RFC 4731, RFC 5182, RFC 7162 section 3.1.10.
func TestSearchReturn(t *testing.T) {
	m := searchTest(t)
	m.expungeElsewhere(1)
	m.check(m.s.sync(context.Background(), true)) // numbers and UIDs differ now
	m.check(m.s.out.flush())
	for _, c := range []struct{ line, want string }{
		{"SEARCH UNSEEN", "* SEARCH 1 3 4\n"},
		{"UID SEARCH UNSEEN", "* SEARCH 2 4 5\n"},
		{"SEARCH RETURN () UNSEEN", "* ESEARCH (TAG \"t\") ALL 1,3:4\n"},
		{"UID SEARCH RETURN (ALL) UNSEEN", "* ESEARCH (TAG \"t\") UID ALL 2,4:5\n"},
		{"SEARCH RETURN (MIN MAX COUNT) UNSEEN", "* ESEARCH (TAG \"t\") MIN 1 MAX 4 COUNT 3\n"},
		{"SEARCH RETURN (MIN MAX COUNT ALL) KEYWORD none", "* ESEARCH (TAG \"t\") COUNT 0\n"},
		{"SEARCH RETURN (SAVE) UNSEEN", ""},
		{"UID SEARCH $", "* SEARCH 2 4 5\n"},
		{"SEARCH RETURN (SAVE MIN) UNSEEN", "* ESEARCH (TAG \"t\") MIN 1\n"},
		{"UID SEARCH $", "* SEARCH 2\n"},
		{"SEARCH RETURN (SAVE MIN MAX) UNSEEN", "* ESEARCH (TAG \"t\") MIN 1 MAX 4\n"},
		{"UID SEARCH $", "* SEARCH 2 5\n"},
		{"SEARCH RETURN (SAVE COUNT MIN) UNSEEN", "* ESEARCH (TAG \"t\") MIN 1 COUNT 3\n"},
		{"FETCH $ UID", "* 1 FETCH (UID 2)\n* 3 FETCH (UID 4)\n* 4 FETCH (UID 5)\n"},
		{"SEARCH RETURN (SAVE) KEYWORD none", ""},
		{"FETCH $ UID", ""},
	} {
		m.expect(c.line, c.want)
	}
	m.s.features |= featRev2
	m.expect("SEARCH UNSEEN", "* ESEARCH (TAG \"t\") ALL 1,3:4\n") // RFC 9051 section 6.4.4: always
	m.s.features = 0
	m.expungeElsewhere(4)
	m.expect("SEARCH UNSEEN", "* SEARCH 1 4\n") // it is still counted
}

func TestSearchModSeq(t *testing.T) {
	m := searchTest(t)
	m.elsewhere(mail.FlagChange{UIDs: mail.SetOf(2), Op: mail.AddFlags, Flags: []mail.Flag{mail.Seen}})
	now, err := m.acct.ModSeq(context.Background())
	m.check(err)
	m.s.enable(featCondStore)
	m.check(m.s.out.flush())
	m.expect(fmt.Sprintf("SEARCH MODSEQ %d", now), fmt.Sprintf("* SEARCH 2 (MODSEQ %d)\n", now))
	m.expect(fmt.Sprintf("SEARCH RETURN (MIN) OR 1 MODSEQ %d", now), fmt.Sprintf("* ESEARCH (TAG \"t\") MIN 1 MODSEQ %d\n", now-5))
	m.expect(fmt.Sprintf("SEARCH MODSEQ %d", now+1), "* SEARCH\n")
}

// The verdict on a message does not depend on how a key is nested: random keys against a naive evaluation of what the
// simple keys find.
func TestSearchLogic(t *testing.T) {
	m := searchTest(t)
	simple := []string{"SEEN", "FLAGGED", "FROM example", "SUBJECT e", "BODY body", "TEXT hello", "HEADER X-Odd \"\"", "2:4", "LARGER 300", "SENTSINCE 2-Jan-2026"}
	found := map[string]mail.UIDSet{}
	all := m.s.sel.view.uids()
	for _, k := range simple {
		_, err := m.do("UID SEARCH RETURN (SAVE) " + k)
		m.check(err)
		found[k] = m.s.sel.saved
	}
	r := rand.New(rand.NewPCG(7, 7))
	var random func(depth int) (string, mail.UIDSet)
	random = func(depth int) (string, mail.UIDSet) {
		if depth == 0 {
			k := simple[r.IntN(len(simple))]
			return k, found[k]
		}
		a, as := random(depth - 1)
		switch r.IntN(3) {
		case 0:
			return "NOT (" + a + ")", all.Minus(as)
		case 1:
			b, bs := random(depth - 1)
			return "(" + a + " " + b + ")", as.Intersect(bs)
		}
		b, bs := random(depth - 1)
		return "OR (" + a + ") (" + b + ")", all.Minus(all.Minus(as).Intersect(all.Minus(bs)))
	}
	for range 200 {
		k, want := random(r.IntN(4))
		_, err := m.do("UID SEARCH RETURN (SAVE) " + k)
		m.check(err)
		if got := m.s.sel.saved.String(); got != want.String() {
			t.Errorf("%s: got %s, want %s", k, got, want)
		}
	}
}

// manyMessages is a session with n small messages in INBOX.
func manyMessages(b *testing.B, n int) *messagesTest {
	b.Helper()
	texts := make([]string, n)
	for i := range texts {
		texts[i] = fmt.Sprintf("From: Ann Example <ann%d@example.org>\r\nTo: bob@example.net\r\nSubject: message number %d\r\n"+
			"Date: Thu, 1 Jan 2026 10:00:00 +0000\r\nMessage-ID: <%d@example.org>\r\n\r\nThe body of message %d.\r\n", i%100, i, i, i)
	}
	return newMessagesTest(b, texts)
}

func benchmarkCommand(b *testing.B, line string) {
	m := manyMessages(b, 20_000)
	var n int
	b.ReportAllocs()
	for b.Loop() {
		got, err := m.do(line)
		if err != nil {
			b.Fatal(err)
		}
		n = len(got)
	}
	b.ReportMetric(float64(n), "octets")
}

func BenchmarkFetchFlags20000(b *testing.B) { benchmarkCommand(b, "UID FETCH 1:* (FLAGS)") }
func BenchmarkFetchEnvelope20000(b *testing.B) {
	benchmarkCommand(b, "FETCH 1:* (UID FLAGS RFC822.SIZE ENVELOPE)")
}
func BenchmarkFetchHeaders20000(b *testing.B) {
	benchmarkCommand(b, "UID FETCH 1:* (FLAGS BODY.PEEK[HEADER.FIELDS (From To Subject Date Message-ID)])")
}
func BenchmarkFetchBodies20000(b *testing.B)  { benchmarkCommand(b, "FETCH 1:* (BODY.PEEK[])") }
func BenchmarkStoreFlags20000(b *testing.B)   { benchmarkCommand(b, "STORE 1:* +FLAGS.SILENT (\\Seen)") }
func BenchmarkSearchUnseen20000(b *testing.B) { benchmarkCommand(b, "SEARCH RETURN (COUNT) UNSEEN") }
func BenchmarkSearchSubject20000(b *testing.B) {
	benchmarkCommand(b, "SEARCH RETURN (COUNT) SUBJECT 1999")
}
func BenchmarkSearchBody20000(b *testing.B) { benchmarkCommand(b, "SEARCH RETURN (COUNT) BODY 1999") }
