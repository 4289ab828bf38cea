package master

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/constance-mail/constance/internal/master/roster"
	"github.com/constance-mail/constance/internal/service"
)

// order is a child to be started.
type order struct {
	child  roster.ChildID
	lane   string // orders of different lanes take turns
	path   string
	argv   []string
	env    []string
	cred   *syscall.Credential
	maxFDs int
	sock   *socket // nil: /dev/null, for reading only, on descriptor 4, and on 3
	clear  bool    // make the socket blocking first
	await  bool    // a pipe on descriptor 3 to say "ok" on
	input  *os.File
	output *os.File
	errors *os.File // nil = output
}

// started is what became of an order.
type started struct {
	order  *order
	pid    int
	pidfd  int
	status *os.File // the read end of the status channel or of the readiness pipe, or nil
	err    error
}

// spawners fork: a fork takes a millisecond or more, which the loop must not wait for, and much more when many children
// want the processors. Lanes take turns, and none has all spawners, so that a service that forks much does not delay
// another's single worker.
type spawners struct {
	done func(*started)
	home *family
	wg   sync.WaitGroup
	null *os.File // for descriptors 0 to 2
	void *os.File // for descriptors 3 and 4: a daemon that writes there again must get an error, as from Cyrus's master

	mu     sync.Mutex
	cond   *sync.Cond
	lanes  []string // those with orders, in turn
	queue  map[string][]*order
	flying map[string]int // forks under way
	held   bool           // no more of them
	closed bool
}

// How many forks are under way at once: enough that one slow exec does not hold up all; and how many of one lane.
const (
	spawnerCount = 4
	laneShare    = 2
)

func newSpawners(done func(*started), home *family) (*spawners, error) {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	void, err := os.Open(os.DevNull)
	if err != nil {
		null.Close() //nolint:errcheck // /dev/null
		return nil, err
	}
	s := &spawners{done: done, home: home, null: null, void: void, queue: map[string][]*order{},
		flying: map[string]int{}}
	s.cond = sync.NewCond(&s.mu)
	for range spawnerCount {
		s.wg.Add(1)
		go s.work()
	}
	return s, nil
}

func (s *spawners) put(o *order) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.queue[o.lane]) == 0 {
		s.lanes = append(s.lanes, o.lane)
	}
	s.queue[o.lane] = append(s.queue[o.lane], o)
	s.cond.Broadcast()
}

// hold lets the forks under way come to their end and begins no other until release; false if release came first.
func (s *spawners) hold() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held = true
	for s.held && len(s.flying) > 0 {
		s.cond.Wait()
	}
	return s.held
}

func (s *spawners) release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held = false
	s.cond.Broadcast()
}

// next is the order whose turn it is, nil at the end.
func (s *spawners) next() *order {
	s.mu.Lock()
	defer s.mu.Unlock()
	for !s.closed {
		if at := slices.IndexFunc(s.lanes, s.free); at >= 0 && !s.held {
			return s.take(at)
		}
		s.cond.Wait()
	}
	return nil
}

// free tells whether a lane may have one more fork under way.
func (s *spawners) free(lane string) bool { return s.flying[lane] < laneShare }

// take takes the first order of a lane, which goes to the end of the turns.
func (s *spawners) take(at int) *order {
	lane := s.lanes[at]
	s.lanes = slices.Delete(s.lanes, at, at+1)
	q := s.queue[lane]
	o := q[0]
	if q = q[1:]; len(q) > 0 {
		s.queue[lane] = q
		s.lanes = append(s.lanes, lane)
	} else {
		delete(s.queue, lane)
	}
	s.flying[lane]++
	return o
}

// over is the end of a fork, which was reported.
func (s *spawners) over(lane string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.flying[lane]--; s.flying[lane] == 0 {
		delete(s.flying, lane)
	}
	s.cond.Broadcast()
}

// close waits for the forks under way and forgets the orders that wait. It may be called again.
func (s *spawners) close() {
	s.mu.Lock()
	s.closed = true
	s.cond.Broadcast()
	s.mu.Unlock()
	s.wg.Wait()
	s.null.Close() //nolint:errcheck // /dev/null
	s.void.Close() //nolint:errcheck // /dev/null
}

// work forks on a thread of its own with an empty signal mask, which children inherit; the thread ends with it.
func (s *spawners) work() {
	defer s.wg.Done()
	runtime.LockOSThread()
	var none unix.Sigset_t
	unix.PthreadSigmask(unix.SIG_SETMASK, &none, nil) //nolint:errcheck // cannot fail with these arguments
	for o := s.next(); o != nil; o = s.next() {
		s.done(s.start(o))
		s.over(o.lane)
	}
}

