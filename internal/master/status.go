package master

import (
	"context"
	"errors"
	"os"
	"time"

	"github.com/constance-mail/constance/internal/master/roster"
)

// Status is the state of a master at one moment. In JSON durations are nanoseconds.
type Status struct {
	PID        int             `json:"pid"`
	Up         time.Duration   `json:"up"`
	Stopping   bool            `json:"stopping"`
	Services   []ServiceStatus `json:"services"`
	Events     []EventStatus   `json:"events"`
	Counters   Counters        `json:"counters"`
	Rounds     uint64          `json:"rounds"`       // of the loop
	Longest    time.Duration   `json:"longestRound"` // without waiting
	LongestGap time.Duration   `json:"longestGap"`   // from when anything came to do until the loop looked
	Stalls     uint64          `json:"stalls"`       // rounds longer than Config.Stall
	LogDropped uint64          `json:"logDropped"`   // lines that the log could not take in time
	Stages     []Histogram     `json:"stages"`
}

// ServiceStatus is one listener of a service.
type ServiceStatus struct {
	Name      string        `json:"name"`
	Listen    string        `json:"listen"` // the address, empty for a daemon
	Ready     int           `json:"ready"`
	Busy      int           `json:"busy"`
	Draining  int           `json:"draining"`
	Starting  int           `json:"starting"` // of the ready ones: not running yet
	Prefork   int           `json:"prefork"`
	MaxChild  int           `json:"maxChild"` // 0 = no bound
	Forks     int           `json:"forks"`
	Fails     int           `json:"fails"`   // workers that crashed or failed
	Hung      int           `json:"hung"`    // workers that were replaced because they gave no sign of life
	Conns     int           `json:"conns"`   // accepted, by the workers' word
	Pending   int           `json:"pending"` // clients that waited at the last look
	ForkRate  float64       `json:"forkRate"`
	PausedFor time.Duration `json:"pausedFor"` // no fork before that
	Leaving   bool          `json:"leaving"`   // no longer configured
	Workers   []Worker      `json:"workers"`
}

// Worker is a child process. State is ready, busy or draining.
type Worker struct {
	PID      int           `json:"pid"` // 0 while it is being started
	State    string        `json:"state"`
	Since    time.Duration `json:"since"` // how long in State
	Age      time.Duration `json:"age"`
	Conns    int           `json:"conns"`    // accepted
	Active   int           `json:"active"`   // being served; only of workers that give signs of life
	LastLife time.Duration `json:"lastLife"` // how long ago; -1 = gives none
	Heard    time.Duration `json:"heard"`    // how long ago it said anything; -1 = never
	RSS      int64         `json:"rss"`      // octets of memory, filled in by whoever shows it; 0 = unknown
	PSS      int64         `json:"pss"`      // the same, of what is shared only its share
	Hung     bool          `json:"hung"`     // gives none any more, and is being replaced
	Memory   int64         `json:"memory"`   // octets beside what it maps of files; 0 = not looked at
}

// EventStatus is a scheduled command.
type EventStatus struct {
	Name string        `json:"name"`
	In   time.Duration `json:"in"`  // until the next run; -1 = there is none
	PID  int           `json:"pid"` // of the run, or 0
}

// ErrEnded is what a master answers that has ended.
var ErrEnded = errors.New("the master has ended")

