package message

import (
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
)

// seen is a Looker that collects what it is shown, up to one text.
type seen struct {
	texts []string
	until string
}

func (s *seen) Field(text string) bool {
	s.texts = append(s.texts, text)
	return text == s.until
}

func (s *seen) Text(r io.Reader) (bool, error) {
	b, err := io.ReadAll(r)
	return s.Field(string(b)), err
}

const lookedAt = "Subject: =?utf-8?q?gr=C3=BC=C3=9Fe?=\n  again\nContent-Type: multipart/mixed; boundary=b\n\npreamble\n--b\n" +
	"Content-Type: text/html\n\n<p>one</p>\n--b\nContent-Type: application/pdf\nContent-Transfer-Encoding: base64\n\nAAAA\n--b\n" +
	"Content-Type: message/delivery-status\n\nFinal-Recipient: rfc822; x@y\n--b\n" +
	"Content-Type: message/rfc822\n\nSubject: inner\n\ntwo\n--b--\n"

var shownHeader = []string{"Subject:  grüße  again", "Content-Type:  multipart/mixed; boundary=b"}

var shownBody = []string{"Content-Type:  text/html", "one", "Content-Type:  application/pdf", "Content-Transfer-Encoding:  base64",
	"Content-Type:  message/delivery-status", "Final-Recipient: rfc822; x@y", "Content-Type:  message/rfc822", "Subject:  inner", "two"}

func TestLook(t *testing.T) {
	root, err := DecodeParts(mustDigest(t, lookedAt).Parts)
	if err != nil {
		t.Fatal(err)
	}
	r := strings.NewReader(lookedAt)
	header, err := root.ReadHeader(r)
	if err != nil {
		t.Fatal(err)
	}
	var s seen
	if LookAtHeader(header, &s) || !slices.Equal(s.texts, shownHeader) {
		t.Errorf("header: %q", s.texts)
	}
	s = seen{}
	if enough, err := LookAtBody(r, root, &s); enough || err != nil || !slices.Equal(s.texts, shownBody) {
		t.Errorf("body: %v, %v, %q", enough, err, s.texts)
	}
	for i, until := range shownBody {
		s = seen{until: until}
		if enough, err := LookAtBody(r, root, &s); !enough || err != nil || !slices.Equal(s.texts, shownBody[:i+1]) {
			t.Errorf("enough after %q: %v, %v, %q", until, enough, err, s.texts)
		}
	}
	s = seen{until: shownHeader[0]}
	if !LookAtHeader(header, &s) || len(s.texts) != 1 {
		t.Errorf("enough after the first field: %q", s.texts)
	}
}

// failingAt fails to read from an offset on.
type failingAt struct {
	io.ReaderAt
	from int64
}

var errFailing = errors.New("failing")

func (f failingAt) ReadAt(p []byte, off int64) (int, error) {
	if off+int64(len(p)) > f.from {
		return 0, errFailing
	}
	return f.ReaderAt.ReadAt(p, off)
}

func TestLookFails(t *testing.T) {
	root, err := DecodeParts(mustDigest(t, lookedAt).Parts)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range root.Parts() {
		r := failingAt{strings.NewReader(lookedAt), part.Header.Offset}
		if enough, err := LookAtBody(r, root, &seen{}); enough || !errors.Is(err, errFailing) {
			t.Errorf("from %d on: %v, %v", part.Header.Offset, enough, err)
		}
	}
	if _, err := root.ReadHeader(failingAt{strings.NewReader(lookedAt), 0}); !errors.Is(err, errFailing) {
		t.Errorf("header: %v", err)
	}
}

// A message that is nothing but a report, or nothing but something else. RFC 3464 section 2.
func TestLookAtLeaf(t *testing.T) {
	for typ, want := range map[string][]string{"message/delivery-status": {"Final-Recipient: rfc822; x@y\n"},
		"MESSAGE (x) / disposition-notification": {"Final-Recipient: rfc822; x@y\n"}, "application/x": nil, "image/png": nil} {
		msg := "Subject: x\nContent-Type: " + typ + "\n\nFinal-Recipient: rfc822; x@y\n"
		root, err := DecodeParts(mustDigest(t, msg).Parts)
		if err != nil {
			t.Fatal(err)
		}
		var s seen
		if enough, err := LookAtBody(strings.NewReader(msg), root, &s); enough || err != nil || !slices.Equal(s.texts, want) {
			t.Errorf("%s: %v, %v, %q", typ, enough, err, s.texts)
		}
		if _, err := LookAtBody(failingAt{strings.NewReader(msg), 0}, root, &s); !errors.Is(err, errFailing) {
			t.Errorf("%s, which cannot be read: %v", typ, err)
		}
	}
}
