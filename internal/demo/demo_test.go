package demo

import (
	"bytes"
	"image/png"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/constance-mail/constance/internal/mail"
	"github.com/constance-mail/constance/internal/message"
)

func TestAlwaysTheSame(t *testing.T) {
	if !reflect.DeepEqual(Accounts(), Accounts()) {
		t.Error("two calls give different mail")
	}
}

// Every message is what a message on the wire must be, and our own parser finds nothing to complain of.
func TestMessages(t *testing.T) {
	now := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	for _, a := range Accounts() {
		if len(a.Messages) < 20 {
			t.Errorf("%s has %d messages", a.Login, len(a.Messages))
		}
		boxes := map[string]bool{mail.Inbox: true}
		for _, m := range a.Mailboxes {
			if clean, err := mail.CleanName(m); err != nil || clean != m {
				t.Errorf("mailbox %q: %v", m, err)
			}
			boxes[m] = true
		}
		for i, m := range a.Messages {
			text := string(m.Octets)
			if strings.Count(text, "\n") != strings.Count(text, "\r\n") || strings.Count(text, "\r") != strings.Count(text, "\r\n") {
				t.Errorf("%s %d: bare CR or LF in\n%q", a.Login, i, text)
			}
			for _, l := range strings.Split(text, "\r\n") {
				if len(l) > 998 {
					t.Errorf("%s %d: a line of %d octets (RFC 5322 section 2.1.1)", a.Login, i, len(l))
				}
			}
			if !boxes[m.Mailbox] || m.Internal.After(now) {
				t.Errorf("%s %d: mailbox %q, date %v", a.Login, i, m.Mailbox, m.Internal)
			}
			d, err := message.Digest(bytes.NewReader(m.Octets), int64(len(m.Octets)))
			if err != nil || d.Subject == "" || d.From == "" || d.MessageID == "" || d.Sent == mail.NoDate {
				t.Errorf("%s %d: digest %+v, %v", a.Login, i, d, err)
			}
		}
	}
}

// What is encoded is decoded to what was written.
func TestCharsets(t *testing.T) {
	want := map[string]string{
		"ru-1": "Часы из Петербурга", "ja-1": "展覧会の件", "zh-1": "关于钟表展览", "el-1": "Το ρολόι των ανέμων",
		"ar-1": "ساعة الفيل", "emoji-1": "Lunch? 🥪🕛", "de-1": "Pläne für die Räume",
	}
	for _, a := range Accounts() {
		for _, m := range a.Messages {
			d, err := message.Digest(bytes.NewReader(m.Octets), int64(len(m.Octets)))
			if err != nil {
				t.Fatal(err)
			}
			id := strings.TrimSuffix(d.MessageID, domain)
			if w, ok := want[id]; ok && d.Subject != w {
				t.Errorf("%s: subject %q, want %q", id, d.Subject, w)
			}
			delete(want, id)
		}
	}
	if len(want) > 0 {
		t.Errorf("not there: %v", want)
	}
}

func TestKindsOfMessages(t *testing.T) {
	var all strings.Builder
	for _, a := range Accounts() {
		for _, m := range a.Messages {
			all.Write(m.Octets)
		}
	}
	for _, s := range []string{
		"multipart/alternative", "multipart/mixed", "multipart/related", "multipart/digest", "multipart/report", "message/rfc822",
		"text/calendar", "application/pdf", "image/png", "charset=koi8-r", "charset=iso-2022-jp", "charset=gb18030", "List-Id:", "filename*=utf-8''",
	} {
		if !strings.Contains(all.String(), s) {
			t.Errorf("no message holds %s", s)
		}
	}
}

func TestFilesAreReal(t *testing.T) {
	img, err := png.Decode(bytes.NewReader(picture(160, 96)))
	if err != nil || img.Bounds().Dx() != 160 {
		t.Errorf("picture: %v", err)
	}
	p := pdf("a (b)", `c\d`)
	if !bytes.HasPrefix(p, []byte("%PDF-1.4\n")) || !bytes.HasSuffix(p, []byte("%%EOF\n")) || !bytes.Contains(p, []byte(`(a \(b\)) Tj`)) {
		t.Errorf("pdf %q", p)
	}
	// the cross reference table points at the objects
	at := bytes.Index(p, []byte("xref\n"))
	for i, line := range strings.Split(string(p[at:]), "\n")[3:8] {
		off := 0
		for _, c := range line[:10] {
			off = off*10 + int(c-'0')
		}
		if want := []byte{byte('1' + i), ' ', '0', ' ', 'o', 'b', 'j'}; !bytes.HasPrefix(p[off:], want) {
			t.Errorf("object %d is not at %d", i+1, off)
		}
	}
}
