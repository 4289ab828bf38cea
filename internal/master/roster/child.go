package roster

import (
	"fmt"
	"log/slog"
	"slices"
	"syscall"
	"time"

	"github.com/constance-mail/constance/internal/service"
)

// Class is what a child counts as. Each child is in exactly one, which setClass alone changes.
type Class uint8

// The classes.
const (
	Ready    Class = iota // may accept a connection; also from the moment its start was decided
	Busy                  // has no room for another
	Draining              // was told to finish
	gone                  // has ended; never seen from outside
	classes
)

var classNames = [...]string{Ready: "ready", Busy: "busy", Draining: "draining", gone: "gone"}

func (c Class) String() string { return classNames[c] }

// child is a worker, a daemon or a run of a job.
type child struct {
	id       ChildID
	inst     *inst // nil for a job
	job      *job
	at       int // index in inst.kids
	pid      int // 0 until Spawned
	born     time.Duration
	class    Class
	busy     bool // what its messages say, whatever its class
	spoke    bool // it said something valid: it got as far as serving
	told     bool // it was told to end: its end is no failure
	termed   bool // SIGTERM was sent
	exited   bool
	eof      bool
	status   syscall.WaitStatus
	exitedAt time.Duration
	since    time.Duration // of class
	life     time.Duration // last sign of life, 0 = never
	heard    time.Duration // last message of any kind, 0 = never
	active   int           // connections, by the sign of life
	conns    int           // accepted, by its messages
	odd      int           // messages that mean nothing
	health   Health
	awaited  bool          // a wait daemon of the start that has not declared itself ready
	stray    bool          // left behind by a child
	hupped   time.Duration // when SIGHUP was sent; 0 = never
	insisted int           // how often it was reminded since
}

// setClass is the only place where a child's class and an instance's numbers change.
func (s *State) setClass(c *child, to Class) {
	if c.class == to {
		return
	}
	if i := c.inst; i != nil {
		if s.cheat != LeakCounter || to != gone {
			i.count[c.class]--
		}
		i.count[to]++
		if to == Ready {
			i.lastProgress = s.now
		}
	}
	c.class, c.since = to, s.now
}

// newChild enters a child into the table: READY at once, as in Cyrus, since a worker says nothing when it starts.
func (s *State) newChild(i *inst, j *job) *child {
	s.lastKid++
	c := &child{id: s.lastKid, inst: i, job: j, born: s.now, since: s.now, class: Ready}
	c.eof = i == nil || i.Daemon // no status channel
	s.children[c.id] = c
	if i != nil {
		c.at = len(i.kids)
		i.kids = append(i.kids, c)
		i.count[Ready]++
		i.starting++
		i.forks++
		if i.Silence > 0 {
			s.watch(i)
		}
	} else {
		j.running = c
	}
	return c
}

// remove takes a child out of the table. It must be gone.
func (s *State) remove(c *child) {
	delete(s.children, c.id)
	if i := c.inst; i != nil {
		i.count[gone]--
		last := len(i.kids) - 1
		i.kids[c.at] = i.kids[last]
		if s.cheat != Misfile {
			i.kids[c.at].at = c.at
		}
		i.kids[last] = nil
		i.kids = i.kids[:last]
		s.forgetInst(i)
	} else if c.stray {
		s.strays = slices.DeleteFunc(s.strays, func(o *child) bool { return o == c })
	} else if c.job.running == c {
		c.job.running = nil
	}
	s.act(Action{Op: OpForget, Child: c.id})
}

func (s *State) spawned(c *child, pid int) {
	if c.pid != 0 || c.exited {
		return
	}
	c.pid, c.since = pid, s.now
	if i := c.inst; i != nil {
		i.starting--
		i.forkFails = 0
	}
	turn := s.stopping && (s.lastTurn || !c.last())
	switch {
	case turn && s.killed:
		s.act(Action{Op: OpSignal, Child: c.id, Sig: syscall.SIGKILL})
	case s.stopping && !c.last():
		s.term(c)
	case s.stopping:
	case c.told: // to drain, while it was being started
		s.hangUp(c)
	}
}

