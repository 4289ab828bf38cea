package e2e

import (
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/constance-mail/constance/internal/imapclient"
)

// BenchmarkWriterBesideStalled is a writer of a mailbox by itself, beside 1,000 clients of it that asked for all messages and do
// not read, beside as many that idle and do not read, and by itself in between: with -benchtime 3000x p50 and p99 of a STORE.
func BenchmarkWriterBesideStalled(b *testing.B) {
	const n = 1000
	s := sharedServer(b, n)
	for _, mode := range []struct{ name, last string }{
		{"alone", ""}, {"fetching", "FETCH 1:* BODY.PEEK[]"}, {"alone", ""}, {"idling", "IDLE"}, {"alone", ""},
	} {
		b.Run(mode.name, func(b *testing.B) {
			writer := login(b, s, "u1", "secret")
			do(b, writer, "SELECT "+sharedBox)
			before, cost := resident(b, s), 0.0
			if mode.last != "" {
				stall(b, s, n, mode.last)
				awaitTrue(b, "all stand still", func() bool {
					if mode.last == "IDLE" {
						do(b, writer, "STORE 1:* +FLAGS.SILENT (x)")
						do(b, writer, "STORE 1:* -FLAGS.SILENT (x)")
					}
					return notReading(b, s) == n
				})
				cost = float64(resident(b, s)-before) / n / 1024
			}
			measureStores(b, writer)
			b.ReportMetric(cost, "KiB/client")
		})
		awaitTrue(b, "all are gone", func() bool { return len(status(b, s).Sessions) == 0 })
	}
}

// measureStores reports how long the STOREs of a writer take.
func measureStores(b *testing.B, writer *imapclient.Client) {
	b.Helper()
	took := make([]time.Duration, 0, b.N)
	for i := 0; b.Loop(); i++ {
		at := time.Now()
		do(b, writer, "STORE "+strconv.Itoa(1+i/2%1000)+[]string{" +", " -"}[i%2]+"FLAGS (\\Flagged)")
		took = append(took, time.Since(at))
	}
	slices.Sort(took)
	for _, p := range []int{50, 99} {
		b.ReportMetric(float64(took[(len(took)-1)*p/100].Microseconds())/1000, "ms-p"+strconv.Itoa(p))
	}
}
