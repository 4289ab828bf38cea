package master

import (
	"context"
	"errors"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// runStart runs the commands of Config.Start one after the other. Exit 0 and 75 are success. What they leave behind is
// the master's from the first one on.
func (m *Master) runStart(ctx context.Context) error {
	if m.conf.Subreaper {
		if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
			return &Error{ExitOS, os.NewSyscallError("prctl", err)}
		}
		if err := leaveDeaths(); err != nil {
			return &Error{ExitOS, err}
		}
	}
	if m.conf.From != nil {
		return nil // the program before in this process did
	}
	m.inheritOrphans() // before they drain
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
	s, err := newSpawners(func(*started) {}, m.family)
	if err != nil {
		return 0, err
	}
	defer s.close()
	got := make(chan *started, 1)
	s.done = func(r *started) { got <- r }
	begun := time.Now()
	s.put(&order{lane: "start", path: path(e.Path, e.Argv), argv: e.Argv, env: append(environ(), e.Env...),
		output: m.conf.Output,
		errors: m.conf.Errors})
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
	m.family.buried(r.pid, 0)
	m.logExit(kindStart, e.Name, e.Argv[0], r.pid, begun, status)
	if !stop.IsZero() {
		return status, errors.New("told to end during the start")
	}
	return status, err
}
