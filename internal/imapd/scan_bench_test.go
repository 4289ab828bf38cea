package imapd

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/constance-mail/constance/internal/mail"
	"github.com/constance-mail/constance/internal/message"
	"github.com/constance-mail/constance/internal/store/sqlite"
)

// benchText is the i-th message of a large mailbox: in threads of ten, 1,500 octets.
func benchText(i int) string {
	words := [...]string{"report", "invoice", "meeting", "project", "budget", "contract", "customer", "delivery", "Zürich", "server"}
	thread := i / 10
	b := new(strings.Builder)
	fmt.Fprintf(b, "Date: %s\r\nFrom: \"Sender %03d Example\" <sender%03[2]d@example.com>\r\nTo: Someone <someone@example.org>\r\n",
		time.Unix(1.7e9+int64(i)*60, 0).UTC().Format(time.RFC1123Z), i*7919%500)
	fmt.Fprintf(b, "Subject: %s%s %s %d\r\nMessage-ID: <%d@lab.example>\r\n", []string{"", "Re: "}[min(1, i%10)],
		words[thread%len(words)], words[thread/10%len(words)], thread, i)
	if i%10 > 0 {
		fmt.Fprintf(b, "References: <%d@lab.example> <%d@lab.example>\r\n", thread*10, i-1)
	}
	b.WriteString("MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n")
	if i%50 == 7 {
		b.WriteString("quetzalcoatl\r\n")
	}
	for n := i; b.Len() < 1450; n += 7 {
		fmt.Fprintf(b, "%s and %s with the %s of %s\r\n", words[n%10], words[n/10%10], words[n/3%10], words[n/7%10])
	}
	return b.String()
}

// largeMailbox is a session with n messages in INBOX, on disk.
func largeMailbox(b *testing.B, n int) *messagesTest {
	b.Helper()
	s, err := sqlite.Open(b.TempDir(), sqlite.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := s.Close(); err != nil {
			b.Error(err)
		}
	})
	acct := s.Account("test")
	for i := 0; i < n; i += 1000 {
		appendTexts(b, acct, i, min(i+1000, n))
	}
	return messagesTestOf(b, acct, nil)
}

// appendTexts appends the messages from first to before last at once.
func appendTexts(b *testing.B, acct mail.Account, first, last int) {
	b.Helper()
	ctx := context.Background()
	var messages []mail.NewMessage
	for i := first; i < last; i++ {
		text := benchText(i)
		up, err := acct.NewUpload(ctx, int64(len(text)))
		if err != nil {
			b.Fatal(err)
		}
		if _, err := up.Write([]byte(text)); err != nil {
			b.Fatal(err)
		}
		d, err := message.Digest(up, up.Size())
		if err != nil {
			b.Fatal(err)
		}
		messages = append(messages, mail.NewMessage{Upload: up, Digest: d, Internal: time.Unix(1.7e9+int64(i), 0)})
	}
	if _, err := acct.Append(ctx, 1, messages); err != nil {
		b.Fatal(err)
	}
	for i := range messages {
		if err := messages[i].Upload.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkScan is commands that look at all messages of a mailbox on disk. first: nothing is kept of an earlier command.
func BenchmarkScan(b *testing.B) {
	for _, n := range []int{20_000, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) { benchmarkScan(b, largeMailbox(b, n)) })
	}
}

func benchmarkScan(b *testing.B, m *messagesTest) {
	for _, c := range []struct{ name, line string }{
		{"From", "UID SEARCH FROM sender123@"}, {"Subject", "UID SEARCH SUBJECT meeting"}, {"Body", "UID SEARCH BODY quetzalcoatl"},
		{"Unseen", "UID SEARCH UNSEEN"}, {"SortSubject", "UID SORT (SUBJECT) UTF-8 ALL"},
		{"SortDate", "UID SORT (REVERSE DATE) UTF-8 ALL"}, {"References", "UID THREAD REFERENCES UTF-8 ALL"},
	} {
		for _, first := range []bool{true, false} {
			b.Run(c.name+map[bool]string{true: "/first"}[first], func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if first {
						m.s.srv.columns = newColumnCache(columnCacheSize)
					}
					if _, err := m.do(c.line); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
