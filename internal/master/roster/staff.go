package roster

import (
	"fmt"
	"log/slog"
	"math"
	"time"
)

// inst is one listener and its children.
type inst struct {
	Service
	id      InstID
	removed bool
	kids    []*child
	count   [classes]int // of kids, by class; Check recomputes it

	starting int // kids not yet Spawned
	forks    int // ever
	conns    int // ever
	multi    bool

	// what is known of the listening socket
	armed        bool          // Pending will come
	probing      bool          // Probed will come
	probeAt      time.Duration // 0 = no look is planned
	pending      int           // connections at the last look
	pendingSince time.Duration // of pending > 0; 0 = none
	lookedAt     time.Duration // when pending was learnt
	lastProgress time.Duration // a worker showed that it serves
	stuckForks   int           // since lastProgress

	// what keeps forks back
	rate       rate
	notBefore  time.Duration
	wakeAt     time.Duration // look again; 0 = never
	fails      int
	lastFail   time.Duration
	pauses     int
	forkFails  int
	failTotal  int
	readyFails int // of failTotal: before they served anybody, or between two clients

	checkup   Checkup
	place     int           // in the configuration
	declared  bool          // a wait daemon that has been started
	recycle   bool          // a wait daemon that is to be replaced in its turn
	recycleAt time.Duration // look at those that were told to finish; 0 = never

	complained [complaints]time.Duration
	kept       [complaints]int // lines kept back since
}

type complaint uint8

const (
	aboutFull complaint = iota
	aboutStuck
	aboutFork
	aboutRecycle
	complaints
)

// rate is Cyrus's measure of forks per second: it halves each second, and a fork adds ln 2.
type rate struct {
	value float64
	at    time.Duration
}

func (r *rate) decay(now time.Duration) {
	if now > r.at {
		r.value *= math.Exp2(-(now - r.at).Seconds())
		r.at = now
	}
}

// wait is how long until a fork is within limit; 0 = now.
func (r *rate) wait(now time.Duration, limit int) time.Duration {
	r.decay(now)
	if limit <= 0 || r.value < float64(limit) {
		return 0
	}
	return time.Duration(math.Log2(r.value/float64(limit))*float64(time.Second)) + time.Millisecond
}

// working is the number of workers that can take or hold connections.
func (i *inst) working() int { return i.count[Ready] + i.count[Busy] }

// room is whether one more child keeps within MaxChild.
func (i *inst) room() bool {
	switch {
	case i.MaxChild < 0:
		return true
	case i.DrainOver:
		// However many drain, whose clients stay as long as they like: one takes the newcomers.
		n := i.working()
		return n < i.MaxChild && (n == 0 || n+i.count[Draining] < 2*i.MaxChild)
	}
	return i.working()+i.count[Draining] < i.MaxChild
}

// earliest is when the next fork is allowed: s.now or before means at once.
func (s *State) earliest(i *inst) time.Duration {
	return max(i.notBefore, s.now+i.rate.wait(s.now, i.MaxForkRate))
}

// staff is the one place that decides on forks: called whenever something about an instance has changed. demand is how
// many the waiting connections call for; it is not kept, for it is old at the next step.
func (s *State) staff(i *inst, demand int) {
	if s.stopping || i.removed || s.phase != working || s.held(i) {
		return
	}
	for (i.count[Ready] < i.Prefork || demand > 0) && i.room() && i.starting < startingMax {
		if at := s.earliest(i); at > s.now {
			if s.cheat != LoseWake {
				i.wakeAt = at
			}
			break
		}
		c := s.newChild(i, nil)
		i.rate.value += math.Ln2
		demand--
		s.act(Action{Op: OpSpawn, Inst: i.id, Child: c.id})
	}
	s.attend(i)
}

// attend keeps an eye on the listening socket: by one notice of the kernel while nobody waits there, by looks while
// somebody does. Each look costs the loop a bounded share of its time, however many clients come.
func (s *State) attend(i *inst) {
	switch {
	case i.Daemon || i.armed || i.probing || s.cheat == NoLook && i.pending > 0:
	case i.pending == 0:
		i.armed = true
		s.act(Action{Op: OpArm, Inst: i.id})
	case i.count[Ready] == 0 && i.room():
		at := max(s.earliest(i), i.lookedAt+lookAgain)
		if at <= s.now {
			s.probe(i)
		} else if i.probeAt == 0 || at < i.probeAt {
			i.probeAt = at
		}
	case i.probeAt != 0:
	case i.count[Ready] == 0:
		i.probeAt = s.now + fullEvery
	default:
		i.probeAt = s.now + probeEvery
	}
}

func (s *State) probe(i *inst) {
	i.probeAt = 0
	if i.removed || i.probing || i.armed || i.Daemon {
		return
	}
	i.probing = true
	s.act(Action{Op: OpProbe, Inst: i.id})
}

