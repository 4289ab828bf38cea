package roster

import "time"

// InstView is what can be seen of an instance.
type InstView struct {
	ID                     InstID
	Service                Service
	Removed                bool
	Ready, Busy, Draining  int
	Starting, Forks, Conns int
	Fails                  int // ends that were failures, ever
	ReadyFails             int // of them, those while READY
	Hung                   int // workers that were replaced because they gave no sign of life, ever
	Pending                int // clients that waited at the last look
	ForkRate               float64
	PausedFor              time.Duration // no fork before that
	Children               []ChildView
}

// ChildView is what can be seen of a child. Times are of the clock that Step is given.
type ChildView struct {
	ID       ChildID
	PID      int // 0 while it is being started
	Class    Class
	Since    time.Duration // of Class
	Born     time.Duration
	Conns    int           // accepted, by its own word
	Active   int           // being served, by its last sign of life
	LastLife time.Duration // 0 = gives none
	Heard    time.Duration // last message of any kind, 0 = never
	Hung     bool          // gives none any more, and is being replaced
	Memory   int64         // octets of its own at the last look; 0 = not looked at
}

// JobView is what can be seen of a job.
type JobView struct {
	Job  Job
	Due  time.Duration // of a job by period; 0 = by nothing
	Next time.Time     // of a job by the wall clock; zero = never
	PID  int           // of the run, or 0
}

// View copies what can be seen: instances in the order of their making, jobs in that of the configuration.
func (s *State) View() (insts []InstView, jobs []JobView) {
	for _, i := range s.order {
		v := InstView{ID: i.id, Service: i.Service, Removed: i.removed, Ready: i.count[Ready], Busy: i.count[Busy],
			Draining: i.count[Draining], Starting: i.starting, Forks: i.forks, Conns: i.conns, Fails: i.failTotal, ReadyFails: i.readyFails,
			Hung:    i.checkup.Hung,
			Pending: i.pending, PausedFor: max(i.notBefore-s.now, 0)}
		r := i.rate
		r.decay(s.now)
		v.ForkRate = r.value
		for _, c := range i.kids {
			if !c.exited {
				v.Children = append(v.Children, ChildView{ID: c.id, PID: c.pid, Class: c.class, Since: c.since,
					Born: c.born, Conns: c.conns, Active: c.active, LastLife: c.life, Heard: c.heard,
					Hung: c.health.Hung, Memory: c.health.Memory})
			}
		}
		insts = append(insts, v)
	}
	for _, j := range s.jobs {
		v := JobView{Job: j.Job, Due: j.due, Next: j.next}
		if j.running != nil {
			v.PID = j.running.pid
		}
		jobs = append(jobs, v)
	}
	return insts, jobs
}

// Instance finds the instance with a key that is in force.
func (s *State) Instance(key string) (InstID, bool) {
	for _, i := range s.order {
		if i.Key == key && !i.removed {
			return i.id, true
		}
	}
	return 0, false
}

// InstOf is the instance of a child, 0 for a run of a job or an unknown child.
func (s *State) InstOf(id ChildID) InstID {
	if c := s.children[id]; c != nil && c.inst != nil {
		return c.inst.id
	}
	return 0
}
