package sim

import (
	"syscall"

	"github.com/constance-mail/constance/internal/master/roster"
)

// life is what the world knows of the start and the end.
type life struct {
	hold    bool           // services wait for Go
	awaited roster.ChildID // a wait daemon whose word is awaited; 0 = none
	orphans map[int]bool   // left behind by children and not adopted yet: whether somebody found it
	lastPID int            // of orphans
}

// inTurn: at the start only wait daemons are started, one after the other.
func (w *World) inTurn(a roster.Action) error {
	switch {
	case w.s.Working():
	case !a.Await:
		return broken(InOrder, "child %d is started before the start is over", a.Child)
	case w.life.awaited != 0:
		return broken(InOrder, "child %d is started before %d has declared itself", a.Child, w.life.awaited)
	default:
		w.life.awaited = a.Child
	}
	return nil
}

// hear notes what an event allows: the next wait daemon, another SIGHUP.
func (w *World) hear(e *roster.Event) {
	p := w.kids[e.Child]
	switch {
	case e.Kind == roster.Declared && e.Child == w.life.awaited:
		w.life.awaited = 0
	case e.Kind == roster.Sized && p != nil:
		p.hups = 0
	}
}

// declare decides what a wait daemon says: mostly that it is ready.
func (w *World) declare(p *proc) {
	e := roster.Event{Kind: roster.Declared, Child: p.id}
	if !w.calm && w.rnd.IntN(30) == 0 {
		e = roster.Event{Kind: roster.Balked, Child: p.id, Text: "end of file"}
	}
	w.put(roster.Findings, e)
}

// lead does what the start and the end ask for.
func (w *World) lead(a roster.Action) error {
	switch a.Op {
	case roster.OpReady:
		if w.life.hold {
			w.put(roster.Findings, roster.Event{Kind: roster.Go})
		}
	case roster.OpAdopt:
		if found := w.life.orphans[a.PID]; !found {
			return broken(Tidy, "process %d is adopted, which is no orphan", a.PID)
		}
		delete(w.life.orphans, a.PID)
		p := w.newProc(a)
		w.orders = w.orders[:len(w.orders)-1]
		p.pid, p.known, p.stray, p.job = a.PID, true, true, ""
	case roster.OpSweep:
		for pid := range w.life.lastPID {
			if found, there := w.life.orphans[pid+1]; there && !found {
				w.find(pid + 1)
			}
		}
		w.put(roster.Findings, roster.Event{Kind: roster.Swept})
	}
	return nil
}

func (w *World) find(pid int) {
	w.life.orphans[pid] = true
	w.put(roster.Findings, roster.Event{Kind: roster.Found, PID: pid, Text: "orphan"})
}

// bereave: some processes leave others behind, of which some are found at once and some at the end.
func (w *World) bereave(p *proc) {
	if w.calm || p.stray || w.rnd.IntN(40) != 0 {
		return
	}
	if w.life.orphans == nil {
		w.life.orphans = map[int]bool{}
	}
	w.life.lastPID++
	w.life.orphans[w.life.lastPID] = false
	if w.rnd.IntN(2) == 0 {
		w.find(w.life.lastPID)
	}
}

func (w *World) waits(p *proc) bool {
	l := w.socks[p.inst]
	return l != nil && l.conf.Wait
}

// last: when a wait daemon is ended, only wait daemons that come before it may still run.
func (w *World) last(p *proc, sig syscall.Signal) error {
	if sig != syscall.SIGTERM || !w.stop.told || !w.waits(p) {
		return nil
	}
	for _, o := range w.order {
		if o != p && !o.told && (!w.waits(o) || w.place(o) > w.place(p)) {
			return broken(InOrder, "wait daemon %d is ended while %d runs", p.id, o.id)
		}
	}
	return nil
}

// place is where the configuration names the service of a process.
func (w *World) place(p *proc) int {
	for k, s := range w.conf.Services {
		if s.Key == w.socks[p.inst].conf.Key {
			return k
		}
	}
	return -1
}

// tidy: at the end nothing is left behind, unless time ran out.
func (w *World) tidy() error {
	inTime := w.high < w.stop.from+w.conf.Grace
	if n := len(w.life.orphans); n > 0 && len(w.kids) == 0 && inTime {
		return broken(Tidy, "%d orphans are left", n)
	}
	return nil
}
