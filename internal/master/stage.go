package master

import (
	"log/slog"
	"math/bits"
	"sync/atomic"
	"time"
)

// stage is a part of a round of the loop.
type stage int32

const (
	stageWait stage = iota
	stageSignals
	stageLife
	stageStatus
	stageListen
	stageTimer
	stageReload
	stageAdmin
	stages
)

var stageNames = [stages]string{"wait", "signals", "children", "status", "listeners", "timer", "reload", "admin"}

// buckets: bucket n counts durations below 2^n microseconds, the last everything above.
const buckets = 26

// Histogram counts durations; Counts[n] those below 2^n microseconds and not below half of that.
type Histogram struct {
	Stage  string          `json:"stage"`
	Counts [buckets]uint64 `json:"counts"`
	Sum    time.Duration   `json:"sum"`
	Max    time.Duration   `json:"max"`
}

func (h *Histogram) add(d time.Duration) {
	h.Counts[min(bits.Len64(uint64(d/time.Microsecond)), buckets-1)]++
	h.Sum += d
	h.Max = max(h.Max, d)
}

// stopwatch times the stages. Only its atomics are read by another goroutine, the watchdog.
type stopwatch struct {
	now   atomic.Int32 // the stage
	since atomic.Int64 // of the round's work, ns since start; 0 while waiting
	begin time.Time    // the watch's own zero

	at      time.Duration // of the present stage
	round   time.Duration // of the present round's work
	h       [stages]Histogram
	rounds  uint64
	longest time.Duration // round, without waiting
}

func newStopwatch() *stopwatch {
	w := &stopwatch{begin: time.Now()}
	for s := range w.h {
		w.h[s].Stage = stageNames[s]
	}
	return w
}

func (w *stopwatch) time() time.Duration { return time.Since(w.begin) }

// enter ends a stage and begins s.
func (w *stopwatch) enter(s stage) {
	t := w.time()
	old := stage(w.now.Load())
	w.h[old].add(t - w.at)
	w.at = t
	switch {
	case s == stageWait:
		w.longest = max(w.longest, t-w.round)
		w.rounds++
		w.since.Store(0)
	case old == stageWait:
		w.round = t
		w.since.Store(max(int64(t), 1))
	}
	w.now.Store(int32(s))
}

// watch logs a round that takes longer than bound, while it does, once each.
func (w *stopwatch) watch(bound time.Duration, log *slog.Logger, quit <-chan struct{}, stalls *atomic.Uint64) {
	tick := time.NewTicker(max(bound/2, time.Millisecond))
	defer tick.Stop()
	told := int64(0)
	for {
		select {
		case <-quit:
			return
		case <-tick.C:
		}
		since := w.since.Load()
		if since == 0 || since == told {
			continue
		}
		if d := w.time() - time.Duration(since); d > bound {
			told = since
			stalls.Add(1)
			log.Error("the loop is stalled", "stage", stageNames[w.now.Load()], "for", d)
		}
	}
}