func (s *State) spawnFailed(c *child, why string) {
	if c.pid != 0 || c.exited {
		return
	}
	c.exited = true
	s.setClass(c, gone)
	if i := c.inst; i != nil {
		i.starting--
		s.forkFailed(i, why)
		if c.awaited {
			s.fail(exitOS, fmt.Sprintf("can't start waitdaemon %s: %s", i.Name, why))
		}
	} else {
		s.log(slog.LevelError, fmt.Sprintf("can't fork process to run event %s: %s", c.job.Name, why))
	}
	s.remove(c)
}

// exited: the kernel says so. From now on the child counts as nothing; what its end means is decided when its last
// messages have been read, for a worker that crashed while it served may have said so just before.
func (s *State) exited(c *child, status syscall.WaitStatus) {
	if c.exited || c.pid == 0 {
		return
	}
	c.exited, c.status, c.exitedAt = true, status, s.now
	s.setClass(c, gone)
	s.endedLast(c)
	if c.awaited {
		s.balks(c, "it ended")
	}
	if c.eof {
		s.bury(c)
		return
	}
	s.ended = append(s.ended, c)
}

// bury decides what a child's end means and forgets it.
func (s *State) bury(c *child) {
	for k, e := range s.ended {
		if e == c {
			s.ended = append(s.ended[:k], s.ended[k+1:]...)
			break
		}
	}
	if c.inst != nil {
		s.autopsy(c)
	}
	s.remove(c)
	if c.inst != nil {
		s.staff(c.inst, 0)
	}
}

// said takes n equal messages in a row. The table is in service.Message; a sign of life states the whole truth, and so
// mends what a lost message left wrong.
func (s *State) said(c *child, code int32, n int) {
	if n <= 0 || c.inst == nil {
		return
	}
	c.heard = s.now
	c.resumes()
	if active, busy, ok := service.ParseLife(code); ok {
		c.active = active
		s.alive(c)
		if busy != c.busy {
			s.setBusy(c, busy)
		}
		return
	}
	switch code {
	case service.Available:
		if c.class == Draining && !c.termed && !c.health.Hung {
			c.told = false // it ignored SIGHUP and serves on
			s.setClass(c, Busy)
		}
		s.setBusy(c, false)
	case service.Unavailable:
		s.setBusy(c, true)
	case service.Connection:
		s.connected(c, n)
		s.setBusy(c, true)
	case service.ConnectionMulti:
		s.connected(c, n)
		c.inst.multi = true
		s.setBusy(c, false)
	default:
		if c.odd++; c.odd == 1 {
			s.log(slog.LevelError, fmt.Sprintf("unrecognized message 0x%x from %s pid %d", uint32(code),
				c.inst.Name, c.pid))
		}
		return
	}
	c.spoke = true
	c.inst.progress(s.now)
}

func (s *State) connected(c *child, n int) {
	c.conns += n
	c.inst.conns += n
}

func (s *State) setBusy(c *child, busy bool) {
	c.busy = busy
	switch {
	case c.class == gone || c.class == Draining:
	case busy:
		s.setClass(c, Busy)
	default:
		s.setClass(c, Ready)
	}
}

// drain tells a worker to finish; once.
func (s *State) drain(c *child) {
	switch {
	case c.exited || c.inst == nil:
		return
	case c.told && c.health.Hung && !c.health.Hupped: // no look may come, if signs of life are no longer asked for
		s.hup(c)
		return
	case c.told:
		return
	}
	c.told = true
	s.setClass(c, Draining)
	if c.pid != 0 {
		s.hangUp(c)
	} // else when it has started
}

func (s *State) hangUp(c *child) {
	c.hupped, c.insisted = max(s.now, 1), 0
	if at := c.insistAt(); c.inst.recycleAt == 0 || at < c.inst.recycleAt {
		c.inst.recycleAt = at
	}
	s.act(Action{Op: OpSignal, Child: c.id, Sig: syscall.SIGHUP})
}

func (s *State) term(c *child) {
	if c.termed || c.exited || c.pid == 0 {
		return
	}
	c.told, c.termed = true, true
	s.act(Action{Op: OpSignal, Child: c.id, Sig: syscall.SIGTERM})
}
