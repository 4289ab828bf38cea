package search

import (
	"context"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/constance-mail/constance/internal/mail"
)

const simpleMessage = "From: Ann <ann@example.org>\r\nTo: bob@example.net\r\nSubject: Hello\r\n" +
	"Date: Thu, 1 Jan 2026 10:00:00 +0000\r\nX-Odd: yes\r\n\r\nThe body.\r\n"

const nestedMessage = "From: carol@example.org\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n" +
	"Date: Fri, 2 Jan 2026 10:00:00 +0000\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n" +
	"--b\r\nContent-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nGr=FC=DFe=20=\r\n\r\n" +
	"--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: inner\r\nFrom: in@example.org\r\n\r\ninner body\r\n" +
	"--b\r\nContent-Type: image/png\r\nContent-Transfer-Encoding: x-odd\r\n\r\nxyz\r\n--b--\r\n"

// keysTest are messages of which each key finds some.
func keysTest(t *testing.T) *mailboxTest {
	t.Helper()
	huge := strings.Repeat("X-Spam-Report: "+strings.Repeat("y", 900)+"\r\n", 30)
	m := newMailboxTest(t, []string{simpleMessage, nestedMessage,
		"From: =?koi8-r?B?6dfBzg==?= <ivan@example.ru>\r\nTo: bob@example.net\r\nCc: \"Carol, C.\" <carol@example.net>\r\n" +
			"Subject: =?koi8-r?Q?=F0=D2=C9=D7=C5=D4?=\r\nDate: Sat, 3 Jan 2026 23:30:00 -0500\r\n" +
			"Content-Type: text/plain; charset=koi8-r\r\n\r\n\xf0\xf2\xe9\xf7\xe5\xf4 there\r\n",
		"Bcc: secret@example.org\r\nSubject: no date\r\nX-Empty:\r\nContent-Transfer-Encoding: base64\r\n" +
			"Content-Type: text/plain; charset=utf-8\r\n\r\nU3RyYcOfZSBpbiBLw7Zsbg==\r\n",
		"Subject: huge header\r\n" + huge + "X-Last: needle\r\n\r\nx\r\n",
	})
	for i, flags := range [][]mail.Flag{{mail.Seen}, {mail.Flagged, "$Work"}, {mail.Seen, mail.Answered}, {mail.Draft}, {mail.Deleted}} {
		m.flag(flags, mail.SetOf(mail.UID(i+1)))
	}
	m.open()
	return m
}

