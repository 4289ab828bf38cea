package master

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"os"
	"os/signal"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/constance-mail/constance/internal/master/roster"
)

// Master is a master process. Its methods are safe for any goroutine; Run is called once.
type Master struct {
	conf   Config // owned by Run's goroutine from then on
	in     *inbox
	log    *slog.Logger
	logq   *logQueue
	done   chan struct{} // closed when Run returns
	stalls atomic.Uint64

	// The rest is owned by Run's goroutine.
	roster   *roster.State
	acts     []roster.Action
	watch    *watcher
	spawn    *spawners
	clock    *stopwatch
	insts    map[roster.InstID]*instance
	socks    map[string]*socket
	failed   map[string]bool // endpoints that could not be had, by instance key
	kids     map[roster.ChildID]*kid
	jobs     map[string]*Event
	helpers  sync.WaitGroup // readers, loader, watchdog
	loading  bool
	hangup   bool          // SIGHUP waits for its turn
	reloads  float64       // reloads that may follow at once
	reloadAt time.Duration // when reloads was reckoned
	counts   Counters
}

// instance is a listener of a service: what roster knows by its InstID.
type instance struct {
	svc  *Service
	sock *socket // nil: daemon
	id   int     // CYRUS_ID
	name string  // service/family
	kids int     // from OpSpawn to OpForget
}

// kid is a child process, from the order to start it to roster's OpForget.
type kid struct {
	order *order
	kind  string // SERVICE, DAEMON, EVENT
	name  string
	inst  roster.InstID
	pid   int
	pidfd int
	ch    *channel // nil: no status channel
	begun time.Time
}

// Counters count since the start.
type Counters struct {
	Forks, ForkFails, Exits, Reloads, BadReloads, Signals, Messages, Garbage uint64
}

// New checks the configuration. Nothing is opened or started before Run.
func New(c Config) (*Master, error) {
	c.setDefaults()
	if err := c.check(); err != nil {
		return nil, &Error{ExitConfig, err}
	}
	return &Master{conf: c, in: newInbox(), done: make(chan struct{}), roster: roster.New(), clock: newStopwatch(),
		insts: map[roster.InstID]*instance{}, socks: map[string]*socket{}, failed: map[string]bool{},
		kids: map[roster.ChildID]*kid{}, jobs: map[string]*Event{}, reloads: reloadBurst}, nil
}

// Run is New and Master.Run.
func Run(ctx context.Context, c Config) error {
	m, err := New(c)
	if err != nil {
		return err
	}
	return m.Run(ctx)
}

// Run runs the commands of Config.Start, listens, and keeps the workers until SIGTERM, SIGINT, SIGQUIT or the end of
// ctx; then it ends them, by SIGKILL after Config.Grace, and returns nil. SIGHUP loads the configuration anew, SIGUSR1
// writes the stacks of all goroutines to the log. An error is of type *Error.
func (m *Master) Run(ctx context.Context) error {
	defer close(m.done)
	// What this process inherited is not for the workers: they get five descriptors and no other.
	unix.CloseRange(3, math.MaxUint32, unix.CLOSE_RANGE_CLOEXEC) //nolint:errcheck // before Linux 5.11: as Cyrus
	m.logq = newLogQueue(m.conf.Log.Handler(), 1024)
	m.log = slog.New(m.logq)
	defer m.endLog()
	quit := make(chan struct{})
	m.signals(quit)
	ctx, cancel := context.WithCancel(ctx)
	defer m.helpers.Wait()
	defer close(quit)
	defer cancel()
	if err := m.runStart(ctx); err != nil {
		return err
	}
	p := m.plan(ctx, m.conf)
	if p.err != nil {
		return &Error{ExitConfig, p.err}
	}
	var err error
	if m.watch, err = newWatcher(m.in); err != nil {
		return &Error{ExitOS, err}
	}
	defer m.watch.close()
	if m.spawn, err = newSpawners(m.spawned); err != nil {
		return &Error{ExitOS, err}
	}
	defer m.closeSockets()
	if err := m.adopt(p, true); err != nil {
		m.spawn.close()
		return err
	}
	m.helpers.Add(1)
	go func() {
		defer m.helpers.Done()
		m.clock.watch(m.conf.Stall, m.log, quit, &m.stalls)
	}()
	m.log.Info("ready for work", "services", len(m.insts))
	if m.conf.Ready != nil {
		m.conf.Ready()
	}
	m.loop(ctx)
	m.spawn.close()
	for id := range m.kids { // only those that SIGKILL did not end
		m.forget(id)
	}
	return nil
}

func (m *Master) endLog() {
	patience := make(chan struct{})
	t := time.AfterFunc(time.Second, func() { close(patience) })
	defer t.Stop()
	m.logq.close(patience)
}

