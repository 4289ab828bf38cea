package sim

import (
	"fmt"
	"syscall"
	"time"

	"github.com/constance-mail/constance/internal/master/roster"
	"github.com/constance-mail/constance/internal/service"
)

// mischief is what a worker does that it should not.
func (w *World) mischief() error {
	p := w.any()
	if p == nil || !p.alive() || p.deaf && w.stop.told { // whom nothing but SIGKILL ends
		return nil
	}
	l := w.socks[p.inst]
	speaks := p.inst != 0 && (l == nil || !l.broken) // one word from it, and a service counts as one that serves
	kind := w.rnd.IntN(9)
	if w.weather == chatter {
		kind = 3
	}
	switch kind {
	case 0:
		w.die(p, syscall.WaitStatus(w.rnd.IntN(3)<<8))
	case 1:
		w.die(p, syscall.WaitStatus(6+w.rnd.IntN(6))) // a signal
	case 2:
		p.hangs = !p.hangs
	case 3:
		n := 1
		if w.weather == chatter {
			n = pipeMax - len(p.pipe)
		}
		for ; speaks && n > 0; n-- {
			w.say(p, w.rnd.Int32N(8)-1)
			p.truthful = false
		}
	case 4:
		if speaks && !p.shut {
			p.pipe = append(p.pipe, message{service.Life(p.conns, p.busy), 1})
		}
	case 5:
		p.shut = true
		p.truthful = false
	case 6:
		if l != nil {
			l.waiting = 0 // clients gave up
		}
	case 7:
		w.loop.interrupted = true
	case 8:
		w.ail(p)
	}
	return nil
}

// stray lets roster hear of what is long gone or was never there, or for the second time.
func (w *World) stray() error {
	e := roster.Event{Kind: roster.Kind(w.rnd.IntN(8)), Child: roster.ChildID(1e9 + w.rnd.IntN(10)), Inst: 1e6, N: 1}
	p := w.any()
	if e.Kind == roster.Reload {
		e.Kind = roster.Tick
	}
	if p == nil || w.rnd.IntN(2) == 0 {
		return w.feed(e)
	}
	switch {
	case p.known && (e.Kind == roster.Spawned || e.Kind == roster.SpawnFail):
		e.Child, e.PID = p.id, 1
	case p.told && e.Kind == roster.Exited:
		e.Child, e.Status = p.id, 1<<8
	case p.eof && !p.queued && e.Kind == roster.Ended:
		e.Child = p.id
	}
	return w.feed(e)
}

// ask: an admin wants a worker replaced or a job run.
func (w *World) ask() error {
	if p := w.any(); p != nil && w.rnd.IntN(2) == 0 {
		w.put(roster.Asks, roster.Event{Kind: roster.DrainChild, Child: p.id})
	} else if len(w.conf.Jobs) > 0 {
		w.put(roster.Asks, roster.Event{Kind: roster.Run, Text: w.conf.Jobs[w.rnd.IntN(len(w.conf.Jobs))].Key})
	}
	return nil
}

// hangup is SIGHUP.
func (w *World) hangup() error {
	w.loop.interrupted = true
	w.put(roster.Signals, roster.Event{Kind: roster.Reload})
	return nil
}

// loaded: the configuration that SIGHUP asked for has been read.
func (w *World) loaded() error {
	if w.loading {
		w.loading = false
		w.put(roster.Plans, roster.Event{Kind: roster.Reload, Conf: w.makeConfig()})
	}
	return nil
}

// makeConfig makes up a configuration that keeps some services and jobs.
func (w *World) makeConfig() *roster.Config {
	c := &roster.Config{Grace: 5 * time.Second, Stuck: time.Second, Hold: w.life.hold, Sweep: true, Hung: silence}
	for _, s := range w.conf.Services {
		switch w.rnd.IntN(6) {
		case 0:
		case 1:
			c.Services = append(c.Services, s)
		default:
			c.Services = append(c.Services, w.tune(s))
		}
	}
	for len(c.Services) < 2+w.rnd.IntN(3) {
		w.names++
		c.Services = append(c.Services, w.tune(roster.Service{Key: fmt.Sprint("s", w.names),
			Name: fmt.Sprint("s", w.names, "/ipv4"), Daemon: w.rnd.IntN(5) == 0}))
	}
	for k := range w.rnd.IntN(4) {
		c.Jobs = append(c.Jobs, w.makeJob(k))
	}
	return c
}

// makeJob makes up the k-th job, which may be what it was.
func (w *World) makeJob(k int) roster.Job {
	if k < len(w.conf.Jobs) && w.rnd.IntN(2) == 0 {
		return w.conf.Jobs[k]
	}
	j := roster.Job{Key: fmt.Sprint("j", k), Name: fmt.Sprint("j", k)}
	if w.rnd.IntN(2) == 0 {
		j.Period = time.Duration(1+w.rnd.IntN(5)) * time.Minute
	} else {
		j.Times = timetables[w.rnd.IntN(len(timetables))].spec
	}
	return j
}

func (w *World) tune(s roster.Service) roster.Service {
	s.Prefork, s.MaxChild, s.MaxForkRate = w.rnd.IntN(4), 1+w.rnd.IntN(6), 0
	s.DrainOver = w.rnd.IntN(2) == 0
	if w.rnd.IntN(4) == 0 {
		s.MaxChild = -1
	}
	if w.rnd.IntN(3) == 0 {
		s.MaxForkRate = 1 + w.rnd.IntN(10)
	}
	s.Silence, s.MaxMemory = 0, 0
	if w.rnd.IntN(2) == 0 && !s.Daemon {
		s.Silence, s.MaxMemory = silence, maxMemory
	}
	if s.Daemon {
		s.Prefork, s.MaxChild, s.Wait = 1, 1, w.names%2 == 0 || s.Wait
	}
	return s
}
