package imapd

import (
	"github.com/constance-mail/constance/internal/imap"
	"github.com/constance-mail/constance/internal/imap/wire"
	"github.com/constance-mail/constance/internal/mail"
	"github.com/constance-mail/constance/internal/message"
)

// appendPreview appends the preview that was made when the message arrived. One that was not, as that of a
// message stored by an older version, is made while it is written, or with LAZY left out. RFC 8970 sections
// 3.2 and 4.1.
func (f *fetcher) appendPreview(b []byte, r *fetchRow, d *mail.Digest, it *imap.FetchItem) []byte {
	switch {
	case d.Preview != nil:
		return f.s.appendText(b, d.Preview)
	case it.Lazy:
		return append(b, "NIL"...)
	}
	return f.leaveHole(b, r, d, it)
}

// makePreview writes the preview of a message that has none.
func (f *fetcher) makePreview(o *openMessage) error {
	d, err := message.Digest(o.content, o.content.Size())
	if err != nil {
		return err
	}
	f.name = f.s.appendText(f.name[:0], d.Preview)
	return f.s.out.write(f.name)
}

// appendText appends UTF-8 without line ends: a quoted string where the client takes UTF-8 in one, or a
// literal.
func (s *session) appendText(b, text []byte) []byte {
	ascii := true
	for _, c := range text {
		ascii = ascii && c < 0x80
	}
	if !ascii && !s.utf8() {
		return append(wire.AppendLiteralHeader(b, int64(len(text))), text...)
	}
	b = append(b, '"')
	for _, c := range text {
		if c == '"' || c == '\\' {
			b = append(b, '\\')
		}
		b = append(b, c)
	}
	return append(b, '"')
}
