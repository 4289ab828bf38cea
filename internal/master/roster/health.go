package roster

import (
	"fmt"
	"log/slog"
	"syscall"
	"time"
)

// A worker's silence is counted in looks, lifeLooks of them in each Service.Silence: a clock that jumps, or a master that
// was stopped itself, is one look more and not an hour of silence.
const (
	lifeLooks = 8
	hungAt    = lifeLooks + 1    // looks without a sign of life: it is hung, newcomers go to others
	termAt    = 2*lifeLooks + 1  // it is told to end
	killAt    = 3*lifeLooks + 1  // it is ended
	shedEvery = 10 * time.Second // between two workers of an instance that are replaced for their memory
	runaway   = 2                // times Service.MaxMemory: told to end, whatever it serves
)

// Health is what is known of a worker's signs of life and of its memory.
type Health struct {
	Heard  bool          // a sign of life since the last look
	Silent int           // looks without one
	Hung   bool          // given up on
	Hupped bool          // of one that is hung: SIGHUP was sent
	Memory int64         // octets of its own at the last look; 0 = not known
	EndBy  time.Duration // SIGKILL for its memory; 0 = not
}

// Checkup is when an instance's workers are looked at.
type Checkup struct {
	LookAt time.Duration // for signs of life; 0 = never
	ShedAt time.Duration // no worker is replaced for its memory before that
	Hung   int           // workers that were given up on, ever
}

// look counts the silence of an instance's workers and acts on it. Those that drain are looked at too, for a worker that
// hangs then would stay for ever.
func (s *State) look(i *inst) {
	i.checkup.LookAt = 0
	if i.Silence <= 0 || len(i.kids) == 0 || s.cheat == NoLife {
		return
	}
	i.checkup.LookAt = s.now + max(i.Silence/lifeLooks, 1)
	for _, c := range i.kids {
		switch {
		case c.pid == 0 || c.exited:
		case c.health.Heard:
			c.health.Heard, c.health.Silent = false, 0
		default:
			c.health.Silent++
			s.silence(c)
		}
	}
	s.staff(i, 0)
}

// watch has the workers of an instance looked at from now on.
func (s *State) watch(i *inst) {
	if i.checkup.LookAt == 0 && i.Silence > 0 && len(i.kids) > 0 && s.cheat != NoLife {
		i.checkup.LookAt = s.now + max(i.Silence/lifeLooks, 1)
	}
}

// silence acts on a worker that has given no sign of life for c.health.Silent looks. While it keeps others from being started
// it is ended as soon as its stacks are saved.
func (s *State) silence(c *child) {
	i := c.inst
	if c.health.Hung && !i.removed && !i.room() && i.count[Ready] == 0 {
		c.health.Silent += lifeLooks - 1
	}
	switch {
	case c.health.Silent >= killAt && c.termed:
		s.act(Action{Op: OpSignal, Child: c.id, Sig: syscall.SIGKILL})
	case c.health.Silent >= termAt:
		s.term(c)
	case c.health.Silent > hungAt && c.health.Hung && !c.health.Hupped:
		s.hup(c)
	case c.health.Silent >= hungAt && !c.health.Hung:
		s.hang(c)
	}
}

// hang: from now on newcomers are others' business. SIGHUP waits for the next look, so that it does not change the
// stacks that are being saved.
func (s *State) hang(c *child) {
	i := c.inst
	c.health.Hung = true
	i.checkup.Hung++
	s.log(slog.LevelError, fmt.Sprintf("service %s pid %d gives no sign of life for %v: replacing it", i.Name, c.pid,
		i.Silence))
	s.act(Action{Op: OpExamine, Inst: i.id, Child: c.id})
	if !c.told {
		c.told = true
		s.setClass(c, Draining)
	} else {
		c.health.Hupped = true
	}
}

// alive takes a sign of life. One that was given up on drains, for it has been told to or will be.
func (s *State) alive(c *child) {
	c.health.Heard, c.life = true, s.now
	if c.health.Hung && !c.health.Hupped && !c.exited { // its last word may come after its end
		s.hup(c)
	}
}

func (s *State) hup(c *child) {
	c.health.Hupped = true
	s.act(Action{Op: OpSignal, Child: c.id, Sig: syscall.SIGHUP})
}

// sized takes how much memory a worker has. Above the limit it is replaced, one in each shedEvery: a limit that every
// worker exceeds must not become a storm. One that grows on while it drains is told to end, and then ended.
func (s *State) sized(c *child, octets int64) {
	i := c.inst
	if i == nil || c.pid == 0 || c.exited {
		return
	}
	c.health.Memory = octets
	if i.MaxMemory <= 0 || octets <= i.MaxMemory || s.stopping {
		return
	}
	switch {
	case !c.told && s.now >= i.checkup.ShedAt:
		i.checkup.ShedAt = s.now + shedEvery
		s.log(slog.LevelWarn, fmt.Sprintf("service %s pid %d has %d MiB of memory, more than %d: replacing it", i.Name,
			c.pid, octets>>20, i.MaxMemory>>20))
		s.drain(c)
	case c.told && !c.termed && octets > runaway*i.MaxMemory:
		s.log(slog.LevelError, fmt.Sprintf("service %s pid %d has %d MiB of memory and grows while it drains: ending it",
			i.Name, c.pid, octets>>20))
		c.health.EndBy = s.now + s.conf.Grace
		s.term(c)
	case c.health.EndBy != 0 && s.now >= c.health.EndBy:
		s.act(Action{Op: OpSignal, Child: c.id, Sig: syscall.SIGKILL})
	}
}
