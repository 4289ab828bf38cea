package sim

import (
	"syscall"
	"time"

	"github.com/constance-mail/constance/internal/master/roster"
	"github.com/constance-mail/constance/internal/service"
)

// proc is a child as it really is.
type proc struct {
	id      roster.ChildID
	inst    roster.InstID // 0 = job
	job     string
	pid     int  // 0 until it is forked
	known   bool // the loop has been told that it was forked
	awaited bool // it has to declare itself ready

	busy     bool
	hangs    bool // takes no connection
	deaf     bool // ignores SIGTERM
	draining bool
	truthful bool // no message of it was lost or bent
	conns    int

	pipe   []message // said and not read yet
	runs   []message // read and not taken by the loop yet
	queued bool      // the loop's place knows of runs
	shut   bool      // it closed its channel though it lives
	held   bool      // a grandchild holds its channel open for ever
	eof    bool      // the reader came to the channel's end

	dead    bool
	status  syscall.WaitStatus
	noticed bool // its end lies in the loop's place
	told    bool // roster was told of its end
	toldAt  time.Duration
	round   uint64 // of told

	terms, hups int // signals since the last reason for one
	killed      bool

	stray bool // left behind by another

	mute    bool          // gives no sign of life any more
	heard   time.Duration // when roster heard of it last
	given   bool          // roster has given it up
	begun   time.Duration // when roster heard of its start
	bloated bool          // roster heard that it has too much memory

	unheeding bool // SIGTERM was sent before the end of all
}

// message is a number of equal messages in a row.
type message struct {
	code int32
	n    int
}

// pipeMax is how many messages fit into a pipe, and runsMax how many the loop's place holds: then the child waits.
const (
	pipeMax = 40
	runsMax = 32
)

// alive: forked, and it has not ended.
func (p *proc) alive() bool { return p.pid != 0 && !p.dead }

// listener is a listening socket as it really is.
type listener struct {
	conf    roster.Service
	waiting int // connections in the backlog
	armed   bool
	broken  bool // every worker of it ends at once
	forks   []time.Duration
	crashes []time.Duration // forks while broken

	idle   time.Duration // since when nobody has done anything for those who wait
	looked bool          // roster has been told of them; idle is since then
	late   alarm         // that was too long ago
}

func (w *World) newProc(a roster.Action) *proc {
	var p *proc
	if n := len(w.spare); n > 0 {
		p, w.spare = w.spare[n-1], w.spare[:n-1]
		*p = proc{pipe: p.pipe[:0], runs: p.runs[:0]}
	} else {
		p = new(proc)
	}
	p.id, p.inst, p.truthful, p.awaited = a.Child, a.Inst, true, a.Await
	if a.Inst == 0 {
		p.job = a.Text
	}
	p.deaf, p.hangs = w.rnd.IntN(20) == 0 && !w.calm, w.rnd.IntN(30) == 0 && !w.calm
	w.kids[p.id] = p
	w.order = append(w.order, p)
	w.orders = append(w.orders, p.id)
	return p
}

func (w *World) drop(p *proc) {
	delete(w.kids, p.id)
	for k, o := range w.order {
		if o == p {
			w.order = append(w.order[:k], w.order[k+1:]...)
			break
		}
	}
	w.spare = append(w.spare, p)
}

// any is a random child, or nil.
func (w *World) any() *proc {
	if len(w.order) == 0 {
		return nil
	}
	return w.order[w.rnd.IntN(len(w.order))]
}

// client: somebody connects.
func (w *World) client() error {
	if len(w.sockIDs) == 0 {
		return nil
	}
	l := w.socks[w.sockIDs[w.rnd.IntN(len(w.sockIDs))]]
	if l.conf.Daemon {
		return nil
	}
	if l.waiting == 0 {
		w.progress(l)
	}
	l.waiting = min(l.waiting+1, 50)
	if w.weather == rush {
		l.waiting = min(l.waiting+10, 50)
	}
	return nil
}

// progress: something has been done for those who wait at l.
func (w *World) progress(l *listener) { l.idle, l.looked, l.late = w.time(), false, 0 }

// time is what roster will take for the time.
func (w *World) time() time.Duration { return max(w.now, w.high) }

// spawner finishes one of the forks that are under way.
func (w *World) spawner() error {
	if len(w.orders) == 0 {
		return nil
	}
	at := w.rnd.IntN(min(len(w.orders), 3))
	p := w.kids[w.orders[at]]
	w.orders = append(w.orders[:at], w.orders[at+1:]...)
	if !w.calm && (w.weather == noForks || w.rnd.IntN(15) == 0) {
		p.dead, p.noticed = true, true
		w.put(roster.Life, roster.Event{Kind: roster.SpawnFail, Child: p.id, Text: "no memory"})
		return nil
	}
	p.pid = 1 + w.rnd.IntN(300) // used again and again
	if l := w.socks[p.inst]; l != nil && l.broken && !w.calm {
		w.die(p, 1<<8)
	}
	w.put(roster.Life, roster.Event{Kind: roster.Spawned, Child: p.id, PID: p.pid})
	if p.awaited {
		w.declare(p)
	}
	return nil
}

