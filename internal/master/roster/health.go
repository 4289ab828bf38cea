package roster

import (
	"fmt"
	"log/slog"
	"slices"
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
	Aging  bool          // Aged will come
}

// patience is how long the workers of an instance may give no sign of life; 0 = for ever. Those that are not asked for any
// are only watched from the moment that one of them was found to hang.
func (s *State) patience(i *inst) time.Duration {
	if i.Silence > 0 {
		return i.Silence
	}
	if slices.ContainsFunc(i.kids, func(c *child) bool { return c.health.Hung }) {
		return s.conf.Hung
	}
	return 0
}

// watch has the workers of an instance looked at from now on.
func (s *State) watch(i *inst) {
	if d := s.patience(i); i.checkup.LookAt == 0 && d > 0 && len(i.kids) > 0 && s.cheat != NoLife {
		i.checkup.LookAt = s.now + max(d/lifeLooks, 1)
	}
}

// look counts the silence of an instance's workers and acts on it. Those that drain are looked at too, for a worker that
// hangs then would stay for ever.
func (s *State) look(i *inst) {
	i.checkup.LookAt = 0
	if s.cheat == NoLife {
		return
	}
	for _, c := range i.kids {
		switch {
		case c.pid == 0 || c.exited || i.Silence <= 0 && !c.health.Hung:
		case c.health.Heard:
			c.health.Heard, c.health.Silent = false, 0
		default:
			c.health.Silent++
			s.silence(c)
		}
	}
	s.watch(i)
	s.staff(i, 0)
}

// askAge wants to know how long clients really wait that are there at every look, though some worker is READY: they may be
// others each time.
func (s *State) askAge(i *inst) {
	if i.checkup.Aging || i.removed || i.count[Ready] == 0 || s.now-i.pendingSince < s.conf.Stuck {
		return
	}
	i.checkup.Aging = true
	s.act(Action{Op: OpAge, Inst: i.id})
}

// aged takes how long the longest waiting client has waited. A worker that was READY all the while, and for Config.Hung,
// could have taken it and did not: it hangs, or another one holds the lock that both need and hangs. It serves nobody,
// so it is ended within three looks. Workers that serve many are always READY, and may have a limit of their own.
func (s *State) aged(e *Event) {
	i := s.insts[e.Inst]
	if i == nil || !i.checkup.Aging {
		return
	}
	i.checkup.Aging = false
	if i.removed || s.stopping || e.N <= 0 || i.pending == 0 {
		return
	}
	s.staff(i, s.demand(i, e.Age))
	if s.conf.Hung <= 0 || e.Age < s.conf.Hung || i.multi || i.Silence > 0 {
		return
	}
	for _, c := range i.kids {
		if !c.idle() || s.now-c.since < s.conf.Hung {
			continue
		}
		c.health.Silent = hungAt
		s.hang(c, fmt.Sprintf("takes no client though one waits since %v", e.Age.Round(time.Millisecond)))
		if !c.health.Hupped {
			s.hup(c)
		}
	}
	s.watch(i)
	s.staff(i, 0)
}

// idle: it runs and serves nobody, by its messages. One that was told to finish should have gone then; it may hold the lock
// that the others need.
func (c *child) idle() bool {
	return c.pid != 0 && !c.exited && !c.health.Hung && (c.class == Ready || c.class == Draining && !c.busy)
}

// resumes: a worker that was found to hang, and is not asked for signs of life, says something. It was told to drain.
func (c *child) resumes() {
	if c.health.Hung && c.inst.Silence <= 0 {
		c.health = Health{Memory: c.health.Memory}
	}
}

// silence acts on a worker that has given no sign of life for c.health.Silent looks. While it keeps others from being started
// it is ended as soon as its stacks are saved.
func (s *State) silence(c *child) {
	i := c.inst
	if c.health.Hung && (i.Silence <= 0 || !i.removed && !i.room() && i.count[Ready] == 0) {
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
		s.hang(c, fmt.Sprintf("gives no sign of life for %v", i.Silence))
	}
}

// hang: from now on newcomers are others' business. SIGHUP waits for the next look, so that it does not change the
// stacks that are being saved.
func (s *State) hang(c *child, how string) {
	i := c.inst
	c.health.Hung = true
	i.checkup.Hung++
	s.log(slog.LevelError, fmt.Sprintf("service %s pid %d %s: replacing it", i.Name, c.pid, how))
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
