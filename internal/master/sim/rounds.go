package sim

import (
	"math"
	"time"

	"github.com/constance-mail/constance/internal/master/roster"
)

// Bounds of what is checked after a round.
const (
	patience    = 130 * time.Second // of a client, see Served
	seen        = 70 * time.Second  // until roster has looked at those who wait: the longest pause
	served      = 16                // rounds, when that time is over
	buried      = time.Second       // of roster's time, see Reaped
	buriedIn    = 3                 // rounds
	startingMax = 8                 // workers of a listener
	afterStop   = 3 * time.Second
	stopIn      = 5 // rounds
)

// tick is what the timer brings.
func (w *World) tick() error {
	w.high = w.time()
	wall := w.clock()
	w.look(wall)
	if err := w.feed(roster.Event{Kind: roster.Tick, Wall: wall}); err != nil {
		return err
	}
	if w.done {
		return nil
	}
	sleep, ok := w.s.Next(w.high)
	if ok && sleep <= 0 {
		return broken(Idle, "after a tick something is due at once")
	}
	if !ok {
		sleep = math.MaxInt64
	}
	return w.onTime(wall, sleep)
}

// afterRound checks what has its bound in rounds.
func (w *World) afterRound() error {
	for p := range roster.Places {
		if due := w.in.due[p]; len(due) > 0 && due[0] <= w.loop.round {
			return broken(Starved, "in round %d, %v still holds what was due in round %d, and %d in all", w.loop.round, p,
				due[0], len(due))
		}
	}
	if w.done {
		return nil
	}
	for _, p := range w.order {
		if p.told && w.loop.round > p.round+buriedIn && w.high > p.toldAt+buried {
			return broken(Reaped, "child %d ended %v ago and is still in the table", p.id, w.high-p.toldAt)
		}
	}
	if w.stop.told {
		return w.mustEnd()
	}
	for _, id := range w.sockIDs {
		if !w.s.Working() {
			w.progress(w.socks[id])
		}
		if err := w.nobodyWaits(id, w.socks[id]); err != nil {
			return err
		}
	}
	return nil
}

// alarm is the round in which something became late; 0 = it is not. Only rounds make it overdue, for a clock that
// jumps makes everything late at once.
type alarm uint64

func (a *alarm) overdue(late bool, round, rounds uint64) bool {
	switch {
	case !late:
		*a = 0
	case *a == 0:
		*a = alarm(max(round, 1))
	}
	return late && round > uint64(*a)+rounds
}

// nobodyWaits: not for longer than a client may have to, where there is room. The kernel's report is late, but it comes.
func (w *World) nobodyWaits(id roster.InstID, l *listener) error {
	bound := seen
	if l.looked {
		bound = patience
	}
	if l.waiting == 0 || l.conf.MaxChild >= 0 && w.count(id) >= l.conf.MaxChild || w.starting(id) >= startingMax {
		w.progress(l)
	}
	late := w.high > l.idle+bound
	if l.late.overdue(late, w.loop.round, served/2) {
		w.report(id)
	}
	if l.late.overdue(late, w.loop.round, served) {
		return broken(Served, "service %s: %d wait for %v, and %d workers are there of at most %d", l.conf.Name, l.waiting,
			w.high-l.idle, w.count(id), l.conf.MaxChild)
	}
	return nil
}

// starting is how many workers of an instance are being started, for all that roster knows.
func (w *World) starting(id roster.InstID) (n int) {
	for _, p := range w.order {
		if p.inst == id && !p.known {
			n++
		}
	}
	return n
}

// mustEnd: within grace everything that can end has, and within a moment more everything else.
func (w *World) mustEnd() error {
	bound := w.conf.Grace
	if w.stop.killing {
		bound = afterStop
	}
	if !w.stop.late.overdue(w.high > w.stop.at+bound, w.loop.round, stopIn) {
		return nil
	}
	if w.stop.killing {
		return broken(Ends, "it was told to end, and %v after grace: %s", w.high-w.stop.at, w.describe())
	}
	w.stop.killing, w.stop.at, w.stop.late = true, w.high, 0
	return nil
}
