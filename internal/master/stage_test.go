package master

import (
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestHistogram(t *testing.T) {
	var c counts
	for _, d := range []time.Duration{0, 999, time.Microsecond, 3 * time.Microsecond, time.Millisecond,
		time.Hour} {
		c.add(d)
	}
	h := c.histogram(stageLife)
	for bucket, want := range map[int]uint64{0: 2, 1: 1, 2: 1, 10: 1, buckets - 1: 1} {
		if h.Counts[bucket] != want {
			t.Errorf("bucket %d: %d, want %d", bucket, h.Counts[bucket], want)
		}
	}
	if h.Max != time.Hour || h.Sum < time.Hour || h.Stage != "children" || h.Total() != 6 {
		t.Errorf("%+v", h)
	}
	for q, want := range map[float64]time.Duration{0: time.Microsecond, 0.5: 2 * time.Microsecond,
		0.8: 1024 * time.Microsecond, 0.99: time.Hour, 1: time.Hour} {
		if got := h.Quantile(q); got != want {
			t.Errorf("quantile %v: %v, want %v", q, got, want)
		}
	}
	var none Histogram
	if none.Quantile(0.5) != 0 {
		t.Error("there is a median of nothing")
	}
	one := new(counts)
	one.add(1500)
	if h := one.histogram(stageWait); h.Quantile(0.5) != 1500 {
		t.Errorf("a bound above the longest: %v", h.Quantile(0.5))
	}
}

// A round is timed by its stages, and what the watch says of it can be read at any time.
func TestStopwatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newStopwatch(time.Second)
		w.ticked.Store(int64(time.Hour)) // the watchdog is awake
		w.enter(stageWait)
		time.Sleep(3 * time.Second)
		if s, d, round := w.now(); s != stageWait || d != 3*time.Second || round != 0 {
			t.Errorf("while it waits: %v for %v, round %v", s, d, round)
		}
		w.enter(stageSignals)
		time.Sleep(time.Millisecond)
		w.enter(stageLife)
		time.Sleep(2 * time.Millisecond)
		if s, d, round := w.now(); s != stageLife || d != 2*time.Millisecond || round != 3*time.Millisecond {
			t.Errorf("while it works: %v for %v, round %v", s, d, round)
		}
		w.enter(stageAdmin)
		w.enter(stageWait)
		if p := w.longest.Load(); p.For != 3*time.Millisecond || p.Stage != "children" || p.At.IsZero() {
			t.Errorf("longest round %+v", p)
		}
		if n := w.rounds.Load(); n != 2 {
			t.Errorf("%d rounds", n)
		}
		if list, n := w.stalls.recent(); n != 0 || len(list) != 0 {
			t.Errorf("stalls: %v", list)
		}
	})
}

// A round above the bound is a stall: seen by the watchdog while it lasts, counted once, and complete when it
// is over.
func TestStall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out syncBuffer
		w, quit := newStopwatch(100*time.Millisecond), make(chan struct{})
		go w.watch(slog.New(slog.NewTextHandler(&out, nil)), quit)
		time.Sleep(time.Millisecond)
		w.enter(stageSignals)
		w.enter(stageStatus)
		time.Sleep(170 * time.Millisecond)
		synctest.Wait()
		if list, n := w.stalls.recent(); n != 1 || !list[0].Lasts || list[0].Stage != "status" {
			t.Errorf("while it lasts: %d, %+v", n, list)
		}
		time.Sleep(830 * time.Millisecond)
		w.enter(stageWait)
		list, n := w.stalls.recent()
		if n != 1 || len(list) != 1 || list[0].Lasts || list[0].For != time.Second || list[0].Stage != "status" {
			t.Errorf("when it is over: %d, %+v", n, list)
		}
		if list[0].Frozen != 0 || list[0].Cause() != "stage status" {
			t.Errorf("cause %q, frozen %v", list[0].Cause(), list[0].Frozen)
		}
		if s := out.String(); strings.Count(s, "the loop is stalled") != 1 || !strings.Contains(s, "stage=status") {
			t.Errorf("log: %s", s)
		}
		close(quit)
	})
}

