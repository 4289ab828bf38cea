package roster

import (
	"fmt"
	"math"
	"time"
)

const (
	defaultGrace = 20 * time.Second
	defaultStuck = time.Second

	defaultWaitLimit = 60 * time.Second
)

// reload puts conf in force. Instances are matched by Key: those that stay keep their socket and their children, each
// of which is told once to finish; so are the children of those that go.
func (s *State) reload(conf *Config) {
	if s.stopping || conf == nil || s.phase != working {
		return
	}
	s.conf = Config{Grace: conf.Grace, Stuck: conf.Stuck, WaitLimit: conf.WaitLimit, Hold: conf.Hold, Sweep: conf.Sweep,
		Hung: conf.Hung}
	if s.conf.Grace <= 0 {
		s.conf.Grace = defaultGrace
	}
	if s.conf.Stuck <= 0 {
		s.conf.Stuck = defaultStuck
	}
	if s.conf.WaitLimit <= 0 {
		s.conf.WaitLimit = defaultWaitLimit
	}
	old := map[string]*inst{}
	for _, i := range s.order {
		if !i.removed {
			old[i.Key] = i
		}
	}
	var now []*inst
	for k := range conf.Services {
		i := s.configure(old, &conf.Services[k])
		i.place = k
		now = append(now, i)
	}
	for _, i := range append([]*inst(nil), s.order...) {
		if old[i.Key] == i {
			s.retire(i)
		}
	}
	s.reloadJobs(conf.Jobs)
	if !s.begun {
		s.begin()
		return
	}
	for _, i := range now {
		s.staff(i, 0)
	}
	s.roll()
	services, waiters := len(s.order)-len(s.waiters()), len(s.waiters())
	s.log(LevelNotice, fmt.Sprintf("Services reconfigured. %d out of %d (max %d) services structures and %d out of %d "+
		"(max %d) waitdaemon structures are now in use", services, services, math.MaxInt32, waiters, waiters,
		math.MaxInt32))
}

// configure gives an instance its new settings, taking it out of old, or makes one.
func (s *State) configure(old map[string]*inst, conf *Service) *inst {
	i := old[conf.Key]
	if i == nil {
		s.lastInst++
		i = &inst{id: s.lastInst, Service: *conf, rate: rate{at: s.now}, lastProgress: s.now}
		s.insts[i.id] = i
		s.order = append(s.order, i)
		return i
	}
	delete(old, conf.Key)
	i.Service = *conf
	i.fails, i.pauses, i.notBefore, i.wakeAt = 0, 0, 0, 0
	s.watch(i)
	for _, c := range i.kids {
		if i.Wait && !c.told {
			i.recycle = true // in its turn
		} else {
			s.drain(c)
		}
	}
	return i
}

// retire gives up an instance: its socket now, itself when its last child has gone.
func (s *State) retire(i *inst) {
	i.removed, i.wakeAt, i.probeAt = true, 0, 0
	s.act(Action{Op: OpRelease, Inst: i.id})
	for _, c := range i.kids {
		s.drain(c)
	}
	s.forgetInst(i)
}

// forgetInst drops a removed instance without children.
func (s *State) forgetInst(i *inst) {
	if !i.removed || len(i.kids) > 0 {
		return
	}
	delete(s.insts, i.id)
	for k, o := range s.order {
		if o == i {
			s.order = append(s.order[:k], s.order[k+1:]...)
			break
		}
	}
	s.act(Action{Op: OpGone, Inst: i.id})
}
