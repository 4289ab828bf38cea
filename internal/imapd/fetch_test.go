package imapd

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/constance-mail/constance/internal/imap"
	"github.com/constance-mail/constance/internal/mail"
)

func TestFetch(t *testing.T) {
	m := newMessagesTest(t, []string{crlf(simpleMessage), crlf(nestedMessage)}, []mail.Flag{mail.Seen}, []mail.Flag{"$Label", mail.Flagged})
	env := `("Thu, 1 Jan 2026 10:00:00 +0000" "Hello" (("Ann" NIL "ann" "example.org")) (("Ann" NIL "ann" "example.org")) ` +
		`(("Ann" NIL "ann" "example.org")) ((NIL NIL "bob" "example.net")) NIL NIL NIL NIL)`
	for _, c := range []struct{ line, want string }{
		{"FETCH 1 UID", "* 1 FETCH (UID 1)\n"},
		{"FETCH 1:* FLAGS", "* 1 FETCH (FLAGS (\\Seen))\n* 2 FETCH (FLAGS (\\Flagged $Label))\n"},
		{"UID FETCH 2 FLAGS", "* 2 FETCH (UID 2 FLAGS (\\Flagged $Label))\n"},
		{"UID FETCH 2 (FLAGS UID)", "* 2 FETCH (FLAGS (\\Flagged $Label) UID 2)\n"},
		{"UID FETCH 7 FLAGS", ""},
		{"UID FETCH 7:* FLAGS", "* 2 FETCH (UID 2 FLAGS (\\Flagged $Label))\n"},
		{"FETCH 1 FAST", "* 1 FETCH (FLAGS (\\Seen) INTERNALDATE \" 1-Jan-2026 12:00:00 +0000\" RFC822.SIZE 129)\n"},
		{"FETCH 1 ALL", "* 1 FETCH (FLAGS (\\Seen) INTERNALDATE \" 1-Jan-2026 12:00:00 +0000\" RFC822.SIZE 129 ENVELOPE " + env + ")\n"},
		{"FETCH 1 BODY", "* 1 FETCH (BODY (\"TEXT\" \"PLAIN\" (\"CHARSET\" \"US-ASCII\") NIL NIL \"7BIT\" 11 1))\n"},
		{"FETCH 1 BODYSTRUCTURE", "* 1 FETCH (BODYSTRUCTURE (\"TEXT\" \"PLAIN\" (\"CHARSET\" \"US-ASCII\") NIL NIL \"7BIT\" 11 1 NIL NIL NIL NIL))\n"},
		{"FETCH 1 BODY.PEEK[TEXT]", "* 1 FETCH (BODY[TEXT] {11}\nThe body.\n)\n"},
		{"FETCH 1 BODY.PEEK[TEXT]<4.4>", "* 1 FETCH (BODY[TEXT]<4> {4}\nbody)\n"},
		{"FETCH 1 BODY.PEEK[TEXT]<9.100>", "* 1 FETCH (BODY[TEXT]<9> {2}\n\n)\n"},
		{"FETCH 1 BODY.PEEK[TEXT]<100.5>", "* 1 FETCH (BODY[TEXT]<100> {0}\n)\n"},
		{"FETCH 1 BODY.PEEK[1]", "* 1 FETCH (BODY[1] {11}\nThe body.\n)\n"},
		{"FETCH 1 BODY.PEEK[2]", "* 1 FETCH (BODY[2] NIL)\n"},
		{"FETCH 1 BODY.PEEK[HEADER.FIELDS (Subject X-None)]", "* 1 FETCH (BODY[HEADER.FIELDS (Subject X-None)] {18}\nSubject: Hello\n\n)\n"},
		{"FETCH 1 BODY.PEEK[HEADER.FIELDS (x-odd)]", "* 1 FETCH (BODY[HEADER.FIELDS (x-odd)] {14}\nX-Odd: yes\n\n)\n"},
		{"FETCH 1 BODY.PEEK[HEADER.FIELDS (subject)]<9.5>", "* 1 FETCH (BODY[HEADER.FIELDS (subject)]<9> {5}\nHello)\n"},
		{"FETCH 1 BODY.PEEK[HEADER.FIELDS.NOT (From To Date X-Odd)]", "* 1 FETCH (BODY[HEADER.FIELDS.NOT (From To Date X-Odd)] {18}\nSubject: Hello\n\n)\n"},
		{"FETCH 1 RFC822.SIZE", "* 1 FETCH (RFC822.SIZE 129)\n"},
		{"FETCH 1 RFC822.HEADER", "* 1 FETCH (RFC822.HEADER {118}\n" + simpleMessage[:strings.Index(simpleMessage, "The body")] + ")\n"},
		{"FETCH 1 BODY.PEEK[]", "* 1 FETCH (BODY[] {129}\n" + simpleMessage + ")\n"},
		{"FETCH 2 BODY.PEEK[1]", "* 2 FETCH (BODY[1] {15}\nGr=FC=DFe=20=\n)\n"},
		{"FETCH 2 BINARY.PEEK[1]", "* 2 FETCH (BINARY[1] ~{6}\nGr\xfc\xdfe )\n"},
		{"FETCH 2 BINARY.PEEK[1]<2.2>", "* 2 FETCH (BINARY[1]<2> ~{2}\n\xfc\xdf)\n"},
		{"FETCH 2 BINARY.SIZE[1]", "* 2 FETCH (BINARY.SIZE[1] 6)\n"},
		{"FETCH 2 BINARY.PEEK[3]", "* 2 FETCH (BINARY[3] ~{3}\n\x00\x01\x02)\n"},
		{"FETCH 2 (BODY.PEEK[2.HEADER.FIELDS (From)] BODY.PEEK[2.TEXT])", "* 2 FETCH (BODY[2.HEADER.FIELDS (From)] {24}\nFrom: in@example.org\n\n BODY[2.TEXT] {10}\ninner body)\n"},
		{"FETCH 2 BODY.PEEK[2.1]", "* 2 FETCH (BODY[2.1] {10}\ninner body)\n"},
		{"FETCH 2 BODY.PEEK[3.MIME]", "* 2 FETCH (BODY[3.MIME] {62}\nContent-Type: image/png\nContent-Transfer-Encoding: base64\n\n)\n"},
		{"FETCH 2 (UID BODY.PEEK[3] FLAGS)", "* 2 FETCH (UID 2 BODY[3] {4}\nAAEC FLAGS (\\Flagged $Label))\n"},
	} {
		m.expect(c.line, c.want)
	}
	m.refused("FETCH 2 BINARY.PEEK[4]", imap.CodeUnknownCTE, "* 2 FETCH (BINARY[4] NIL)\n")
	if m.s.features != 0 {
		t.Errorf("features %b", m.s.features)
	}
}

