package search

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"
	"time"
)

// hands counts the goroutines that searches of a process may have for themselves to get through a large
// mailbox sooner. They are no more than there are processors, so that many searches at a time do not cost
// more than one after the other. While a search has them, the process works on as many processors.
type hands struct {
	mu   sync.Mutex // guards free
	free int
	own  int // processors that the process works on by itself; 0: they are never changed
}

// newHands are as many as there are processors to have, and no fewer than the process works on now.
func newHands(processors int) *hands {
	own := runtime.GOMAXPROCS(0)
	if processors <= own {
		return &hands{free: own}
	}
	return &hands{free: processors, own: own}
}

// work has the process work on n processors.
func (h *hands) work(n int) {
	if h.own > 0 {
		runtime.GOMAXPROCS(n)
	}
}

// take is how many goroutines the caller may have, until it gives them back: 0 or at least two.
func (h *hands) take() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := h.free
	if n < 2 {
		return 0
	}
	h.free = 0
	h.work(n)
	return n
}

func (h *hands) give(n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.free += n
	if n > 0 {
		h.work(h.own)
	}
}

// outcome is what became of a step.
type outcome[T any] struct {
	done  T
	err   error
	fault any // what the step panicked with
}

// inTurns has n goroutines, which it waits for, do steps, and takes the results in their order in the
// goroutine of the caller. Step i is the goroutine i%n's; each is at most two steps ahead of what was taken.
// The first error ends it, and so does a panic, which comes out here. While a step takes long the caller's
// goroutine calls wait now and then, unless it is nil.
func inTurns[T any](n, steps int, work func(hand, step int) (T, error), take func(step int, done T) error,
	wait func() error) error {
	results := make([]chan outcome[T], n)
	stop := make(chan struct{})
	var all sync.WaitGroup
	defer all.Wait()
	defer close(stop)
	for hand := range n {
		results[hand] = make(chan outcome[T], 1)
		all.Go(func() {
			for step := hand; step < steps; step += n {
				select {
				case results[hand] <- try(func() (T, error) { return work(hand, step) }):
				case <-stop:
					return
				}
			}
		})
	}
	for step := range steps {
		o, err := next(results[step%n], wait)
		if err != nil {
			return err
		}
		if o.fault != nil {
			panic(o.fault)
		}
		if o.err != nil {
			return o.err
		}
		if err := take(step, o.done); err != nil {
			return err
		}
	}
	return nil
}

// waitEvery is how often who waits for a step calls wait.
const waitEvery = time.Second

// next is the outcome of the next step.
func next[T any](results <-chan outcome[T], wait func() error) (outcome[T], error) {
	if wait == nil {
		return <-results, nil
	}
	tick := time.NewTimer(waitEvery)
	defer tick.Stop()
	for {
		select {
		case o := <-results:
			return o, nil
		case <-tick.C:
			if err := wait(); err != nil {
				return outcome[T]{}, err
			}
			tick.Reset(waitEvery)
		}
	}
}

// try does a step, and catches its panic.
func try[T any](step func() (T, error)) (o outcome[T]) {
	defer func() {
		if p := recover(); p != nil {
			o.fault = fmt.Sprintf("%v\n%s", p, debug.Stack())
		}
	}()
	o.done, o.err = step()
	return o
}