// watcher reports one thing that the kernel knows: a client that waits at an armed listener, the end of a child.
func (w *World) watcher() error {
	n := len(w.sockIDs) + len(w.order)
	if n == 0 {
		return nil
	}
	for k, from := 0, w.rnd.IntN(n); k < n; k++ {
		at := (from + k) % n
		if at < len(w.sockIDs) && w.report(w.sockIDs[at]) || at >= len(w.sockIDs) && w.notice(w.order[at-len(w.sockIDs)]) {
			break
		}
	}
	return nil
}

func (w *World) report(id roster.InstID) bool {
	l := w.socks[id]
	if !l.armed || l.waiting == 0 {
		return false
	}
	l.armed = false
	w.put(roster.Listen, roster.Event{Kind: roster.Pending, Inst: id})
	return true
}

func (w *World) notice(p *proc) bool {
	if !p.dead || !p.known || p.noticed {
		return false
	}
	p.noticed = true
	w.put(roster.Life, roster.Event{Kind: roster.Exited, Child: p.id, Status: p.status})
	return true
}

// reader reads some of one status channel.
func (w *World) reader() error {
	n := len(w.order)
	for k := range n {
		if w.read(w.order[(k+int(w.seed)+w.loop.at)%n], 1+w.rnd.IntN(4)) {
			break
		}
	}
	return nil
}

// read reads up to n messages, or the end.
func (w *World) read(p *proc, n int) bool {
	if !p.known || p.inst == 0 || p.eof {
		return false
	}
	took := 0
	for took < n && took < len(p.pipe) && len(p.runs) < runsMax {
		m := p.pipe[took]
		if last := len(p.runs) - 1; last >= 0 && p.runs[last].code == m.code {
			p.runs[last].n += m.n
		} else {
			p.runs = append(p.runs, m)
		}
		took++
	}
	p.pipe = p.pipe[:copy(p.pipe, p.pipe[took:])]
	if len(p.pipe) == 0 && (p.dead || p.shut) && !p.held {
		p.eof = true
	} else if took == 0 {
		return false
	}
	if !p.queued {
		p.queued = true
		w.put(roster.Talk, roster.Event{Child: p.id})
	}
	return true
}

// work: a process does what its kind does: accept, finish, leave.
func (w *World) work() error {
	if p := w.any(); p != nil && p.alive() {
		w.act(p)
	}
	return nil
}

func (w *World) act(p *proc) {
	l := w.socks[p.inst]
	switch {
	case len(p.pipe) >= pipeMax: // it waits
	case p.stray:
	case p.inst == 0:
		w.die(p, 0)
	case l != nil && l.broken && !w.calm:
		w.die(p, 1<<8)
	case p.busy && p.draining:
		w.die(p, 0)
	case p.busy:
		p.busy = false
		w.say(p, service.Available)
	case p.hangs || l == nil || l.conf.Daemon:
	case l.waiting > 0 && !p.draining:
		l.waiting--
		w.progress(l)
		p.busy = true
		p.conns++
		w.say(p, service.Unavailable)
		w.say(p, service.Connection)
	}
}

// say sends a message, which may be lost, doubled, bent or swapped with the one before while the world is not calm.
func (w *World) say(p *proc, code int32) {
	m := message{code, 1}
	if !w.calm {
		switch w.rnd.IntN(80) {
		case 0:
			p.truthful = false
			return
		case 1:
			m.n = 2
		case 2:
			m.code, p.truthful = w.rnd.Int32(), false
		case 3: // two processes write, as under a wrapper that forks
			if last := len(p.pipe) - 1; last >= 0 {
				p.truthful = false
				m, p.pipe[last] = p.pipe[last], m
			}
		}
	}
	if !p.shut {
		p.pipe = append(p.pipe, m)
	}
}

// die ends a process: the kernel will say so, and its channel will end, in any order.
func (w *World) die(p *proc, status syscall.WaitStatus) {
	p.dead, p.status = true, status
	w.bereave(p)
	p.held = !w.calm && w.rnd.IntN(4) == 0
}

func (w *World) signal(p *proc, sig syscall.Signal) {
	switch {
	case p.dead:
	case sig == syscall.SIGKILL:
		p.killed = true
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
