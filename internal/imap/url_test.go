package imap

import (
	"reflect"
	"strings"
	"testing"

	"github.com/constance-mail/constance/internal/message"
)

// RFC 5092 sections 6 and 7, RFC 4469 appendix A, RFC 8508 section 4.2.
func TestParseURL(t *testing.T) {
	for in, want := range map[string]URL{
		"/Drafts;UIDVALIDITY=385759045/;UID=20/;section=HEADER": {Mailbox: "Drafts", UIDValidity: 385759045, UID: 20,
			Section: message.Section{What: message.Header}},
		"/Drafts;UIDVALIDITY=385759045/;UID=20/;section=1.MIME": {Mailbox: "Drafts", UIDValidity: 385759045, UID: 20,
			Section: message.Section{Path: []int{1}, What: message.MIME}},
		"/Drafts;UIDVALIDITY=385759045/;UID=30": {Mailbox: "Drafts", UIDValidity: 385759045, UID: 30},
		"/Drafts/;UID=3002":                     {Mailbox: "Drafts", UID: 3002},
		"/Drafts;UID=3002":                      {Mailbox: "Drafts", UID: 3002},
		"Drafts/;UID=1":                         {Mailbox: "Drafts", UID: 1},
		"/Archive/2026/;UID=1":                  {Mailbox: "Archive/2026", UID: 1},
		"/Gr%C3%BC%c3%9fe%3B%20x/;UID=1":        {Mailbox: "Grüße; x", UID: 1},
		"/;UID=1":                               {UID: 1},
		";UID=1/;SECTION=TEXT":                  {UID: 1, Section: message.Section{What: message.Text}},
		"/;uid=1/;section=HEADER.FIELDS%20(DATE%20FROM)": {UID: 1,
			Section: message.Section{What: message.HeaderFields, Fields: []string{"DATE", "FROM"}}},
		"/;UID=1/;PARTIAL=0":                  {UID: 1, Partial: true},
		"/;UID=1/;SECTION=1.2/;PARTIAL=10.24": {UID: 1, Section: message.Section{Path: []int{1, 2}}, Partial: true, Offset: 10, Length: 24},
	} {
		got, ok := ParseURL(in)
		if !ok || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %+v, %v, want %+v", in, got, ok, want)
		}
		if back, ok := ParseURL(string(got.Append(nil))); !ok || !reflect.DeepEqual(back, want) {
			t.Errorf("%s: written %s, read again %+v", in, got.Append(nil), back)
		}
	}
}

func TestParseURLBad(t *testing.T) {
	for _, in := range []string{"", "/", "/Drafts", "/Drafts;UIDVALIDITY=1", "/Drafts/;UID=0", "/Drafts/;UID=", "/Drafts/;UID=x",
		"/Drafts/;UID=4294967296", "/Drafts;UIDVALIDITY=0/;UID=1", "/Drafts;FOO=1/;UID=1", "/Drafts/;UID=1/;FOO=2", "/;UID=1/;UID=1",
		"/;UID=1/;SECTION=", "/;UID=1/;SECTION=FOO", "/;UID=1/;SECTION=1%0D", "/;UID=1/;SECTION=HEADER.FIELDS%20(%7B1%7D)",
		"/;UID=1/;SECTION=1/;SECTION=2", "/;SECTION=1/;UID=1", "/;UID=1/;PARTIAL=1/;SECTION=1", "/;UID=1/;PARTIAL=",
		"/;UID=1/;PARTIAL=1.0", "/;UID=1/;PARTIAL=x", "/;UID=1/;PARTIAL=-1", "/;UID=1/;PARTIAL=1/;PARTIAL=1", "/;UID=1/", "/a%/;UID=1", "/a%4/;UID=1", "/a%zz/;UID=1",
		"/a%ff/;UID=1", "/\xa4\xa4\xa4\xa4/;UID=1", "imap://server/a/;UID=1", "imap:a/;UID=1", "//server/a/;UID=1", "http://x/;UID=1",
		"/a/;UID=1;URLAUTH=anonymous", "/a?TEXT", "/" + strings.Repeat("a", maxURL) + "/;UID=1"} {
		if u, ok := ParseURL(in); ok {
			t.Errorf("%s: taken as %+v", in, u)
		}
	}
}

func TestBadURLCode(t *testing.T) {
	if got, want := BadURLCode("/a] \r\nü\"/;UID=1"), RespCode("BADURL /a%5D%20%0D%0A%C3%BC%22/;UID=1"); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func FuzzURL(f *testing.F) {
	for _, s := range []string{"/a;UIDVALIDITY=1/;UID=2/;SECTION=1.HEADER.FIELDS%20(A)/;PARTIAL=1.2", ";UID=1", "/%41/;uid=1",
		"%2F/;UID=1", ";UID=1/;SECTION=HEADER.FIELDS%20(A/B%2FC%3B)/;PARTIAL=1",
		"/\xa4\xa4\xa4\xa4/;UID=1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		u, ok := ParseURL(s)
		if !ok || len(u.Append(nil)) > maxURL { // an octet may become three
			return
		}
		if back, ok := ParseURL(string(u.Append(nil))); !ok || !reflect.DeepEqual(back, u) {
			t.Errorf("%q: %+v, written %q, read again %+v, %v", s, u, u.Append(nil), back, ok)
		}
	})
}