// do runs f in the owner's goroutine.
func (m *Master) do(ctx context.Context, f func()) error {
	done := make(chan struct{})
	select {
	case m.in.ask <- func() { f(); close(done) }:
	case <-ctx.Done():
		return ctx.Err()
	case <-m.done:
		return ErrEnded
	}
	select {
	case <-done:
		return nil
	case <-m.done:
		return ErrEnded
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Status asks the owner. Safe for any goroutine.
func (m *Master) Status(ctx context.Context) (Status, error) {
	var s Status
	err := m.do(ctx, func() { s = m.status() })
	return s, err
}

// Loop is what is known of the loop without asking it. In JSON durations are nanoseconds.
type Loop struct {
	Stage        string        `json:"stage"`    // what it does now: wait, or a part of its work
	StageFor     time.Duration `json:"stageFor"` // since when
	RoundFor     time.Duration `json:"roundFor"` // for how long the present round has worked; 0 = it waits
	Where        string        `json:"where,omitempty"`
	Rounds       uint64        `json:"rounds"`
	LongestRound Peak          `json:"longestRound"` // without waiting
	LongestGap   Peak          `json:"longestGap"`   // from when anything came to do until the loop looked
	Stalls       uint64        `json:"stalls"`       // rounds longer than Config.Stall, ever
	Recent       []Stall       `json:"recent"`       // the last of them, the oldest first
	Stages       []Histogram   `json:"stages"`
}

// Up is for how long there is a master. Safe for any goroutine.
func (m *Master) Up() time.Duration { return m.clock.time() }

// Loop tells it even while the loop is stuck. Safe for any goroutine. Where is filled in, as in Stall, if the
// round has taken longer than Config.Stall already.
func (m *Master) Loop() Loop {
	w := m.clock
	s, stageFor, roundFor := w.now()
	l := Loop{Stage: s.String(), StageFor: stageFor, RoundFor: roundFor, Rounds: w.rounds.Load(),
		LongestRound: *w.longest.Load(), LongestGap: *w.gap.Load()}
	if roundFor > w.bound {
		l.Where = loopFrames()
	}
	l.Recent, l.Stalls = w.stalls.recent()
	for s := range w.h {
		l.Stages = append(l.Stages, w.h[s].histogram(stage(s)))
	}
	return l
}

// Drain tells every worker of a service to finish; they are replaced. It returns how many there were.
func (m *Master) Drain(ctx context.Context, service string) (n int, err error) {
	err = m.do(ctx, func() {
		insts, _ := m.roster.View()
		for _, i := range insts {
			if at := m.insts[i.ID]; at == nil || at.svc.Name != service {
				continue
			}
			for _, c := range i.Children {
				if c.Class != roster.Draining {
					m.step(roster.Event{Kind: roster.DrainChild, Child: c.ID})
					n++
				}
			}
		}
	})
	return n, err
}

func (m *Master) status() Status {
	now := m.clock.time()
	s := Status{PID: os.Getpid(), Up: now, Stopping: m.roster.Stopping(), Services: []ServiceStatus{},
		Events: []EventStatus{}, Counters: m.counts, LogDropped: m.logq.dropped.Load()}
	l := m.Loop()
	s.Rounds, s.Longest, s.LongestGap = l.Rounds, l.LongestRound.For, l.LongestGap.For
	s.Stalls, s.Stages = l.Stalls, l.Stages
	insts, jobs := m.roster.View()
	for _, v := range insts {
		s.Services = append(s.Services, m.serviceStatus(&v, now))
	}
	for _, j := range jobs {
		s.Events = append(s.Events, EventStatus{Name: j.Job.Name, In: m.until(&j, now), PID: j.PID})
	}
	return s
}

// until is how long it takes to the next run of a job.
func (m *Master) until(j *roster.JobView, now time.Duration) time.Duration {
	switch {
	case !j.Next.IsZero():
		return max(j.Next.Sub(m.conf.Wall().Round(0)), 0)
	case j.Job.Times != nil || j.Due == 0:
		return -1
	}
	return max(j.Due-now, 0)
}

func (m *Master) serviceStatus(v *roster.InstView, now time.Duration) ServiceStatus {
	st := ServiceStatus{Name: v.Service.Name, Ready: v.Ready, Busy: v.Busy, Draining: v.Draining,
		Starting: v.Starting,
		Prefork:  v.Service.Prefork, MaxChild: max(v.Service.MaxChild, 0), Forks: v.Forks, Fails: v.Fails,
		Hung:  v.Hung,
		Conns: v.Conns, Pending: v.Pending, ForkRate: v.ForkRate, PausedFor: v.PausedFor, Leaving: v.Removed,
		Workers: []Worker{}}
	if i := m.insts[v.ID]; i != nil && i.sock != nil {
		st.Listen = i.sock.address()
	}
	for _, c := range v.Children {
		w := Worker{PID: c.PID, State: c.Class.String(), Since: now - c.Since, Age: now - c.Born, Conns: c.Conns,
			Active: c.Active, LastLife: -1, Heard: -1, Hung: c.Hung, Memory: c.Memory}
		if c.LastLife > 0 {
			w.LastLife = now - c.LastLife
		}
		if c.Heard > 0 {
			w.Heard = now - c.Heard
		}
		st.Workers = append(st.Workers, w)
	}
	return st
}
