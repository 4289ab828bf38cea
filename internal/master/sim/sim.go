// Package sim leads package roster through random histories of a world that behaves as badly as it can: children that
// exit, crash and hang at any moment, messages that are lost, late, doubled or garbage, process ids that are used
// again, clocks that jump, forks that fail, reloads and the end at any time. After every step it checks what must
// always be true, and now and then it lets the world calm down and checks that everything that was wanted comes
// about.
//
// The same seed gives the same history.
package sim

import (
	"fmt"
	"math"
	"math/rand/v2"
	"syscall"
	"time"

	"github.com/constance-mail/constance/internal/master/roster"
	"github.com/constance-mail/constance/internal/service"
)

// proc is a child as it really is.
type proc struct {
	id       roster.ChildID
	inst     roster.InstID // 0 = job
	pid      int
	busy     bool
	hangs    bool // takes no connection
	deaf     bool // ignores SIGTERM
	draining bool
	spoke    bool
	truthful bool // no message of it was lost or bent
	dead     bool // exit not necessarily told
	events   []roster.Event
	conns    int
	mute     bool          // gives no sign of life any more
	lived    time.Duration // when it gave the last
	heard    time.Duration // when roster heard of it last
	given    bool          // roster has given it up
	stray    bool          // left behind by another
	hups     int           // since it was last to be told
}

// listener is a listening socket as it really is.
type listener struct {
	conf    roster.Service
	waiting int // connections in the backlog
	armed   bool
	forks   []time.Duration
}

// World is one history.
type World struct {
	rnd   *rand.Rand
	s     *roster.State
	cheat roster.Cheat
	now   time.Duration
	high  time.Duration // the latest time that roster has seen
	procs map[roster.ChildID]*proc
	order []*proc // living or untold, deterministic
	ls    map[roster.InstID]*listener
	lsIDs []roster.InstID
	todo  []roster.Event // events that will come, in any order but in that of their child
	acts  []roster.Action
	conf  roster.Config
	steps int
	done  bool
	calm  bool
	names int
	life  life
}

// New is a world by a seed, with a mistake re-introduced or none.
func New(seed uint64, cheat roster.Cheat) *World {
	w := &World{rnd: rand.New(rand.NewPCG(seed, 7)), s: roster.New(), cheat: cheat,
		procs: map[roster.ChildID]*proc{}, ls: map[roster.InstID]*listener{}}
	w.life.hold = w.rnd.IntN(2) == 0
	w.s.SetCheat(cheat)
	return w
}

// Run makes n steps, with a calm every thousand and the end at the end; the first broken invariant is the error.
func (w *World) Run(n int) error {
	if err := w.reload(); err != nil {
		return err
	}
	for w.steps < n && !w.s.Stopping() { // a start that failed is the end
		if err := w.Step(); err != nil {
			return fmt.Errorf("step %d: %w", w.steps, err)
		}
		if w.steps%1000 == 0 {
			if err := w.settle(); err != nil {
				return fmt.Errorf("step %d, calm: %w", w.steps, err)
			}
		}
	}
	return w.end()
}

// Step lets one random thing happen.
func (w *World) Step() error {
	w.steps++
	w.pass()
	switch k := w.rnd.IntN(100); {
	case k < 30:
		return w.client()
	case k < 60:
		return w.deliver()
	case k < 80:
		return w.work()
	case k < 84:
		return w.mischief()
	case k < 85 && w.rnd.IntN(10) == 0 && w.s.Working():
		return w.reload()
	case k < 86 && w.rnd.IntN(10) == 0:
		return w.upgrade()
	}
	w.live()
	return w.feed(roster.Event{Kind: roster.Tick})
}

// pass lets time go on: mostly a little, sometimes much, sometimes back.
func (w *World) pass() {
	switch w.rnd.IntN(200) {
	case 0:
		w.now += time.Duration(w.rnd.IntN(3600)) * time.Second
	case 1:
		w.now -= time.Duration(w.rnd.IntN(int(max(w.now, 1))))
	default:
		w.now += time.Duration(w.rnd.IntN(5_000_000))
	}
}

// feed gives roster an event and does what it wants.
func (w *World) feed(e roster.Event) error {
	w.high = max(w.high, w.now)
	w.heard(&e)
	w.hear(&e)
	w.acts = w.s.Step(e, w.now, w.acts[:0])
	for _, a := range w.acts {
		if err := w.perform(a); err != nil {
			return err
		}
	}
	return w.s.Check()
}

