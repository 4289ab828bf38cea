// Package roster decides what a master of worker processes does next, and does none of it. State.Step takes one event
// and the time and returns the actions that follow: fork a worker, send a signal, look at a listening socket. It
// knows no clock, no descriptor and no goroutine, so that a simulation can lead it through any history of the world.
//
// Truth, not counted messages: each decision follows from the table of children. The numbers kept per listener can be
// computed from that table at any time, and Check does so.
package roster

import (
	"log/slog"
	"syscall"
	"time"

	"github.com/constance-mail/constance/internal/master/cron"
)

// InstID names a listener instance for as long as the master lives; it is never used twice.
type InstID uint32

// ChildID names a child for as long as the master lives, whatever process ids the kernel uses again.
type ChildID uint64

// Service is the configuration of one listener instance: one address of one service.
type Service struct {
	Key         string // identity across reloads
	Name        string // for the log: service/family
	Prefork     int    // READY workers wanted
	MaxChild    int    // most workers at once; negative = no bound
	MaxForkRate int    // forks per second; 0 = no bound
	DrainOver   bool   // those that drain do not count towards MaxChild, up to twice MaxChild; one more if all drain
	Daemon      bool   // no listener, one instance

	// Silence is how long a worker that is asked for signs of life may give none until it counts as hung; 0 = for ever.
	Silence   time.Duration
	MaxMemory int64 // octets of its own that a worker may have; 0 = no bound
	Wait      bool  // of a daemon: nothing else is started before it has declared itself ready
}

// Job is a scheduled command.
type Job struct {
	Key    string // identity across reloads
	Name   string
	Period time.Duration // 0: only by Event Run, or by Times
	Times  *cron.Spec    // by the wall clock; nil: by Period
}

// Config is everything that a reload can change.
type Config struct {
	Services []Service
	Jobs     []Job
	Grace    time.Duration // from SIGTERM to SIGKILL at the end; default 20 s
	Stuck    time.Duration // how long a client may wait though a worker is READY before another is forked; default 1 s

	WaitLimit time.Duration // for a wait daemon to declare itself ready at the start; default 60 s
	Hold      bool          // at the start services wait for Go
	Sweep     bool          // OpSweep is understood: what children leave behind is looked for at the end
	Hung      time.Duration // and how long until the workers that were READY all the while are replaced; 0 = for ever
}

// Kind says what happened.
type Kind uint8

// The events.
const (
	Tick       Kind = iota // time passed
	Spawned                // Child runs as PID
	SpawnFail              // Child could not be started; Text says why
	Exited                 // Child has ended and was reaped with Status
	Ended                  // the status channel of Child is at its end
	Said                   // Child sent Code, N times in a row
	Pending                // after Arm: N connections wait at Inst; 0 if they were accepted meanwhile
	Probed                 // after Probe: N connections wait at Inst, 0 = none
	Reload                 // Conf is in force from now on
	Stop                   // end everything
	Run                    // run the job with key Text now
	DrainChild             // an admin wants Child replaced
	Sized                  // Child has N octets of memory of its own
	Declared               // Child, started with Await, said that it is ready
	Balked                 // Child, started with Await, will not say that it is ready; Text says why
	Go                     // after Ready: services may start
	Abort                  // the start has failed: Text says why, Code is the exit code
	Found                  // PID, named Text, was a child's child and is now ours
	Swept                  // after Sweep: all such have been found
	Aged                   // after OpAge: the longest waiting of N connections at Inst waits for Age; 0 = it is not known
)

// Event is one thing that happened outside.
type Event struct {
	Kind   Kind
	Inst   InstID
	Child  ChildID
	PID    int
	Code   int32
	N      int
	Age    time.Duration
	Status syscall.WaitStatus
	Text   string
	Conf   *Config
	Wall   time.Time // with Tick: what the wall clock shows, for jobs that go by it
}

// Op says what is to be done.
type Op uint8

// The actions.
const (
	OpSpawn   Op = iota // start Child for Inst, or for the job with key Text
	OpSignal            // send Sig to Child
	OpArm               // report Pending once as soon as a connection waits at Inst
	OpProbe             // report Probed for Inst
	OpRelease           // Inst is no longer configured: give up its listener
	OpGone              // Inst has no more children either
	OpForget            // nothing more is expected of Child: close its status channel
	OpLog               // Text at Level
	OpDone              // everything has ended
	OpExamine           // Child hangs: save what can be learnt of it
	OpReady             // the start is over but for the services, which wait for Go
	OpAdopt             // file PID, which was Found, as Child
	OpSweep             // look for what children left behind, then report Swept
	OpAge               // report Aged for Inst: whatever comes of it, and when it does
)

// Action is one thing to do. Order matters.
type Action struct {
	Op    Op
	Inst  InstID
	Child ChildID
	PID   int // of OpAdopt
	Sig   syscall.Signal
	Level slog.Level // of OpLog
	Text  string
	Await bool // of OpSpawn: Child gets a readiness pipe, and Declared or Balked follows
}

// Bounds of the rules. They are not configuration: a test states each.
const (
	startingMax  = 8                      // children of an instance being started at once
	burstMax     = 16                     // children for one look at the waiting connections
	lookAgain    = 2 * time.Millisecond   // between two looks at a listening socket
	probeEvery   = 100 * time.Millisecond // look again at connections that wait though a worker is READY
	fullEvery    = 500 * time.Millisecond // and when no worker can be started
	failSpacing  = 10 * time.Second       // failures further apart are not a series
	failMax      = 5                      // failures in a series until the first pause
	pauseFirst   = 10 * time.Second       // doubles up to pauseMax
	pauseMax     = 60 * time.Second
	quickExit    = 100 * time.Millisecond // after a worker that ended without a word
	forkFailMin  = 50 * time.Millisecond  // after a fork that failed; doubles up to forkFailMax
	forkFailMax  = time.Second
	complainMin  = 10 * time.Second       // between two log lines of the same kind about an instance
	lateMessages = 200 * time.Millisecond // for the messages of a child that has ended
	afterKill    = 2 * time.Second        // from the end of Grace until the master ends regardless
)