// start forks and executes one child. It has descriptors 0 to 4 and no other.
func (s *spawners) start(o *order) *started {
	r := &started{order: o, pidfd: -1}
	null, void := s.null.Fd(), s.void.Fd()
	files := [5]uintptr{null, null, null, void, void}
	if o.input != nil {
		files[0] = o.input.Fd()
	}
	if o.output != nil {
		files[1], files[2] = o.output.Fd(), o.output.Fd()
	}
	if o.errors != nil {
		files[2] = o.errors.Fd()
	}
	write := -1
	if o.sock != nil || o.await {
		var p [2]int
		if r.err = unix.Pipe2(p[:], unix.O_CLOEXEC); r.err != nil {
			return r
		}
		unix.SetNonblock(p[0], true) //nolint:errcheck // a fresh pipe
		r.status, write = os.NewFile(uintptr(p[0]), "status"), p[1]
		files[3] = uintptr(write)
	}
	if o.sock != nil {
		files[4] = uintptr(o.sock.fd)
		if o.clear {
			unix.SetNonblock(o.sock.fd, false) //nolint:errcheck // our own socket
		}
	}
	flight := s.home.takeOff()
	s.fork(r, files[:])
	s.home.land(flight, r.pid, o.child)
	if write >= 0 {
		unix.Close(write) //nolint:errcheck // the child has it
	}
	if r.err == nil && r.pidfd < 0 {
		r.err = abandon(r.pid)
	}
	if r.err != nil && r.status != nil {
		r.status.Close() //nolint:errcheck // nobody writes to it
	}
	return r
}

// fork starts the program. One whose descriptors are limited is traced so far that it stops before its first
// instruction: it never sees another limit. Where tracing is forbidden, the limit comes a moment after.
func (s *spawners) fork(r *started, files []uintptr) {
	o := r.order
	attr := &syscall.ProcAttr{Env: o.env, Files: files,
		Sys: &syscall.SysProcAttr{PidFD: &r.pidfd, Credential: o.cred, Ptrace: o.maxFDs > 0}}
	r.pid, r.err = syscall.ForkExec(o.path, o.argv, attr)
	if r.err != nil && attr.Sys.Ptrace {
		attr.Sys.Ptrace = false
		r.pid, r.err = syscall.ForkExec(o.path, o.argv, attr)
	}
	if r.err != nil || o.maxFDs == 0 {
		return
	}
	stopped := attr.Sys.Ptrace && awaitStop(r.pid)
	limitFDs(r.pid, o.maxFDs)
	if stopped {
		syscall.PtraceDetach(r.pid) //nolint:errcheck // it was killed meanwhile
	}
}

// awaitStop waits until a traced child has executed its program; false if it ended. It is not reaped here.
func awaitStop(pid int) bool {
	const trapped = 4 // CLD_TRAPPED
	for {
		var info unix.Siginfo
		err := unix.Waitid(unix.P_PID, pid, &info, unix.WEXITED|unix.WSTOPPED|unix.WNOWAIT|unix.WALL, nil)
		if err != unix.EINTR {
			return err == nil && info.Code == trapped
		}
	}
}

// abandon ends a child that there is no pidfd for: without one its process id could become another's.
func abandon(pid int) error {
	syscall.Kill(pid, syscall.SIGKILL) //nolint:errcheck // our own, not reaped
	syscall.Wait4(pid, nil, 0, nil)    //nolint:errcheck // as before
	return fmt.Errorf("no pidfd (Linux 5.4 is needed)")
}

// limitFDs sets the soft limit from outside: a lower limit of the master itself, even for a moment, would hit its other
// goroutines. The hard limit stays.
func limitFDs(pid, n int) {
	var l unix.Rlimit
	if unix.Prlimit(pid, unix.RLIMIT_NOFILE, nil, &l) == nil {
		l.Cur = min(uint64(n), l.Max)
		unix.Prlimit(pid, unix.RLIMIT_NOFILE, &l, nil) //nolint:errcheck // the child may have ended
	}
}

// serviceEnv is the environment of a service's or daemon's worker. stacks is Config.HungDir.
func serviceEnv(s *Service, id int, stacks string) []string {
	env := append(environ(), s.Env...)
	env = append(env, "CYRUS_SERVICE="+s.Name, "CYRUS_ID="+strconv.Itoa(id))
	if s.Daemon {
		env = append(env, "CYRUS_ISDAEMON=1")
	}
	if s.Life > 0 {
		env = append(env, service.EnvLife+"="+strconv.FormatInt(s.Life.Milliseconds(), 10))
		if stacks != "" {
			env = append(env, service.EnvStacks+"="+stacks)
		}
	}
	return env
}

// ownVariables are those that the master sets for each child, and those by which a service manager speaks to the master
// alone, sd_notify(3).
var ownVariables = []string{"CYRUS_SERVICE", "CYRUS_ID", "CYRUS_ISDAEMON", service.EnvLife, service.EnvStacks,
	"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"}

// environ is the master's own environment without what is not for its children.
func environ() []string {
	var env []string
	for _, kv := range os.Environ() {
		name, _, _ := strings.Cut(kv, "=")
		if !slices.Contains(ownVariables, name) {
			env = append(env, kv)
		}
	}
	return env
}