func (w *World) perform(a roster.Action) error {
	switch a.Op {
	case roster.OpSpawn:
		return w.spawn(a)
	case roster.OpSignal:
		p := w.procs[a.Child]
		if p == nil {
			return fmt.Errorf("signal for unknown child %d", a.Child)
		}
		if err := w.heed(p, a.Sig); err != nil {
			return err
		}
		w.signal(p, a.Sig)
	case roster.OpArm, roster.OpProbe:
		l := w.listener(a.Inst)
		if l == nil {
			return fmt.Errorf("a look at a listener that has been given up")
		}
		if a.Op == roster.OpArm {
			l.armed = true
		} else {
			w.todo = append(w.todo, roster.Event{Kind: roster.Probed, Inst: a.Inst, N: l.waiting})
		}
	case roster.OpRelease:
		w.release(a.Inst)
	case roster.OpForget:
		if p := w.procs[a.Child]; p != nil && p.pid != 0 && !p.dead {
			return fmt.Errorf("child %d is forgotten while it lives", a.Child)
		}
		w.drop(a.Child)
	case roster.OpExamine:
		return w.examined(a.Child)
	case roster.OpDone:
		w.done = true
	default:
		return w.lead(a)
	}
	return nil
}

// listener makes the truth of an instance the first time that it is named.
func (w *World) listener(id roster.InstID) *listener {
	if l := w.ls[id]; l != nil {
		return l
	}
	views, _ := w.s.View()
	for _, v := range views {
		if v.ID == id && !v.Removed {
			l := &listener{conf: v.Service}
			w.ls[id] = l
			w.lsIDs = append(w.lsIDs, id)
			return l
		}
	}
	return nil
}

func (w *World) release(id roster.InstID) {
	delete(w.ls, id)
	for k, o := range w.lsIDs {
		if o == id {
			w.lsIDs = append(w.lsIDs[:k], w.lsIDs[k+1:]...)
			return
		}
	}
}

// spawn checks that the fork is within bounds, by the world's own count.
func (w *World) spawn(a roster.Action) error {
	p := &proc{id: a.Child, inst: a.Inst, truthful: true, deaf: w.rnd.IntN(20) == 0 && !w.calm, hangs: w.rnd.IntN(30) == 0 && !w.calm}
	w.procs[p.id] = p
	w.order = append(w.order, p)
	if err := w.turn(a); err != nil {
		return err
	}
	if a.Inst != 0 {
		l := w.listener(a.Inst)
		if l == nil {
			return fmt.Errorf("a worker for a listener that has been given up")
		}
		if err := w.bounds(l, a.Inst); err != nil {
			return err
		}
	}
	if !w.calm && w.rnd.IntN(15) == 0 {
		p.dead = true
		p.events = append(p.events, roster.Event{Kind: roster.SpawnFail, Child: p.id, Text: "no memory"})
		return nil
	}
	p.pid = 1 + w.rnd.IntN(300) // used again and again
	p.events = append(p.events, roster.Event{Kind: roster.Spawned, Child: p.id, PID: p.pid})
	if a.Await {
		w.declare(p)
	}
	return nil
}

// bounds: never above MaxChild, within the fork rate.
func (w *World) bounds(l *listener, id roster.InstID) error {
	n := 0
	for _, p := range w.order {
		if p.inst == id && !w.toldDead(p) {
			n++
		}
	}
	limit := l.conf.MaxChild
	if l.conf.DrainOver {
		limit *= 2
	}
	if l.conf.MaxChild >= 0 && n > limit && !(l.conf.DrainOver && w.working(id) <= 1) {
		return fmt.Errorf("service %s: %d workers, %d allowed", l.conf.Name, n, limit)
	}
	if r := l.conf.MaxForkRate; r > 0 {
		kept := l.forks[:0]
		for _, t := range l.forks {
			if w.high-t < 2*time.Second {
				kept = append(kept, t)
			}
		}
		l.forks = append(kept, w.high)
		if most := math.Ceil(float64(r)/math.Ln2) + 2*float64(r) + 1; float64(len(l.forks)) > most {
			return fmt.Errorf("service %s: %d forks in 2 s, rate %d", l.conf.Name, len(l.forks), r)
		}
	}
	return nil
}

