package storetest

import (
	"context"
	"testing"

	"github.com/constance-mail/constance/internal/mail"
)

// Bench measures a store: what a session or a delivery does most, with allocations.
func Bench(b *testing.B, open Open) {
	b.Run("Append8KiB", func(b *testing.B) { benchAppend(newBench(b, open, 0)) })
	b.Run("Snapshot20000Warm", func(b *testing.B) { benchWarm(newBench(b, open, 20_000)) })
	b.Run("Snapshot20000Cold", func(b *testing.B) { benchCold(newBench(b, open, 20_000)) })
	b.Run("Snapshot100000Cold", func(b *testing.B) { benchCold(newBench(b, open, 100_000)) })
	b.Run("Snapshot20000AfterOneFlag", func(b *testing.B) { benchAfterFlag(newBench(b, open, 20_000)) })
	b.Run("SetFlags20000", func(b *testing.B) { benchFlags(newBench(b, open, 20_000), rangeOf(1, 20_000)) })
	b.Run("SetFlagsOne", func(b *testing.B) { benchFlags(newBench(b, open, 20_000), mail.SetOf(7777)) })
	b.Run("Digests20000Envelope", func(b *testing.B) { benchDigests(newBench(b, open, 20_000), mail.ColEnvelope) })
	b.Run("Digests20000BaseSubject", func(b *testing.B) { benchDigests(newBench(b, open, 20_000), mail.ColBaseSubject) })
	b.Run("Digests20000Keys", func(b *testing.B) { benchDigests(newBench(b, open, 20_000), mail.ColKeys) })
	b.Run("Copy10000", func(b *testing.B) { benchCopy(newBench(b, open, 20_000)) })
	b.Run("ExpungeHalf10000", func(b *testing.B) { benchExpunge(newBench(b, open, 20_000)) })
}

// bench is a store with one account, without quota, and that many messages in INBOX.
type bench struct {
	*testing.B
	ctx   context.Context
	open  Open
	dir   string
	store mail.Store
	acc   mail.Account
}

func newBench(b *testing.B, open Open, messages int) *bench {
	e := &bench{B: b, ctx: b.Context(), open: open, dir: b.TempDir()}
	e.start()
	b.Cleanup(func() { e.ok(e.store.Close()) })
	e.ok(e.acc.SetQuota(e.ctx, mail.Quota{}))
	for done := 0; done < messages; done += 1000 {
		e.fill(done, 1000)
	}
	b.ReportAllocs()
	return e
}

func (e *bench) ok(err error) {
	e.Helper()
	if err != nil {
		e.Fatal(err)
	}
}

func (e *bench) start() {
	e.store = e.open(e, e.dir)
	e.acc = e.store.Account("alice")
}

// fill appends n small messages in one call.
func (e *bench) fill(first, n int) {
	msgs := make([]mail.NewMessage, n)
	for i := range msgs {
		var err error
		msgs[i], err = Upload(e.ctx, e.acc, Message{Seed: uint64(first + i), Size: 700, ID: first + i + 1,
			Parent: (first + i) &^ 7}.Octets())
		e.ok(err)
	}
	_, err := e.acc.Append(e.ctx, 1, msgs)
	e.ok(err)
	for _, m := range msgs {
		e.ok(m.Upload.Close())
	}
}

func benchAppend(e *bench) {
	octets := Message{Seed: 1, Size: 8 << 10}.Octets()
	e.SetBytes(int64(len(octets)))
	for e.Loop() {
		m, err := Upload(e.ctx, e.acc, octets)
		e.ok(err)
		_, err = e.acc.Append(e.ctx, 1, []mail.NewMessage{m})
		e.ok(err)
		e.ok(m.Upload.Close())
	}
}

func benchWarm(e *bench) {
	for e.Loop() {
		_, err := e.acc.Snapshot(e.ctx, 1)
		e.ok(err)
	}
}

// benchCold measures the first snapshot of a store that was just opened.
func benchCold(e *bench) {
	for e.Loop() {
		e.StopTimer()
		e.ok(e.store.Close())
		e.start()
		_, err := e.acc.ModSeq(e.ctx) // opens the account
		e.ok(err)
		e.StartTimer()
		_, err = e.acc.Snapshot(e.ctx, 1)
		e.ok(err)
	}
}

func benchAfterFlag(e *bench) {
	for n := 0; e.Loop(); n++ {
		e.StopTimer()
		e.flip(mail.SetOf(5555), n)
		e.StartTimer()
		_, err := e.acc.Snapshot(e.ctx, 1)
		e.ok(err)
	}
}

// flip sets \Seen every other time and takes it away.
func (e *bench) flip(uids mail.UIDSet, n int) {
	op := mail.AddFlags
	if n%2 == 1 {
		op = mail.RemoveFlags
	}
	_, err := e.acc.SetFlags(e.ctx, 1, mail.FlagChange{UIDs: uids, Op: op, Flags: []mail.Flag{mail.Seen}})
	e.ok(err)
}

func benchFlags(e *bench, uids mail.UIDSet) {
	for n := 0; e.Loop(); n++ {
		e.flip(uids, n)
	}
}

func benchDigests(e *bench, want mail.Columns) {
	s, err := e.acc.Snapshot(e.ctx, 1)
	e.ok(err)
	for e.Loop() {
		seen := 0
		for _, p := range s.Pages {
			e.ok(e.acc.Digests(e.ctx, p.Contents, want, func(int, *mail.Digest) error {
				seen++
				return nil
			}))
		}
		if seen != s.Len() {
			e.Fatalf("%d digests of %d", seen, s.Len())
		}
	}
}

func benchCopy(e *bench) {
	for e.Loop() {
		_, err := e.acc.Copy(e.ctx, 1, rangeOf(5001, 15_000), 2)
		e.ok(err)
	}
}

// benchExpunge removes every other one of 20,000 messages.
func benchExpunge(e *bench) {
	var half mail.UIDSet
	for u := mail.UID(1); u <= 20_000; u += 2 {
		half.Add(u)
	}
	for e.Loop() {
		e.StopTimer()
		m, err := e.acc.CreateMailbox(e.ctx, "bench", nil)
		e.ok(err)
		_, err = e.acc.Copy(e.ctx, 1, rangeOf(1, 20_000), m.ID)
		e.ok(err)
		_, err = e.acc.SetFlags(e.ctx, m.ID, mail.FlagChange{UIDs: half, Op: mail.AddFlags,
			Flags: []mail.Flag{mail.Deleted}})
		e.ok(err)
		e.StartTimer()
		_, _, err = e.acc.Expunge(e.ctx, m.ID, nil)
		e.ok(err)
		e.StopTimer()
		e.ok(e.acc.DeleteMailbox(e.ctx, "bench"))
		e.StartTimer()
	}
}
