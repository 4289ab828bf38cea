package sqlite

import (
	"context"
	"testing"

	"github.com/constance-mail/constance/internal/mail"
)

// imported is an account with n messages of an import, its log written back.
func imported(b *testing.B, n int) (*store, mail.Account) {
	b.Helper()
	s := openTest(b, b.TempDir(), benchOptions())
	a := s.Account("alice")
	for first := 0; first < n; first += importSize {
		msgs := importBatch(b, a, first, importSize)
		if _, err := a.Append(context.Background(), 1, msgs); err != nil {
			b.Fatal(err)
		}
	}
	a.(*account).checkpoint()
	return s, a
}

// BenchmarkScan reads one kind of items of 20,000 messages, a chunk at a time, as FETCH does.
func BenchmarkScan(b *testing.B) {
	ctx := context.Background()
	const all = 20000
	_, a := imported(b, all)
	chunks := func(b *testing.B, read func(ids []mail.ContentID) error) {
		ids := make([]mail.ContentID, mail.PageSize)
		b.ReportAllocs()
		before := cpuTime(b)
		for b.Loop() {
			for first := 1; first+len(ids) <= all; first += len(ids) {
				for i := range ids {
					ids[i] = mail.ContentID(first + i)
				}
				if err := read(ids); err != nil {
					b.Fatal(err)
				}
			}
		}
		b.ReportMetric(float64(cpuTime(b)-before)/float64(b.N)/1e6, "cpu-ms/op")
	}
	for name, want := range map[string]mail.Columns{"envelope": mail.ColEnvelope, "structure": mail.ColBodyStructure} {
		b.Run(name, func(b *testing.B) {
			chunks(b, func(ids []mail.ContentID) error {
				return a.Digests(ctx, ids, want, func(int, *mail.Digest) error { return nil })
			})
		})
	}
	b.Run("bodies", func(b *testing.B) {
		chunks(b, func(ids []mail.ContentID) error {
			for len(ids) > 0 {
				got, err := a.OpenContents(ctx, ids, 256<<10)
				if err != nil {
					return err
				}
				for _, c := range got {
					_ = c.Close()
				}
				ids = ids[len(got):]
			}
			return nil
		})
	})
}

// BenchmarkSelect20000 is the store's part of the first SELECT of a large mailbox in a process.
func BenchmarkSelect20000(b *testing.B) {
	ctx := context.Background()
	s, _ := imported(b, 20000)
	dir := s.dir
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		other := openTest(b, dir, benchOptions())
		b.StartTimer()
		if snap, err := other.Account("alice").Snapshot(ctx, 1); err != nil || snap.Len() != 20000 {
			b.Fatal(err)
		}
		b.StopTimer()
		_ = other.Close()
		b.StartTimer()
	}
}