// working is how many of an instance do not drain, by roster's count, which Check has verified.
func (w *World) working(id roster.InstID) int {
	views, _ := w.s.View()
	for _, v := range views {
		if v.ID == id {
			return v.Ready + v.Busy
		}
	}
	return 0
}

// toldDead: roster has been told of the end.
func (w *World) toldDead(p *proc) bool {
	if !p.dead {
		return false
	}
	for _, e := range p.events {
		if e.Kind == roster.Exited || e.Kind == roster.SpawnFail {
			return false
		}
	}
	return true
}

func (w *World) signal(p *proc, sig syscall.Signal) {
	switch {
	case p.dead:
	case sig == syscall.SIGKILL:
		w.die(p, 9)
	case sig == syscall.SIGTERM && !p.deaf:
		w.die(p, 75<<8)
	case sig == syscall.SIGHUP:
		p.draining = true
		if !p.busy && !p.hangs {
			w.die(p, 0)
		}
	}
}

// die ends a process: the kernel will say so, and its channel will end, in any order.
func (w *World) die(p *proc, status syscall.WaitStatus) {
	p.dead = true
	w.bereave(p)
	exit, eof := roster.Event{Kind: roster.Exited, Child: p.id, Status: status}, roster.Event{Kind: roster.Ended, Child: p.id}
	if w.rnd.IntN(2) == 0 {
		p.events = append(p.events, exit, eof)
	} else {
		p.events = append(p.events, eof, exit)
	}
	if !w.calm && w.rnd.IntN(4) == 0 { // a grandchild holds the channel
		for k, e := range p.events {
			if e.Kind == roster.Ended {
				p.events = append(p.events[:k], p.events[k+1:]...)
				break
			}
		}
	}
}

func (w *World) drop(id roster.ChildID) {
	delete(w.procs, id)
	for k, p := range w.order {
		if p.id == id {
			w.order = append(w.order[:k], w.order[k+1:]...)
			return
		}
	}
}

// client: somebody connects.
func (w *World) client() error {
	if len(w.lsIDs) == 0 {
		return nil
	}
	id := w.lsIDs[w.rnd.IntN(len(w.lsIDs))]
	l := w.ls[id]
	if l.waiting < 50 && !l.conf.Daemon {
		l.waiting++
	}
	return w.notice(id, l)
}

// notice is the kernel's one-shot report.
func (w *World) notice(id roster.InstID, l *listener) error {
	if !l.armed || l.waiting == 0 {
		return nil
	}
	l.armed = false
	w.todo = append(w.todo, roster.Event{Kind: roster.Pending, Inst: id, N: l.waiting})
	return nil
}

// deliver hands roster one event that has happened, of any source.
func (w *World) deliver() error {
	n := len(w.order) + 1
	for k, from := 0, w.rnd.IntN(n); k < n; k++ {
		at := (from + k) % n
		if at == len(w.order) {
			if len(w.todo) > 0 {
				e := w.todo[0]
				w.todo = w.todo[1:]
				return w.feed(e)
			}
			continue
		}
		if p := w.order[at]; len(p.events) > 0 {
			e := p.events[0]
			p.events = p.events[1:]
			return w.feed(e)
		}
	}
	return nil
}

// running: started, roster knows, and it lives.
func running(p *proc) bool {
	return p.pid != 0 && !p.dead && (len(p.events) == 0 || p.events[0].Kind != roster.Spawned)
}

// work: a process does what its kind does: accept, finish, leave.
func (w *World) work() error {
	if len(w.order) == 0 {
		return nil
	}
	p := w.order[w.rnd.IntN(len(w.order))]
	if !running(p) {
		return nil
	}
	w.act(p)
	return nil
}

func (w *World) act(p *proc) {
	l := w.ls[p.inst]
	switch {
	case p.inst == 0:
		w.die(p, 0)
	case p.busy && p.draining:
		w.die(p, 0)
	case p.busy:
		p.busy = false
		w.say(p, service.Available)
	case p.hangs:
	case l == nil || l.conf.Daemon:
	case l.waiting > 0 && !p.draining:
		l.waiting--
		p.busy, p.spoke = true, true
		p.conns++
		w.say(p, service.Unavailable)
		w.say(p, service.Connection)
	}
}

