package roster

import (
	"fmt"
	"log/slog"
	"syscall"
	"time"
)

const (
	defaultGrace = 20 * time.Second
	defaultStuck = time.Second
)

// reload puts conf in force. Instances are matched by Key: those that stay keep their socket and their children, each
// of which is told once to finish; so are the children of those that go.
func (s *State) reload(conf *Config) {
	if s.stopping || conf == nil {
		return
	}
	first := len(s.order) == 0 && s.lastInst == 0
	s.conf = Config{Grace: conf.Grace, Stuck: conf.Stuck}
	if s.conf.Grace <= 0 {
		s.conf.Grace = defaultGrace
	}
	if s.conf.Stuck <= 0 {
		s.conf.Stuck = defaultStuck
	}
	old := map[string]*inst{}
	for _, i := range s.order {
		if !i.removed {
			old[i.Key] = i
		}
	}
	var now []*inst
	for k := range conf.Services {
		now = append(now, s.configure(old, &conf.Services[k]))
	}
	for _, i := range append([]*inst(nil), s.order...) {
		if old[i.Key] == i {
			s.retire(i)
		}
	}
	s.reloadJobs(conf.Jobs)
	for _, i := range now {
		s.staff(i, 0)
	}
	if !first {
		s.log(slog.LevelInfo, fmt.Sprintf("Services reconfigured. %d services structures are now in use", len(s.order)))
	}
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
		s.drain(c)
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

// stop tells everything to end. What has not ended after Grace is killed.
func (s *State) stop() {
	if s.stopping {
		return
	}
	s.stopping, s.killAt = true, s.now+s.conf.Grace
	s.log(slog.LevelInfo, "attempting clean shutdown on signal")
	s.signalAll(syscall.SIGTERM)
}

func (s *State) stopDue() {
	if s.now >= s.killAt && len(s.children) > 0 {
		if s.killed {
			s.log(slog.LevelError, fmt.Sprintf("giving up on %d processes that SIGKILL did not end", len(s.children)))
			s.finish()
			return
		}
		s.killed, s.killAt = true, s.now+afterKill
		s.log(slog.LevelWarn, fmt.Sprintf("%d processes did not end within %v: killing them", len(s.children),
			s.conf.Grace))
		s.signalAll(syscall.SIGKILL)
	}
	if len(s.children) == 0 {
		s.log(slog.LevelInfo, "All children have exited, closing down")
		s.finish()
	}
}

func (s *State) finish() {
	s.done = true
	s.act(Action{Op: OpDone})
}
