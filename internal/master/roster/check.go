package roster

import "fmt"

// Cheat re-introduces a mistake of the past, for the test that shows that the invariants would find it. All false in
// every program but that test.
type Cheat struct {
	SkipMessages bool // messages are not read, as after an interrupted select
	LeakCounter  bool // a child that ends is not taken off its class's number
	ForgetReap   bool // the end of a child is overlooked
	NoBound      bool // MaxChild is looked at once before a burst
	NoLook       bool // nobody looks at the listening socket again
	NoLife       bool // nobody misses a sign of life
}

// SetCheat is for the mutation check.
func (s *State) SetCheat(c Cheat) { s.cheat = c }

// Check recomputes every number from the table of children and says what differs, and whether somebody will look again
// at everything that is not settled.
func (s *State) Check() error {
	n, exited := 0, 0
	for _, i := range s.order {
		if s.insts[i.id] != i {
			return fmt.Errorf("instance %d is not in the table", i.id)
		}
		if err := s.checkInst(i); err != nil {
			return fmt.Errorf("service %s: %w", i.Name, err)
		}
		n += len(i.kids)
	}
	for _, j := range s.jobs {
		if j.running != nil {
			n++
		}
		if err := s.checkJob(j); err != nil {
			return fmt.Errorf("event %s: %w", j.Name, err)
		}
	}
	n += len(s.strays)
	for _, c := range s.children {
		if c.exited {
			exited++
		}
	}
	switch {
	case len(s.insts) != len(s.order):
		return fmt.Errorf("%d instances, %d in order", len(s.insts), len(s.order))
	case n != len(s.children):
		return fmt.Errorf("%d children are somebody's, %d are known", n, len(s.children))
	case exited != len(s.ended):
		return fmt.Errorf("%d children have ended, %d are waited for", exited, len(s.ended))
	case s.stopping && !s.done && (s.killAt == 0 || s.giveUpAt == 0):
		return fmt.Errorf("stopping without a deadline")
	case s.phase == awaiting && !s.stopping && s.readyBy == 0:
		return fmt.Errorf("a wait daemon is waited for without a limit")
	}
	return nil
}

func (s *State) checkInst(i *inst) error {
	var count [classes]int
	starting := 0
	for k, c := range i.kids {
		if c.at != k || c.inst != i || s.children[c.id] != c {
			return fmt.Errorf("child %d is filed wrongly", c.id)
		}
		count[c.class]++
		if c.pid == 0 && !c.exited {
			starting++
		}
	}
	for c, n := range count {
		if i.count[c] != n {
			return fmt.Errorf("%d workers are believed %v, %d are", i.count[c], Class(c), n)
		}
	}
	switch {
	case starting != i.starting:
		return fmt.Errorf("%d are believed to be starting, %d are", i.starting, starting)
	case s.stopping:
		return nil
	case i.Silence > 0 && len(i.kids) > 0 && i.checkup.LookAt == 0 && !s.cheat.NoLife:
		return fmt.Errorf("nobody looks for signs of life")
	case i.removed || s.phase != working:
		return nil
	case !i.Daemon && !i.armed && !i.probing && i.probeAt == 0:
		return fmt.Errorf("nobody looks at the listening socket")
	case i.count[Ready] < i.Prefork && i.room() && i.starting < startingMax && i.wakeAt == 0 &&
		!s.held(i):
		return fmt.Errorf("%d of %d wanted workers and nothing planned", i.count[Ready], i.Prefork)
	}
	return nil
}
