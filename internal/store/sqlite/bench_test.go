package sqlite

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/constance-mail/constance/internal/mail"
)

// full opens an account with n messages in INBOX, and 5 more mailboxes.
func full(b *testing.B, n int) (*store, mail.Account) {
	b.Helper()
	s := openTest(b, b.TempDir(), benchOptions())
	a := s.Account("alice")
	fill20k(b, a, n)
	return s, a
}

func benchOptions() Options {
	var o Options
	for _, n := range []string{"Archive", "Drafts", "Junk", "Sent", "Trash"} {
		o.Mailboxes = append(o.Mailboxes, mail.NewMailbox{Name: n, Use: mail.SpecialUse(`\` + n), Subscribed: true})
	}
	return o
}

// fill20k appends n messages, copies in the main.
func fill20k(b *testing.B, a mail.Account, n int) {
	b.Helper()
	ctx := context.Background()
	for range min(n, 100) {
		deliver(b, a, 1, "From: a@b\r\nSubject: x\r\n\r\nbody\r\n")
	}
	for have := min(n, 100); have < n; {
		more := min(have, n-have)
		if _, err := a.Copy(ctx, 1, mail.UIDSet{{Start: 1, Stop: mail.UID(more)}}, 1); err != nil {
			b.Fatal(err)
		}
		have += more
	}
}

func BenchmarkAppend8K(b *testing.B) {
	text := strings.Repeat("0123456789abcde\n", 512)
	for _, accounts := range []int{1, 8, 32} {
		b.Run(fmt.Sprintf("accounts=%d", accounts), func(b *testing.B) {
			s := openTest(b, b.TempDir(), benchOptions())
			list := make([]mail.Account, accounts)
			for i := range list {
				list[i] = s.Account(mail.AccountID(fmt.Sprintf("user%d", i)))
				deliver(b, list[i], 1, "first")
			}
			var next atomic.Int32
			b.ReportAllocs()
			b.SetParallelism((accounts + runtime.GOMAXPROCS(0) - 1) / runtime.GOMAXPROCS(0))
			b.RunParallel(func(pb *testing.PB) {
				a := list[int(next.Add(1)-1)%accounts]
				for pb.Next() {
					if _, err := tryDeliver(a, 1, text); err != nil {
						b.Error(err)
						return
					}
				}
			})
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msg/s")
		})
	}
	b.Run("one account, 8 writers", func(b *testing.B) {
		a := openTest(b, b.TempDir(), benchOptions()).Account("alice")
		deliver(b, a, 1, "first")
		b.SetParallelism(4)
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if _, err := tryDeliver(a, 1, text); err != nil {
					b.Error(err)
					return
				}
			}
		})
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msg/s")
	})
	b.Run("256K", func(b *testing.B) {
		big := strings.Repeat(text, 32)
		a := openTest(b, b.TempDir(), benchOptions()).Account("alice")
		for b.Loop() {
			deliver(b, a, 1, big)
		}
	})
}

func BenchmarkStoreFlags(b *testing.B) {
	ctx := context.Background()
	_, a := full(b, 20000)
	for _, c := range []struct {
		name string
		uids mail.UIDSet
	}{{"1:*", mail.UIDSet{{Start: 1, Stop: 1<<32 - 1}}}, {"one", mail.SetOf(777)}} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			op := mail.AddFlags
			for b.Loop() {
				if _, err := a.SetFlags(ctx, 1, mail.FlagChange{UIDs: c.uids, Op: op, Flags: []mail.Flag{mail.Seen}}); err != nil {
					b.Fatal(err)
				}
				op = mail.AddFlags + mail.RemoveFlags - op
			}
		})
	}
}

func BenchmarkSnapshot20000(b *testing.B) {
	ctx := context.Background()
	s, a := full(b, 20000)
	look := func(b *testing.B, box mail.MailboxID) {
		if _, err := a.Snapshot(ctx, box); err != nil {
			b.Fatal(err)
		}
	}
	b.Run("cold", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			s.snaps = newSnapshots(1 << 30)
			look(b, 1)
		}
	})
	b.Run("warm", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			look(b, 1)
		}
	})
	b.Run("one change", func(b *testing.B) {
		b.ReportAllocs()
		op := mail.AddFlags
		for b.Loop() {
			b.StopTimer()
			c := mail.FlagChange{UIDs: mail.SetOf(777), Op: op, Flags: []mail.Flag{mail.Seen}}
			if _, err := a.SetFlags(ctx, 1, c); err != nil {
				b.Fatal(err)
			}
			op = mail.AddFlags + mail.RemoveFlags - op
			b.StartTimer()
			look(b, 1)
		}
	})
	b.Run("modseq", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := a.ModSeq(ctx); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkSelect is the store's part of a login storm over more accounts than handles: cold, when the process sees the
// account for the first time, and warm, when nothing changed since it saw it.
func BenchmarkSelect(b *testing.B) {
	dir := b.TempDir()
	o := benchOptions()
	o.Handles = 1
	const accounts = 200
	ids := make([]mail.AccountID, accounts)
	s := openTest(b, dir, o)
	for i := range ids {
		ids[i] = mail.AccountID(fmt.Sprintf("user%d", i))
		for range 10 {
			deliver(b, s.Account(ids[i]), 1, "From: a@b\r\nSubject: x\r\n\r\nbody\r\n")
		}
	}
	b.Run("cold", func(b *testing.B) {
		b.ReportAllocs()
		i := accounts
		for b.Loop() {
			if i == accounts {
				b.StopTimer()
				s, i = openTest(b, dir, o), 0
				b.StartTimer()
			}
			selectInbox(b, s.Account(ids[i]))
			i++
		}
	})
	s = openTest(b, dir, o) // those of the cold part were closed with it
	for _, id := range ids {
		selectInbox(b, s.Account(id))
	}
	b.Run("warm", func(b *testing.B) {
		b.ReportAllocs()
		i := 0
		for b.Loop() {
			selectInbox(b, s.Account(ids[i%accounts]))
			i++
		}
	})
}

func selectInbox(b *testing.B, a mail.Account) {
	ctx := context.Background()
	m, err := a.Mailbox(ctx, "INBOX")
	if err != nil {
		b.Fatal(err)
	}
	if snap, err := a.Snapshot(ctx, m.ID); err != nil || snap.Len() != 10 {
		b.Fatal(err)
	}
	if _, err := a.ClaimRecent(ctx, m.ID); err != nil {
		b.Fatal(err)
	}
	if _, err := a.Usage(ctx); err != nil {
		b.Fatal(err)
	}
}

func BenchmarkCreateAccount(b *testing.B) {
	s := openTest(b, b.TempDir(), benchOptions())
	i := 0
	for b.Loop() {
		i++
		if _, err := s.Account(mail.AccountID(fmt.Sprintf("user%d", i))).ModSeq(context.Background()); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDigests(b *testing.B) {
	ctx := context.Background()
	a := openTest(b, b.TempDir(), benchOptions()).Account("alice")
	for range 500 {
		deliver(b, a, 1, "From: a@b\r\nSubject: x\r\n\r\nbody\r\n")
	}
	ids := make([]mail.ContentID, 500)
	for i := range ids {
		ids[i] = mail.ContentID(i + 1)
	}
	for _, c := range []struct {
		name string
		want mail.Columns
	}{{"envelope", mail.ColEnvelope}, {"keys", mail.ColKeys}, {"subject", mail.ColBaseSubject}, {"dates", mail.ColDates}, {"all", 1<<20 - 1}} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := a.Digests(ctx, ids, c.want, func(int, *mail.Digest) error { return nil }); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkHandles(b *testing.B) {
	ctx := context.Background()
	o := benchOptions()
	o.Handles = 1000
	o.Idle = time.Hour
	s := openTest(b, b.TempDir(), o)
	before := rss(b)
	for i := range 300 {
		a := s.Account(mail.AccountID(fmt.Sprintf("user%d", i)))
		deliver(b, a, 1, "text")
		if _, err := a.Snapshot(ctx, 1); err != nil {
			b.Fatal(err)
		}
	}
	per := float64(rss(b)-before) / 300 / 1024
	for b.Loop() {
	}
	b.ReportMetric(per, "KiB/handle")
}
