package sim

import (
	"errors"
	"fmt"
	"math"
	"syscall"
	"time"

	"github.com/constance-mail/constance/internal/master/roster"
)

// Invariant is something that is always true.
type Invariant uint8

// The invariants; the table Invariants says what each means.
const (
	Books Invariant = iota
	Filed
	Watched
	Planned
	MaxChild
	ForkRate
	Backoff
	Truth
	Reaped
	Forgotten
	Signalled
	Released
	Starved
	Served
	Settles
	Idle
	Alone
	Punctual
	Once
	Met
	Grace
	Ends
	Examined
	GivenUp
	Scheduled
	Limited
	InOrder
	Tidy
	invariants
)

// Invariants is the whole of what is proved: for each invariant its name, what is always true, and when it is checked.
// A number in it is a bound in rounds of the loop or in roster's time, which never goes back.
var Invariants = [invariants]struct{ Name, What, When string }{
	Books: {"books", "every number that is kept (ready, busy, draining, starting, ended) is what counting the table of" +
		" children gives", "after each event"},
	Filed: {"filed", "every child is in the table of children and in that of its listener or job, once, at its place",
		"after each event"},
	Watched: {"watched", "for every listener in force a notice of the kernel, a look, or the time of one is to come",
		"after each event"},
	Planned: {"planned", "a listener with fewer ready workers than prefork, and room, has a time at which it is looked" +
		" at", "after each event"},
	MaxChild: {"maxchild", "no fork takes a service above maxchild workers (twice that with those that drain, if they" +
		" are not to count, and one more if all drain), by the world's own count; no child is started twice", "at each fork"},
	ForkRate: {"forkrate", "in any 2 s a service with maxforkrate r gets at most r/ln 2 + 2r + 1 forks", "at each fork"},
	Backoff: {"backoff", "in any 10 s a service whose workers all end before they serve gets at most 50 forks",
		"at each fork"},
	Truth:     {"truth", "a worker whose messages all arrived is believed busy if and only if it is", "in each calm"},
	Reaped:    {"reaped", "a child of whose end roster was told is forgotten within 3 rounds and 1 s", "after each round"},
	Forgotten: {"forgotten", "a child is forgotten once, and not before the kernel has told its end", "at each forgetting"},
	Signalled: {"signalled", "a signal goes only to a child that was started and not reaped; SIGTERM once, SIGHUP once" +
		" (but for one that was given up) for each reload, wish of an admin, or word that it serves on", "at each signal"},
	Released: {"released", "a reload gives up the listeners that are no longer configured, and those only; nothing is" +
		" wanted of a listener that was given up", "at each reload, look and fork"},
	Starved: {"starved", "what is put into a place at position n is taken within n/share + 1 rounds, whatever the other" +
		" places hold and whatever interrupts", "after each round"},
	Served: {"served", "where a client waits and there is room (fewer than maxchild workers, and than 8 being" +
		" started), roster looks within 70 s (the longest pause) and 16 rounds, and a worker" +
		" accepts, speaks, ends or is forked within 130 s (the longest pause, and the longest patience with a worker that" +
		" seems ready) and 16 rounds more", "after each round"},
	Settles: {"settles", "when the world behaves, everything comes to rest: nobody waits, each service has its workers," +
		" and the numbers are the truth", "in each calm"},
	Idle:  {"idle", "after a tick nothing is due at once: the loop does not spin", "after each tick"},
	Alone: {"alone", "a job does not run twice at a time", "at each run"},
	Punctual: {"punctual", "a job with a period starts at most once in each, counted from its first start, whatever" +
		" the clock did and however often the configuration was read, and after a tick none is late", "at each run and tick"},
	Once: {"once", "a job that goes by the wall clock starts at most once for each of its times, however often the clock is" +
		" set, changes for summer, or the configuration is read; for a time that comes again only if it is of every hour or" +
		" the clock was put back by more than 3 hours", "at each run"},
	Met: {"met", "the tick that finds that a time of a job has passed on the wall, however long ago, starts it, unless it" +
		" still runs; and the loop does not sleep over such a time", "after each tick"},
	Grace: {"grace", "no child is killed before the time of grace is over, but those that were given up, have too much memory" +
		" or did not heed SIGTERM before", "at each SIGKILL"},
	Ends: {"ends", "who is told to end has ended within grace, 3 s and 10 rounds; nothing lives then" +
		" but what SIGKILL does not end or whose fork took longer than that, and nothing is wanted after it", "after each round"},
	Examined: {"examined", "a listener whose workers are asked for signs of life has a time at which they are looked for",
		"after each event"},
	GivenUp: {"givenup", "a worker is given up once, and not within its time of silence since its last sign of life",
		"at each giving up"},
	Scheduled: {"scheduled", "a job has a time at which it is looked at if and only if it has a schedule; its next run is" +
		" after the last moment that was looked at", "after each event"},
	Limited: {"limited", "a master that waits for a daemon's word, or for the end, has a time at which it waits no longer",
		"after each event"},
	InOrder: {"inorder", "at the start wait daemons are started one after the other's word, and nothing else; at the end" +
		" each is told when all else has ended and those that were started after it", "at each fork and SIGTERM"},
	Tidy: {"tidy", "only what children left behind is adopted, and nothing of it is left at an end within" +
		" grace", "at each adoption" +
		" and at the end"},
}

