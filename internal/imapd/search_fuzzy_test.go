package imapd

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/constance-mail/constance/internal/mail"
)

func fuzzyTest(t testing.TB) *messagesTest {
	return newMessagesTest(t, []string{
		crlf("From: Ann <ann@example.org>\nTo: bob@example.net\nSubject: Hello world\nX-Odd: first\nX-Odd: second thing\n\nThe invoice of May.\n"),
		crlf("From: Dave Invoice <dave@example.com>\nSubject: World, hello\nX-Odd: secnd\n\nhello there\n"),
		crlf("From: help@example.org\nCc: \"Müller\" <m@example.org>\nSubject: Helo\nContent-Type: multipart/mixed; boundary=b\n\n" +
			"--b\nContent-Type: text/html\n\n<b>Schedule</b> of the meeting\n--b\nContent-Type: message/rfc822\n\nSubject: inner\n\nreceived\n--b--\n"),
		"Subject: huge header\r\n" + strings.Repeat("X-Spam-Report: "+strings.Repeat("y", 900)+"\r\n", 30) + "X-Last: needle\r\n\r\nx\r\n",
	}, []mail.Flag{mail.Seen}, []mail.Flag{mail.Flagged}, nil, []mail.Flag{mail.Seen, mail.Flagged})
}

// RFC 6203 sections 3 to 5.
func TestSearchFuzzy(t *testing.T) {
	m := fuzzyTest(t)
	for _, c := range []struct{ keys, found, scores string }{
		{"FUZZY SUBJECT helo", "1:3", "50 50 100"}, {"FUZZY SUBJECT \"hello world\"", "1:2", "100 90"}, {"FUZZY SUBJECT \"\"", "1:4", "100 100 100 100"},
		{"FUZZY FROM dav", "2", "90"}, {"FUZZY TO bob@example.net", "1", "100"}, {"FUZZY CC muller", "3", "100"}, {"FUZZY BCC x", "", ""},
		{"FUZZY HEADER X-Odd \"secnd\"", "1:2", "50 100"}, {"FUZZY HEADER X-Odd \"first thing\"", "1", "90"}, {"FUZZY HEADER X-Odd odd", "", ""},
		{"FUZZY HEADER Subject hugh", "4", "50"}, {"FUZZY HEADER X-Last nedle", "4", "50"}, {"FUZZY HEADER From invoice", "2", "100"},
		{"FUZZY BODY invioce", "1", "50"}, {"FUZZY BODY \"schedul meeting\"", "3", "85"}, {"FUZZY BODY subject", "3", "100"}, {"FUZZY BODY recieved", "3", "50"},
		{"FUZZY TEXT invoice", "1:2", "80 100"}, {"FUZZY TEXT \"ann invoice\"", "1", "80"}, {"FUZZY TEXT needle", "4", "90"}, {"FUZZY TEXT \"hello there\"", "2", "90"},
		{"FUZZY TEXT x-od", "1:2", "85 85"}, {"FUZZY TEXT example", "1:3", "100 100 100"}, {"FUZZY TEXT example SUBJECT helo", "3", "100"},
		// what is not about text is exact
		{"FUZZY SEEN", "1,4", "100 100"}, {"FUZZY (SUBJECT helo SEEN)", "1", "50"}, {"FUZZY 2:3 FUZZY SUBJECT helo", "2:3", "50 100"}, {"FUZZY LARGER 1000", "4", "100"},
		{"FUZZY NOT SUBJECT helo", "4", "100"}, {"NOT FUZZY SUBJECT helo SEEN", "4", "100"}, {"FUZZY FUZZY SUBJECT helo", "1:3", "50 50 100"},
		{"SUBJECT helo FUZZY ALL", "3", "100"},
		// the mean, and the best
		{"FUZZY (SUBJECT helo BODY invoice)", "1", "75"}, {"FUZZY SUBJECT helo FUZZY FROM \"invoice\"", "2", "75"},
		{"FUZZY (OR SUBJECT helo BODY invoice)", "1:3", "100 50 100"}, {"OR FLAGGED FUZZY SUBJECT helo", "1:4", "50 100 100 100"},
		{"OR FUZZY SUBJECT helo FLAGGED", "1:4", "50 100 100 100"}, {"FUZZY (OR BODY schedule (SUBJECT helo SEEN))", "1,3", "50 100"},
		{"FUZZY (OR SUBJECT x OR BODY x TEXT nothing)", "3:4", "70 100"},
	} {
		want := ""
		if c.found != "" {
			want = " ALL " + c.found
		}
		m.expect("SEARCH RETURN (ALL RELEVANCY) "+c.keys, fmt.Sprintf("* ESEARCH (TAG \"t\")%s RELEVANCY (%s)\n", want, c.scores))
		m.expect("SEARCH RETURN (ALL) "+c.keys, fmt.Sprintf("* ESEARCH (TAG \"t\")%s\n", want))
	}
}