func TestFetchSetsSeen(t *testing.T) {
	m := newMessagesTest(t, []string{"a: b\r\n\r\nc\r\n", "a: b\r\n\r\nd\r\n"}, []mail.Flag{mail.Flagged})
	m.expect("FETCH 1 BODY.PEEK[TEXT]", "* 1 FETCH (BODY[TEXT] {3}\nc\n)\n")
	m.expect("FETCH 1 BODY[TEXT]", "* 1 FETCH (BODY[TEXT] {3}\nc\n FLAGS (\\Flagged \\Seen))\n")
	m.expect("FETCH 1 BODY[TEXT]", "* 1 FETCH (BODY[TEXT] {3}\nc\n)\n")
	m.expect("FETCH 2 (FLAGS RFC822.TEXT)", "* 2 FETCH (FLAGS (\\Seen) RFC822.TEXT {3}\nd\n)\n")
	m = newMessagesTest(t, []string{"a: b\r\n\r\nc\r\n"})
	m.s.sel.readOnly = true // EXAMINE
	m.expect("FETCH 1 BODY[TEXT]", "* 1 FETCH (BODY[TEXT] {3}\nc\n)\n")
	m.expect("FETCH 1 FLAGS", "* 1 FETCH (FLAGS ())\n")
}

func TestFetchChangedSince(t *testing.T) {
	m := newMessagesTest(t, []string{"a: 1\r\n\r\n", "a: 2\r\n\r\n", "a: 3\r\n\r\n"})
	told := m.s.sel.told
	m.elsewhere(mail.FlagChange{UIDs: mail.SetOf(2), Op: mail.AddFlags, Flags: []mail.Flag{mail.Flagged}})
	now, err := m.acct.ModSeq(context.Background())
	m.check(err)
	m.expect(fmt.Sprintf("FETCH 1:* FLAGS (CHANGEDSINCE %d)", told),
		fmt.Sprintf("* OK [HIGHESTMODSEQ %d] highest\n* 2 FETCH (FLAGS (\\Flagged) MODSEQ (%d))\n", told, now))
	if m.s.features&featCondStore == 0 {
		t.Error("CONDSTORE is not on")
	}
	m.expect(fmt.Sprintf("FETCH 1:* FLAGS (CHANGEDSINCE %d)", now), "")
	m.expungeElsewhere(1)
	m.s.enable(featQResync)
	got, err := m.do(fmt.Sprintf("UID FETCH 1:* FLAGS (CHANGEDSINCE %d VANISHED)", now))
	if err != nil || got != "" { // a message number is in use: sync tells it, without EARLIER
		t.Errorf("got %q, %v", got, err)
	}
	m.check(m.s.sync(context.Background(), true))
	m.check(m.s.out.flush())
	got, err = m.do(fmt.Sprintf("UID FETCH 1:* FLAGS (CHANGEDSINCE %d VANISHED)", now))
	if err != nil || got != "* VANISHED (EARLIER) 1\r\n" {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestFetchExpunged(t *testing.T) {
	m := newMessagesTest(t, []string{"a: 1\r\n\r\n", "a: 2\r\n\r\n", "a: 3\r\n\r\n"})
	m.expungeElsewhere(2)
	m.refused("FETCH 1:3 (UID)", imap.CodeExpungeIssued, "* 1 FETCH (UID 1)\n* 3 FETCH (UID 3)\n")
	m.expect("UID FETCH 1:3 (UID)", "* 1 FETCH (UID 1)\n* 3 FETCH (UID 3)\n")
	m.refused("STORE 1:3 +FLAGS (\\Seen)", imap.CodeExpungeIssued, "* 1 FETCH (FLAGS (\\Seen))\n* 3 FETCH (FLAGS (\\Seen))\n")
	if _, err := m.do("FETCH 4 UID"); !errors.As(err, new(badError)) {
		t.Errorf("a number that is not in use: %v", err)
	}
}

func TestFetchNUL(t *testing.T) {
	m := newMessagesTest(t, []string{"Subject: a\x00b\r\n\r\nc\x00d"})
	m.expect("FETCH 1 BODY.PEEK[TEXT]", "* 1 FETCH (BODY[TEXT] {3}\nc\x80d)\n")
	m.expect("FETCH 1 BINARY.PEEK[1]", "* 1 FETCH (BINARY[1] ~{3}\nc\x00d)\n")
	m.expect("FETCH 1 BODY.PEEK[HEADER.FIELDS (Subject)]", "* 1 FETCH (BODY[HEADER.FIELDS (Subject)] {16}\nSubject: a\x80b\n\n)\n")
	m.expect("FETCH 1 BODY.PEEK[HEADER.FIELDS.NOT (X)]", "* 1 FETCH (BODY[HEADER.FIELDS.NOT (X)] {16}\nSubject: a\x80b\n\n)\n")
}

func TestFetchLargeDigests(t *testing.T) {
	var to strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&to, "User Number %d <user%d@example.org>,\r\n ", i, i)
	}
	texts := make([]string, 60)
	for i := range texts {
		texts[i] = fmt.Sprintf("To: %sx@y\r\nSubject: %d\r\n\r\nbody %d", &to, i, i)
	}
	m := newMessagesTest(t, texts)
	got, err := m.do("FETCH 1:* (ENVELOPE BODY.PEEK[TEXT])")
	m.check(err)
	for i := range texts {
		if !strings.Contains(got, fmt.Sprintf("* %d FETCH (ENVELOPE (NIL \"%d\" ", i+1, i)) || !strings.Contains(got, fmt.Sprintf("\r\nbody %d)\r\n", i)) {
			t.Errorf("message %d is missing", i+1)
		}
	}
	if n := strings.Count(got, " FETCH ("); n != len(texts) {
		t.Errorf("%d answers", n)
	}
}

// The parts of a message are kept once, however many of its sections are asked for.
func TestHolesShareTheParts(t *testing.T) {
	f := &fetcher{rows: []fetchRow{{seq: 1}, {seq: 2}}}
	digests := []*mail.Digest{{Parts: []byte("first")}, {Parts: []byte("second one")}}
	var b []byte
	for i, d := range digests {
		for range 3 {
			b = f.leaveHole(b, &f.rows[i], d, &imap.FetchItem{})
		}
	}
	if got := string(f.text); got != "firstsecond one" {
		t.Errorf("kept %q", got)
	}
	for i, h := range f.hole {
		if got, want := string(f.text[h.parts:h.until]), string(digests[i/3].Parts); got != want || h.row != i/3 {
			t.Errorf("hole %d: row %d, parts %q, want %q", i, h.row, got, want)
		}
	}
}
