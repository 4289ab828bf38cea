package master

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/constance-mail/constance/internal/master/roster"
)

// Master is a master process. Its methods are safe for any goroutine; Run is called once.
type Master struct {
	conf  Config // owned by Run's goroutine from then on
	in    *inbox
	log   *slog.Logger
	logq  *logQueue
	done  chan struct{} // closed when Run returns
	clock *stopwatch    // others than the owner read what is atomic

	// The rest is owned by Run's goroutine.
	roster    *roster.State
	acts      []roster.Action
	toSend    roster.Queue[roster.Action] // signals, in their order
	sending   []roster.Action
	watch     *watcher
	spawn     *spawners
	insts     map[roster.InstID]*instance
	socks     map[string]*socket
	failed    map[string]bool // endpoints that could not be had, by instance key
	kids      map[roster.ChildID]*kid
	jobs      map[string]*Event
	helpers   sync.WaitGroup // readers, loader, watchdog
	writers   sync.WaitGroup // helpers that a disk may hold up
	loading   bool
	hangup    bool              // SIGHUP waits for its turn
	reloads   float64           // reloads that may follow at once
	reloadAt  time.Duration     // when reloads was reckoned
	asking    []chan<- reloaded // for the outcome of the next reload
	told      []chan<- reloaded // of the one under way
	legacy    *legacy           // nil: none, or it is settled
	recorder  *recorder         // nil: none
	upgrading bool
	why       string           // the last upgrade that failed did so
	signalled []chan os.Signal // the process's own
	procs     *procFiles
	family    *family
	counts    Counters
	ages      chan queue    // listeners whose clients' age is asked for
	examines  chan struct{} // a token for each worker that is being examined
}

// instance is a listener of a service: what roster knows by its InstID.
type instance struct {
	svc  *Service
	sock *socket // nil: daemon
	id   int     // CYRUS_ID
	name string  // service/family
	kids int     // from OpSpawn to their ends
}

// Counters count since the start.
type Counters struct {
	Forks, ForkFails, Exits, Reloads, BadReloads, Signals, Messages, Garbage uint64
	Upgrades, BadUpgrades                                                    uint64
}

// New checks the configuration. Nothing is opened or started before Run.
func New(c Config) (*Master, error) {
	c.setDefaults()
	if err := c.check(); err != nil {
		return nil, &Error{ExitConfig, err}
	}
	return &Master{conf: c, in: newInbox(), done: make(chan struct{}), roster: roster.New(), clock: c.From.watch(c.Stall), family: newFamily(),
		insts: map[roster.InstID]*instance{}, socks: map[string]*socket{}, failed: map[string]bool{},
		kids: map[roster.ChildID]*kid{}, jobs: map[string]*Event{}, reloads: reloadBurst,
		ages: make(chan queue, 64), examines: make(chan struct{}, examinesMax)}, nil
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
	if err := keepThreads(sparesWanted); err != nil {
		return &Error{ExitOS, err}
	}
	m.logq = newLogQueue(m.conf.Log.Handler(), 1024)
	m.log = slog.New(m.logq)
	m.procs = newProcFiles(m.conf.ProcDir, m.log)
	defer m.endLog()
	quit := make(chan struct{})
	m.signals(quit)
	ctx, cancel := context.WithCancel(ctx)
	defer m.endWriters()
	defer m.helpers.Wait()
	defer close(quit)
	defer cancel()
	if err := m.runStart(ctx); err != nil {
		return err
	}
	if err := m.tools(); err != nil {
		return err
	}
	defer m.watch.close()
	defer m.closeSockets()
	defer m.spawn.close()
	m.recorder = m.newRecorder()
	defer m.recorder.close()
	if err := m.begin(ctx); err != nil {
		return err
	}
	m.assist(ctx, quit)
	m.loop(ctx)
	m.spawn.close()
	m.endLate()
	m.recorder.end()
	for id := range m.kids { // only those that SIGKILL did not end
		m.forget(id)
	}
	if f, failed := m.roster.Failed(); failed {
		return &Error{f.Code, errors.New(f.Text)}
	}
	return nil
}

// assist starts those that do what the loop must not wait for.
func (m *Master) assist(ctx context.Context, quit <-chan struct{}) {
	m.helpers.Go(func() { m.measure(ctx) })
	m.helpers.Go(func() { m.age(quit) })
	m.helpers.Go(func() { m.clock.watch(m.log, quit) })
	m.writers.Go(func() { m.procs.run(quit) })
	if m.conf.Subreaper {
		m.helpers.Go(func() { m.search(quit) })
	}
	if m.conf.ReportFile != "" {
		m.writers.Go(func() { m.report(ctx, newReporter(m.conf.ReportFile, m.conf.ReportEvery)) })
	}
}

// endWriters waits for those that write to disks, unless one hangs.
func (m *Master) endWriters() {
	done := make(chan struct{})
	go func() {
		m.writers.Wait()
		close(done)
	}()
	t := time.NewTimer(time.Second)
	defer t.Stop()
	select {
	case <-done:
	case <-t.C:
		m.log.Error("a disk does not answer: ending all the same")
	}
}

// tools makes what the loop works with.
func (m *Master) tools() (err error) {
	if m.watch, err = newWatcher(m.in); err != nil {
		return &Error{ExitOS, err}
	}
	if m.spawn, err = newSpawners(m.spawned, m.family); err != nil {
		m.watch.close()
		return &Error{ExitOS, err}
	}
	return nil
}

// begin opens the listeners and orders the first workers, or goes on where the program before was.
func (m *Master) begin(ctx context.Context) error {
	if h := m.conf.From; h != nil {
		if err := m.resume(h); err != nil {
			return &Error{ExitOS, h.Back(err)}
		}
		if os.Geteuid() != 0 {
			if err := keepBind(); err != nil {
				m.log.Error("children may bind low ports", "err", err)
			}
		}
		m.goToWork()
		m.helpers.Go(m.open)
		return nil
	}
	p, err := m.firstPlan(ctx)
	if err != nil {
		return err
	}
	if err := m.settle(); err != nil {
		return err
	}
	m.legacy.settle()
	m.reconfigure(p)
	m.legacy.drain()
	m.legacy = nil
	for _, name := range m.conf.Activated.left() {
		m.log.Warn("the service manager handed over a socket that no service listens on", "socket", name)
	}
	return nil
}

// firstPlan resolves the addresses and opens the listeners.
func (m *Master) firstPlan(ctx context.Context) (*plan, error) {
	p := m.plan(ctx, m.conf)
	if p.err != nil {
		return nil, &Error{ExitConfig, p.err}
	}
	return p, m.listen(p, true)
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
		if s.at.unix != "" && !s.foreign {
			os.Remove(s.at.unix) //nolint:errcheck // the next start removes it too
		}
	}
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
