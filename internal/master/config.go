// Package master runs worker processes: it listens, starts workers when they are wanted, knows which are ready by
// what they say and what the kernel says, replaces those that end, and ends them all. It never accepts a connection
// and knows nothing of mail. What to do is decided by package roster; this package does it and turns what happens
// outside into events for it.
//
// One goroutine owns all state and runs the loop in loop.go. Every source of events has its own bounded place in the
// inbox and gets a bounded share of each round, so that none can starve another, and every stage of a round is timed.
package master

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"syscall"
	"time"

	"github.com/constance-mail/constance/internal/master/cron"
)

// Service is a program that gets a listening socket on descriptor 4 and its status channel on descriptor 3.
type Service struct {
	Name        string
	Argv        []string // Argv[0] is given to the program as it is
	Path        string   // the executable; default Argv[0]
	Env         []string // added to the master's environment
	Listen      []string // host:port, port, [host]:port, unix:/path or /path; each address a listener of its own
	Proto       string   // tcp (default), tcp4, tcp6, udp, udp4, udp6
	Prefork     int      // READY workers wanted for each address
	MaxChild    int      // most workers for each address; 0 = no bound
	MaxForkRate int      // forks per second for each address; 0 = no bound
	MaxFDs      int      // soft limit of descriptors; 0 = the master's
	Babysit     bool     // at least one worker, at most 10 forks per second unless MaxForkRate says more
	Daemon      bool     // no listener; one process that is started again whenever it ends
	Wait        bool     // of a daemon: nothing else is started before it says that it is ready
	DrainOver   bool     // those that drain do not count towards MaxChild, up to twice MaxChild; one more if all drain
	Where       string   // file:line:column of its configuration, for errors; may be empty

	// Life asks workers of ours for a sign of life so often; 0 = none, as every other program wants it.
	Life time.Duration
	// Silence is how long a worker that is asked for signs of life may give none until it is replaced; 0 = for ever. It
	// should be several times Life.
	Silence   time.Duration
	MaxMemory int64 // octets that a worker may have, beside what it maps of files, until it is replaced; 0 = no bound
}

// Event is a command, run at the start or by a schedule: Times if that is given, Period otherwise.
type Event struct {
	Name   string
	Argv   []string
	Path   string // the executable; default Argv[0]
	Env    []string
	Period time.Duration // between runs, the first at once; not used at the start
	Times  *cron.Spec    // by the wall clock, in the time zone of the master
	Where  string        // file:line:column of its configuration, for errors; may be empty
}

// Config is all that a master needs to know. Zero values mean the defaults.
type Config struct {
	Start    []Event // run to the end one after the other, before anything listens
	Services []Service
	Events   []Event

	Backlog         int                 // of listen(2); default 4096, as far as the kernel allows
	TOS             int                 // IP type of service of the listeners; 0 = the system's
	BindErrorsFatal bool                // at the start the first address that cannot be had ends the master (exit 69)
	Grace           time.Duration       // from SIGTERM to SIGKILL at the end; default 20 s
	Stuck           time.Duration       // a client may wait so long though a worker is READY; default 1 s
	Hung            time.Duration       // and so long until those that were READY all the while are replaced; 0 = for ever
	Stall           time.Duration       // a longer round of the loop is logged; default 250 ms
	Credential      *syscall.Credential // of the children, but those of Start; nil = the master's
	User            *syscall.Credential // who the master becomes when it listens, before it starts anything; nil = nobody else
	Dirs            []string            // the first of them that can be entered, as User, is the working directory from then on
	Subreaper       bool                // all children of this process are the master's, and so are those that they leave behind
	HungDir         string              // where it is saved what workers were doing that hang; empty = nowhere
	Measure         time.Duration       // between two looks at the memory of workers; default 10 s
	Input           *os.File            // standard input of the children; nil = /dev/null
	Output          *os.File            // standard output of the children; nil = /dev/null
	Errors          *os.File            // standard error of the children; nil = Output
	ProcDir         string              // where each process has a file that says what it does; empty = nowhere
	ReportFile      string              // the metrics of Cyrus's master, for a collector; empty = none
	ReportEvery     time.Duration       // default 10 s
	WaitLimit       time.Duration       // for each daemon with Wait to say that it is ready; default 60 s
	Log             *slog.Logger        // nil = nothing is logged

	// Load gives the configuration anew at SIGHUP; only Services, Events, Grace, Stuck and Hung of it matter. If it fails,
	// nothing changes. nil: the same again, which replaces the workers. What it has to say goes to the logger that it
	// is given, which never blocks: Config.Log may, and would hold up the reload and the end.
	Load func(context.Context, *slog.Logger) (Config, error)
	// Wall is the wall clock; nil = time.Now. For tests.
	Wall func() time.Time
	// Opening is called once, when all listeners are open and the daemons with Wait are ready, before anything else is
	// started. An error ends the start with exit code 71. It may take its time. May be nil.
	Opening func() error
	// Ready is called once, after Opening, when the first workers are being started. May be nil.
	Ready func()
	// Phase is called whenever the master goes over to another phase after Ready, by the loop: it must not wait. May be nil.
	Phase func(Phase)
	// Signals is used instead of the process's own signals if not nil.
	Signals <-chan os.Signal

	// StateFile tells a master that comes after the sudden end of this one what it left behind, so that it can take the
	// listeners over; "" = none. Whoever names it holds a lock that says which master has it.
	StateFile string
	Activated *Activated // sockets of the service manager; nil: none

	Successor *Successor // for upgrades; nil: none is possible
	From      *Handover  // what the program before in this process handed over; nil: start afresh

	execve      func(path string, argv, env []string) error // syscall.Exec, but in tests
	reloadEvery time.Duration                               // between reloads when many come; tests have less time
}

