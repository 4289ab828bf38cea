package imapd

import (
	"context"
	"io"
	"testing"

	"github.com/constance-mail/constance/internal/mail"
	"github.com/constance-mail/constance/internal/message"
)

// RFC 8970 section 3.2: what was not made when the message arrived is made now, but not for LAZY (section 4.1).
func TestPreviewOfOldMessage(t *testing.T) {
	m := newMessagesTest(t, []string{simpleMessage})
	for _, text := range []string{"\nOld \"one\"\n", "\nAlt: ü\n", "\n"} {
		m.appendOld(text)
	}
	m.open()
	m.expect("FETCH 1:4 (PREVIEW (LAZY) UID)", `* 1 FETCH (PREVIEW "The body." UID 1)
* 2 FETCH (PREVIEW NIL UID 2)
* 3 FETCH (PREVIEW NIL UID 3)
* 4 FETCH (PREVIEW NIL UID 4)
`)
	m.expect("FETCH 1:4 (PREVIEW UID)", `* 1 FETCH (PREVIEW "The body." UID 1)
* 2 FETCH (PREVIEW "Old \"one\"" UID 2)
* 3 FETCH (PREVIEW {7}
Alt: ü UID 3)
* 4 FETCH (PREVIEW "" UID 4)
`)
	m.expect("FETCH 2 (BODY.PEEK[TEXT] PREVIEW BODY.PEEK[HEADER.FIELDS (X-ODD)])",
		"* 2 FETCH (BODY[TEXT] {11}\nOld \"one\"\n PREVIEW \"Old \\\"one\\\"\" BODY[HEADER.FIELDS (X-ODD)] {2}\n\n)\n")
}

// appendOld adds a message as a version without previews has stored it.
func (m *messagesTest) appendOld(text string) {
	m.t.Helper()
	ctx := context.Background()
	up, err := m.acct.NewUpload(ctx, -1)
	m.check(err)
	defer func() { m.check(up.Close()) }()
	_, err = io.WriteString(up, crlf(text))
	m.check(err)
	d, err := message.Digest(up, up.Size())
	m.check(err)
	d.Preview = nil
	_, err = m.acct.Append(ctx, m.s.sel.id, []mail.NewMessage{{Upload: up, Digest: d}})
	m.check(err)
}

// Previews cost no allocation per message.
func BenchmarkFetchPreview(b *testing.B) {
	m := newMessagesTest(b, nil)
	for range 1000 {
		m.append(mail.Inbox, simpleMessage, m.s.started, nil)
	}
	m.open()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := m.do("FETCH 1:* (PREVIEW (LAZY))"); err != nil {
			b.Fatal(err)
		}
	}
}
