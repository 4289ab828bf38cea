package sqlite

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/constance-mail/constance/internal/mail"
	"github.com/constance-mail/constance/internal/message"
)

// importText is message i of an import: 1.5 KB, in threads of ten.
func importText(i int) string {
	var refs string
	if i%10 != 0 {
		refs = fmt.Sprintf("In-Reply-To: <%d@example.com>\r\nReferences: <%d@example.com> <%d@example.com>\r\n",
			i-1, i-i%10, i-1)
	}
	return fmt.Sprintf("Message-ID: <%d@example.com>\r\nFrom: Sender %03d <sender%03d@example.com>\r\n"+
		"To: Someone <someone@example.org>\r\nSubject: Re: budget meeting %d\r\n"+
		"Date: Mon, 1 Jan 2024 00:00:00 +0000\r\n%s\r\n", i, i%500, i%500, i/10, refs) +
		strings.Repeat("a line of the text, one of many\r\n", 36)
}

// importBatch is messages first to first+n-1 of an import, received.
func importBatch(b *testing.B, a mail.Account, first, n int) []mail.NewMessage {
	b.Helper()
	var msgs []mail.NewMessage
	for i := first; i < first+n; i++ {
		text := importText(i)
		u, err := a.NewUpload(context.Background(), int64(len(text)))
		if err != nil {
			b.Fatal(err)
		}
		_, _ = u.Write([]byte(text))
		d, err := message.Digest(u, u.Size())
		if err != nil {
			b.Fatal(err)
		}
		msgs = append(msgs, mail.NewMessage{Upload: u, Digest: d})
	}
	return msgs
}

// importSize is how many messages an import appends at a time.
const importSize = 250

// BenchmarkImport is the store's part of an import of 10,000 messages, many at a time.
func BenchmarkImport(b *testing.B) {
	ctx := context.Background()
	const all = 10000
	b.ReportAllocs()
	var cpu int64
	for b.Loop() {
		b.StopTimer()
		a := openTest(b, b.TempDir(), benchOptions()).Account("alice")
		for first := 0; first < all; first += importSize {
			msgs := importBatch(b, a, first, importSize)
			b.StartTimer()
			before := cpuTime(b)
			if _, err := a.Append(ctx, 1, msgs); err != nil {
				b.Fatal(err)
			}
			cpu += cpuTime(b) - before
			b.StopTimer()
			for _, m := range msgs {
				_ = m.Upload.Close()
			}
		}
		b.StartTimer()
	}
	b.ReportMetric(float64(cpu)/float64(b.N)/1e3/all, "cpu-us/msg")
}
