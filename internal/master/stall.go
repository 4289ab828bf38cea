package master

import (
	"bytes"
	"context"
	"log/slog"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"
)

// Stall is a round of the loop that took longer than Config.Stall.
type Stall struct {
	Peak
	Frozen time.Duration `json:"frozen"`          // of it, nothing of the process ran, see Cause
	Where  string        `json:"where,omitempty"` // functions that the loop was in, innermost first
	Lasts  bool          `json:"lasts,omitempty"` // it is not over
}

// Cause is a stall in words.
func (s *Stall) Cause() string {
	switch {
	case s.Frozen > s.For/2:
		return "the whole process stood still: stopped, or no processor to be had"
	case s.Where != "":
		return s.Where
	}
	return "stage " + s.Stage
}

// stallsKept is how many stalls are remembered.
const stallsKept = 32

// stallList remembers the last stalls. The loop locks it only at the end of one.
type stallList struct {
	mu    sync.Mutex
	list  []Stall
	n     uint64 // ever
	round int64  // the one that the watchdog entered last, by its beginning
}

// begin enters a stall that is not over; false if it knows the round already.
func (l *stallList) begin(round int64, s Stall) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.round == round {
		return false
	}
	l.round = round
	s.Lasts = true
	l.enter(s)
	return true
}

// end completes what begin entered, or enters it.
func (l *stallList) end(round int64, s Stall) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if last := len(l.list) - 1; l.round == round && last >= 0 && l.list[last].Lasts {
		s.Where = l.list[last].Where
		l.list[last] = s
		return
	}
	l.round = round
	l.enter(s)
}

func (l *stallList) enter(s Stall) {
	if len(l.list) == stallsKept {
		l.list = slices.Delete(l.list, 0, 1)
	}
	l.list = append(l.list, s)
	l.n++
}

// recent is a copy, the oldest first, and how many there were ever.
func (l *stallList) recent() ([]Stall, uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]Stall{}, l.list...), l.n
}

// watch logs a round that takes longer than the bound, while it does, once each.
func (w *stopwatch) watch(log *slog.Logger, quit <-chan struct{}) {
	tick := time.NewTicker(w.tick())
	defer tick.Stop()
	w.ticked.Store(int64(w.time()))
	for {
		select {
		case <-quit:
			return
		case <-tick.C:
		}
		t := w.time()
		if late := t - time.Duration(w.ticked.Swap(int64(t))) - w.tick(); late > w.tick() {
			w.frozen.Add(int64(late))
		}
		w.look(log)
	}
}

// look enters and logs the present round if it lasts too long.
func (w *stopwatch) look(log *slog.Logger) {
	round := w.work.Load()
	s, _, d := w.now()
	if round == 0 || d <= w.bound {
		return
	}
	stall := Stall{Peak: Peak{For: d, Stage: s.String(), At: time.Now()}, Where: loopFrames()}
	if w.work.Load() != round || !w.stalls.begin(round, stall) {
		return
	}
	log.LogAttrs(context.Background(), slog.LevelError, "the loop is stalled", slog.String("stage", stall.Stage),
		slog.Duration("for", d), slog.String("where", stall.Where))
}

// framesShown is how many functions tell where the loop is.
const framesShown = 5

// loopFrames names the functions that the loop's goroutine is in, innermost first: "poll <
// (*Master).pending". It stops the process for as long as it takes to write down all stacks.
func loopFrames() string {
	buf := make([]byte, 4<<20)
	for part := range bytes.SplitSeq(buf[:runtime.Stack(buf, true)], []byte("\n\n")) {
		if !bytes.Contains(part, []byte("master.(*Master).loop(")) {
			continue
		}
		var names []string
		for line := range strings.Lines(string(part)) {
			name := line[:max(strings.LastIndexByte(line, '('), 0)]
			if name != "" && line[0] != '\t' {
				names = append(names, name[strings.LastIndexByte(name, '/')+1:])
			}
		}
		return strings.Join(names[:min(framesShown, len(names))], " < ")
	}
	return ""
}