// RFC 6203 sections 4 and 6, RFC 9394 section 3.1.
func TestRelevancy(t *testing.T) {
	m := fuzzyTest(t)
	m.expungeElsewhere(1)
	m.append(mail.Inbox, crlf("Subject: helo world\n\nx\n"), time.Unix(1e9, 0), nil)
	m.open()
	for _, c := range []struct{ line, want string }{
		{"UID SEARCH RETURN (RELEVANCY) FUZZY SUBJECT helo", "* ESEARCH (TAG \"t\") UID RELEVANCY (50 100 100)\n"},
		{"SEARCH RETURN (RELEVANCY MIN COUNT) FUZZY SUBJECT helo", "* ESEARCH (TAG \"t\") MIN 1 RELEVANCY (50 100 100) COUNT 3\n"},
		{"SEARCH RETURN (RELEVANCY PARTIAL 2:3) FUZZY SUBJECT helo", "* ESEARCH (TAG \"t\") PARTIAL (2:3 2,4) RELEVANCY (100 100)\n"},
		{"SEARCH RETURN (RELEVANCY PARTIAL -3:-3) FUZZY SUBJECT helo", "* ESEARCH (TAG \"t\") PARTIAL (-3:-3 1) RELEVANCY (50)\n"},
		{"SEARCH RETURN (RELEVANCY PARTIAL 7:9) FUZZY SUBJECT helo", "* ESEARCH (TAG \"t\") PARTIAL (7:9 NIL) RELEVANCY ()\n"},
		{"SEARCH RETURN (RELEVANCY SAVE) FUZZY SUBJECT world", "* ESEARCH (TAG \"t\") RELEVANCY (100 100)\n"},
		{"UID SEARCH $", "* SEARCH 2 5\n"},
		{"UID SORT (RELEVANCY) UTF-8 FUZZY SUBJECT helo", "* SORT 3 5 2\n"},
		{"UID SORT (REVERSE RELEVANCY REVERSE ARRIVAL) UTF-8 FUZZY SUBJECT helo", "* SORT 2 3 5\n"},
		{"UID SORT (RELEVANCY REVERSE SUBJECT) UTF-8 FUZZY SUBJECT helo", "* SORT 5 3 2\n"},
		{"SORT (RELEVANCY) UTF-8 FUZZY SUBJECT nothing", "* SORT\n"},
		{"UID SORT RETURN (RELEVANCY ALL) (RELEVANCY) UTF-8 FUZZY SUBJECT helo", "* ESEARCH (TAG \"t\") UID ALL 3,5,2 RELEVANCY (100 100 50)\n"},
		{"UID SORT RETURN (RELEVANCY ALL) (SUBJECT) UTF-8 FUZZY SUBJECT helo", "* ESEARCH (TAG \"t\") UID ALL 3,5,2 RELEVANCY (100 100 50)\n"},
		{"UID SORT RETURN (RELEVANCY PARTIAL 2:9) (REVERSE RELEVANCY) UTF-8 FUZZY SUBJECT helo",
			"* ESEARCH (TAG \"t\") UID PARTIAL (2:9 3,5) RELEVANCY (100 100)\n"},
		{"UID THREAD ORDEREDSUBJECT UTF-8 FUZZY SUBJECT helo", "* THREAD (5)(2)(3)\n"},
	} {
		m.expect(c.line, c.want)
	}
	for _, line := range []string{"SEARCH RETURN (RELEVANCY) SUBJECT helo", "SORT (RELEVANCY) UTF-8 ALL", "SORT RETURN (RELEVANCY) (DATE) UTF-8 ALL",
		"SORT (DATE REVERSE RELEVANCY) UTF-8 SUBJECT x"} {
		var b badError
		if _, err := m.do(line); !errors.As(err, &b) {
			t.Errorf("%s: %v", line, err)
		}
	}
}

// An updated SORT by relevancy: what is told keeps its score. RFC 5267 sections 4.3.3 and 4.3.4.
func TestContextRelevancy(t *testing.T) {
	m := fuzzyTest(t)
	m.expect("UID SORT RETURN (UPDATE ALL) (RELEVANCY) UTF-8 UNDELETED FUZZY SUBJECT helo", "* ESEARCH (TAG \"t\") UID ALL 3,1:2\n")
	m.append(mail.Inbox, crlf("Subject: not helo\n\nx\n"), time.Unix(1e9, 0), nil)
	m.append(mail.Inbox, crlf("Subject: hello\n\nx\n"), time.Unix(1e9, 0), nil)
	m.append(mail.Inbox, crlf("Subject: goodbye\n\nx\n"), time.Unix(1e9, 0), nil)
	for _, c := range []struct {
		change func()
		want   string
	}{
		{func() {}, "* ESEARCH (TAG \"t\") UID ADDTO (2 5 5 6)\n"},
		{func() {
			m.elsewhere(mail.FlagChange{UIDs: mail.SetOf(1, 5), Op: mail.AddFlags, Flags: []mail.Flag{mail.Deleted}})
		},
			"* ESEARCH (TAG \"t\") UID REMOVEFROM (2 5,1)\n"},
		{func() {
			m.elsewhere(mail.FlagChange{UIDs: mail.SetOf(5), Op: mail.RemoveFlags, Flags: []mail.Flag{mail.Deleted}})
		},
			"* ESEARCH (TAG \"t\") UID ADDTO (2 5)\n"},
		{func() { m.expungeElsewhere(3) }, "* ESEARCH (TAG \"t\") UID REMOVEFROM (1 3)\n"},
		{func() { m.append(mail.Inbox, crlf("Subject: so, helo\n\nx\n"), time.Unix(1e9, 0), nil) }, "* ESEARCH (TAG \"t\") UID ADDTO (2 8)\n"},
	} {
		c.change()
		if got := m.told(true); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}
