package roster

import (
	"fmt"
	"log/slog"
	"slices"
	"syscall"
	"time"
)

// stop tells everything to end: services, plain daemons and jobs at once, the wait daemons after them one by one, the
// last first. What has not ended after Grace is killed, and the whole is over afterKill later.
func (s *State) stop() {
	if s.stopping {
		return
	}
	s.log(slog.LevelInfo, "attempting clean shutdown on signal")
	s.shutDown()
}

func (s *State) shutDown() {
	s.stopping, s.readyBy = true, 0
	s.killAt, s.giveUpAt = s.now+s.conf.Grace, s.now+s.conf.Grace+afterKill
	for _, c := range s.living() {
		if !c.last() {
			s.term(c)
		}
	}
}

// last is whether a child's turn to end comes after all others': a wait daemon.
func (c *child) last() bool { return c.inst != nil && c.inst.Wait && !c.inst.removed }

// living are the children that have not ended, in the order of instances, jobs and strays.
func (s *State) living() (list []*child) {
	add := func(c *child) {
		if c != nil && !c.exited {
			list = append(list, c)
		}
	}
	for _, i := range s.order {
		for _, c := range i.kids {
			add(c)
		}
	}
	for _, j := range s.jobs {
		add(j.running)
	}
	for _, c := range s.strays {
		add(c)
	}
	return list
}

// others is how many children there are besides the wait daemons.
func (s *State) others() int {
	n := len(s.children)
	for _, i := range s.order {
		if i.Wait && !i.removed {
			n -= len(i.kids)
		}
	}
	return n
}

func (s *State) stopDue() {
	switch {
	case s.now >= s.giveUpAt && len(s.children) > 0:
		s.killMissed()
		s.log(slog.LevelError, fmt.Sprintf("giving up on %d processes that SIGKILL did not end", len(s.children)))
		s.finish()
		return
	case s.now >= s.killAt && !s.killed:
		s.kill()
	}
	if s.others() > 0 {
		return
	}
	if !s.lastTurn {
		s.lastTurn, s.killed = true, false
		s.killAt = max(s.killAt, s.now+lastGrace)
	}
	if s.endLast() {
		return
	}
	s.sweepOrFinish()
}

// kill is for those whose turn it is and who did not end.
func (s *State) kill() {
	s.killed = true
	list := slices.DeleteFunc(s.living(), func(c *child) bool { return !s.lastTurn && c.last() })
	if len(list) > 0 {
		s.log(slog.LevelWarn, fmt.Sprintf("%d processes did not end within %v: killing them", len(list), s.conf.Grace))
	}
	for _, c := range list {
		if c.pid != 0 { // else when it has started
			s.act(Action{Op: OpSignal, Child: c.id, Sig: syscall.SIGKILL})
		}
	}
}

// killMissed is for those that live when everything has to be over and were not sent SIGKILL: the clock jumped, or the turn
// of wait daemons never came.
func (s *State) killMissed() {
	for _, c := range s.living() {
		if missed := !s.killed || c.last() && !s.lastTurn; missed && c.pid != 0 {
			s.act(Action{Op: OpSignal, Child: c.id, Sig: syscall.SIGKILL})
		}
	}
}

// endLast tells the last wait daemon that runs to end; false if none does.
func (s *State) endLast() bool {
	list := s.waiters()
	for k := len(list) - 1; k >= 0; k-- {
		if len(list[k].kids) == 0 {
			continue
		}
		for _, c := range list[k].kids {
			if c.pid != 0 && !c.exited && !c.termed {
				s.term(c)
				s.log(LevelNotice, fmt.Sprintf("waiting for child %d of %s to exit...", c.pid, c.inst.Name))
			}
		}
		return true
	}
	return false
}

// endedLast logs the end of a wait daemon whose turn had come.
func (s *State) endedLast(c *child) {
	if !s.lastTurn || !c.last() {
		return
	}
	how := fmt.Sprintf("exited with status %d", c.status.ExitStatus())
	if c.status.Signaled() {
		how = fmt.Sprintf("killed with signal %d", c.status.Signal())
	}
	s.log(LevelNotice, fmt.Sprintf("child %d of %s %s", c.pid, c.inst.Name, how))
}

// sweepOrFinish: when no child is left, those that children left behind are looked for once more.
func (s *State) sweepOrFinish() {
	switch {
	case s.sweeping && s.now < s.giveUpAt:
	case s.conf.Sweep && !s.swept && s.now < s.giveUpAt:
		s.sweeping = true
		s.act(Action{Op: OpSweep})
	default:
		s.log(LevelNotice, "All children have exited, closing down")
		s.finish()
	}
}

func (s *State) finish() {
	s.done = true
	s.act(Action{Op: OpDone})
}

// lastGrace is what the wait daemons have at least when the others took all of Grace.
const lastGrace = time.Second

// found enters a process into the table that a child left behind: it ends with the master.
func (s *State) found(pid int, name string) {
	if pid <= 0 {
		return
	}
	s.lastKid++
	c := &child{id: s.lastKid, pid: pid, born: s.now, since: s.now, class: Ready, eof: true, stray: true}
	s.children[c.id] = c
	s.strays = append(s.strays, c)
	s.act(Action{Op: OpAdopt, Child: c.id, PID: pid, Text: name})
	s.log(slog.LevelInfo, fmt.Sprintf("process pid:%d name:%s was left behind by a child and ends with the master", pid,
		name))
	switch {
	case s.stopping && s.killed:
		s.act(Action{Op: OpSignal, Child: c.id, Sig: syscall.SIGKILL})
	case s.stopping:
		s.term(c)
	}
}

// sweptUp: all that children left behind has been found.
func (s *State) sweptUp() {
	if s.sweeping {
		s.sweeping, s.swept = false, len(s.children) == 0
	}
}
