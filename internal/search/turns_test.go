package search

import (
	"errors"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestInTurns: results come in their order, whatever the number of goroutines, and each step is done once.
func TestInTurns(t *testing.T) {
	for _, hands := range []int{1, 2, 3, 8} {
		for _, steps := range []int{0, 1, 2, 7, 100} {
			var got, want []int
			err := inTurns(hands, steps, func(hand, step int) ([2]int, error) {
				return [2]int{hand, step * step}, nil
			}, func(step int, done [2]int) error {
				if done[0] != step%hands {
					t.Errorf("%d hands: step %d was done by %d", hands, step, done[0])
				}
				got = append(got, done[1])
				return nil
			}, nil)
			for i := range steps {
				want = append(want, i*i)
			}
			if err != nil || !slices.Equal(got, want) {
				t.Errorf("%d hands, %d steps: %v, got %v, want %v", hands, steps, err, got, want)
			}
		}
	}
}

// TestInTurnsEnds: an error of a step or of who takes ends all, with what comes before it taken.
func TestInTurnsEnds(t *testing.T) {
	broken := errors.New("broken")
	for _, inStep := range []bool{true, false} {
		taken := 0
		var begun atomic.Int32
		err := inTurns(3, 1000, func(_, step int) (int, error) {
			begun.Add(1)
			if inStep && step == 10 {
				return 0, broken
			}
			return step, nil
		}, func(step int, _ int) error {
			if !inStep && step == 10 {
				return broken
			}
			taken++
			return nil
		}, nil)
		if !errors.Is(err, broken) || taken != 10 || begun.Load() > 10+1+3*3 {
			t.Errorf("in a step %v: %v, %d taken, %d begun", inStep, err, taken, begun.Load())
		}
	}
}

// TestInTurnsPanic: a panic of a goroutine that nobody else would catch is one of the caller.
func TestInTurnsPanic(t *testing.T) {
	defer func() {
		if p, _ := recover().(string); !strings.HasPrefix(p, "as the test wanted\n") {
			t.Errorf("panic %v", p)
		}
	}()
	err := inTurns(2, 10, func(_, step int) (int, error) {
		if step == 3 {
			panic("as the test wanted")
		}
		return 0, nil
	}, func(int, int) error { return nil }, nil)
	t.Errorf("a panic is lost: %v", err)
}

// TestInTurnsWaits: while a step takes long there is something to do for who waits, and an error of it ends all.
func TestInTurnsWaits(t *testing.T) {
	enough := errors.New("enough")
	for _, want := range []error{nil, enough} {
		synctest.Test(t, func(t *testing.T) {
			waited, taken, stop := 0, 0, make(chan struct{})
			err := inTurns(2, 4, func(_, step int) (int, error) {
				select {
				case <-time.After(2*waitEvery + waitEvery/2):
				case <-stop:
				}
				return step, nil
			}, func(int, int) error { taken++; return nil }, func() error {
				if waited++; waited == 3 && want != nil {
					close(stop)
					return want
				}
				return nil
			})
			if wantTaken := map[bool]int{true: 4, false: 2}[want == nil]; !errors.Is(err, want) || taken != wantTaken || waited < 3 {
				t.Errorf("%v: %v, %d taken, waited %d times", want, err, taken, waited)
			}
		})
	}
}

// TestHandsWork: who has the goroutines has as many processors, until it gives them back; who got none changes nothing.
func TestHandsWork(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	h := newHands(3)
	for range 2 {
		n := h.take()
		h.give(h.take())
		if got := runtime.GOMAXPROCS(0); n != 3 || got != 3 {
			t.Errorf("%d goroutines on %d processors, want 3", n, got)
		}
		h.give(n)
		if got := runtime.GOMAXPROCS(0); got != 1 {
			t.Errorf("%d processors afterwards, want 1", got)
		}
	}
	runtime.GOMAXPROCS(3)
	if h = newHands(2); h.free != 3 || h.own != 0 {
		t.Errorf("%d goroutines, own %d, want those of a process that works on more", h.free, h.own)
	}
}

// TestHands: there are two or more goroutines to have, or none.
func TestHands(t *testing.T) {
	h := hands{free: 3}
	for _, want := range []int{3, 0, 0} {
		if got := h.take(); got != want {
			t.Errorf("got %d, want %d", got, want)
		}
	}
	h.give(1)
	if got := h.take(); got != 0 {
		t.Errorf("one alone is given: %d", got)
	}
	h.give(1)
	if got := h.take(); got != 2 {
		t.Errorf("got %d, want 2", got)
	}
}
