package imapd

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/constance-mail/constance/internal/mail"
	"github.com/constance-mail/constance/internal/message"
	"github.com/constance-mail/constance/internal/search"
	"github.com/constance-mail/constance/internal/store/sqlite"
	"github.com/constance-mail/constance/internal/store/storetest"
)

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
		text := storetest.Letter(i)
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
						m.s.srv.searching = search.NewResources(0)
					}
					if _, err := m.do(c.line); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
