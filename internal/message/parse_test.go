package message

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"mime/quotedprintable"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/constance-mail/constance/internal/mail"
)

func TestDates(t *testing.T) {
	const none = mail.NoDate
	for _, c := range []struct {
		in   string
		sent int64
		day  int32
	}{
		{"Fri, 21 Nov 1997 09:55:06 -0600", 880127706, 10186}, // RFC 5322 appendix A.1.1
		{"Thu, 13\r\n Feb\r\n 1969\r\n 23:32\r\n -0330 (Newfoundland Time)", -27723480, -322},
		{"21 Nov 97 09:55:06 GMT", 880106106, 10186},                          // appendix A.6.2
		{"Fri, 21 Nov 1997 09(comment):   55  :  06 -0600", 880127706, 10186}, // appendix A.6.3
		{"Mon, 7 Feb 1994 21:52:25 -0800 (PST)", 760686745, 8803},
		{"Mon Jan  2 15:04:05 2006", 1136214245, 13150},
		{"Mon, 02-Jan-2006 15:04:05 GMT", 1136214245, 13150},
		{"2006-01-02T15:04:05Z", 1136214245, 13150},
		{"2006-01-02 15:04:05 +0100", 1136210645, 13150},
		{"2 January 2006 15:04:05 EST", 1136232245, 13150},
		{"2 Jan 2006", 1136160000, 13150},
		{"1 Jan 100 00:00:00 +0000", 946684800, 10957}, // three digits: plus 1900
		{"1 Jan 49 00:00 +0000", 2493072000, 28855},
		{"1 Jan 50 00:00 +0000", -631152000, -7305},
		{"31 Dec 2016 23:59:60 +0000", 1483228800, 17166}, // a leap second
		{"Tue, 3 Feb 2026 10:20:30 +1400", 1770063630, 20487},
		{"Tue, 3 Feb 2026 10:20:30 GMT+0200", 1770106830, 20487},
		{"", none, 0}, {"yesterday", none, 0}, {"30 Feb 2026 00:00:00 +0000", none, 0},
		{"1 Foo 2026", none, 0}, {"1 Jan 2026 25:00:00", none, 0}, {"1 Jan 99999 00:00:00", none, 0},
	} {
		if sent, day := date([]byte(c.in)); sent != c.sent || day != c.day {
			t.Errorf("%q: got %d on day %d, want %d on day %d", c.in, sent, day, c.sent, c.day)
		}
	}
}

func TestBaseSubject(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"", ""}, {"hello", "hello"}, {"Re: hello", "hello"}, {"RE:hello", "hello"}, {"re : hello", "hello"},
		{"Fwd: hello", "hello"}, {"FW: hello", "hello"}, {"Re[2]: hello", "hello"}, {"Re [x y]: hello", "hello"},
		{"[list] Re: hello", "hello"}, {"[list] hello", "hello"}, {"[a] [b] hello", "hello"}, {"[only]", "[only]"},
		{"[a] [only]", "[only]"}, {"hello (fwd)", "hello"}, {"hello (FWD) (fwd) ", "hello"}, {"[fwd: hello]", "hello"},
		{"[Fwd: Re: [x] hello]", "hello"}, {"Re: [fwd: a] b", "b"}, {"  a \t b  ", "a b"}, {"Re:", ""}, {"Re: Re: Re:", ""},
		{"Recall: x", "Recall: x"}, {"fwd", "fwd"}, {"[[x]] y", "[[x]] y"}, {"[x", "[x"}, {"(fwd)", ""}, {"AW: hallo", "AW: hallo"},
	} {
		if got := baseSubject(c.in); got != c.want {
			t.Errorf("%q: got %q, want %q", c.in, got, c.want)
		}
	}
}

// RFC 5256 section 3 (REFERENCES): a subj-refwd, a "(fwd)", a subj-fwd-hdr with its trailer.
func TestIsReply(t *testing.T) {
	for in, want := range map[string]bool{"": false, "hello": false, " hello\t x ": false, "[list] hello": false, "[only]": false,
		"Re: hello": true, "re:": true, "FW: x": true, "[list] Re: x": true, "Re[2]: x": true, "x (fwd)": true, "x (fwd) ": true,
		"[fwd: x]": true, "[Fwd: x": false, "Recall: x": false, "(fwd)": true, "AW: x": false, "  Re:\r\n x": true} {
		if got := IsReply(in); got != want {
			t.Errorf("%q: got %v", in, got)
		}
	}
}

