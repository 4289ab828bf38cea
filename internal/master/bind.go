package master

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// listen opens the sockets that a plan wants and that are not open yet: all of them, or at a reload none. At the start
// an address that cannot be had is logged and left out, unless Config.BindErrorsFatal; a reload that still cannot have
// it is none the worse.
func (m *Master) listen(p *plan, start bool) error {
	opened := map[string]*socket{}
	failed := map[string]bool{}
	why := map[*Service]error{}
	for k := range p.specs {
		s := &p.specs[k]
		err := m.bind(s, opened)
		if covered := errors.Is(err, errCovered); err == nil || covered {
			why[s.svc] = nil
			if covered {
				failed[s.key] = true // another socket of the service manager's has it
			}
			continue
		}
		if !start && !m.failed[s.key] || start && m.conf.BindErrorsFatal {
			for _, o := range opened {
				o.release()
			}
			err = fmt.Errorf("%s (%s)", bindFault(s, err), s.at.String())
			return &Error{ExitUnavailable, configured(s.svc.Where, err)}
		}
		m.log.Error(bindFault(s, err), "address", s.at.String())
		failed[s.key] = true
		if _, other := why[s.svc]; !other {
			why[s.svc] = err
		}
	}
	for k := range p.conf.Services {
		if err := why[&p.conf.Services[k]]; err != nil {
			m.log.Error("unable to create " + p.conf.Services[k].Name + " listener socket: " + strerror(err))
		}
	}
	for key, sock := range opened {
		m.socks[key] = sock
	}
	m.failed = failed
	return nil
}

// bind opens the socket of one instance, unless it is open or the instance has none.
func (m *Master) bind(s *spec, opened map[string]*socket) error {
	key := s.socketKey()
	if s.err != nil || s.svc.Daemon || m.socks[key] != nil || opened[key] != nil {
		return s.err
	}
	sock, err := m.obtain(s)
	if err != nil {
		return err
	}
	sock.key = key
	opened[key] = sock
	return nil
}

// bindFault puts the reason why an address cannot be had into Cyrus's words.
func bindFault(s *spec, err error) string {
	name := s.svc.Name + "/" + s.at.family
	var call *os.SyscallError
	switch {
	case s.at.family == "unknown":
		return fmt.Sprintf("%v, disabling %s", err, s.svc.Name)
	case !errors.As(err, &call) || call.Syscall == "bind":
		return "unable to bind to " + name + " socket: " + strerror(err)
	case call.Syscall == "listen":
		return "unable to listen to " + name + " socket: " + strerror(err)
	}
	return "unable to open " + name + " socket: " + strerror(err)
}

// strerror is the text of a system's error as C programs write it.
func strerror(err error) string {
	var no syscall.Errno
	if !errors.As(err, &no) {
		return err.Error()
	}
	text := no.Error()
	return strings.ToUpper(text[:1]) + text[1:]
}

// tellLimits warns of services that want more descriptors than a process may have.
func (m *Master) tellLimits() {
	var l unix.Rlimit
	if unix.Prlimit(0, unix.RLIMIT_NOFILE, nil, &l) != nil {
		return
	}
	for k := range m.conf.Services {
		s := &m.conf.Services[k]
		if n := uint64(s.MaxFDs); n > l.Max {
			m.log.Warn(fmt.Sprintf("limit_fds: requested %d, but capped to %d", n, l.Max), "service", s.Name)
		}
	}
}