// RFC 9051 section 6.4.4.
func TestKeys(t *testing.T) {
	m := keysTest(t)
	page, _ := m.in.Snapshot.Locate(1)
	var thread mail.ThreadID
	m.check(m.acct.Digests(context.Background(), page.Contents[2:3], mail.ColDates, func(_ int, d *mail.Digest) error {
		thread = d.Thread
		return nil
	}))
	m.in.Recent = mail.SetOf(4, 5)
	for _, c := range []struct{ keys, want string }{
		{"ALL", "1:5"}, {"UID 1:2", "1:2"}, {"UID *", "5"}, {"UID 2,4", "2,4"}, {"NOT UID 2:4", "1,5"},
		{"SEEN", "1,3"}, {"UNSEEN", "2,4:5"}, {"FLAGGED", "2"}, {"UNFLAGGED", "1,3:5"}, {"ANSWERED", "3"}, {"UNANSWERED", "1:2,4:5"},
		{"DELETED", "5"}, {"UNDELETED", "1:4"}, {"DRAFT", "4"}, {"UNDRAFT", "1:3,5"}, {"KEYWORD $work", "2"}, {"UNKEYWORD $Work", "1,3:5"},
		{"KEYWORD unknown", ""}, {"RECENT", "4:5"}, {"NEW", "4:5"}, {"OLD", "1:3"},
		{"OR SEEN FLAGGED", "1:3"}, {"SEEN ANSWERED", "3"}, {"(SEEN ANSWERED)", "3"}, {"NOT (OR SEEN FLAGGED)", "4:5"},
		{"FROM ann", "1"}, {"FROM EXAMPLE.ORG", "1:2"}, {"FROM «иВАН»", "3"}, {"TO bob", "1,3"}, {"CC \"carol, c.\"", "3"}, {"BCC secret", "4"},
		{"SUBJECT hello", "1"}, {"SUBJECT «GRÜSSE»", ""}, {"SUBJECT «grüße»", "2"}, {"SUBJECT «привет»", "3"}, {"SUBJECT «ПРИВЕТ»", "3"}, {"SUBJECT \"\"", "1:5"},
		{"HEADER X-Odd YES", "1"}, {"HEADER X-Odd no", ""}, {"HEADER X-Odd \"\"", "1"}, {"HEADER X-Empty \"\"", "4"}, {"HEADER Subject date", "4"},
		{"HEADER X-Last needle", "5"}, {"HEADER Subject huge", "5"}, {"HEADER X-Spam-Report yyy", "5"}, {"HEADER X-None \"\"", ""},
		{"BODY body", "1:2"}, {"BODY «GRÜßE»", "2"}, {"BODY «привет»", "3"}, {"BODY «STRAßE»", "4"}, {"BODY «köln»", "4"}, {"BODY inner", "2"}, {"BODY Hello", ""},
		{"BODY multipart", ""}, {"BODY \"\"", "1:5"},
		{"TEXT hello", "1"}, {"TEXT X-Odd", "1:2"}, {"TEXT needle", "5"}, {"TEXT «привет»", "3"}, {"TEXT \"inner body\"", "2"}, {"TEXT in@example.org", "2"},
		{"LARGER 1000", "5"}, {"SMALLER 130", "1"}, {"NOT SMALLER 130 NOT LARGER 1000", "2:4"}, {"LARGER 129", "2:5"},
		{"BEFORE 3-Jan-2026", "1:2"}, {"ON 3-Jan-2026", "3"}, {"SINCE 3-Jan-2026", "3:5"},
		{"SENTBEFORE 2-Jan-2026", "1"}, {"SENTON 3-Jan-2026", "3"}, {"SENTSINCE 2-Jan-2026", "2:3"}, {"NOT SENTSINCE 1-Jan-1900", "4:5"},
		{"SAVEDSINCE 1-Jan-2026", "1:5"}, {"SAVEDBEFORE 1-Jan-2026", ""}, {"SAVEDATESUPPORTED", "1:5"},
		{"YOUNGER 60", ""}, {"OLDER 60", "1:5"},
		{"EMAILID " + page.Contents[1].ObjectID(m.acct.ID()), "2"}, {"EMAILID M123", ""}, {"EMAILID x", ""}, {"THREADID " + thread.ObjectID(m.acct.ID()), "3"},
		{"SEEN BODY there", "3"}, {"UNSEEN BODY there", ""}, {"OR SEEN BODY «straße»", "1,3:4"}, {"OR BODY there FROM ann", "1,3"}, {"NOT BODY body", "3:5"},
		{"NOT (FROM ann)", "2:5"},
	} {
		m.expect("SEARCH "+c.keys, c.want)
	}
}

// The verdict on a message does not depend on how a key is nested: random keys against a naive evaluation of what the
// simple keys find.
func TestLogic(t *testing.T) {
	m := keysTest(t)
	simple := []string{"SEEN", "FLAGGED", "FROM example", "SUBJECT e", "BODY body", "TEXT hello", "HEADER X-Odd \"\"", "UID 2:4", "LARGER 300", "SENTSINCE 2-Jan-2026"}
	found := map[string]mail.UIDSet{}
	all := m.in.Snapshot.UIDSet()
	for _, k := range simple {
		found[k] = m.uids(k)
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
		m.expect("SEARCH "+k, want.String())
	}
}
