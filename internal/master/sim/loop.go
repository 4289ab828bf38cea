package sim

import (
	"github.com/constance-mail/constance/internal/master/roster"
	"github.com/constance-mail/constance/internal/service"
)

// inbox is the loop's places, and for each thing in one the last round in which the loop may take it.
type inbox struct {
	places [roster.Places]roster.Queue[roster.Event]
	due    [roster.Places][]uint64
	flags  [16]bool // signals that lie in their place, by the kind of event they mean
	taken  [roster.Places][]roster.Event
}

// loop is where the master's loop stands.
type loop struct {
	round       uint64
	at          int // in turns
	turns       []roster.Turn
	share       int // most of any share: as if there were more of everything
	interrupted bool
}

// asksMax is how many admins can wait at a time; the next ones wait before the door.
const asksMax = 16

// put puts something into a place. A signal that lies there already is the same signal; an event of Talk says only
// that the child has something to say.
func (w *World) put(p roster.Place, e roster.Event) {
	q := &w.in.places[p]
	if p == roster.Signals {
		if w.in.flags[e.Kind] {
			return
		}
		w.in.flags[e.Kind] = true
	}
	if p == roster.Asks && q.Len() >= asksMax {
		return
	}
	w.in.due[p] = append(w.in.due[p], w.loop.round+1+uint64(q.Len()/w.share(p)))
	q.Put(e)
}

// share is how much of a place one round takes in this world.
func (w *World) share(p roster.Place) int {
	for _, t := range roster.Round {
		if t.Place == p && w.calm {
			return t.Share
		}
		if t.Place == p {
			return min(t.Share, max(w.loop.share, t.Share/32))
		}
	}
	return 1
}

// turns lets the loop go on, at most once around.
func (w *World) turns() error {
	for range 1 + w.rnd.IntN(len(roster.Round)) {
		if err := w.turn(); err != nil {
			return err
		}
	}
	return nil
}

// wholeRound finishes the round and makes another.
func (w *World) wholeRound() error {
	for until := w.loop.round + 2; w.loop.round < until; {
		if err := w.turn(); err != nil {
			return err
		}
	}
	return nil
}

// turn is one place's turn, as Master.visit does it.
func (w *World) turn() error {
	if w.loop.at == 0 {
		w.loop.turns = w.wrong.turns(w.loop.interrupted)
		w.loop.interrupted = false
	}
	if w.loop.at < len(w.loop.turns) {
		t := w.loop.turns[w.loop.at]
		w.loop.at++
		if err := w.visit(t.Place); err != nil {
			return err
		}
	}
	if w.loop.at < len(w.loop.turns) {
		return nil
	}
	err := w.afterRound()
	w.loop.at = 0
	w.loop.round++
	return err
}

func (w *World) visit(p roster.Place) error {
	if p == roster.Timer {
		return w.tick()
	}
	share := w.share(p)
	w.in.due[p] = w.in.due[p][:copy(w.in.due[p], w.in.due[p][min(share, len(w.in.due[p])):])]
	got := w.in.places[p].Take(share, w.in.taken[p])
	w.in.taken[p] = got
	for k := range got {
		if err := w.handle(p, got[k]); err != nil {
			return err
		}
	}
	return nil
}

// handle leads what lay in a place to roster.
func (w *World) handle(p roster.Place, e roster.Event) error {
	switch p {
	case roster.Signals:
		return w.signalled(e)
	case roster.Life:
		c := w.kids[e.Child]
		if c == nil {
			return nil
		}
		c.known = true
		if e.Kind != roster.Spawned {
			c.told, c.toldAt, c.round = true, w.time(), w.loop.round
		}
	case roster.Talk:
		return w.listenTo(e.Child)
	case roster.Listen, roster.Probes:
		l := w.socks[e.Inst]
		if l == nil {
			return nil
		}
		e.N = l.waiting // as the loop does: it looks when it takes the event
		if !l.looked {
			w.progress(l)
			l.looked = true
		}
	case roster.Plans:
		return w.reload(e.Conf)
	case roster.Asks:
		w.asked(&e)
	}
	return w.feed(e)
}

func (w *World) signalled(e roster.Event) error {
	w.in.flags[e.Kind] = false
	if e.Kind == roster.Reload {
		w.loading = true
		return nil
	}
	return w.feed(e)
}

// listenTo takes all that a child said.
func (w *World) listenTo(id roster.ChildID) error {
	p := w.kids[id]
	if p == nil {
		return nil // it has been forgotten meanwhile
	}
	p.queued = false
	for len(p.runs) > 0 {
		m := p.runs[0]
		p.runs = p.runs[:copy(p.runs, p.runs[1:])]
		e := roster.Event{Kind: roster.Said, Child: id, Code: m.code, N: m.n}
		if l := w.socks[p.inst]; l != nil {
			w.progress(l)
		}
		if m.code == service.Available {
			p.hups = 0 // it serves on, so it may be told again
		}
		if err := w.feed(e); err != nil {
			return err
		}
	}
	if p.eof && w.kids[id] == p {
		return w.feed(roster.Event{Kind: roster.Ended, Child: id})
	}
	return nil
}

