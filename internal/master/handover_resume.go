package master

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/constance-mail/constance/internal/master/roster"
)

// resume goes on where the program before this one was. Nothing is started or read before all of it is there, so that
// after an error the other can have it back. The configuration stays the other's until a reload brings this one's.
func (m *Master) resume(h *Handover) error {
	d := h.doc
	if err := m.holdSockets(d); err != nil {
		return err
	}
	if err := m.holdInstances(d); err != nil {
		return err
	}
	m.roster = h.state
	if own := m.conf; own.Load == nil {
		m.conf.Load = func(context.Context, *slog.Logger) (Config, error) { return own, nil }
	}
	m.conf.Services, m.conf.Events, m.conf.Grace, m.conf.Stuck = d.Services, d.Events, d.Grace, d.Stuck
	m.conf.Hung = d.Hung
	m.counts = d.Counters
	m.logq.dropped.Store(d.LogDropped)
	if err := m.holdChildren(d); err != nil {
		return err
	}
	h.taken = true
	m.acts = h.acts
	m.perform()
	for id, k := range m.kids {
		if k.ch != nil {
			m.hear(k.ch)
		}
		if k.pid != 0 && k.pidfd < 0 { // roster knows, unless somebody else reaped it
			m.step(roster.Event{Kind: roster.Exited, Child: id})
		}
	}
	h.close()
	m.record()
	m.afterwards(h)
	return nil
}

// afterwards counts, and has the services follow: the new program's configuration, the new program's workers.
func (m *Master) afterwards(h *Handover) {
	if h.failed != "" {
		m.counts.BadUpgrades++
		m.why = h.failed
		m.log.Error("upgrade failed, the program before goes on", "err", h.failed)
		return
	}
	m.counts.Upgrades++
	m.hangup = true
	m.log.Info("upgraded", "children", len(m.kids), "listeners", len(m.socks))
}

func (h *Handover) close() {
	h.memfd.Close()           //nolint:errcheck // read
	unix.Close(h.doc.Program) //nolint:errcheck // not needed any more
}

func (m *Master) holdSockets(d *document) error {
	for _, s := range d.Sockets {
		if _, err := unix.GetsockoptInt(s.FD, unix.SOL_SOCKET, unix.SO_TYPE); err != nil {
			return fmt.Errorf("descriptor %d is not the socket of %s: %w", s.FD, s.Key, err)
		}
		m.socks[s.Key] = &socket{fd: s.FD, at: s.endpoint(), key: s.Key, foreign: s.Foreign}
	}
	for _, key := range d.Failed {
		m.failed[key] = true
	}
	return nil
}

func (m *Master) holdInstances(d *document) error {
	for k := range d.Instances {
		h := &d.Instances[k]
		i := &instance{svc: &h.Service, id: h.CyrusID, name: h.Name}
		if h.Socket != "" {
			if i.sock = m.socks[h.Socket]; i.sock == nil {
				return fmt.Errorf("service %s has lost its socket %s", h.Name, h.Socket)
			}
			i.sock.refs++
		}
		m.insts[h.ID] = i
	}
	for key, e := range d.Jobs {
		m.jobs[key] = &e
	}
	return nil
}

// holdChildren enters the children. That they are ours the kernel knows: the process is the same. One that has ended
// meanwhile is a zombie until its pidfd is looked at, so no process id is another's.
func (m *Master) holdChildren(d *document) error {
	for _, h := range d.Children {
		k := &kid{order: &order{child: h.ID, argv: h.Argv}, kind: h.Kind, name: h.Name, inst: h.Inst, pid: h.PID, pidfd: -1,
			begun: h.Begun, ended: h.Ended}
		if !h.Ended {
			fd, err := unix.PidfdOpen(h.PID, 0)
			switch err {
			case nil:
			case unix.ESRCH:
				fd = -1
			default:
				return os.NewSyscallError("pidfd_open", err)
			}
			if k.pidfd = fd; fd >= 0 {
				if err := m.watch.child(h.ID, fd); err != nil {
					return err
				}
			}
		}
		if h.Status >= 0 {
			if err := unix.SetNonblock(h.Status, true); err != nil {
				return fmt.Errorf("descriptor %d is not the status channel of %d: %w", h.Status, h.PID, err)
			}
			k.ch = newChannel(h.ID, os.NewFile(uintptr(h.Status), "status"), m.in)
			k.ch.parser.rest = h.Rest
		}
		if i := m.insts[h.Inst]; i != nil && !k.ended {
			i.kids++
		}
		m.kids[h.ID] = k
		if !h.Ended {
			m.family.enter(h.PID, h.ID)
		}
	}
	return nil
}

// watch is a stopwatch that goes on as the one of the program before.
func (h *Handover) watch(bound time.Duration) *stopwatch {
	w := newStopwatch(bound)
	if h != nil {
		w.at = h.doc.Clock + monotonic() - h.doc.Monotonic
		w.begin = w.begin.Add(-w.at)
	}
	return w
}
