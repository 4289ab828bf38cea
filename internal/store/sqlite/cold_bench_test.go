package sqlite

import (
	"bytes"
	"context"
	"fmt"
	"testing"

	"github.com/constance-mail/constance/internal/mail"
	"github.com/constance-mail/constance/internal/message"
	"golang.org/x/sys/unix"
)

// BenchmarkDeliverCold is the store's part of deliveries to more accounts than handles, as LMTP does it.
func BenchmarkDeliverCold(b *testing.B) {
	ctx := context.Background()
	o := benchOptions()
	o.Handles = 1
	s := openTest(b, b.TempDir(), o)
	const accounts = 300
	text := append([]byte("Message-ID: <1@example.com>\r\nFrom: a@b\r\nTo: c@d\r\nSubject: x\r\n"+
		"Date: Mon, 1 Jan 2024 00:00:00 +0000\r\n\r\n"), bytes.Repeat([]byte("0123456789abcde\r\n"), 1700)...)
	once := func(i int) {
		a := s.Account(mail.AccountID(fmt.Sprintf("user%d", i%accounts)))
		if _, err := a.Usage(ctx); err != nil {
			b.Fatal(err)
		}
		m, err := a.Mailbox(ctx, "INBOX")
		if err != nil {
			b.Fatal(err)
		}
		u, err := a.NewUpload(ctx, int64(len(text)))
		if err != nil {
			b.Fatal(err)
		}
		_, _ = u.Write(text)
		d, err := message.Digest(u, u.Size())
		if err != nil {
			b.Fatal(err)
		}
		d.MessageID = fmt.Sprint(i, "@example.com")
		if _, err := a.Append(ctx, m.ID, []mail.NewMessage{{Upload: u, Digest: d}}); err != nil {
			b.Fatal(err)
		}
		_ = u.Close()
	}
	for i := range accounts {
		once(i)
	}
	b.ReportAllocs()
	i := accounts
	before := cpuTime(b)
	for b.Loop() {
		once(i)
		i++
	}
	b.ReportMetric(float64(cpuTime(b)-before)/float64(b.N)/1e3, "cpu-us/op")
}

// cpuTime is what the process used of the processors, nanoseconds.
func cpuTime(b *testing.B) int64 {
	var r unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &r); err != nil {
		b.Fatal(err)
	}
	return r.Utime.Nano() + r.Stime.Nano()
}
