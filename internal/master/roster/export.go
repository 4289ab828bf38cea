package roster

import (
	"fmt"
	"syscall"
	"time"
)

// Snapshot is a State as a value that can be written down, for a program that goes on in place of this one. Times are
// of the clock that Step is given, which must go on too. What can be computed from the table of children is not in it.
type Snapshot struct {
	Conf     Config // without Services and Jobs, which are in the tables
	Now      time.Duration
	Insts    []InstSnapshot // in order
	Jobs     []JobSnapshot  // in order
	Ended    []ChildID      // in order
	LastInst InstID
	LastKid  ChildID
	Stopping bool
	Killed   bool
	KillAt   time.Duration
	StartSnapshot
	EndSnapshot
	Strays []ChildSnapshot // in order
}

// StartSnapshot is how far the start has come.
type StartSnapshot struct {
	Begun   bool
	Phase   Phase
	ReadyBy time.Duration
	Failure Failure
}

// EndSnapshot is how far the end has come.
type EndSnapshot struct {
	LastTurn, Sweeping, Swept bool
	GiveUpAt                  time.Duration
}

// InstSnapshot is a listener instance and its children.
type InstSnapshot struct {
	Service      Service
	ID           InstID
	Removed      bool
	Kids         []ChildSnapshot // in order
	Forks        int
	Conns        int
	Multi        bool
	Armed        bool
	Probing      bool
	ProbeAt      time.Duration
	Pending      int
	PendingSince time.Duration
	LookedAt     time.Duration
	LastProgress time.Duration
	StuckForks   int
	Rate         float64 // forks per second, at RateAt
	RateAt       time.Duration
	NotBefore    time.Duration
	WakeAt       time.Duration
	Fails        int
	LastFail     time.Duration
	Pauses       int
	ForkFails    int
	FailTotal    int
	ReadyFails   int
	Complained   []time.Duration // by kind of complaint
	Kept         []int           // by kind of complaint
	Checkup      Checkup
	Place        int
	Declared     bool
	Recycle      bool
	RecycleAt    time.Duration
}

// ChildSnapshot is a child. PID is 0 for one whose start was decided and not reported.
type ChildSnapshot struct {
	ID       ChildID
	PID      int
	Born     time.Duration
	Class    Class
	Busy     bool
	Spoke    bool
	Told     bool
	Termed   bool
	Exited   bool
	EOF      bool
	Status   syscall.WaitStatus
	ExitedAt time.Duration
	Since    time.Duration
	Life     time.Duration
	Heard    time.Duration
	Active   int
	Conns    int
	Odd      int
	Health   Health
	Awaited  bool
	Hupped   time.Duration
	Insisted int
}

// JobSnapshot is a job and its run, if there is one.
type JobSnapshot struct {
	Job     Job
	Due     time.Duration
	Next    time.Time // of a job with Times
	Seen    time.Time
	Running *ChildSnapshot
	Removed bool
}

// Export writes the state down. The State can be used on.
func (s *State) Export() *Snapshot {
	p := &Snapshot{Conf: s.conf, Now: s.now, LastInst: s.lastInst, LastKid: s.lastKid, Stopping: s.stopping,
		Killed: s.killed, KillAt: s.killAt, EndSnapshot: EndSnapshot{s.lastTurn, s.sweeping, s.swept, s.giveUpAt},
		StartSnapshot: StartSnapshot{s.begun, s.phase, s.readyBy, s.failure}}
	for _, c := range s.strays {
		p.Strays = append(p.Strays, c.export())
	}
	for _, i := range s.order {
		p.Insts = append(p.Insts, i.export())
	}
	for _, j := range s.jobs {
		v := JobSnapshot{Job: j.Job, Due: j.due, Next: j.next, Seen: j.seen, Removed: j.removed}
		if j.running != nil {
			c := j.running.export()
			v.Running = &c
		}
		p.Jobs = append(p.Jobs, v)
	}
	for _, c := range s.ended {
		p.Ended = append(p.Ended, c.id)
	}
	return p
}

func (i *inst) export() InstSnapshot {
	v := InstSnapshot{Service: i.Service, ID: i.id, Removed: i.removed, Forks: i.forks, Conns: i.conns, Multi: i.multi,
		Armed: i.armed, Probing: i.probing, ProbeAt: i.probeAt, Pending: i.pending, PendingSince: i.pendingSince,
		LookedAt: i.lookedAt, LastProgress: i.lastProgress, StuckForks: i.stuckForks, Rate: i.rate.value, RateAt: i.rate.at,
		NotBefore: i.notBefore, WakeAt: i.wakeAt, Fails: i.fails, LastFail: i.lastFail, Pauses: i.pauses,
		ForkFails: i.forkFails, FailTotal: i.failTotal, ReadyFails: i.readyFails, Complained: append([]time.Duration(nil), i.complained[:]...),
		Kept: append([]int(nil), i.kept[:]...), Checkup: i.checkup, Place: i.place, Declared: i.declared, Recycle: i.recycle,
		RecycleAt: i.recycleAt}
	for _, c := range i.kids {
		v.Kids = append(v.Kids, c.export())
	}
	return v
}

func (c *child) export() ChildSnapshot {
	return ChildSnapshot{ID: c.id, PID: c.pid, Born: c.born, Class: c.class, Busy: c.busy, Spoke: c.spoke, Told: c.told,
		Termed: c.termed, Exited: c.exited, EOF: c.eof, Status: c.status, ExitedAt: c.exitedAt, Since: c.since,
		Life: c.life, Heard: c.heard, Active: c.active, Conns: c.conns, Odd: c.odd, Health: c.health,
		Awaited: c.awaited, Hupped: c.hupped, Insisted: c.insisted}
}

