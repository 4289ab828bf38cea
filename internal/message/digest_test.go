package message

import (
	"strings"
	"testing"

	"github.com/constance-mail/constance/internal/mail"
)

func mustDigest(t testing.TB, msg string) *mail.Digest {
	t.Helper()
	d, err := Digest(strings.NewReader(msg), int64(len(msg)))
	if err != nil {
		t.Fatalf("digest: %v", err)
	}
	return d
}

func crlf(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") }

const nested = `From: Fred Foobar <foobar@Blurdybloop.example>
Subject: afternoon meeting
To: mooch@owatagu.siam.edu.example
Date: Mon, 7 Feb 1994 21:52:25 -0800 (PST)
Message-Id: <B27397-0100000@Blurdybloop.example>
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=outer

preamble
--outer

Hello Joe
--outer
Content-Type: message/rfc822

Subject: inner
From: a@b.example
Content-Type: multipart/alternative; boundary="in ner"

--in ner
Content-Type: text/plain; charset=utf-8

plain
--in ner
Content-Type: text/html
Content-Transfer-Encoding: quoted-printable

<b>bold=21</b>
--in ner--
--outer
Content-Type: application/pdf; name="a.pdf"
Content-Transfer-Encoding: base64
Content-Disposition: attachment; filename="a.pdf"

SGVsbG8h
--outer--
epilogue
`

func TestStructureOfNested(t *testing.T) {
	d := mustDigest(t, crlf(nested))
	want := `(("TEXT" "PLAIN" ("CHARSET" "US-ASCII") NIL NIL "7BIT" 9 0 NIL NIL NIL NIL)` +
		`("message" "rfc822" NIL NIL NIL "7BIT" 261 (NIL "inner" ((NIL NIL "a" "b.example")) ` +
		`((NIL NIL "a" "b.example")) ((NIL NIL "a" "b.example")) NIL NIL NIL NIL NIL) ` +
		`(("text" "plain" ("charset" "utf-8") NIL NIL "7BIT" 5 0 NIL NIL NIL NIL)` +
		`("text" "html" NIL NIL NIL "quoted-printable" 14 0 NIL NIL NIL NIL) "alternative" ("boundary" "in ner") NIL NIL NIL) ` +
		`13 NIL NIL NIL NIL)` +
		`("application" "pdf" ("name" "a.pdf") NIL NIL "base64" 8 NIL ("attachment" ("filename" "a.pdf")) NIL NIL)` +
		` "mixed" ("boundary" "outer") NIL NIL NIL)`
	if got := string(d.BodyStructure); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	wantBody := `(("TEXT" "PLAIN" ("CHARSET" "US-ASCII") NIL NIL "7BIT" 9 0)` +
		`("message" "rfc822" NIL NIL NIL "7BIT" 261 (NIL "inner" ((NIL NIL "a" "b.example")) ` +
		`((NIL NIL "a" "b.example")) ((NIL NIL "a" "b.example")) NIL NIL NIL NIL NIL) ` +
		`(("text" "plain" ("charset" "utf-8") NIL NIL "7BIT" 5 0)` +
		`("text" "html" NIL NIL NIL "quoted-printable" 14 0) "alternative") 13)` +
		`("application" "pdf" ("name" "a.pdf") NIL NIL "base64" 8) "mixed")`
	if got := string(AppendBody(nil, d.BodyStructure)); got != wantBody {
		t.Errorf("got  %s\nwant %s", got, wantBody)
	}
	wantEnv := `("Mon, 7 Feb 1994 21:52:25 -0800 (PST)" "afternoon meeting" (("Fred Foobar" NIL "foobar" "Blurdybloop.example")) ` +
		`(("Fred Foobar" NIL "foobar" "Blurdybloop.example")) (("Fred Foobar" NIL "foobar" "Blurdybloop.example")) ` +
		`((NIL NIL "mooch" "owatagu.siam.edu.example")) NIL NIL NIL "<B27397-0100000@Blurdybloop.example>")`
	if got := string(d.Envelope); got != wantEnv {
		t.Errorf("got  %s\nwant %s", got, wantEnv)
	}
}

func TestLocate(t *testing.T) {
	msg := crlf(nested)
	d := mustDigest(t, msg)
	p, err := DecodeParts(d.Parts)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		path []int
		what Specifier
		want string // the section, "-" if there is none
	}{
		{nil, Whole, msg},
		{nil, Header, msg[:strings.Index(msg, "preamble")]},
		{nil, Text, msg[strings.Index(msg, "preamble"):]},
		{nil, MIME, "-"},
		{[]int{1}, Whole, "Hello Joe"},
		{[]int{1}, MIME, "\r\n"},
		{[]int{1}, Header, "-"},
		{[]int{1, 1}, Whole, "-"},
		{[]int{2}, MIME, "Content-Type: message/rfc822\r\n\r\n"},
		{[]int{2}, HeaderFields, crlf("Subject: inner\nFrom: a@b.example\nContent-Type: multipart/alternative; boundary=\"in ner\"\n\n")},
		{[]int{2, 1}, Whole, "plain"},
		{[]int{2, 2}, Whole, "<b>bold=21</b>"},
		{[]int{2, 3}, Whole, "-"},
		{[]int{3}, Whole, "SGVsbG8h"},
		{[]int{4}, Whole, "-"}, {[]int{0}, Whole, "-"},
	} {
		got := "-"
		if e, ok := p.Locate(Section{Path: c.path, What: c.what}); ok {
			got = msg[e.Offset:e.End()]
		}
		if got != c.want {
			t.Errorf("%v %v: got %q, want %q", c.path, c.what, got, c.want)
		}
	}
}