func TestAddresses(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"", "NIL"}, {" , ,", "NIL"}, {"()", "NIL"},
		{"john@example.org", `((NIL NIL "john" "example.org"))`},
		{"John Doe <jdoe@machine.example>", `(("John Doe" NIL "jdoe" "machine.example"))`}, // RFC 5322 appendix A.1.1
		{`"Joe Q. Public" <john.q.public@example.com>`, `(("Joe Q. Public" NIL "john.q.public" "example.com"))`},
		{`"Giant; \"Big\" Box" <sysservices@example.net>`, `(("Giant; \"Big\" Box" NIL "sysservices" "example.net"))`},
		{"A Group:Ed Jones <c@a.test>,joe@where.test,John <jdoe@one.test>;", `((NIL NIL "A Group" NIL)("Ed Jones" NIL "c" "a.test")` +
			`(NIL NIL "joe" "where.test")("John" NIL "jdoe" "one.test")(NIL NIL NIL NIL))`},
		{"Undisclosed recipients:;", `((NIL NIL "Undisclosed recipients" NIL)(NIL NIL NIL NIL))`},
		{"Group: a@b", `((NIL NIL "Group" NIL)(NIL NIL "a" "b")(NIL NIL NIL NIL))`},
		{"Joe Q. Public <john.q.public@example.com>", `(("Joe Q. Public" NIL "john.q.public" "example.com"))`}, // appendix A.6.1
		{"Mary Smith <@node.test:mary@example.net>, , jdoe@test . example", `(("Mary Smith" "@node.test" "mary" "example.net")` +
			`(NIL NIL "jdoe" "test.example"))`},
		{"foo@bar <foo@bar>", `(("foo@bar" NIL "foo" "bar"))`},
		{"<>", `((NIL NIL "" ""))`},
		{`"" <a@b>`, `((NIL NIL "a" "b"))`},
		{"a@b (The Name)", `(("The Name" NIL "a" "b"))`},
		{"=?utf-8?q?J=C3=B6rg?= <j@b>", `(("=?utf-8?q?J=C3=B6rg?=" NIL "j" "b"))`},
		{"=?utf-8?q?a=2C?= b <j@b>, x@y", `(("=?utf-8?q?a=2C?= b" NIL "j" "b")(NIL NIL "x" "y"))`},
	} {
		var p parser
		if got := string(p.appendAddressList(nil, []byte(c.in))); got != c.want {
			t.Errorf("%q:\ngot  %s\nwant %s", c.in, got, c.want)
		}
	}
}

