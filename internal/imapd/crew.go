package imapd

import (
	"sync"
	"sync/atomic"
)

// crewSize is how many members of a crew stay while there is nothing to do.
const crewSize = 16

// crew is the goroutines that do the work of sessions, one for each session that is at work. Some stay when it is done,
// with the stack that it took: growing a new one costs more than most commands.
type crew struct {
	jobs    chan func() // taken by a member that has nothing to do
	idle    atomic.Int32
	members sync.WaitGroup
}

func newCrew() *crew { return &crew{jobs: make(chan func())} }

// do has a member do the job, and does not wait for it.
func (c *crew) do(job func()) {
	select {
	case c.jobs <- job:
	default:
		c.members.Add(1)
		go c.member(job)
	}
}

func (c *crew) member(job func()) {
	defer c.members.Done()
	for ok := true; ok; {
		job()
		if c.idle.Add(1) > crewSize {
			c.idle.Add(-1)
			return
		}
		job, ok = <-c.jobs
		c.idle.Add(-1)
	}
}

// end sends all members away. Nobody calls do any more.
func (c *crew) end() {
	close(c.jobs)
	c.members.Wait()
}
