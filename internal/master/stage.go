package master

import (
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
	stageFindings
	stageTimer
	stageReload
	stageAdmin
	stages
)

var stageNames = [stages]string{"wait", "signals", "children", "status", "listeners", "findings", "timer",
	"reload", "admin"}

func (s stage) String() string { return stageNames[s] }

// buckets: bucket n counts durations below 2^n microseconds, the last everything above.
const buckets = 26

// Histogram counts durations; Counts[n] those below 2^n microseconds and not below half of that.
type Histogram struct {
	Stage  string          `json:"stage"`
	Counts [buckets]uint64 `json:"counts"`
	Sum    time.Duration   `json:"sum"`
	Max    time.Duration   `json:"max"`
}

// Total is the number of durations.
func (h *Histogram) Total() (n uint64) {
	for _, c := range h.Counts {
		n += c
	}
	return n
}

// Quantile is a bound that the share q of the durations does not exceed: a power of two, or Max if that is
// less; 0 if there are none.
func (h *Histogram) Quantile(q float64) time.Duration {
	want, sum := q*float64(h.Total()), uint64(0)
	for n, c := range h.Counts[:buckets-1] {
		if sum += c; sum > 0 && float64(sum) >= want {
			return min(time.Duration(1<<n)*time.Microsecond, h.Max)
		}
	}
	return h.Max
}

// counts is a Histogram that one goroutine fills in and any may read.
type counts struct {
	n        [buckets]atomic.Uint64
	sum, max atomic.Int64
}

func (c *counts) add(d time.Duration) {
	n := &c.n[min(bits.Len64(uint64(d/time.Microsecond)), buckets-1)]
	n.Store(n.Load() + 1) // cheaper than Add: there is one writer
	c.sum.Store(c.sum.Load() + int64(d))
	if int64(d) > c.max.Load() {
		c.max.Store(int64(d))
	}
}

func (c *counts) histogram(s stage) Histogram {
	h := Histogram{Stage: s.String(), Sum: time.Duration(c.sum.Load()), Max: time.Duration(c.max.Load())}
	for n := range c.n {
		h.Counts[n] = c.n[n].Load()
	}
	return h
}

// Peak is the longest of something.
type Peak struct {
	For   time.Duration `json:"for"`
	Stage string        `json:"stage,omitempty"` // that took most of it
	At    time.Time     `json:"at"`              // when it was over
}

// stopwatch times the rounds and their stages. The owner of the loop calls enter; everything that others read
// is atomic, so that they can while the owner is stuck.
type stopwatch struct {
	begin   time.Time // the watch's own zero
	bound   time.Duration
	stalls  stallList
	present atomic.Int64 // the stage in the low octet, since when in microseconds above it
	work    atomic.Int64 // when the present round began to work, ns since begin; 0 while waiting
	rounds  atomic.Uint64
	frozen  atomic.Int64 // ns in all that the watchdog's ticks came late: then nothing of the process ran
	ticked  atomic.Int64 // ns of its last tick
	longest atomic.Pointer[Peak]
	gap     atomic.Pointer[Peak]
	h       [stages]counts

	// Only the owner knows these.
	stage     stage
	at        time.Duration // of the present stage
	worst     stage         // that took most of the present round
	worstFor  time.Duration
	frozenWas int64 // frozen when the round began
}

func newStopwatch(bound time.Duration) *stopwatch {
	w := &stopwatch{begin: time.Now(), bound: bound}
	w.longest.Store(&Peak{})
	w.gap.Store(&Peak{})
	return w
}

func (w *stopwatch) time() time.Duration { return time.Since(w.begin) }

// enter ends a stage and begins s.
func (w *stopwatch) enter(s stage) {
	t := w.time()
	d := t - w.at
	w.h[w.stage].add(d)
	if w.stage != stageWait && d > w.worstFor {
		w.worst, w.worstFor = w.stage, d
	}
	old := w.stage
	w.stage, w.at = s, t
	w.present.Store(int64(t/time.Microsecond)<<8 | int64(s))
	switch {
	case s == stageWait:
		w.endRound(t)
	case old == stageWait:
		w.worst, w.worstFor = s, 0
		w.frozenWas = w.frozen.Load()
		w.work.Store(max(int64(t), 1))
	}
}

func (w *stopwatch) endRound(t time.Duration) {
	began := w.work.Swap(0)
	w.rounds.Store(w.rounds.Load() + 1)
	if began == 0 { // the first entry, or wait after wait
		return
	}
	d := t - time.Duration(began)
	if d > w.longest.Load().For {
		w.longest.Store(&Peak{For: d, Stage: w.worst.String(), At: time.Now()})
	}
	if d > w.bound {
		w.stalls.end(began, Stall{Peak: Peak{For: d, Stage: w.worst.String(), At: time.Now()},
			Frozen: w.frozenFor(t)})
	}
}

// frozenFor is for how long of the present round nothing of the process ran.
func (w *stopwatch) frozenFor(t time.Duration) time.Duration {
	late := t - time.Duration(w.ticked.Load()) - w.tick()
	return time.Duration(w.frozen.Load()-w.frozenWas) + max(late, 0)
}

// waited notes how long something lay in the inbox before the loop came to look.
func (w *stopwatch) waited(d time.Duration) {
	if d > w.gap.Load().For {
		w.gap.Store(&Peak{For: d, At: time.Now()})
	}
}

// tick is how often the watchdog looks.
func (w *stopwatch) tick() time.Duration { return max(w.bound/2, time.Millisecond) }

// now is the present stage, for how long it lasts and for how long the present round has worked, 0 while it
// waits.
func (w *stopwatch) now() (s stage, stageFor, roundFor time.Duration) {
	p, work, t := w.present.Load(), w.work.Load(), w.time()
	if work != 0 {
		roundFor = max(t-time.Duration(work), 1)
	}
	return stage(p & 0xff), max(t-time.Duration(p>>8)*time.Microsecond, 0), roundFor
}