func (i Invariant) String() string { return Invariants[i].Name }

// Broken is an invariant that does not hold.
type Broken struct {
	Invariant Invariant
	Text      string
}

func (b *Broken) Error() string { return b.Invariant.String() + ": " + b.Text }

func broken(i Invariant, format string, args ...any) error {
	return &Broken{i, fmt.Sprintf(format, args...)}
}

// rules are the invariants that roster checks itself.
var rules = map[roster.Rule]Invariant{roster.Books: Books, roster.Filed: Filed, roster.Watched: Watched,
	roster.Planned: Planned, roster.Examined: Examined, roster.Scheduled: Scheduled,
	roster.Limited: Limited}

// books are right by roster's own count.
func (w *World) books() error {
	err := w.s.Check()
	if err == nil {
		return nil
	}
	var f *roster.Fault
	if !errors.As(err, &f) {
		return broken(Books, "%v", err)
	}
	return broken(rules[f.Rule], "%s", f.Text)
}

// spawn checks that a fork is within bounds.
func (w *World) spawn(a roster.Action) error {
	if w.kids[a.Child] != nil {
		return broken(MaxChild, "child %d is started twice", a.Child)
	}
	if err := w.inTurn(a); err != nil {
		return err
	}
	if a.Inst == 0 {
		if err := w.mayRun(a.Text); err != nil {
			return err
		}
		w.newProc(a)
		return nil
	}
	w.newProc(a)
	l := w.listener(a.Inst)
	if l == nil {
		return broken(Released, "a worker for listener %d, which has been given up", a.Inst)
	}
	w.progress(l)
	if n, most := w.count(a.Inst), mostOf(&l.conf); n > most {
		if !l.conf.DrainOver || w.working(a.Inst) > 1 {
			return broken(MaxChild, "service %s: %d workers, %d allowed", l.conf.Name, n, most)
		}
	}
	return w.pace(l)
}

// working is how many of an instance do not drain, by roster's count, which its own check has verified.
func (w *World) working(id roster.InstID) int {
	views, _ := w.s.View()
	for _, v := range views {
		if v.ID == id {
			return v.Ready + v.Busy
		}
	}
	return 0
}

// count is how many children of an instance roster has to reckon with.
func (w *World) count(id roster.InstID) (n int) {
	for _, p := range w.order {
		if p.inst == id && !p.told {
			n++
		}
	}
	return n
}