// asked notes what an admin's wish allows.
func (w *World) asked(e *roster.Event) {
	if p := w.kids[e.Child]; p != nil && e.Kind == roster.DrainChild {
		p.hups = 0
		if l := w.socks[p.inst]; l != nil {
			l.crashes = l.crashes[:0]
		}
	}
	if j := w.jobs[e.Text]; j != nil && e.Kind == roster.Run {
		j.asked = !w.runs(e.Text)
	}
}

// feed gives roster an event and does what it wants.
func (w *World) feed(e roster.Event) error {
	w.high = w.time()
	if e.Kind == roster.Stop && !w.stop.told {
		w.stop = stop{told: true, from: w.high, at: w.high}
	}
	w.heard(&e)
	w.hear(&e)
	if !w.wrong.hears(&e) {
		return nil
	}
	if w.record != nil {
		w.tell("  %v", described(e))
	}
	w.acts = w.s.Step(e, w.now, w.acts[:0])
	if w.s.Stopping() && !w.stop.told { // a start that failed is the end
		w.stop = stop{told: true, from: w.high, at: w.high}
	}
	if err := w.books(); err != nil {
		return err
	}
	if w.done && len(w.acts) > 0 {
		return broken(Ends, "after the end: %v", w.acts[0].Op)
	}
	for _, a := range w.acts {
		for range w.wrong.times(a) {
			if err := w.perform(a); err != nil {
				return err
			}
		}
	}
	return nil
}

// perform does what roster wants, and checks that it may want it.
func (w *World) perform(a roster.Action) error {
	if w.record != nil && a.Op != roster.OpLog {
		w.tell("    -> %v", ordered(a))
	}
	switch a.Op {
	case roster.OpSpawn:
		return w.spawn(a)
	case roster.OpSignal:
		return w.maySignal(a)
	case roster.OpArm, roster.OpProbe:
		l := w.listener(a.Inst)
		if l == nil {
			return broken(Released, "a look at listener %d, which has been given up", a.Inst)
		}
		if a.Op == roster.OpArm {
			l.armed = true
		} else {
			w.put(roster.Probes, roster.Event{Kind: roster.Probed, Inst: a.Inst})
		}
	case roster.OpAge:
		return w.age(a.Inst)
	case roster.OpRelease:
		w.release(a.Inst)
	case roster.OpForget:
		return w.forget(a.Child)
	case roster.OpExamine:
		return w.examined(a.Child)
	case roster.OpDone:
		return w.mayEnd()
	default:
		return w.lead(a)
	}
	return nil
}

// listener makes the truth of an instance the first time that it is named.
func (w *World) listener(id roster.InstID) *listener {
	if l := w.socks[id]; l != nil {
		return l
	}
	views, _ := w.s.View()
	for _, v := range views {
		if v.ID != id || v.Removed {
			continue
		}
		l := &listener{idle: w.time()}
		for _, s := range w.conf.Services { // as the world has it, not as roster read it
			if s.Key == v.Service.Key {
				l.conf = s
			}
		}
		l.broken = w.rnd.IntN(8) == 0
		w.socks[id] = l
		w.sockIDs = append(w.sockIDs, id)
		return l
	}
	return nil
}

func (w *World) release(id roster.InstID) {
	delete(w.socks, id)
	for k, o := range w.sockIDs {
		if o == id {
			w.sockIDs = append(w.sockIDs[:k], w.sockIDs[k+1:]...)
			return
		}
	}
}

// reload puts a configuration in force.
func (w *World) reload(c *roster.Config) error {
	if w.stop.told || !w.s.Working() { // roster ignores it
		return w.feed(roster.Event{Kind: roster.Reload, Conf: c})
	}
	w.conf = *c
	heard := roster.Config{Services: append([]roster.Service(nil), c.Services...), Grace: c.Grace, Stuck: c.Stuck,
		Hold: c.Hold, Sweep: c.Sweep, Hung: c.Hung,
		Jobs: append([]roster.Job(nil), c.Jobs...)}
	w.wrong.reads(&heard)
	for _, s := range c.Services {
		if id, ok := w.s.Instance(s.Key); ok {
			l := w.listener(id)
			*l = listener{conf: s, waiting: l.waiting, armed: l.armed, broken: w.rnd.IntN(8) == 0, idle: w.time()}
		}
	}
	for _, p := range w.order {
		p.hups = 0
	}
	w.plan(c.Jobs)
	if err := w.feed(roster.Event{Kind: roster.Reload, Conf: &heard}); err != nil {
		return err
	}
	return w.inForce()
}