// say sends a message, which may be lost, doubled or bent while the world is not calm.
func (w *World) say(p *proc, code int32) {
	n := 1
	if !w.calm {
		switch w.rnd.IntN(60) {
		case 0:
			n, p.truthful = 0, false
		case 1:
			n = 2
		case 2:
			code, p.truthful = w.rnd.Int32(), false
		}
	}
	if n > 0 {
		p.events = append(p.events, roster.Event{Kind: roster.Said, Child: p.id, Code: code, N: n})
	}
}

// mischief is what goes wrong.
func (w *World) mischief() error {
	if w.rnd.IntN(4) == 0 { // an event for a child or listener long gone, or never known
		e := roster.Event{Kind: roster.Kind(w.rnd.IntN(8)), Child: roster.ChildID(1e9 + w.rnd.IntN(10)), Inst: roster.InstID(1e6), N: 1}
		if e.Kind == roster.Reload {
			e.Kind = roster.Tick
		}
		return w.feed(e)
	}
	if len(w.order) == 0 {
		return nil
	}
	p := w.order[w.rnd.IntN(len(w.order))]
	if !running(p) {
		return nil
	}
	switch w.rnd.IntN(8) {
	case 0:
		w.die(p, syscall.WaitStatus(w.rnd.IntN(3)<<8))
	case 1:
		w.die(p, syscall.WaitStatus(6+w.rnd.IntN(6))) // a signal
	case 2:
		p.hangs = !p.hangs
	case 3:
		w.say(p, w.rnd.Int32N(8)-1)
		p.truthful = false
	case 4:
		p.events = append(p.events, roster.Event{Kind: roster.Said, Child: p.id, Code: service.Life(p.conns, p.busy), N: 1})
	case 5:
		return w.feed(roster.Event{Kind: roster.DrainChild, Child: p.id})
	case 6:
		if l := w.ls[p.inst]; l != nil {
			l.waiting = 0 // clients gave up
		}
	case 7:
		w.ail(p)
	}
	return nil
}

// reload makes up a configuration that keeps some services and jobs.
func (w *World) reload() error {
	c := roster.Config{Grace: 5 * time.Second, Stuck: time.Second, Hold: w.life.hold, Sweep: true}
	kept := w.conf.Services
	for _, s := range kept {
		if w.rnd.IntN(5) > 0 {
			c.Services = append(c.Services, w.tune(s))
		}
	}
	for len(c.Services) < 2+w.rnd.IntN(3) {
		w.names++
		c.Services = append(c.Services, w.tune(roster.Service{Key: fmt.Sprint("s", w.names), Name: fmt.Sprint("s", w.names, "/ipv4"),
			Daemon: w.rnd.IntN(4) == 0}))
	}
	for k := range w.rnd.IntN(3) {
		c.Jobs = append(c.Jobs, roster.Job{Key: fmt.Sprint("j", k), Name: fmt.Sprint("j", k), Period: time.Duration(1+w.rnd.IntN(5)) * time.Minute})
	}
	w.conf = c
	for _, s := range c.Services {
		if id, ok := w.s.Instance(s.Key); ok {
			l := w.listener(id)
			l.conf, l.forks = s, nil
		}
	}
	if err := w.feed(roster.Event{Kind: roster.Reload, Conf: &c}); err != nil {
		return err
	}
	for _, s := range c.Services {
		id, ok := w.s.Instance(s.Key)
		if !ok {
			return fmt.Errorf("service %s is not there after a reload", s.Key)
		}
		w.listener(id)
	}
	return nil
}

func (w *World) tune(s roster.Service) roster.Service {
	s.Prefork, s.MaxChild, s.MaxForkRate = w.rnd.IntN(4), 1+w.rnd.IntN(6), 0
	s.DrainOver = w.rnd.IntN(2) == 0
	if w.rnd.IntN(4) == 0 {
		s.MaxChild = -1
	}
	if w.rnd.IntN(3) == 0 {
		s.MaxForkRate = 1 + w.rnd.IntN(10)
	}
	s.Silence, s.MaxMemory = 0, 0
	if w.rnd.IntN(2) == 0 && !s.Daemon {
		s.Silence, s.MaxMemory = silence, 200
	}
	if s.Daemon {
		s.Prefork, s.MaxChild, s.Wait = 1, 1, w.names%2 == 0 || s.Wait
	}
	return s
}