func mostOf(s *roster.Service) int {
	switch {
	case s.MaxChild < 0:
		return math.MaxInt
	case s.DrainOver:
		return 2 * s.MaxChild
	}
	return s.MaxChild
}

// pace: within the fork rate, and not above what a crash loop is allowed.
func (w *World) pace(l *listener) error {
	if r := float64(l.conf.MaxForkRate); r > 0 {
		l.forks = within(l.forks, w.high, 2*time.Second)
		if most := math.Ceil(r/math.Ln2) + 2*r + 1; float64(len(l.forks)) > most {
			return broken(ForkRate, "service %s: %d forks in 2 s, rate %v", l.conf.Name, len(l.forks), r)
		}
	}
	if l.broken && !w.calm {
		l.crashes = within(l.crashes, w.high, 10*time.Second)
		if len(l.crashes) > 50 {
			return broken(Backoff, "service %s: %d forks of workers that crash, in 10 s", l.conf.Name, len(l.crashes))
		}
	}
	return nil
}

// within adds now to times and drops those that are not within the last d.
func within(times []time.Duration, now, d time.Duration) []time.Duration {
	old := 0
	for old < len(times) && now-times[old] >= d {
		old++
	}
	return append(times[:copy(times, times[old:])], now)
}

func (w *World) maySignal(a roster.Action) error {
	p := w.kids[a.Child]
	switch {
	case p == nil:
		return broken(Signalled, "unknown child %d gets %v", a.Child, a.Sig)
	case !p.known || p.told:
		return broken(Signalled, "child %d gets %v, started %v, reaped %v", a.Child, a.Sig, p.known, p.told)
	case a.Sig == syscall.SIGTERM:
		p.terms++
		p.unheeding = !w.stop.told
	case a.Sig == syscall.SIGHUP:
		p.hups++
	case a.Sig == syscall.SIGKILL && !p.given && !p.bloated && !p.unheeding && !w.mayKill():
		return broken(Grace, "child %d is killed %v after the end was wanted", a.Child, w.high-w.stop.at)
	}
	if p.terms > 1 || p.hups > 1 && !p.given {
		return broken(Signalled, "child %d gets %d SIGTERM, %d SIGHUP", a.Child, p.terms, p.hups)
	}
	if err := w.last(p, a.Sig); err != nil {
		return err
	}
	w.signal(p, a.Sig)
	return nil
}

// mayKill: grace is over.
func (w *World) mayKill() bool {
	return w.stop.killing || w.stop.told && w.high >= w.stop.at+w.conf.Grace
}

func (w *World) forget(id roster.ChildID) error {
	p := w.kids[id]
	if p == nil {
		return broken(Forgotten, "child %d is forgotten twice", id)
	}
	if !p.told {
		return broken(Forgotten, "child %d is forgotten before the kernel has told its end", id)
	}
	if j := w.jobs[p.job]; j != nil && p.inst == 0 {
		j.last = w.high
	}
	if l := w.socks[p.inst]; l != nil {
		w.progress(l)
	}
	w.drop(p)
	return nil
}

// inForce: what is configured is there, and nothing else is listened at.
func (w *World) inForce() error {
	if w.stop.told {
		return nil
	}
	for _, s := range w.conf.Services {
		id, ok := w.s.Instance(s.Key)
		if !ok {
			return broken(Released, "service %s is not there after a reload", s.Key)
		}
		w.listener(id)
	}
	if len(w.socks) != len(w.conf.Services) {
		return broken(Released, "%d services are configured, %d are listened for", len(w.conf.Services), len(w.socks))
	}
	return nil
}

// mayEnd: nothing lives, but what was killed.
func (w *World) mayEnd() error {
	w.done = true
	for _, p := range w.order {
		if p.known && !p.killed && !p.dead {
			return broken(Ends, "it ends while child %d lives", p.id)
		}
	}
	return w.tidy()
}
