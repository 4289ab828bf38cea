package message

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"
)

// RFC 8970 section 3.
func TestPreview(t *testing.T) {
	alternative := "Content-Type: multipart/alternative; boundary=b\n\n--b\nContent-Type: text/html\n\n<p>rich</p>\n" +
		"--b\nContent-Type: text/plain\n\n"
	for _, c := range []struct{ name, msg, want string }{
		{"no Content-Type", "\nHello\nworld\n", "Hello world"},
		{"no body", "Subject: x\n", ""},
		{"white space", "\n\n  a \t b\n\n\n c\n", "a b c"},
		{"charset", "Content-Type: text/plain; charset=koi8-r\n\n\xf0\xd2\xc9\xd7\xc5\xd4", "Привет"},
		{"octets that are not UTF-8", "\na\xffb", "ab"},
		{"controls", "\na\x00b\x1bc", "a b c"},
		{"quoted lines", "\nYes.\n> Really?\n>> Would you?\nNo.\n", "Yes. No."},
		{"line that introduces a quotation", "\nYes.\n\nAm 1.2. schrieb Ann:\n\n> Really?\n", "Yes."},
		{"a colon before something else", "\nList:\none\n", "List: one"},
		{"a colon at the end", "\nList:\n", "List:"},
		{"nothing but a quotation", "\nAnn wrote:\n> Really?\n> > Yes.\n", "Really? Yes."},
		{"signature", "\nHi\n-- \nAnn\n", "Hi"},
		{"rules", "\n=====\nHi\n----- Original Message -----\n***\n", "Hi"},
		{"few signs are no rule", "\n:)\n", ":)"},
		{"signed by OpenPGP", "\n-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\nHi\n-----BEGIN PGP SIGNATURE-----\n\niQ==", "Hi"},
		{"encrypted", "\n-----BEGIN PGP MESSAGE-----\n\nhQEMA==\n", ""},
		{"html", "Content-Type: text/html\n\n<style>p{}</style><p>Hi <b>you</b>", "Hi you"},
		{"quotation in html", "Content-Type: text/html\n\nYes<div>Ann wrote:<blockquote>Really?</blockquote></div>", "Yes"},
		{"room behind a short text", "Content-Type: text/html\n\nSale!&zwnj;&nbsp;&#847;&zwnj;&nbsp;&#8199;&shy;&#65279;<p>More", "Sale! More"},
		{"a joiner between letters", "\nمی\u200cخواهم", "می\u200cخواهم"},
		{"plain before html", alternative + "plain\n--b--\n", "plain"},
		{"plain is empty", alternative + "\n--b--\n", "rich"},
		{"first of mixed", "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/html\n\nfirst\n--b\n\nsecond\n--b--\n", "first"},
		{"attachments", "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Disposition: attachment\n\nfile\n--b\n\nsecond\n--b--\n", "second"},
		{"other text", "Content-Type: text/calendar\n\nBEGIN:VCALENDAR\n", ""},
		{"no text", "Content-Type: image/png\nContent-Transfer-Encoding: base64\n\niVBOR\n", ""},
		{"a message in it", "Content-Type: message/rfc822\n\n\nhidden\n", ""},
		{"base64", "Content-Transfer-Encoding: base64\n\nSGk=\n", "Hi"},
		{"unknown charset", "Content-Type: text/plain; charset=none\n\nHi\n", "Hi"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := mustDigest(t, c.msg).Preview; string(got) != c.want || got == nil {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
		})
	}
}

// RFC 8970 section 3.3: at most 200 characters, which are not octets.
func TestPreviewLength(t *testing.T) {
	long := strings.Repeat("é", 5000)
	for _, msg := range []string{"\n" + long, "\n" + strings.Repeat("ab\n", 500), "Content-Type: text/html\n\n" + long,
		"\n> " + long, "\nx:\n" + strings.Repeat("> é\n", 5000), "\n" + strings.Repeat("é é", 1000) + ":\nx"} {
		got := mustDigest(t, msg).Preview
		if n := utf8.RuneCount(got); n < MaxPreview-1 || n > MaxPreview || !utf8.Valid(got) {
			t.Errorf("%.20q: %d characters: %q", msg, n, got)
		}
	}
}

// However the text begins, what is read of it is bounded.
func TestPreviewReadsLittle(t *testing.T) {
	head := "Content-Type: text/html\n\n"
	r := &countingReader{Reader: bytes.NewReader([]byte(head + "<style>" + strings.Repeat("p{}", 1<<20)))}
	d, err := Digest(r, r.Size())
	if err != nil || len(d.Preview) != 0 {
		t.Fatalf("%q, %v", d.Preview, err)
	}
	if extra := r.read - r.Size(); extra > previewOctets+decodeChunk {
		t.Errorf("%d octets were read again", extra)
	}
}

type countingReader struct {
	*bytes.Reader
	read int64
}

func (r *countingReader) ReadAt(b []byte, off int64) (int, error) {
	n, err := r.Reader.ReadAt(b, off)
	r.read += int64(n)
	return n, err
}

// failingReader fails to read once it was read to its end.
type failingReader struct {
	*bytes.Reader
	ended bool
}

func (r *failingReader) ReadAt(b []byte, off int64) (int, error) {
	if r.ended {
		return 0, errFailing
	}
	n, err := r.Reader.ReadAt(b, off)
	r.ended = off+int64(n) == r.Size()
	return n, err
}

func TestPreviewReadError(t *testing.T) {
	r := &failingReader{Reader: bytes.NewReader([]byte("\nHello"))}
	if d, err := Digest(r, r.Size()); !errors.Is(err, errFailing) {
		t.Errorf("%+v, %v", d, err)
	}
}
