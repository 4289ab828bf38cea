package roster

import (
	"fmt"
	"log/slog"
	"slices"
	"syscall"
	"time"
)

// Phase is how far the start has come.
type Phase uint8

const (
	working  Phase = iota // everything is started as it is wanted
	awaiting              // wait daemons are started, one at a time
	opening               // OpReady was given; everything else is started at Go
)

// Levels between and beyond slog's own, for syslog's NOTICE and CRIT.
const (
	LevelNotice = slog.LevelInfo + 2
	LevelCrit   = slog.LevelError + 4
)

// Failure is why a start failed. Code is an exit code.
type Failure struct {
	Code int
	Text string
}

// The exit codes of sysexits that a failing start ends with.
const (
	exitOS     = 71
	exitConfig = 78
)

// Failed is why the start failed; ok is false if it did not.
func (s *State) Failed() (f Failure, ok bool) { return s.failure, s.failure.Code != 0 }

// Working is whether the start is over. Before that a Reload is ignored.
func (s *State) Working() bool { return s.phase == working }

// begin is the first configuration's: the wait daemons come first, in order, then everything else.
func (s *State) begin() {
	s.begun, s.phase = true, awaiting
	s.nextWaiter()
}

// waiters are the wait daemons in the order of the configuration.
func (s *State) waiters() (list []*inst) {
	for _, i := range s.order {
		if i.Wait && !i.removed {
			list = append(list, i)
		}
	}
	slices.SortFunc(list, func(a, b *inst) int { return a.place - b.place })
	return list
}

// nextWaiter starts the first wait daemon that has not been started, or opens the house.
func (s *State) nextWaiter() {
	for _, i := range s.waiters() {
		if i.declared {
			continue
		}
		if s.cheat != NoLimit {
			s.readyBy = s.now + s.conf.WaitLimit
		}
		c := s.newChild(i, nil)
		c.awaited = true
		s.act(Action{Op: OpSpawn, Inst: i.id, Child: c.id, Await: true})
		return
	}
	s.phase, s.readyBy = opening, 0
	s.act(Action{Op: OpReady})
	if !s.conf.Hold {
		s.open()
	}
}

// open starts everything else.
func (s *State) open() {
	if s.phase != opening || s.stopping {
		return
	}
	s.phase = working
	for _, i := range s.order {
		s.staff(i, 0)
	}
}

// declares: a wait daemon said that it is ready.
func (s *State) declares(c *child) {
	if !c.awaited || c.exited {
		return
	}
	c.awaited, c.inst.declared = false, true
	if s.phase == awaiting && !s.stopping {
		s.nextWaiter()
	}
}

// balks: a wait daemon did not say that it is ready, and never will.
func (s *State) balks(c *child, why string) {
	if !c.awaited {
		return
	}
	c.awaited = false
	s.log(slog.LevelError, fmt.Sprintf("waitdaemon %s did not write \"ok\\r\\n\" to fd 3: %s", c.inst.Name, why))
	s.fail(exitConfig, fmt.Sprintf("can't start waitdaemon %s: %s", c.inst.Name, why))
}

// late ends the wait for a daemon that takes too long.
func (s *State) late() {
	for _, i := range s.waiters() {
		for _, c := range i.kids {
			s.balks(c, fmt.Sprintf("not within %v", s.conf.WaitLimit))
		}
	}
}

// fail ends a start that cannot be finished.
func (s *State) fail(code int, text string) {
	if s.failure.Code != 0 || s.stopping {
		return
	}
	s.failure = Failure{code, text}
	s.shutDown()
}

// held is whether a wait daemon has to wait for an earlier one before it is started again. One that fails again and
// again holds nobody up.
func (s *State) held(i *inst) bool {
	if !i.Wait {
		return false
	}
	for _, o := range s.order {
		if o.Wait && !o.removed && o.place < i.place && !o.up() && o.pauses == 0 && o.forkFails == 0 {
			return true
		}
	}
	return false
}

// up is whether a process of the instance runs.
func (i *inst) up() bool {
	return slices.ContainsFunc(i.kids, func(c *child) bool { return c.pid != 0 && !c.exited })
}

// roll tells the wait daemons to end after a reload, the next one when the one before has been replaced, and starts
// those that were held.
func (s *State) roll() {
	if s.phase != working || s.stopping {
		return
	}
	rolling := true
	for _, i := range s.waiters() {
		if rolling && i.recycle {
			i.recycle = false
			for _, c := range i.kids {
				s.drain(c)
			}
		}
		s.staff(i, 0)
		replaced := i.up() && i.count[Draining] == 0
		rolling = rolling && (replaced || i.pauses > 0 || i.forkFails > 0)
	}
}

// Bounds for those that do not heed SIGHUP.
const (
	recycleAfter = 30 * time.Second // then it is said, and a daemon gets SIGTERM
	recycleAgain = 30 * time.Second // after that a daemon gets SIGKILL
)

// unheeded looks after the children of an instance that were told to finish long ago. A worker may have its reason, a
// client that stays; a daemon has none, and would run with the old configuration for good.
func (s *State) unheeded(i *inst) {
	i.recycleAt = 0
	for _, c := range i.kids {
		if c.class != Draining || c.hupped == 0 || c.exited {
			continue
		}
		if age := s.now - c.hupped; age >= recycleAfter {
			s.insist(c, age)
		}
		if at := c.insistAt(); at > s.now && (i.recycleAt == 0 || at < i.recycleAt) {
			i.recycleAt = at
		}
	}
}

// insistAt is when a child that was told to finish is looked at next; 0 = never.
func (c *child) insistAt() time.Duration {
	switch {
	case c.insisted == 0:
		return c.hupped + recycleAfter
	case c.insisted == 1 && c.inst.Daemon:
		return c.hupped + recycleAfter + recycleAgain
	}
	return 0
}

func (s *State) insist(c *child, age time.Duration) {
	i := c.inst
	if at := c.insistAt(); at == 0 || at > s.now {
		return
	}
	c.insisted++
	if c.insisted == 1 {
		kind := "service"
		if i.Wait {
			kind = "waitdaemon"
		}
		s.complain(i, aboutRecycle, slog.LevelInfo, fmt.Sprintf(
			"%s %s pid %d in state %d has not yet been recycled since SIGHUP was sent (%ds ago)", kind, i.Name, c.pid,
			c.cyrusState(), int(age.Seconds())))
	}
	switch {
	case !i.Daemon:
	case c.insisted == 1:
		s.term(c)
	default:
		s.act(Action{Op: OpSignal, Child: c.id, Sig: syscall.SIGKILL})
	}
}

// cyrusState is the number that Cyrus's master has for a child's state.
func (c *child) cyrusState() int {
	const ready, busy = 1, 2
	if c.busy {
		return busy
	}
	return ready
}
