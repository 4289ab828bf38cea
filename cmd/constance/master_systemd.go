package main

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/constance-mail/constance/internal/master"
	"github.com/constance-mail/constance/internal/systemd"
)

// statusEvery is how often the service manager is told what there is to see, unless it wants a sign of life
// more often.
const statusEvery = 10 * time.Second

// supervised tells the service manager how a master does.
type supervised struct {
	notify *systemd.Notifier // nil: there is none
	every  time.Duration     // of the signs of life
	ping   bool              // it wants them
	log    *slog.Logger
}

// supervise finds the service manager by the environment and has conf tell it of each phase.
func supervise(conf *master.Config, getenv func(string) string) *supervised {
	n, err := systemd.Open(getenv)
	if err != nil {
		conf.Log.Warn("the service manager will hear nothing", "err", err)
	}
	s := &supervised{notify: n, every: statusEvery, log: conf.Log}
	if w := systemd.Watchdog(getenv); w > 0 {
		s.ping, s.every = true, min(w/2, statusEvery)
	}
	if n == nil {
		return s
	}
	ready, phase := conf.Ready, conf.Phase
	conf.Ready = func() {
		if ready != nil {
			ready()
		}
		s.send(systemd.Ready)
	}
	conf.Phase = func(p master.Phase) {
		s.send(phaseLine(p)) // it never waits
		if phase != nil {
			phase(p)
		}
	}
	return s
}

func phaseLine(p master.Phase) string {
	switch p {
	case master.Reloading:
		return systemd.Reloading()
	case master.Stopping:
		return systemd.Stopping
	}
	return systemd.Ready
}

func (s *supervised) send(lines ...string) {
	if err := s.notify.Send(lines...); err != nil {
		s.log.Debug("service manager", "err", err)
	}
}

// start tells until stop how the master does. A sign of life follows each answer of the loop, which goes a
// whole round to give it, and nothing else: if the loop hangs, the service manager hears nothing more.
func (s *supervised) start(m *master.Master) (stop func()) {
	if s.notify == nil {
		return func() {}
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		tick := time.NewTicker(s.every)
		defer tick.Stop()
		for s.round(ctx, m) == nil {
			select {
			case <-tick.C:
			case <-ctx.Done():
			}
		}
	})
	return func() {
		cancel()
		wg.Wait()
		s.notify.Close() //nolint:errcheck // a datagram socket
	}
}

// round waits for the loop, however long that takes, and passes its answer on.
func (s *supervised) round(ctx context.Context, m *master.Master) error {
	st, err := m.Status(ctx)
	if err != nil {
		return err
	}
	lines := []string{systemd.Status(summary(&st))}
	if s.ping {
		lines = append(lines, systemd.Ping)
	}
	s.send(lines...)
	return nil
}

// summary is a master in one line.
func summary(st *master.Status) string {
	var ready, busy, draining, pending, paused int
	names := map[string]bool{}
	for i := range st.Services {
		s := &st.Services[i]
		names[serviceName(s)] = true
		ready, busy, draining, pending = ready+s.Ready, busy+s.Busy, draining+s.Draining, pending+s.Pending
		if s.PausedFor > 0 {
			paused++
		}
	}
	text := fmt.Sprintf("%s; processes: %d ready, %d busy, %d draining", count(len(names), "service"), ready,
		busy, draining)
	if st.Stopping {
		text = "Stopping: " + text
	}
	if pending > 0 {
		text += "; " + count(pending, "client") + " waiting"
	}
	if paused > 0 {
		text += "; " + count(paused, "listener") + " paused after failures"
	}
	if st.Stalls > 0 {
		text += "; " + count(st.Stalls, "stall") + " of the loop"
	}
	return text
}