// waiting takes what a look at the listening socket gave.
func (s *State) waiting(e *Event) {
	i := s.insts[e.Inst]
	if i == nil || i.removed || s.stopping {
		return
	}
	if e.Kind == Pending {
		if !i.armed {
			return
		}
		i.armed = false
	} else {
		if !i.probing {
			return
		}
		i.probing = false
	}
	i.pending, i.lookedAt = max(e.N, 0), s.now
	if i.pending == 0 {
		i.pendingSince, i.stuckForks, i.probeAt = 0, 0, 0
		s.staff(i, 0)
		return
	}
	if i.pendingSince == 0 {
		i.pendingSince = s.now
	}
	s.staff(i, s.demand(i, s.now-max(i.pendingSince, i.lastProgress)))
	s.askAge(i)
}

// demand is how many children the connections call for that wait, one of them for so long.
func (s *State) demand(i *inst, waited time.Duration) int {
	switch {
	case !i.room():
		if waited >= s.conf.Stuck {
			s.complain(i, aboutFull, slog.LevelWarn, fmt.Sprintf(
				"service %s: a client waits and all %d processes are busy (maxchild)", i.Name, i.MaxChild))
		}
	case i.count[Ready] == 0 && i.multi:
		return 1 // one takes them all
	case i.count[Ready] == 0:
		return min(i.pending, burstMax)
	case waited >= s.conf.Stuck<<min(i.stuckForks, 6):
		// A READY worker that accepts nothing: hung before accept, stopped, waiting for a lock.
		if s.earliest(i) > s.now {
			return 0
		}
		i.stuckForks++
		s.complain(i, aboutStuck, slog.LevelWarn, fmt.Sprintf(
			"service %s: a client waits since %v though %d workers are ready; starting another", i.Name,
			waited.Round(time.Millisecond), i.count[Ready]))
		return 1
	}
	return 0
}

// complain logs a line unless one of the same kind came a short while ago.
func (s *State) complain(i *inst, about complaint, l slog.Level, text string) {
	if last := i.complained[about]; last != 0 && s.now-last < complainMin {
		i.kept[about]++
		return
	}
	if n := i.kept[about]; n > 0 {
		text += fmt.Sprintf(" (%d similar lines left out)", n)
	}
	i.complained[about], i.kept[about] = max(s.now, 1), 0
	s.log(l, text)
}

// progress: a worker showed that it serves, so earlier failures to start are no longer a series.
func (i *inst) progress(now time.Duration) {
	i.lastProgress, i.stuckForks = now, 0
	i.fails, i.pauses = 0, 0
}

func (s *State) forkFailed(i *inst, why string) {
	s.complain(i, aboutFork, slog.LevelError, fmt.Sprintf("can't fork process to run service %s: %s", i.Name, why))
	i.notBefore = s.now + min(forkFailMin<<min(i.forkFails, 10), forkFailMax)
	i.forkFails++
}

// exitTempFail is EX_TEMPFAIL: told to stop, or will not run now; no failure.
const exitTempFail = 75

// autopsy: what the end of a worker means for the next ones. Only one that ended without ever having served can be the
// sign of a service that does not work; any other crash has cost a client its connection and nothing more.
func (s *State) autopsy(c *child) {
	i, st := c.inst, c.status
	if c.told || s.stopping || i.removed {
		return
	}
	clean := st.Exited() && (st.ExitStatus() == 0 || st.ExitStatus() == exitTempFail)
	if !clean {
		i.failTotal++
		if !c.busy {
			i.readyFails++
			s.log(slog.LevelWarn, fmt.Sprintf("service %s pid %d in READY state: terminated abnormally", i.Name, c.pid))
		}
	}
	if c.spoke || c.busy {
		return
	}
	if !i.Daemon || c.exitedAt-c.born < quickExit {
		i.notBefore = max(i.notBefore, s.now+quickExit)
	}
	long := c.exitedAt-c.born > failSpacing
	if long && i.Daemon {
		i.fails, i.pauses = 0, 0
	}
	if long || clean && !i.Daemon { // a daemon has no reason to end
		return
	}
	if s.now-i.lastFail > failSpacing && i.pauses == 0 {
		i.fails = 0
	}
	i.fails, i.lastFail = i.fails+1, s.now
	if i.fails < failMax {
		return
	}
	pause := min(pauseFirst<<min(i.pauses, 6), pauseMax)
	i.pauses++
	i.notBefore = max(i.notBefore, s.now+pause)
	text := fmt.Sprintf("too many failures for service %s, disabling for %d seconds", i.Name, int(pause.Seconds()))
	if i.Wait {
		text = fmt.Sprintf("daemon %s is repeatedly failing; it is started again in %d seconds", i.Name,
			int(pause.Seconds()))
	}
	s.log(slog.LevelError, text)
}