// If the watchdog did not run either, the whole process stood still, and the stall says so.
func TestStallOfTheProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newStopwatch(100 * time.Millisecond) // no watchdog runs: as when the process is stopped
		w.enter(stageSignals)
		time.Sleep(time.Second)
		w.enter(stageWait)
		list, _ := w.stalls.recent()
		if len(list) != 1 || list[0].Frozen != 950*time.Millisecond ||
			!strings.Contains(list[0].Cause(), "stood still") {
			t.Errorf("%+v: %s", list, list[0].Cause())
		}
		w.enter(stageSignals)
		time.Sleep(time.Millisecond)
		w.frozen.Add(int64(time.Second)) // the watchdog woke up first, and found out
		time.Sleep(time.Second)
		w.ticked.Store(int64(w.time()))
		w.enter(stageWait)
		if list, n := w.stalls.recent(); n != 2 || list[1].Frozen != time.Second {
			t.Errorf("%+v", list)
		}
	})
}

func TestStallsAreBounded(t *testing.T) {
	var l stallList
	for n := range stallsKept + 5 {
		l.end(int64(n+1), Stall{Peak: Peak{For: time.Duration(n)}})
	}
	list, n := l.recent()
	if n != stallsKept+5 || len(list) != stallsKept || list[0].For != 5 ||
		list[stallsKept-1].For != stallsKept+4 {
		t.Errorf("%d of %d: %v", len(list), n, list)
	}
	if l.begin(stallsKept+5, Stall{}) {
		t.Error("a round that is over is entered again")
	}
}

// The loop tells what it does while it is stuck, and where.
func TestLoopWhileStuck(t *testing.T) {
	r := start(t, Config{Stall: 20 * time.Millisecond})
	in, free := make(chan struct{}), make(chan struct{})
	go r.m.do(t.Context(), func() { close(in); <-free })
	<-in
	r.meanwhile("a stall", func() bool {
		l := r.m.Loop()
		return len(l.Recent) > 0 && l.Recent[len(l.Recent)-1].Lasts && strings.Contains(l.Where, "(*Master).answer")
	})
	l := r.m.Loop()
	if s := l.Recent[len(l.Recent)-1]; l.Stage != "admin" || !s.Lasts || s.Stage != "admin" {
		t.Errorf("%+v", l)
	}
	close(free)
	stuck := len(l.Recent) - 1 // a busy machine may stall before and after
	r.eventually("the end of it", func() bool { return !r.m.Loop().Recent[stuck].Lasts })
	if s := r.m.Loop().Recent[stuck]; !strings.Contains(s.Where, "(*Master).answer") {
		t.Errorf("%+v", s)
	}
}

// meanwhile is eventually for a master whose loop does not answer.
func (r *test) meanwhile(what string, right func() bool) {
	r.Helper()
	deadline := time.After(20 * time.Second)
	for !right() {
		select {
		case <-deadline:
			r.Fatalf("never: %s; %+v", what, r.m.Loop())
		case <-time.After(2 * time.Millisecond):
		}
	}
}

// What lies in the inbox until the loop comes to look is a gap, and the longest is remembered.
func TestGap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in, w := newInbox(), newStopwatch(time.Second)
		w.waited(in.waited())
		if w.gap.Load().For != 0 {
			t.Error("nothing waited")
		}
		in.put(func() {})
		time.Sleep(time.Second)
		in.put(func() {}) // the first counts
		time.Sleep(time.Second)
		w.waited(in.waited())
		in.put(func() {})
		w.waited(in.waited())
		if p := w.gap.Load(); p.For != 2*time.Second || p.At.IsZero() {
			t.Errorf("%+v", p)
		}
	})
}