// State is everything the master knows. It belongs to one goroutine.
type State struct {
	conf     Config
	now      time.Duration // never goes back
	insts    map[InstID]*inst
	order    []*inst // by ID
	children map[ChildID]*child
	jobs     []*job
	ended    []*child // exited, waiting for Ended or lateMessages
	lastInst InstID
	lastKid  ChildID
	strays   []*child // left behind by children
	begun    bool
	phase    Phase
	readyBy  time.Duration // of the wait daemon that is being started; 0 = none is
	failure  Failure
	stopping bool
	lastTurn bool // only wait daemons are left
	killed   bool // SIGKILL was sent to those whose turn it is
	sweeping bool // Swept will come
	swept    bool
	done     bool
	killAt   time.Duration
	giveUpAt time.Duration
	acts     []Action
	cheat    Cheat
}

// New makes the state of a master with nothing configured: send a Reload.
func New() *State {
	return &State{insts: map[InstID]*inst{}, children: map[ChildID]*child{}}
}

// Step takes one event at time now (monotonic, since any fixed moment; a step back is taken for standing still) and
// appends to acts what has to be done, in order.
func (s *State) Step(e Event, now time.Duration, acts []Action) []Action {
	s.now = max(s.now, now)
	s.acts = acts
	if !s.done {
		s.step(&e)
	}
	acts, s.acts = s.acts, nil
	return acts
}

func (s *State) step(e *Event) {
	switch e.Kind {
	case Reload:
		s.reload(e.Conf)
	case Stop:
		s.stop()
	case Run:
		s.runNow(e.Text)
	case Go:
		s.open()
	case Abort:
		s.fail(int(e.Code), e.Text)
	case Found:
		s.found(e.PID, e.Text)
	case Swept:
		s.sweptUp()
	case Pending, Probed:
		s.waiting(e)
	case Aged:
		s.aged(e)
	case Tick:
	default:
		if c := s.children[e.Child]; c != nil {
			s.childEvent(c, e)
		}
	}
	s.due(e.Wall)
}

func (s *State) childEvent(c *child, e *Event) {
	switch e.Kind {
	case Spawned:
		s.spawned(c, e.PID)
	case SpawnFail:
		s.spawnFailed(c, e.Text)
	case Exited:
		s.exited(c, e.Status)
		if i := c.inst; i != nil && c.exited && !c.spoke && !c.told && s.children[c.id] == c {
			i.wakeAt = s.now + lateMessages // its last messages decide whether the next is to wait
			return
		}
	case Ended:
		c.eof = true
		if c.exited {
			s.bury(c)
		}
	case Said:
		s.said(c, e.Code, e.N)
	case DrainChild:
		s.drain(c)
	case Sized:
		s.sized(c, int64(e.N))
	case Declared:
		s.declares(c)
	case Balked:
		s.balks(c, e.Text)
	}
	if c.inst != nil && c.inst.Wait {
		s.roll()
	} else if c.inst != nil {
		s.staff(c.inst, 0)
	}
}

// due does what its time has come for.
func (s *State) due(wall time.Time) {
	for len(s.ended) > 0 && s.now >= s.ended[0].exitedAt+lateMessages {
		s.bury(s.ended[0])
	}
	if s.readyBy != 0 && s.now >= s.readyBy {
		s.late()
	}
	if s.stopping {
		s.stopDue()
		return
	}
	if s.phase != working {
		return
	}
	for _, i := range s.order {
		if i.recycleAt != 0 && s.now >= i.recycleAt {
			s.unheeded(i)
		}
		if i.wakeAt != 0 && s.now >= i.wakeAt {
			if s.cheat != Spin {
				i.wakeAt = 0
			}
			s.staff(i, 0)
		}
		if i.probeAt != 0 && s.now >= i.probeAt {
			s.probe(i)
		}
	}
	for _, i := range s.order {
		if i.checkup.LookAt != 0 && s.now >= i.checkup.LookAt {
			s.look(i)
		}
	}
	s.jobsDue(wall)
}

// Next is how long after now the next Tick must come at the latest; ok is false if there is nothing to wait for.
func (s *State) Next(now time.Duration) (d time.Duration, ok bool) {
	var at time.Duration
	earliest := func(t time.Duration) {
		if t != 0 && (at == 0 || t < at) {
			at = t
		}
	}
	if len(s.ended) > 0 {
		earliest(s.ended[0].exitedAt + lateMessages)
	}
	switch {
	case s.stopping:
		if !s.killed {
			earliest(s.killAt)
		}
		earliest(s.giveUpAt)
	case s.phase != working:
		earliest(s.readyBy)
	default:
		for _, i := range s.order {
			earliest(i.recycleAt)
			earliest(i.wakeAt)
			earliest(i.probeAt)
			earliest(i.checkup.LookAt)
		}
		for _, j := range s.jobs {
			earliest(j.due)
		}
	}
	return max(at-max(now, s.now), 0), at != 0
}

// Done is true when everything has ended after Stop.
func (s *State) Done() bool { return s.done }

// Stopping is true after Stop.
func (s *State) Stopping() bool { return s.stopping }

func (s *State) act(a Action) { s.acts = append(s.acts, a) }

func (s *State) log(l slog.Level, text string) { s.act(Action{Op: OpLog, Level: l, Text: text}) }
