package sim

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/constance-mail/constance/internal/master/roster"
)

// Failure is a history that breaks an invariant, made as short as could be.
type Failure struct {
	Seed  uint64
	Step  int     // of the whole history
	Steps []int   // those that it takes
	Cause *Broken // of the shortened history; the same invariant
	Trace []string
}

// traceMax is how many lines of a trace are shown: the last ones.
const traceMax = 60

func (f *Failure) Error() string {
	first := max(len(f.Trace)-traceMax, 0)
	return fmt.Sprintf("seed %d, step %d: %v\n(always: %s)\nwith %d of the steps:\n%s", f.Seed, f.Step, f.Cause,
		Invariants[f.Cause.Invariant].What, len(f.Steps), strings.Join(f.Trace[first:], "\n"))
}

// Explore runs the histories of seed and the following ones on so many goroutines until they have made steps in all. It
// returns how many were made and how many histories, and the failure with the least seed.
func Explore(seed uint64, steps int64, workers int, wrong Mistake) (made, histories int64, failure *Failure) {
	var next, total atomic.Int64
	var mu sync.Mutex
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for total.Load() < steps {
				s := seed + uint64(next.Add(1)-1)
				n, err := New(s, wrong).Run()
				total.Add(int64(n))
				if err == nil {
					continue
				}
				total.Add(steps) // enough
				mu.Lock()
				if failure == nil || s < failure.Seed {
					failure = &Failure{Seed: s, Step: n, Cause: cause(err)}
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if failure != nil {
		failure.shrink(wrong)
		return total.Load() - steps, next.Load(), failure
	}
	return total.Load(), next.Load(), nil
}

func cause(err error) *Broken {
	var b *Broken
	if errors.As(err, &b) {
		return b
	}
	return &Broken{Books, err.Error()}
}

// shrinkWork bounds the steps made for shortening one history.
const shrinkWork = 500_000

// shrink leaves out steps, ever smaller parts of the history, as long as the same invariant breaks without them.
func (f *Failure) shrink(wrong Mistake) {
	for k := range f.Step {
		f.Steps = append(f.Steps, k+1)
	}
	work := 0
	for part := len(f.Steps) / 2; part > 0 && work < shrinkWork; {
		shorter := false
		for at := 0; at+part <= len(f.Steps) && work < shrinkWork; {
			less := append(append([]int(nil), f.Steps[:at]...), f.Steps[at+part:]...)
			n, b := replay(f.Seed, less, wrong, nil)
			work += n
			if b == nil || b.Invariant != f.Cause.Invariant {
				at += part
				continue
			}
			f.Steps, f.Cause, shorter = less[:n], b, true
		}
		if !shorter || part > 1 {
			part /= 2
		}
	}
	replay(f.Seed, f.Steps, wrong, func(format string, args ...any) {
		line := fmt.Sprintf(format, args...)
		f.Trace = append(f.Trace, line[:min(len(line), 400)])
	})
}

// replay runs some steps of a seed's history. It returns how many were made and what broke.
func replay(seed uint64, steps []int, wrong Mistake, record func(string, ...any)) (int, *Broken) {
	w := New(seed, wrong)
	w.record = record
	if err := w.reload(w.makeConfig()); err != nil {
		return 0, cause(err)
	}
	for n, k := range steps {
		if w.done {
			return n, nil
		}
		if err := w.Step(k); err != nil {
			return n + 1, cause(err)
		}
	}
	return len(steps), nil
}

// described is an event for a trace.
func described(e roster.Event) string {
	kinds := [...]string{roster.Tick: "tick", roster.Spawned: "spawned", roster.SpawnFail: "spawn failed",
		roster.Exited: "exited", roster.Ended: "channel ended", roster.Said: "said", roster.Pending: "pending",
		roster.Probed: "probed", roster.Reload: "reload", roster.Stop: "stop", roster.Run: "run",
		roster.DrainChild: "drain", roster.Sized: "sized", roster.Declared: "declared",
		roster.Balked: "balked", roster.Go: "go", roster.Abort: "abort", roster.Found: "found", roster.Swept: "swept"}
	name := fmt.Sprint("event ", e.Kind)
	if int(e.Kind) < len(kinds) {
		name = kinds[e.Kind]
	}
	switch e.Kind {
	case roster.Tick, roster.Stop:
		return name
	case roster.Reload:
		return fmt.Sprintf("%s %+v", name, *e.Conf)
	case roster.Said:
		return fmt.Sprintf("child %d %s %#x %d times", e.Child, name, uint32(e.Code), e.N)
	case roster.Pending, roster.Probed:
		return fmt.Sprintf("listener %d %s: %d wait", e.Inst, name, e.N)
	}
	return fmt.Sprintf("child %d %s %s (pid %d, status %#x)", e.Child, name, e.Text, e.PID, uint32(e.Status))
}

// ordered is an action for a trace.
func ordered(a roster.Action) string {
	ops := [...]string{roster.OpSpawn: "spawn", roster.OpSignal: "signal", roster.OpArm: "arm", roster.OpProbe: "probe",
		roster.OpRelease: "release", roster.OpGone: "gone", roster.OpForget: "forget", roster.OpLog: "log",
		roster.OpDone: "done", roster.OpExamine: "examine", roster.OpAge: "age", roster.OpReady: "ready",
		roster.OpAdopt: "adopt", roster.OpSweep: "sweep"}
	name := fmt.Sprint("action ", a.Op)
	if int(a.Op) < len(ops) {
		name = ops[a.Op]
	}
	switch a.Op {
	case roster.OpSignal:
		return fmt.Sprintf("%s child %d %v", name, a.Child, a.Sig)
	case roster.OpForget:
		return fmt.Sprintf("%s child %d", name, a.Child)
	}
	return fmt.Sprintf("%s listener %d child %d %s", name, a.Inst, a.Child, a.Text)
}
