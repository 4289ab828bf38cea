package sim

import (
	"fmt"
	"time"

	"github.com/constance-mail/constance/internal/master/roster"
)

// calmRounds bounds how long a calm may take: pauses after failures end within a minute, which is 600 rounds.
const (
	calmRounds = 1500
	roundFor   = 100 * time.Millisecond
)

// settle lets everything that is on its way arrive, all processes behave and time pass. Then what roster believes
// must be what is so, and nobody may wait for a worker.
func (w *World) settle() error {
	w.calm = true
	defer func() { w.calm = false }()
	w.now = w.high // whatever the clock did before, it goes on from here
	if err := w.arrive(); err != nil {
		return err
	}
	if w.stop.told {
		return nil
	}
	if err := w.believed(); err != nil {
		return err
	}
	for _, p := range w.order {
		if !p.mute || !w.watched(p) {
			p.hangs, p.deaf, p.mute = false, false, false
		}
		if p.alive() && !p.mute && (!p.truthful || p.draining || p.shut) {
			w.die(p, 0) // what it said is no base for a comparison
		}
	}
	for n := range calmRounds {
		w.now += roundFor
		w.behave()
		if n%4 == 0 {
			w.live()
		}
		if err := w.all(); err != nil {
			return err
		}
		if w.stop.told {
			return nil
		}
		if w.quiet() {
			return w.compare()
		}
	}
	return broken(Settles, "no rest after %d rounds: %s", calmRounds, w.describe())
}

// all lets each source tell everything and the loop make a round.
func (w *World) all() error {
	for len(w.orders) > 0 {
		if err := w.spawner(); err != nil {
			return err
		}
	}
	for _, id := range w.sockIDs {
		w.report(id)
	}
	for _, p := range w.order {
		w.notice(p)
		for w.read(p, pipeMax) && len(p.pipe) > 0 && len(p.runs) < runsMax {
		}
	}
	return w.wholeRound()
}

// arrive lets all that is on its way arrive, while time stands still and no process does anything.
func (w *World) arrive() error {
	for n := 0; n == 0 || w.pendingEvents() > 0; n++ {
		if n > calmRounds {
			return broken(Settles, "%d things are on their way for ever: %s", w.pendingEvents(), w.describe())
		}
		if err := w.all(); err != nil {
			return err
		}
	}
	return nil
}

// pendingEvents is how many things are on their way to roster.
func (w *World) pendingEvents() int {
	n := len(w.orders)
	for p := range roster.Places {
		n += w.in.places[p].Len()
	}
	for _, p := range w.order {
		n += len(p.pipe) + len(p.runs)
		if p.dead && !p.noticed {
			n++
		}
	}
	return n
}

// behave lets each process do what its kind does.
func (w *World) behave() {
	for _, p := range w.order {
		l := w.socks[p.inst]
		if p.alive() && p.known && (p.inst == 0 || l != nil && (p.busy || l.waiting > 0)) {
			w.act(p)
		}
	}
}

// quiet: nothing is on its way, nobody waits, and every listener has its workers.
func (w *World) quiet() bool {
	if w.pendingEvents() > 0 || w.ailing() || !w.s.Working() {
		return false
	}
	for _, p := range w.order {
		if p.dead || p.busy || p.inst == 0 && !p.stray {
			return false
		}
	}
	for _, l := range w.socks {
		if l.waiting > 0 {
			return false
		}
	}
	views, _ := w.s.View()
	for _, v := range views {
		l := w.socks[v.ID]
		if v.Removed || l == nil || v.Draining > 0 || v.Ready < min(l.conf.Prefork, mostOf(&l.conf), l.most()) {
			return false
		}
	}
	return true
}

// most is MaxChild as a number.
func (l *listener) most() int {
	if l.conf.MaxChild < 0 {
		return 1 << 30
	}
	return l.conf.MaxChild
}

// believed compares each worker's class with what it does: no message of those whose messages all arrived may have been
// overlooked.
func (w *World) believed() error {
	views, _ := w.s.View()
	for _, v := range views {
		for _, c := range v.Children {
			p := w.kids[c.ID]
			if p != nil && p.alive() && p.truthful && c.Class != roster.Draining && (c.Class == roster.Busy) != p.busy {
				return broken(Truth, "service %s: child %d is believed %v, and busy is %v", v.Service.Name, c.ID, c.Class,
					p.busy)
			}
		}
	}
	return nil
}

// compare: the count of workers by roster is the count by the world.
func (w *World) compare() error {
	views, _ := w.s.View()
	for _, v := range views {
		if n := w.count(v.ID); v.Ready != n || v.Busy != 0 || v.Draining != 0 {
			return broken(Settles, "service %s: believed ready %d, busy %d, draining %d; true: %d ready", v.Service.Name,
				v.Ready, v.Busy, v.Draining, n)
		}
	}
	return w.tidy()
}

func (w *World) describe() string {
	views, _ := w.s.View()
	text := ""
	for _, v := range views {
		if l := w.socks[v.ID]; l != nil {
			text += fmt.Sprintf("%s: %d wait, ready %d busy %d draining %d starting %d of max %d prefork %d, paused %v; ",
				v.Service.Name, l.waiting, v.Ready, v.Busy, v.Draining, v.Starting, l.conf.MaxChild, l.conf.Prefork,
				v.PausedFor)
		} else {
			text += fmt.Sprintf("%s: leaving with %d; ", v.Service.Name, len(v.Children))
		}
	}
	return text + fmt.Sprintf("%d processes, %d things on their way", len(w.order), w.pendingEvents())
}