func TestAddressesAreBounded(t *testing.T) {
	for _, unit := range []string{"a@b,", "g:a@b;", `"`, `"\`, "<", "<,", "(", "((\\", "a<b@", ":", ";"} {
		in := []byte(strings.Repeat(unit, 200_000))
		if got := appendAddresses(nil, in); len(got) > maxAddresses+2 {
			t.Errorf("%q: %d addresses", unit, len(got))
		}
	}
}

func TestDecodeHeader(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"plain", "plain"},
		{"=?ISO-8859-1?Q?a?=", "a"}, {"=?ISO-8859-1?Q?a?= b", "a b"}, // RFC 2047 section 8
		{"=?ISO-8859-1?Q?a?= =?ISO-8859-1?Q?b?=", "ab"}, {"=?ISO-8859-1?Q?a?=\r\n  =?ISO-8859-1?Q?b?=", "ab"},
		{"=?ISO-8859-1?Q?a_b?=", "a b"}, {"=?ISO-8859-1?Q?a?= =?ISO-8859-2?Q?_b?=", "a b"},
		{"=?utf-8?b?w6k=?= =?utf-8?b?w6k=?=", "éé"}, {"=?utf-8?b?w6?= =?utf-8?b?k=?=", "é"}, {"x=?utf-8?q?=C3=A9?=y", "xéy"},
		{"=?utf-8?q?=C3?= =?utf-8?b?qQ==?=", "é"}, {"=?utf-8*de?q?a?=", "a"}, {"=?utf-8?q?a", "=?utf-8?q?a"},
		{"=?nonsense?q?a?=", "=?nonsense?q?a?="}, {"=?utf-8?z?a?=", "=?utf-8?z?a?="}, {"=??q?a?=", "=??q?a?="},
		{"=?utf-8?q??=", ""}, {"=?utf-8?q?=3F=?=", "?="}, {"=?us-ascii?q?a=E9?=", "aé"}, {"a\x00b\tc", "a b c"},
		{"Gr\xfc\xdfe", "Grüße"}, {"=?gb2312?b?1tDOxA==?=", "中文"}, {"=?hz-gb-2312?q?~{VPND~}?=", "中文"},
		{"=?utf-16?b?AGEAYg==?=", "ab"}, {"=?iso-2022-kr?b?GyQpQw4+SDNnDw==?=", "안녕"},
	} {
		if got := DecodeHeader(c.in); got != c.want {
			t.Errorf("%q: got %q, want %q", c.in, got, c.want)
		}
	}
}

func TestCharsets(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"UTF-8", "é", "é"}, {" \"utf-8\" ", "é", "é"}, {"iso-8859-1", "\xe9", "é"}, {"us-ascii", "a", "a"}, {"latin1", "\x80", "€"},
		{"iso-8859-15", "\xa4", "€"}, {"koi8-u", "\xc1", "а"}, {"gb2312", "\xd6\xd0", "中"}, {"gbk", "\xd6\xd0", "中"},
		{"ks_c_5601-1987", "\xb0\xa1", "가"}, {"tis-620", "\xa1", "ก"}, {"big5-hkscs", "\xa4\xa4", "中"}, {"cp932", "\x82\xa0", "あ"},
		{"windows-31j", "\x82\xa0", "あ"}, {"x-sjis", "\x82\xa0", "あ"}, {"utf-32le", "a\x00\x00\x00", "a"}, {"utf-7", "+AOk-x+-", "éx+"},
		{"utf-7", "+2D3eAA-", "😀"}, {"cp850", "\x82", "é"}, {"macintosh", "\x8e", "é"}, {"x-windows-1252", "\xe9", "é"},
	} {
		e, ok := Charset(c.name)
		if !ok {
			t.Errorf("%s: unknown", c.name)
			continue
		}
		if got, err := e.NewDecoder().String(c.in); err != nil || got != c.want {
			t.Errorf("%s: got %q, want %q: %v", c.name, got, c.want, err)
		}
	}
	for _, name := range []string{"", "x-", "x-x-x", "iso-2022-cn", "unknown-8bit", strings.Repeat("x", 100), "replacement"} {
		if e, ok := Charset(name); ok || e != nil {
			t.Errorf("%q is known", name)
		}
	}
}

// TestDecodersInPieces: the decoders that hold state give the same whatever the pieces are.
func TestDecodersInPieces(t *testing.T) {
	for name, in := range map[string]string{"utf-7": "a+2D3eAOk-b+-+AOkAaQ", "iso-2022-kr": "\x1b$)Cab\x0e>H3g\x0f c\n\x0e>H\n"} {
		e, _ := Charset(name)
		want, err := e.NewDecoder().String(in)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(e.NewDecoder().Reader(oneByOne{strings.NewReader(in)}))
		if err != nil || string(got) != want {
			t.Errorf("%s: got %q, want %q: %v", name, got, want, err)
		}
	}
}

type oneByOne struct{ r io.Reader }

func (o oneByOne) Read(b []byte) (int, error) { return o.r.Read(b[:min(len(b), 1)]) }

func TestFilterHeader(t *testing.T) {
	header := crlf("From: a\nSubject: b\n c\nX-Sub: d\nstray line\nSUBJECT : e\n\n")
	for _, c := range []struct {
		names []string
		not   bool
		want  string
	}{
		{[]string{"subject"}, false, "Subject: b\n c\nSUBJECT : e\n\n"},
		{[]string{"Subject", "from"}, true, "X-Sub: d\nstray line\n\n"},
		{[]string{"none"}, false, "\n"},
		{nil, true, "From: a\nSubject: b\n c\nX-Sub: d\nstray line\nSUBJECT : e\n\n"},
	} {
		if got := string(FilterHeader([]byte("x"), []byte(header), c.names, c.not)); got != "x"+crlf(c.want) {
			t.Errorf("%v %v: got %q, want %q", c.names, c.not, got, crlf(c.want))
		}
	}
	if got := FilterHeader(nil, []byte("A: b"), []string{"a"}, false); string(got) != "A: b" {
		t.Errorf("a header without an end: %q", got)
	}
}

func TestCached(t *testing.T) {
	if !slices.IsSorted(CachedFields) {
		t.Error("CachedFields are not in order")
	}
	for _, c := range []struct {
		fields string
		want   bool
	}{
		// as asked by Thunderbird, Apple Mail, mutt, K-9, Roundcube
		{"From To Cc Bcc Subject Date Message-ID Priority X-Priority References Newsgroups In-Reply-To Content-Type Reply-To", true},
		{"date subject from content-type to cc bcc message-id in-reply-to references x-priority priority user-agent x-mailer", true},
		{"DATE FROM SENDER SUBJECT TO CC MESSAGE-ID REFERENCES CONTENT-TYPE CONTENT-DESCRIPTION IN-REPLY-TO REPLY-TO LINES LIST-POST X-LABEL", false},
		{"List-Id List-Post Resent-From X-Spam-Flag", true},
		{"Received", false}, {"From X-Other", false}, {"", false},
	} {
		if got := Cached(strings.Fields(c.fields)); got != c.want {
			t.Errorf("%s: got %v", c.fields, got)
		}
	}
}

// failing fails to read behind an offset.
type failing struct {
	io.ReaderAt
	after int64
}

var errDisk = errors.New("disk on fire")

func (f failing) ReadAt(b []byte, off int64) (int, error) {
	if off+int64(len(b)) > f.after {
		return 0, errDisk
	}
	return f.ReaderAt.ReadAt(b, off)
}

func TestReaderErrors(t *testing.T) {
	msg := strings.Repeat("a: b\r\n", 20_000)
	if _, err := Digest(failing{strings.NewReader(msg), 70_000}, int64(len(msg))); !errors.Is(err, errDisk) {
		t.Errorf("got %v", err)
	}
	if _, err := Digest(strings.NewReader("short"), 10); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a message shorter than it should be: %v", err)
	}
}

// TestWindowEdges moves a message through every position relative to the edge of the window: the structure must not
// depend on it.
func TestWindowEdges(t *testing.T) {
	tail := crlf("\n--outer\nContent-Type: text/html\n\nsome text\n--outer\nContent-Type: application/x\n\nmore\n\n--outer--\nend\n")
	head := crlf("Content-Type: multipart/mixed; boundary=outer\n\n--outer\n\n")
	for pad := windowSize - len(head) - len(tail) - 3; pad < windowSize-len(head)+3; pad++ {
		msg := head + strings.Repeat("x", pad) + tail
		d := mustDigest(t, msg)
		want := fmt.Sprintf(`(("TEXT" "PLAIN" ("CHARSET" "US-ASCII") NIL NIL "7BIT" %d 0 NIL NIL NIL NIL)`+
			`("text" "html" NIL NIL NIL "7BIT" 9 0 NIL NIL NIL NIL)("application" "x" NIL NIL NIL "7BIT" 6 NIL NIL NIL NIL)`+
			` "mixed" ("boundary" "outer") NIL NIL NIL)`, pad)
		if got := string(d.BodyStructure); got != want {
			t.Fatalf("pad %d:\ngot  %s\nwant %s", pad, got, want)
		}
	}
}

func TestBounds(t *testing.T) {
	many := "Content-Type: multipart/mixed; boundary=b\n\n" + strings.Repeat("--b\n\nx\n", maxParts+500)
	big := "Subject: s\nX: " + strings.Repeat("y", MaxHeader) + "\nFrom: a@b\n\nbody"
	bigLines := "Subject: s\n" + strings.Repeat("X: y\n", MaxHeader/4) + "\nbody"
	params := "Content-Type: text/plain" + strings.Repeat("; a=b", 10_000) + "\n\n"
	subject := "Subject: " + strings.Repeat("s", 500_000) + "\n\n"
	wide := "Content-Type: multipart/mixed; boundary=b\n\n" + strings.Repeat("--b\nContent-Description: "+strings.Repeat("d", 20_000)+"\n\nx\n", 300)
	hostile := map[string]string{"same": strings.Repeat("To: a\n", MaxHeader/7), "blobs": "Subject: " + strings.Repeat("[a]", 100_000) + "\n\n",
		"words": "Subject: " + strings.Repeat("=?a?q?", 100_000) + "\n\n", "ids": "References: " + strings.Repeat("<", 500_000) + "\n\n"}
	var deep strings.Builder
	for i := range 90 {
		fmt.Fprintf(&deep, "Content-Type: multipart/mixed; boundary=%070d\n\n--%070d\n", i, i)
	}
	hostile["dashes"] = deep.String() + "\n" + strings.Repeat("--"+strings.Repeat("0", 68)+"\n", 30_000)
	for name, msg := range hostile {
		t.Run(name, func(t *testing.T) { checkMessage(t, []byte(msg)) })
	}
	for name, msg := range map[string]string{"many": many, "big": big, "lines": bigLines, "params": params, "subject": subject, "wide": wide} {
		checkMessage(t, []byte(msg))
		d := mustDigest(t, msg)
		if n := len(d.BodyStructure) + len(d.Envelope) + len(d.Parts); n > 2*maxWire {
			t.Errorf("%s: %d octets", name, n)
		}
		if name == "big" || name == "lines" {
			if e := d.HeaderSize; e > MaxHeader || d.Subject != "s" {
				t.Errorf("%s: header of %d octets, subject %q", name, e, d.Subject)
			}
		}
	}
	d := mustDigest(t, many)
	p, err := DecodeParts(d.Parts)
	if err != nil || len(p.parts) != maxParts {
		t.Fatalf("%d parts: %v", len(p.parts), err)
	}
	if last := p.parts[len(p.parts)-1]; last.Body.End() != int64(len(many)) {
		t.Errorf("the last part ends at %d", last.Body.End())
	}
}

// zeros is a message of any size that costs nothing.
type zeros struct{ head string }

func (z zeros) ReadAt(b []byte, off int64) (int, error) {
	clear(b)
	if off < int64(len(z.head)) {
		copy(b, z.head[off:])
	}
	return len(b), nil
}

func TestLargeMessageCostsNoMemory(t *testing.T) {
	z := zeros{"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\n"}
	got := testing.AllocsPerRun(1, func() {
		if _, err := Digest(z, 100<<20); err != nil {
			t.Fatal(err)
		}
	})
	if got > 100 {
		t.Errorf("%v allocations", got)
	}
}

func TestDecoded(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	content := make([]byte, 100_000)
	for i := range content {
		content[i] = "abc =\t\xe9.,\r\n"[rnd.IntN(11)]
	}
	content = bytes.ReplaceAll(bytes.ReplaceAll(content, []byte("\r"), nil), []byte("\n"), []byte("\r\n"))
	var qp bytes.Buffer
	w := quotedprintable.NewWriter(&qp)
	if _, err := w.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	for encoding, body := range map[string]string{"quoted-printable": qp.String(), "base64": base64.StdEncoding.EncodeToString(content), "8bit": string(content)} {
		msg := []byte("Content-Type: text/plain\r\nContent-Transfer-Encoding: " + encoding + "\r\n\r\n" + body)
		p, err := DecodeParts(mustDigest(t, string(msg)).Parts)
		if err != nil {
			t.Fatal(err)
		}
		r, err := p.DecodedReader(bytes.NewReader(msg), []int{1})
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(oneByOne{r})
		if err != nil || !bytes.Equal(got, content) {
			t.Errorf("%s: %d octets, want %d: %v", encoding, len(got), len(content), err)
		}
		if n, err := p.DecodedSize(bytes.NewReader(msg), []int{1}); err != nil || n != int64(len(content)) {
			t.Errorf("%s: size %d: %v", encoding, n, err)
		}
	}
}

func TestDecodedErrors(t *testing.T) {
	msg := "Content-Transfer-Encoding: x-uuencode\n\nx"
	p, err := DecodeParts(mustDigest(t, msg).Parts)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.DecodedReader(strings.NewReader(msg), []int{1}); mail.KindOf(err) != mail.Invalid {
		t.Errorf("unknown encoding: %v", err)
	}
	if _, err := p.DecodedSize(strings.NewReader(msg), []int{1}); mail.KindOf(err) != mail.Invalid {
		t.Errorf("unknown encoding: %v", err)
	}
	if _, err := p.DecodedReader(strings.NewReader(msg), []int{2}); mail.KindOf(err) != mail.NotFound {
		t.Errorf("no such part: %v", err)
	}
	if n, err := p.DecodedSize(strings.NewReader(msg), nil); err != nil || n != int64(len(msg)) {
		t.Errorf("the message itself: %d, %v", n, err)
	}
}

func TestReferences(t *testing.T) {
	var many []string
	for i := range maxReferences + 50 {
		many = append(many, fmt.Sprintf("<%d@x>", i))
	}
	got := references([]byte(strings.Join(many, " ")), nil)
	if len(got) != maxReferences || got[0] != "0@x" || got[len(got)-1] != fmt.Sprintf("%d@x", maxReferences+49) {
		t.Errorf("%d references, %s to %s", len(got), got[0], got[len(got)-1])
	}
	for _, c := range []struct {
		refs, irt string
		want      []string
	}{
		{"", "", nil}, {"", "<a@b> <c@d>", []string{"a@b"}}, {"none", "<a@b>", []string{"a@b"}}, {"<a@b", "", nil},
		{"<a@b><c@d>", "<e@f>", []string{"a@b", "c@d"}}, {"< a@b >", "", []string{"a@b"}}, {"<<a@b>>", "", []string{"a@b"}},
	} {
		if got := references([]byte(c.refs), []byte(c.irt)); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%q %q: got %q, want %q", c.refs, c.irt, got, c.want)
		}
	}
}

// benchmarkMessage is a typical multipart message of 30 KB.
func benchmarkMessage() []byte {
	var b bytes.Buffer
	b.WriteString(crlf("Received: from a.example by b.example; Tue, 3 Feb 2026 10:20:30 +0100\n"))
	for i := range 8 {
		fmt.Fprintf(&b, "X-Header-%d: some value that is of no interest to anybody here\r\n", i)
	}
	b.WriteString(crlf(`From: =?utf-8?q?J=C3=B6rg_Example?= <joerg@example.org>
To: Alice <alice@example.net>, Bob <bob@example.net>
Cc: "Carol, C." <carol@example.net>
Subject: =?utf-8?b?UmU6IEdyw7zDn2U=?= from here
Date: Tue, 03 Feb 2026 10:20:30 +0100
Message-ID: <abc.123@example.org>
References: <a@example.org> <b@example.org>
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="=_outer"

--=_outer
Content-Type: multipart/alternative; boundary="=_inner"

--=_inner
Content-Type: text/plain; charset=utf-8

`))
	b.WriteString(strings.Repeat("A line of the text that somebody wrote.\r\n", 40))
	b.WriteString(crlf("--=_inner\nContent-Type: text/html; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n\n"))
	b.WriteString(strings.Repeat("<p>A line of the text that somebody wrote.</p>=20\r\n", 80))
	b.WriteString(crlf("--=_inner--\n\n--=_outer\nContent-Type: application/pdf; name=a.pdf\nContent-Transfer-Encoding: base64\nContent-Disposition: attachment; filename=a.pdf\n\n"))
	for b.Len() < 30_000 {
		b.WriteString(strings.Repeat("QUJD", 19) + "\r\n")
	}
	b.WriteString("--=_outer--\r\n")
	return b.Bytes()
}

func BenchmarkDigest30KB(b *testing.B) {
	msg := benchmarkMessage()
	b.SetBytes(int64(len(msg)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Digest(bytes.NewReader(msg), int64(len(msg))); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDigest100MB(b *testing.B) {
	z := zeros{"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\n"}
	b.SetBytes(100 << 20)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Digest(z, 100<<20); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecodeParts(b *testing.B) {
	d := mustDigest(b, string(benchmarkMessage()))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := DecodeParts(d.Parts); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecodeBase64(b *testing.B) {
	msg := []byte("Content-Transfer-Encoding: base64\r\nContent-Type: image/png\r\n\r\n" + strings.Repeat(strings.Repeat("QUJD", 19)+"\r\n", 20_000))
	p, err := DecodeParts(mustDigest(b, string(msg)).Parts)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(msg)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.DecodedSize(bytes.NewReader(msg), []int{1}); err != nil {
			b.Fatal(err)
		}
	}
}