// Phase is what a master is about.
type Phase int

// The phases.
const (
	Running   Phase = iota // after a reload, be it that it was refused
	Reloading              // the configuration is being loaded
	Stopping               // it was told to end
)

// Exit codes of sysexits that a master ends with.
const (
	ExitUnavailable = 69 // EX_UNAVAILABLE: an address cannot be had
	ExitOS          = 71 // EX_OSERR: pid file, descriptors
	ExitTempFail    = 75 // EX_TEMPFAIL: another master is starting
	ExitConfig      = 78 // EX_CONFIG
)

// Error is why a master ended, with its exit code.
type Error struct {
	Code int
	Err  error
}

func (e *Error) Error() string { return e.Err.Error() }

// Unwrap is the cause.
func (e *Error) Unwrap() error { return e.Err }

func (c *Config) setDefaults() {
	if c.Backlog <= 0 {
		c.Backlog = 4096
	}
	if c.Grace <= 0 {
		c.Grace = 20 * time.Second
	}
	if c.Stuck <= 0 {
		c.Stuck = time.Second
	}
	if c.Stall <= 0 {
		c.Stall = 250 * time.Millisecond
	}
	if c.execve == nil {
		c.execve = syscall.Exec
	}
	if c.reloadEvery <= 0 {
		c.reloadEvery = reloadEvery
	}
	if c.Measure <= 0 {
		c.Measure = 10 * time.Second
	}
	if c.Wall == nil {
		c.Wall = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
}

// check finds what can never work, before anything is touched.
func (c *Config) check() error {
	seen := map[string]bool{}
	for k := range c.Services {
		s := &c.Services[k]
		err := s.check()
		if err == nil && seen[s.Name] {
			err = fmt.Errorf("multiple entries for service '%s'", s.Name)
		}
		if err != nil {
			return configured(s.Where, err)
		}
		seen[s.Name] = true
	}
	for k := range c.Events {
		if err := c.Events[k].check(); err != nil {
			return configured(c.Events[k].Where, err)
		}
	}
	return nil
}

func (s *Service) check() error {
	switch {
	case len(s.Argv) == 0 || !s.Daemon && len(s.Listen) == 0:
		return fmt.Errorf("unable to find command or port for service '%s'", s.Name)
	case s.Wait && !s.Daemon:
		return fmt.Errorf("service '%s' is no daemon and cannot be waited for", s.Name)
	}
	if err := executable(path(s.Path, s.Argv)); err != nil {
		return fmt.Errorf("cannot find executable for service '%s': %w", s.Name, err)
	}
	return nil
}

// check: a program that is not there when its time comes costs one run and a line in the log.
func (e *Event) check() error {
	if len(e.Argv) == 0 {
		return fmt.Errorf("unable to find command or port for event '%s'", e.Name)
	}
	return nil
}

// configured says where the cause of an error is configured, if that is known.
func configured(where string, err error) error {
	if where == "" {
		return err
	}
	return fmt.Errorf("%s: %w", where, err)
}

func path(path string, argv []string) string {
	if path == "" {
		return argv[0]
	}
	return path
}

// executable: a regular file that its owner may execute.
func executable(path string) error {
	fi, err := os.Stat(path)
	if err != nil {
		return err
	}
	if !fi.Mode().IsRegular() || fi.Mode()&0o100 == 0 {
		return fmt.Errorf("%s is not an executable file", path)
	}
	return nil
}
