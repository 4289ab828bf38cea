package sim

import (
	"fmt"
	"syscall"

	"github.com/constance-mail/constance/internal/master/roster"
)

// life is what the world knows of the start and the end.
type life struct {
	hold    bool           // services wait for Go
	open    bool           // OpReady was given
	awaited roster.ChildID // a wait daemon whose word is awaited; 0 = none
	orphans map[int]bool   // left behind by children and not adopted yet: whether somebody found it
	lastPID int            // of orphans
}

// turn: at the start only wait daemons are started, one after the other.
func (w *World) turn(a roster.Action) error {
	switch {
	case w.s.Working():
	case !a.Await:
		return fmt.Errorf("child %d is started before the start is over", a.Child)
	case w.life.awaited != 0:
		return fmt.Errorf("child %d is started before %d has declared itself", a.Child, w.life.awaited)
	default:
		w.life.awaited = a.Child
	}
	return nil
}

// hear notes what an event allows: the next wait daemon, another SIGHUP.
func (w *World) hear(e *roster.Event) {
	switch e.Kind {
	case roster.Declared:
		if e.Child == w.life.awaited {
			w.life.awaited = 0
		}
	case roster.Reload:
		for _, p := range w.order {
			p.hups = 0
		}
	case roster.DrainChild, roster.Sized:
		if p := w.procs[e.Child]; p != nil {
			p.hups = 0
		}
	}
}

// declare decides what a wait daemon says: mostly that it is ready.
func (w *World) declare(p *proc) {
	e := roster.Event{Kind: roster.Declared, Child: p.id}
	if !w.calm && w.rnd.IntN(20) == 0 {
		e = roster.Event{Kind: roster.Balked, Child: p.id, Text: "end of file"}
	}
	p.events = append(p.events, e)
}

// lead does what the start and the end ask for.
func (w *World) lead(a roster.Action) error {
	switch a.Op {
	case roster.OpReady:
		w.life.open = true
		if w.life.hold {
			w.todo = append(w.todo, roster.Event{Kind: roster.Go})
		}
	case roster.OpAdopt:
		if found := w.life.orphans[a.PID]; !found {
			return fmt.Errorf("process %d is adopted, which is no orphan", a.PID)
		}
		delete(w.life.orphans, a.PID)
		p := &proc{id: a.Child, pid: a.PID, stray: true, truthful: true}
		w.procs[p.id] = p
		w.order = append(w.order, p)
	case roster.OpSweep:
		for pid := range w.life.lastPID {
			if found, there := w.life.orphans[pid+1]; there && !found {
				w.life.orphans[pid+1] = true
				w.todo = append(w.todo, roster.Event{Kind: roster.Found, PID: pid + 1, Text: "orphan"})
			}
		}
		w.todo = append(w.todo, roster.Event{Kind: roster.Swept})
	}
	return nil
}

// bereave: some processes leave others behind.
func (w *World) bereave(p *proc) {
	if w.calm || p.stray || w.rnd.IntN(20) != 0 {
		return
	}
	if w.life.orphans == nil {
		w.life.orphans = map[int]bool{}
	}
	w.life.lastPID++
	found := w.rnd.IntN(2) == 0 // at once; else at the end
	w.life.orphans[w.life.lastPID] = found
	if found {
		w.todo = append(w.todo, roster.Event{Kind: roster.Found, PID: w.life.lastPID, Text: "orphan"})
	}
}

// heed: a child is told once to finish (unless it hangs afterwards), a job never; at the end the wait daemons come last.
func (w *World) heed(p *proc, sig syscall.Signal) error {
	switch sig {
	case syscall.SIGHUP:
		if p.hups++; p.hups > 1 && !p.given || p.inst == 0 {
			return fmt.Errorf("child %d gets SIGHUP number %d", p.id, p.hups)
		}
	case syscall.SIGTERM:
		if w.s.Stopping() && w.waits(p) {
			return w.alone(p)
		}
	}
	return nil
}

func (w *World) waits(p *proc) bool {
	l := w.ls[p.inst]
	return l != nil && l.conf.Wait
}

// alone: of all processes only wait daemons that come before this one may still run.
func (w *World) alone(p *proc) error {
	for _, o := range w.order {
		if o != p && !w.toldDead(o) && (!w.waits(o) || w.place(o) > w.place(p)) {
			return fmt.Errorf("wait daemon %d is ended while %d runs", p.id, o.id)
		}
	}
	return nil
}

// place is where the configuration names the service of a process.
func (w *World) place(p *proc) int {
	for k, s := range w.conf.Services {
		if s.Key == w.ls[p.inst].conf.Key {
			return k
		}
	}
	return -1
}

// tidy: at the end nothing is left behind, unless something could not be ended in time.
func (w *World) tidy() error {
	if n := len(w.life.orphans); n > 0 && len(w.procs) == 0 {
		return fmt.Errorf("%d orphans are left", n)
	}
	return nil
}
