package master

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/constance-mail/constance/internal/master/roster"
)

// Successor is the program that goes on in this process after an upgrade.
type Successor struct {
	Binary string   // absolute path, looked up on disk when the time comes
	Args   []string // its argv, Args[0] included
	// Check are the arguments with which Binary says whether it can take over: it reads the state from standard input
	// (CheckHandover) and ends with 0, or says on standard error why not. A program that does not know of handovers
	// must fail with them.
	Check []string
	Files map[string]*os.File // handed over besides, for Handover.File
	// Directory is where Check is run, if this process may be there: the one that names in the arguments are relative to.
	// nil: where this process works.
	Directory *os.File
}

// Bounds of an upgrade.
const (
	checkPatience = 30 * time.Second       // for the successor's answer
	forkPatience  = 10 * time.Second       // for the forks under way
	logPatience   = 200 * time.Millisecond // for the lines that the log has not taken
	maxComplaint  = 4 << 10                // octets of the successor's complaint
)

// Upgrade has another program go on in this process, with all listeners and children: binary, or Successor.Binary if that
// is "". The workers are then replaced gently, as by a reload. It returns only with the reason why this program goes on
// instead, unharmed. SIGUSR2 asks for the same. Safe for any goroutine.
func (m *Master) Upgrade(ctx context.Context, binary string) error {
	answer := make(chan error, 1)
	if err := m.do(ctx, func() { m.askUpgrade(ctx, binary, answer) }); err != nil {
		return err
	}
	select {
	case err := <-answer:
		return err
	case <-m.done:
		return ErrEnded
	}
}

// Upgrades are the upgrades of a process: how many were done and failed, and why the last that failed did.
func (m *Master) Upgrades(ctx context.Context) (done, failed uint64, why string, err error) {
	err = m.do(ctx, func() { done, failed, why = m.counts.Upgrades, m.counts.BadUpgrades, m.why })
	return done, failed, why, err
}

var (
	errNoSuccessor = errors.New("this master cannot be replaced while it runs")
	errStarting    = errors.New("the master is still starting")
	errUpgrading   = errors.New("an upgrade is under way")
)

// upgrade is one under way.
type upgrade struct {
	to     Successor
	answer chan<- error // may be nil
	err    error        // of the preparations
}

// askUpgrade begins an upgrade: the successor is asked, and the forks under way are waited for, outside the loop.
func (m *Master) askUpgrade(ctx context.Context, binary string, answer chan<- error) {
	u := &upgrade{answer: answer}
	switch {
	case m.conf.Successor == nil:
		m.refuse(u, errNoSuccessor)
		return
	case !m.roster.Working():
		m.refuse(u, errStarting)
		return
	case m.upgrading:
		m.refuse(u, errUpgrading)
		return
	}
	u.to = *m.conf.Successor
	if binary != "" {
		u.to.Binary = binary
	}
	state, err := json.Marshal(m.document(false))
	if err != nil {
		m.refuse(u, err)
		return
	}
	m.upgrading = true
	m.family.visit(1) // the successor that is asked
	m.log.Info("upgrading", "binary", u.to.Binary)
	m.helpers.Add(1)
	go func() {
		defer m.helpers.Done()
		if u.err = u.to.check(ctx, state); u.err == nil {
			u.err = m.quieten()
		}
		m.in.put(func() { m.in.upgrade = u })
	}()
}

// check asks the successor whether it could go on from a state.
func (s *Successor) check(ctx context.Context, state []byte) error {
	ctx, cancel := context.WithTimeout(ctx, checkPatience)
	defer cancel()
	var complaint bytes.Buffer
	c := exec.CommandContext(ctx, s.Binary, s.Check...)
	c.Dir, c.Env, c.Stdin, c.Stderr = s.directory(), environ(), bytes.NewReader(state), &complaint
	c.WaitDelay = time.Second
	err := c.Run()
	if text := strings.TrimSpace(complaint.String()); err != nil && text != "" {
		return fmt.Errorf("%s cannot take over: %w: %s", s.Binary, err, text[:min(len(text), maxComplaint)])
	} else if err != nil {
		return fmt.Errorf("%s cannot take over: %w", s.Binary, err)
	}
	return nil
}

// directory is the path of Directory, "" if there is none or this user may not be there.
func (s *Successor) directory() string {
	if s.Directory == nil {
		return ""
	}
	fd := descriptor(s.Directory)
	if unix.Faccessat(fd, ".", unix.X_OK, 0) != nil {
		return ""
	}
	return "/proc/self/fd/" + strconv.Itoa(fd)
}

// quieten waits for the forks under way.
func (m *Master) quieten() error {
	t := time.AfterFunc(forkPatience, m.spawn.release)
	defer t.Stop()
	if !m.spawn.hold() {
		return errors.New("a fork takes too long")
	}
	return nil
}

// takeUpgrade hands over if the preparations went well.
func (m *Master) takeUpgrade() {
	m.in.mu.Lock()
	u := m.in.upgrade
	m.in.upgrade = nil
	m.in.mu.Unlock()
	if u == nil {
		return
	}
	if u.err == nil {
		u.err = m.handOver(&u.to)
	}
	m.spawn.release()
	m.upgrading = false
	m.family.visit(-1)
	m.refuse(u, u.err)
}

