package roster

import "fmt"

// Cheat re-introduces a mistake, for the test that shows that the invariants would find it. Zero in every program but
// that test.
type Cheat uint8

// The cheats.
const (
	Honest      Cheat = iota
	LeakCounter       // a child that ends is not taken off its class's number
	Misfile           // a child that is moved in its table does not know its new place
	LoseWake          // a fork that must wait is forgotten
	NoLook            // nobody looks at the listening socket again
	Spin              // what its time has come for stays due
	NoLife            // nobody misses a sign of life
	LoseJob           // a job that has run has no next time
	NoLimit           // a wait daemon may take as long as it likes
	Repeat            // a reload in the minute of a run by the wall clock repeats it
	LoseMissed        // a run by the wall clock whose minute is over is left out
	Oversleep         // the wall clock is looked at every minute, and at no job's time
	StandStill        // a job of every hour waits until a clock that was put back has caught up
)

// SetCheat is for the mutation check.
func (s *State) SetCheat(c Cheat) { s.cheat = c }

// Rule is one of those that Check checks.
type Rule uint8

// The rules.
const (
	Books     Rule = iota // numbers are what the table of children gives
	Filed                 // each child is in its tables once, at its place
	Watched               // somebody will look at each listening socket
	Planned               // workers that are wanted will be thought of again
	Examined              // signs of life will be looked for
	Scheduled             // each job has the time that its schedule gives
	Limited               // nothing is waited for without a limit
)

// Fault is a rule that does not hold.
type Fault struct {
	Rule Rule
	Text string
}

func (f *Fault) Error() string { return f.Text }

func fault(r Rule, format string, args ...any) error { return &Fault{r, fmt.Sprintf(format, args...)} }

// Check recomputes every number from the table of children and says what differs, and whether somebody will look again
// at everything that is not settled. The error is a *Fault. It takes time in proportion to the children.
func (s *State) Check() error {
	n, exited := 0, 0
	for _, i := range s.order {
		if s.insts[i.id] != i {
			return fault(Filed, "instance %d is not in the table", i.id)
		}
		ended, err := s.checkInst(i)
		if err != nil {
			return err
		}
		n, exited = n+len(i.kids), exited+ended
	}
	for _, j := range s.jobs {
		if err := s.checkJob(j); err != nil {
			return err
		}
		if c := j.running; c != nil {
			n++
			exited += one(c.exited)
		}
	}
	for _, c := range s.strays {
		n++
		exited += one(c.exited)
		if s.children[c.id] != c {
			return fault(Filed, "stray %d is filed wrongly", c.id)
		}
	}
	switch {
	case len(s.insts) != len(s.order):
		return fault(Filed, "%d instances, %d in order", len(s.insts), len(s.order))
	case n != len(s.children):
		return fault(Filed, "%d children are somebody's, %d are known", n, len(s.children))
	case exited != len(s.ended):
		return fault(Books, "%d children have ended, %d are waited for", exited, len(s.ended))
	case s.stopping && !s.done && (s.killAt == 0 || s.giveUpAt == 0):
		return fault(Limited, "stopping without a deadline")
	case s.phase == awaiting && !s.stopping && s.readyBy == 0:
		return fault(Limited, "a wait daemon is waited for without a limit")
	}
	return nil
}

func one(b bool) int {
	if b {
		return 1
	}
	return 0
}

// checkInst checks an instance and counts its children that have ended.
func (s *State) checkInst(i *inst) (exited int, err error) {
	var count [classes]int
	starting := 0
	for k, c := range i.kids {
		if c.at != k || c.inst != i || s.children[c.id] != c {
			return 0, fault(Filed, "service %s: child %d is filed wrongly", i.Name, c.id)
		}
		count[c.class]++
		switch {
		case c.exited:
			exited++
		case c.pid == 0:
			starting++
		}
	}
	if starting != i.starting {
		return 0, fault(Books, "service %s: %d are believed to be starting, %d are", i.Name, i.starting, starting)
	}
	for c, n := range count {
		if i.count[c] != n {
			return 0, fault(Books, "service %s: %d workers are believed %v, %d are", i.Name, i.count[c], Class(c), n)
		}
	}
	return exited, s.checkPlans(i)
}

// checkPlans: somebody will look at the instance again.
func (s *State) checkPlans(i *inst) error {
	switch {
	case s.stopping:
	case s.patience(i) > 0 && i.checkup.LookAt == 0 && len(i.kids) > 0:
		return fault(Examined, "service %s: nobody looks for signs of life", i.Name)
	case i.removed || s.phase != working:
	case !i.Daemon && !i.armed && !i.probing && i.probeAt == 0:
		return fault(Watched, "service %s: nobody looks at the listening socket", i.Name)
	case i.count[Ready] < i.Prefork && i.room() && i.starting < startingMax && i.wakeAt == 0 && !s.held(i):
		return fault(Planned, "service %s: %d of %d wanted workers and nothing planned", i.Name, i.count[Ready], i.Prefork)
	}
	return nil
}
