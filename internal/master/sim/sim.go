// Package sim leads package roster through random histories of a world that behaves as badly as it can: children that
// exit, crash and hang at any moment, messages that are lost, late, doubled, swapped or garbage, process ids that are
// used again, clocks that jump, forks that fail, storms of signals, clients and messages, reloads and the end at any
// time. Between the world and the roster is the master's own loop: its places and its roster.Round. After every step
// the package checks what must always be true, the table Invariants; now and then it lets the world calm down and checks
// that everything that was wanted comes about.
//
// The same seed gives the same history: step k draws its chances from the seed and k alone, so that steps can be left
// out of a history that breaks an invariant until only those remain that it takes.
//
// To add something that can happen, add a line to happenings; to add something that must be true, add a line to
// Invariants and a mistake that breaks it to the test's table.
package sim

import (
	"math/rand/v2"
	"time"

	"github.com/constance-mail/constance/internal/master/roster"
)

// World is one history.
type World struct {
	seed   uint64
	length int // steps until it is told to end
	pcg    *rand.PCG
	rnd    *rand.Rand
	s      *roster.State
	wrong  Mistake

	now     time.Duration
	high    time.Duration // the latest time that roster has seen
	wall    wall
	jumps   int // the clock jumps in one step of so many; 0 = never
	weather weather
	calm    bool

	kids    map[roster.ChildID]*proc
	order   []*proc // those of kids, in the order of their making
	spare   []*proc
	orders  []roster.ChildID // not yet forked
	socks   map[roster.InstID]*listener
	sockIDs []roster.InstID
	jobs    map[string]*job
	conf    roster.Config
	names   int
	loading bool
	life    life

	in     inbox
	loop   loop
	acts   []roster.Action
	stop   stop
	done   bool
	record func(string, ...any) // for the trace; nil: none
}

// stop is what is known of the end.
type stop struct {
	told    bool
	from    time.Duration
	at      time.Duration // from, or when grace was seen to be over
	killing bool          // grace is over
	late    alarm
}

// weather is what the world does more than usual for some hundred steps.
type weather uint8

const (
	fair     weather = iota
	signals              // the loop is interrupted again and again
	chatter              // workers never stop talking
	rush                 // clients come in crowds
	noForks              // every fork fails
	weathers weather = 8 // the rest is fair
)

// happening is one kind of thing that can happen.
type happening struct {
	weight int // of 1,000
	name   string
	do     func(*World) error
}

// happenings is everything that can happen. What else the world shall do gets its line here.
var happenings = [...]happening{
	{217, "client", (*World).client},                            // somebody connects
	{110, "watcher", (*World).watcher},                          // the kernel reports a waiting client or an end
	{60, "spawner", (*World).spawner},                           // a fork comes to its end
	{110, "reader", (*World).reader},                            // a status channel is read
	{150, "work", (*World).work},                                // a worker does what its kind does
	{270, "loop", (*World).turns},                               // the loop goes on
	{20, "life", func(w *World) error { w.live(); return nil }}, // signs of life
	{40, "mischief", (*World).mischief},                         // a worker does what it should not
	{12, "stray", (*World).stray},                               // roster hears of what is long gone, or for the second time
	{4, "ask", (*World).ask},                                    // an admin wants something
	{2, "hangup", (*World).hangup},                              // SIGHUP
	{2, "loader", (*World).loaded},                              // the configuration has been read
	{2, "clock", (*World).setClock},                             // the clock on the wall is set
	{1, "upgrade", (*World).upgrade},                            // another program goes on with what this one knew
}

// chances has each happening as often as it weighs.
var chances = func() (c []uint8) {
	for k, h := range happenings {
		for range h.weight {
			c = append(c, uint8(k))
		}
	}
	return c
}()

// New is the world of a seed, with a mistake or without.
func New(seed uint64, wrong Mistake) *World {
	w := &World{seed: seed, pcg: rand.NewPCG(seed, 0), s: roster.New(), wrong: wrong,
		kids: map[roster.ChildID]*proc{}, socks: map[roster.InstID]*listener{}, jobs: map[string]*job{}}
	w.rnd = rand.New(w.pcg)
	w.length = 1000 + w.rnd.IntN(20_000)
	w.jumps = []int{0, 0, 150, 2000}[w.rnd.IntN(4)]
	w.loop.share = []int{1, 2, 5, 1 << 20}[w.rnd.IntN(4)]
	w.life.hold = w.rnd.IntN(2) == 0
	w.hang()
	w.s.SetCheat(wrong.Cheat)
	return w
}

// Run leads the world through its history and returns the steps made. An error is a *Broken.
func (w *World) Run() (steps int, err error) {
	if err := w.reload(w.makeConfig()); err != nil {
		return 0, err
	}
	for k := 1; !w.done; k++ {
		if err := w.Step(k); err != nil {
			return k, err
		}
		steps = k
	}
	return steps, nil
}

// Step lets the k-th thing happen, with a calm every thousand.
func (w *World) Step(k int) error {
	w.pcg.Seed(w.seed, uint64(k))
	if k%500 == 0 {
		w.weather = weather(w.rnd.IntN(int(weathers)))
	}
	if k == w.length {
		w.now = w.time()
		w.put(roster.Signals, roster.Event{Kind: roster.Stop})
	}
	w.pass()
	w.loop.interrupted = w.loop.interrupted || w.weather == signals
	h := &happenings[chances[w.rnd.IntN(len(chances))]]
	w.tell("%d, %v: %s", k, w.now, h.name)
	if err := h.do(w); err != nil {
		return err
	}
	if k%1000 == 0 && !w.stop.told && k < w.length {
		return w.settle()
	}
	return nil
}

// pass lets time go on: mostly a little, sometimes much, sometimes back.
func (w *World) pass() {
	switch {
	case w.jumps == 0 || w.rnd.IntN(w.jumps) > 0:
		w.now += time.Duration(w.rnd.IntN(5_000_000))
	case w.rnd.IntN(2) == 0:
		w.now += time.Duration(w.rnd.Int64N(int64(time.Second) << w.rnd.IntN(13))) // up to more than an hour
	case !w.stop.told: // later it would only make the end last
		w.now -= time.Duration(w.rnd.IntN(int(max(w.now, 1))))
	}
}

func (w *World) tell(format string, args ...any) {
	if w.record != nil {
		w.record(format, args...)
	}
}