func (m *Master) refuse(u *upgrade, err error) {
	m.counts.BadUpgrades++
	m.why = err.Error()
	m.log.Error("upgrade refused, nothing has changed", "err", err)
	if u.answer != nil {
		u.answer <- err
	}
}

// handOver executes the successor. It returns only if that fails, with everything as it was.
func (m *Master) handOver(to *Successor) error {
	m.takeStarts()
	m.freeze()
	defer m.thaw()
	if m.roster.Stopping() {
		return ErrEnded
	}
	d := m.document(true)
	for name, f := range to.Files {
		d.Files[name] = descriptor(f)
	}
	program, err := os.Open("/proc/self/exe")
	if err != nil {
		return err
	}
	defer program.Close()
	d.Program = int(program.Fd())
	d.Descriptors = d.descriptors()
	memfd, err := writeDocument(d)
	if err != nil {
		return err
	}
	defer memfd.Close()
	m.logq.flush(logPatience)
	return m.execute(to, int(memfd.Fd()), d.Descriptors)
}

// descriptor is that of a file, which stays as it is: Fd would make it block.
func descriptor(f *os.File) (fd int) {
	fd = -1
	if raw, err := f.SyscallConn(); err == nil {
		raw.Control(func(n uintptr) { fd = int(n) }) //nolint:errcheck // closed: -1
	}
	return fd
}

// takeStarts takes the starts that were reported; there are no more of them while forks are held. Ends can wait: the
// kernel tells them again.
func (m *Master) takeStarts() {
	for _, e := range take(m.in, &m.in.life, math.MaxInt, nil) {
		if e.start != nil {
			m.lifeEvent(e)
			continue
		}
		m.in.put(func() { m.in.life.Put(e) })
	}
}

// freeze stops the reading of status channels and takes all that was read.
func (m *Master) freeze() {
	for _, k := range m.kids {
		if k.ch != nil {
			k.ch.stop()
		}
	}
	var runs []run
	for id, k := range m.kids {
		if k.ch == nil {
			continue
		}
		runs = m.listenTo(k.ch, runs)
		for _, r := range k.ch.left {
			m.step(roster.Event{Kind: roster.Said, Child: id, Code: r.code, N: r.n})
		}
		k.ch.left = nil
	}
}

// thaw goes on after freeze.
func (m *Master) thaw() {
	for _, k := range m.kids {
		if k.ch != nil && k.ch.again() {
			m.hear(k.ch)
		}
	}
}

// writeDocument puts a document into memory that has a descriptor.
func writeDocument(d *document) (*os.File, error) {
	fd, err := unix.MemfdCreate("handover", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("memfd_create", err)
	}
	f := os.NewFile(uintptr(fd), "handover")
	if err := json.NewEncoder(f).Encode(d); err != nil {
		f.Close() //nolint:errcheck // the first error counts
		return nil, err
	}
	return f, nil
}

// execute replaces the program of this process. Signals that come meanwhile wait for the successor: they are blocked in
// the thread that executes it, and it inherits that.
func (m *Master) execute(to *Successor, document int, descriptors []int) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var block, before unix.Sigset_t
	for _, s := range masterSignals {
		block.Val[(s-1)/64] |= 1 << ((s - 1) % 64)
	}
	unix.PthreadSigmask(unix.SIG_BLOCK, &block, &before)      //nolint:errcheck // cannot fail with these arguments
	defer unix.PthreadSigmask(unix.SIG_SETMASK, &before, nil) //nolint:errcheck // as before
	if m.toldToStop() {
		return ErrEnded
	}
	syscall.ForkLock.Lock() // from here on a child of whomever would inherit what the successor shall
	defer syscall.ForkLock.Unlock()
	for _, fd := range append(descriptors, document) {
		inheritable(fd, true)
		defer inheritable(fd, false)
	}
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &limit) == nil { // syscall.Exec lowers it
		defer restoreLimit(&limit)
	}
	defer bequeath()()
	env := append(os.Environ(), envHandover+"="+strconv.Itoa(document)+":"+strconv.Itoa(os.Getpid()))
	return fmt.Errorf("%s cannot be executed: %w", to.Binary, m.conf.execve(to.Binary, to.Args, env))
}

// toldToStop is whether a signal to end came before now: all that Go has received so far is in its channel.
func (m *Master) toldToStop() bool {
	c := make(chan os.Signal, 1)
	for _, s := range masterSignals {
		signal.Notify(c, s)
	}
	signal.Stop(c) // returns when what came has been passed on
	for _, c := range m.signalled {
		select {
		case s := <-c:
			m.in.put(func() { m.in.signal(s) })
		default:
		}
	}
	m.in.mu.Lock()
	defer m.in.mu.Unlock()
	return m.in.stop != nil
}

// restoreLimit raises the limit of descriptors by the bare system call: Go would take a limit that was set by its own
// functions for the children's too.
func restoreLimit(l *unix.Rlimit) {
	syscall.RawSyscall6(syscall.SYS_PRLIMIT64, 0, unix.RLIMIT_NOFILE, uintptr(unsafe.Pointer(l)), 0, 0, 0)
}