func (m *Master) closeSockets() {
	for _, s := range m.socks {
		m.watch.forget(s.fd)
		s.release()
		if s.at.unix != "" {
			os.Remove(s.at.unix) //nolint:errcheck // the next start removes it too
		}
	}
}

// signals turns signals into flags: however often one comes, it is one flag.
func (m *Master) signals(quit <-chan struct{}) {
	list := []os.Signal{syscall.SIGHUP, syscall.SIGTERM, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGUSR1}
	listen := func(c <-chan os.Signal, own chan os.Signal) {
		m.helpers.Add(1)
		go func() {
			defer m.helpers.Done()
			for {
				select {
				case s := <-c:
					m.in.put(func() { m.in.signal(s) })
				case <-quit:
					signal.Stop(own)
					return
				}
			}
		}()
	}
	if m.conf.Signals != nil {
		listen(m.conf.Signals, make(chan os.Signal))
		return
	}
	for _, s := range list { // a channel each, so that a flood of one does not crowd out another
		c := make(chan os.Signal, 1)
		signal.Notify(c, s)
		listen(c, c)
	}
	// Caught rather than ignored: what is ignored stays ignored in the children.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGUSR2, syscall.SIGPIPE, syscall.SIGALRM)
}

func (b *inbox) signal(s os.Signal) {
	switch s {
	case syscall.SIGHUP:
		b.hangup = true
	case syscall.SIGUSR1:
		b.stacks = true
	default:
		b.stop = s
	}
}

// Reload asks for what SIGHUP asks for.
func (m *Master) Reload() { m.in.put(func() { m.in.hangup = true }) }

// spawned is called by a spawner.
func (m *Master) spawned(r *started) {
	m.in.put(func() { m.in.life.Put(lifeEvent{child: r.order.child, start: r}) })
}

func (m *Master) stacks() {
	buf := make([]byte, 1<<20)
	m.log.Warn("stacks", "stack", string(buf[:runtime.Stack(buf, true)]))
}

// socket reference counting; owner only.
func (m *Master) unref(s *socket) {
	if s.refs--; s.refs > 0 {
		return
	}
	delete(m.socks, s.key)
	m.watch.forget(s.fd)
	s.release()
}

// runStart runs the commands of Config.Start one after the other. Exit 0 and 75 are success.
func (m *Master) runStart(ctx context.Context) error {
	for k := range m.conf.Start {
		e := &m.conf.Start[k]
		status, err := m.runOne(ctx, e)
		switch {
		case err != nil:
			return &Error{1, err}
		case status.Exited() && (status.ExitStatus() == 0 || status.ExitStatus() == ExitTempFail):
		default:
			m.log.Error("can't run startup", "name", e.Name, "status", describe(status))
			return &Error{1, errors.New("can't run startup " + e.Name + ": " + describe(status))}
		}
	}
	return nil
}

// runOne waits for one command; if the master is told to end meanwhile, the command is.
func (m *Master) runOne(ctx context.Context, e *Event) (syscall.WaitStatus, error) {
	s, err := newSpawners(func(*started) {})
	if err != nil {
		return 0, err
	}
	defer s.close()
	got := make(chan *started, 1)
	s.done = func(r *started) { got <- r }
	begun := time.Now()
	s.put(&order{lane: "start", path: path(e.Path, e.Argv), argv: e.Argv, env: append(environ(), e.Env...),
		output: m.conf.Output})
	r := <-got
	if r.err != nil {
		return 0, r.err
	}
	defer unix.Close(r.pidfd) //nolint:errcheck // nothing can be done
	stop, killed := time.Time{}, false
	p := []unix.PollFd{{Fd: int32(r.pidfd), Events: unix.POLLIN}}
	for {
		if n, _ := unix.Poll(p, 100); n > 0 { // an interruption is a look more
			break
		}
		m.in.mu.Lock()
		told := m.in.stop != nil || ctx.Err() != nil
		m.in.mu.Unlock()
		switch {
		case told && stop.IsZero():
			stop = time.Now()
			unix.PidfdSendSignal(r.pidfd, unix.SIGTERM, nil, 0) //nolint:errcheck // it may have ended
		case told && !killed && time.Since(stop) > m.conf.Grace:
			killed = true
			unix.PidfdSendSignal(r.pidfd, unix.SIGKILL, nil, 0) //nolint:errcheck // it may have ended
		}
	}
	var status syscall.WaitStatus
	_, err = syscall.Wait4(r.pid, &status, 0, nil)
	m.logExit("START", e.Name, e.Argv[0], r.pid, begun, status)
	if !stop.IsZero() {
		return status, errors.New("told to end during the start")
	}
	return status, err
}
