package imapd

import (
	"context"
	"fmt"
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

// What keys find is tested in package search; here is what of them the session knows.
func TestSearch(t *testing.T) {
	m := searchTest(t)
	m.s.sel.recent = mail.SetOf(4, 5)
	m.s.sel.saved = mail.SetOf(2, 5)
	for _, c := range []struct{ keys, want string }{
		{"ALL", "1 2 3 4 5"}, {"1:2", "1 2"}, {"*", "5"}, {"UID 2,4", "2 4"}, {"NOT 2:4", "1 5"}, {"$", "2 5"}, {"NOT $", "1 3 4"},
		{"UID $", "2 5"}, {"OR $ 3", "2 3 5"}, {"RECENT", "4 5"}, {"NEW", "4 5"}, {"OLD", "1 2 3"}, {"SEEN 2:3", "3"}, {"KEYWORD unknown", ""},
		{"CHARSET ISO-8859-1 SUBJECT «gr\xfc\xdfe»", "2"}, {"CHARSET UTF-8 SUBJECT «grüße»", "2"}, {"SUBJECT «ПРИВЕТ»", "3"},
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