// Import makes the State again that was exported, and the actions without which it would wait for ever: to arm or look at
// listeners, to start children whose start was under way. An error means that the snapshot contradicts itself.
func Import(p *Snapshot) (*State, []Action, error) {
	s := New()
	s.conf, s.now, s.lastInst, s.lastKid = p.Conf, p.Now, p.LastInst, p.LastKid
	s.stopping, s.killed, s.killAt = p.Stopping, p.Killed, p.KillAt
	s.begun, s.phase, s.readyBy, s.failure = p.Begun, p.Phase, p.ReadyBy, p.Failure
	s.lastTurn, s.sweeping, s.swept, s.giveUpAt = p.LastTurn, p.Sweeping, p.Swept, p.GiveUpAt
	for k := range p.Insts {
		if err := s.importInst(&p.Insts[k]); err != nil {
			return nil, nil, err
		}
	}
	for k := range p.Jobs {
		v := &p.Jobs[k]
		j := &job{Job: v.Job, due: v.Due, next: v.Next, seen: v.Seen, removed: v.Removed}
		s.jobs = append(s.jobs, j)
		if v.Running == nil {
			continue
		}
		c, err := s.importChild(v.Running)
		if err != nil {
			return nil, nil, err
		}
		c.job, j.running = j, c
	}
	for k := range p.Strays {
		c, err := s.importChild(&p.Strays[k])
		if err != nil {
			return nil, nil, err
		}
		c.stray = true
		s.strays = append(s.strays, c)
	}
	for _, id := range p.Ended {
		c := s.children[id]
		if c == nil || !c.exited {
			return nil, nil, fmt.Errorf("child %d has ended and is not known", id)
		}
		s.ended = append(s.ended, c)
	}
	if err := s.Check(); err != nil {
		return nil, nil, err
	}
	return s, s.reconnect(nil), nil
}

func (s *State) importInst(v *InstSnapshot) error {
	if s.insts[v.ID] != nil || v.ID == 0 || v.ID > s.lastInst {
		return fmt.Errorf("instance %d is there twice, or was never made", v.ID)
	}
	i := &inst{Service: v.Service, id: v.ID, removed: v.Removed, forks: v.Forks, conns: v.Conns, multi: v.Multi,
		armed: v.Armed, probing: v.Probing, probeAt: v.ProbeAt, pending: v.Pending, pendingSince: v.PendingSince,
		lookedAt: v.LookedAt, lastProgress: v.LastProgress, stuckForks: v.StuckForks,
		rate: rate{value: v.Rate, at: v.RateAt}, notBefore: v.NotBefore, wakeAt: v.WakeAt, fails: v.Fails,
		lastFail: v.LastFail, pauses: v.Pauses, forkFails: v.ForkFails, failTotal: v.FailTotal, readyFails: v.ReadyFails, checkup: v.Checkup,
		place: v.Place, declared: v.Declared, recycle: v.Recycle, recycleAt: v.RecycleAt}
	copy(i.complained[:], v.Complained)
	copy(i.kept[:], v.Kept)
	s.insts[i.id] = i
	s.order = append(s.order, i)
	for k := range v.Kids {
		c, err := s.importChild(&v.Kids[k])
		if err != nil {
			return err
		}
		c.inst, c.at = i, k
		i.kids = append(i.kids, c)
		i.count[c.class]++
		if c.pid == 0 && !c.exited {
			i.starting++
		}
	}
	s.watch(i) // a program that did not look yet may have written this
	return nil
}

func (s *State) importChild(v *ChildSnapshot) (*child, error) {
	if s.children[v.ID] != nil || v.ID == 0 || v.ID > s.lastKid || v.Class >= classes || (v.Class == gone) != v.Exited {
		return nil, fmt.Errorf("child %d is there twice, was never made or is nothing", v.ID)
	}
	c := &child{id: v.ID, pid: v.PID, born: v.Born, class: v.Class, busy: v.Busy, spoke: v.Spoke, told: v.Told,
		termed: v.Termed, exited: v.Exited, eof: v.EOF, status: v.Status, exitedAt: v.ExitedAt, since: v.Since,
		life: v.Life, heard: v.Heard, active: v.Active, conns: v.Conns, odd: v.Odd,
		health: v.Health, awaited: v.Awaited, hupped: v.Hupped, insisted: v.Insisted}
	s.children[c.id] = c
	return c, nil
}

// reconnect is what the outside was asked for and has not answered.
func (s *State) reconnect(acts []Action) []Action {
	for _, i := range s.order {
		switch {
		case i.removed:
		case i.armed:
			acts = append(acts, Action{Op: OpArm, Inst: i.id})
		case i.probing:
			acts = append(acts, Action{Op: OpProbe, Inst: i.id})
		}
		if i.checkup.Aging && !i.removed {
			acts = append(acts, Action{Op: OpAge, Inst: i.id})
		}
		for _, c := range i.kids {
			if c.pid == 0 && !c.exited {
				acts = append(acts, Action{Op: OpSpawn, Inst: i.id, Child: c.id, Await: c.awaited})
			}
		}
	}
	switch {
	case s.sweeping:
		acts = append(acts, Action{Op: OpSweep})
	case s.phase == opening && !s.stopping:
		acts = append(acts, Action{Op: OpReady})
	}
	for _, j := range s.jobs {
		if c := j.running; c != nil && c.pid == 0 && !c.exited {
			acts = append(acts, Action{Op: OpSpawn, Child: c.id, Text: j.Key})
		}
	}
	return acts
}
