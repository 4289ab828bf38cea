package sim

import (
	"fmt"
	"time"

	"github.com/constance-mail/constance/internal/master/roster"
)

// rounds bounds how long a calm may take: pauses after failures end within a minute, which is 600 rounds.
const (
	rounds   = 1500
	roundFor = 100 * time.Millisecond
)

// settle lets everything that is on its way arrive, all processes behave and time pass. Then what roster believes
// must be what is so, and nobody may wait for a worker.
func (w *World) settle() error {
	w.calm = true
	defer func() { w.calm = false }()
	if err := w.believe(); err != nil {
		return err
	}
	w.now = w.high // whatever the clock did before, it goes on from here
	for _, p := range w.order {
		if !p.mute || !w.watched(p) {
			p.hangs, p.deaf, p.mute = false, false, false
		}
		if running(p) && !p.mute && (!p.truthful || p.draining) {
			w.die(p, 0) // what it said is no base for a comparison
		}
	}
	for range rounds {
		if err := w.round(); err != nil {
			return err
		}
		if w.quiet() {
			return w.compare()
		}
	}
	return fmt.Errorf("no rest after %d rounds: %s", rounds, w.describe())
}

// round gives each source its share, as the loop does.
func (w *World) round() error {
	w.now += roundFor
	w.live()
	for _, id := range append([]roster.InstID(nil), w.lsIDs...) {
		if l := w.ls[id]; l != nil {
			if err := w.notice(id, l); err != nil {
				return err
			}
		}
	}
	for _, p := range append([]*proc(nil), w.order...) {
		for n := 0; n < 64 && len(p.events) > 0; n++ {
			e := p.events[0]
			p.events = p.events[1:]
			if err := w.feed(e); err != nil {
				return err
			}
		}
		if running(p) && w.procs[p.id] == p && w.ls[p.inst] != nil && (p.busy || w.ls[p.inst].waiting > 0) || running(p) && p.inst == 0 {
			w.act(p)
		}
	}
	todo := w.todo
	w.todo = nil
	for _, e := range todo {
		if e.Kind == roster.Probed || e.Kind == roster.Pending {
			if l := w.ls[e.Inst]; l != nil {
				e.N = l.waiting // as the loop does: it looks when it takes the event
			}
		}
		if err := w.feed(e); err != nil {
			return err
		}
	}
	return w.feed(roster.Event{Kind: roster.Tick})
}

// quiet: nothing is on its way, nobody waits, and every listener has its workers.
func (w *World) quiet() bool {
	if w.ailing() {
		return false
	}
	for _, p := range w.order {
		if len(p.events) > 0 || p.dead || p.busy || p.inst == 0 {
			return false
		}
	}
	views, _ := w.s.View()
	for _, v := range views {
		if v.Removed {
			return false
		}
		if l := w.ls[v.ID]; l == nil || l.waiting > 0 || v.Ready < min(l.conf.Prefork, uint31(l.conf.MaxChild)) {
			return false
		}
	}
	return true
}

func uint31(n int) int {
	if n < 0 {
		return 1 << 30
	}
	return n
}

// believe delivers what is on its way and then compares each worker's class with what it does: no message of those
// whose messages all arrived may have been overlooked.
func (w *World) believe() error {
	for {
		before := len(w.todo)
		for _, p := range w.order {
			before += len(p.events)
		}
		if before == 0 {
			break
		}
		if err := w.deliver(); err != nil {
			return err
		}
	}
	views, _ := w.s.View()
	for _, v := range views {
		for _, c := range v.Children {
			p := w.procs[c.ID]
			if p != nil && running(p) && p.truthful && c.Class != roster.Draining && (c.Class == roster.Busy) != p.busy {
				return fmt.Errorf("service %s: child %d is believed %v, and busy is %v", v.Service.Name, c.ID, c.Class, p.busy)
			}
		}
	}
	return nil
}

// compare: the count of workers by roster is the count by the world.
func (w *World) compare() error {
	views, _ := w.s.View()
	for _, v := range views {
		n := 0
		for _, p := range w.order {
			if p.inst == v.ID && running(p) {
				n++
			}
		}
		if v.Ready != n || v.Busy != 0 || v.Draining != 0 {
			return fmt.Errorf("service %s: believed ready %d, busy %d, draining %d; true: %d ready", v.Service.Name, v.Ready, v.Busy,
				v.Draining, n)
		}
	}
	return nil
}

// end stops at a random moment and checks that it ends within the grace time and what comes after.
func (w *World) end() error {
	if err := w.feed(roster.Event{Kind: roster.Stop}); err != nil {
		return err
	}
	w.now = w.high
	until := w.now + w.conf.Grace + 3*time.Second
	for !w.done {
		if w.now > until {
			return fmt.Errorf("it does not end: %s", w.describe())
		}
		w.now += 10 * time.Millisecond
		if err := w.deliver(); err != nil {
			return err
		}
		if err := w.feed(roster.Event{Kind: roster.Tick}); err != nil {
			return err
		}
	}
	return w.tidy()
}

func (w *World) describe() string {
	views, _ := w.s.View()
	text := ""
	for _, v := range views {
		if l := w.ls[v.ID]; l != nil {
			text += fmt.Sprintf("%s: %d wait, ready %d busy %d draining %d starting %d of max %d prefork %d, paused %v; ", v.Service.Name,
				l.waiting, v.Ready, v.Busy, v.Draining, v.Starting, l.conf.MaxChild, l.conf.Prefork, v.PausedFor)
		} else {
			text += fmt.Sprintf("%s: leaving with %d; ", v.Service.Name, len(v.Children))
		}
	}
	return text + fmt.Sprintf("%d processes, %d events", len(w.order), len(w.todo))
}
