package master

import (
	"context"
	"errors"
	"fmt"

	"github.com/constance-mail/constance/internal/master/roster"
)

// plan is a configuration that was loaded, checked and resolved, without touching anything yet.
type plan struct {
	conf  Config
	specs []spec
	err   error
}

// spec is one instance to be.
type spec struct {
	svc *Service
	at  endpoint // not for a daemon
	key string
}

// plan resolves the addresses. It may take as long as the resolver does, so a reload does it outside the loop.
func (m *Master) plan(ctx context.Context, c Config) *plan {
	p := &plan{conf: c}
	seen := map[string]string{}
	for k := range c.Services {
		s := &c.Services[k]
		if s.Daemon {
			p.specs = append(p.specs, spec{svc: s, at: endpoint{family: "daemon"}, key: s.Name + " daemon"})
			continue
		}
		list, err := endpoints(ctx, s)
		if err != nil {
			p.err = configured(s.Where, fmt.Errorf("service '%s': %w", s.Name, err))
			return p
		}
		for _, at := range list {
			if other, taken := seen[at.key()]; taken && at.addr.Port() != 0 {
				p.err = configured(s.Where,
					fmt.Errorf("service '%s': %s is service '%s' already", s.Name, at.key(), other))
				return p
			}
			seen[at.key()] = s.Name
			p.specs = append(p.specs, spec{svc: s, at: at, key: s.Name + " " + at.key()})
		}
	}
	return p
}

// socketKey: with port 0 each service has a socket of its own.
func (s *spec) socketKey() string {
	if s.at.unix == "" && s.at.addr.Port() == 0 {
		return s.key
	}
	return s.at.key()
}

// adopt puts a plan in force: all of it or nothing.
func (m *Master) adopt(p *plan) error {
	if err := m.listen(p, false); err != nil {
		return err
	}
	m.reconfigure(p)
	return nil
}

// listen opens the sockets that a plan wants and that are not open yet: all of them, or at a reload none. At the start
// an address that cannot be had is logged and left out, unless Config.BindErrorsFatal; a reload that still cannot have
// it is none the worse.
func (m *Master) listen(p *plan, start bool) error {
	opened := map[string]*socket{}
	failed := map[string]bool{}
	for k := range p.specs {
		s := &p.specs[k]
		key := s.socketKey()
		if s.svc.Daemon || m.socks[key] != nil || opened[key] != nil {
			continue
		}
		sock, err := m.obtain(s)
		if err == nil {
			sock.key = key
			opened[key] = sock
			continue
		}
		if errors.Is(err, errCovered) {
			failed[s.key] = true
			continue
		}
		m.log.Error("unable to create "+s.svc.Name+" listener socket", "err", err)
		if start && m.conf.BindErrorsFatal || !start && !m.failed[s.key] {
			for _, o := range opened {
				o.release()
			}
			err = configured(s.svc.Where, fmt.Errorf("service '%s': %w", s.svc.Name, err))
			return &Error{ExitUnavailable, err}
		}
		failed[s.key] = true
	}
	for key, sock := range opened {
		m.socks[key] = sock
	}
	m.failed = failed
	return nil
}

// reconfigure tells roster, and connects its instances with sockets and programs.
func (m *Master) reconfigure(p *plan) {
	m.conf.Services, m.conf.Events = p.conf.Services, p.conf.Events
	m.conf.Grace, m.conf.Stuck, m.conf.Hung = p.conf.Grace, p.conf.Stuck, p.conf.Hung
	cc := &roster.Config{Grace: p.conf.Grace, Stuck: p.conf.Stuck, WaitLimit: m.conf.WaitLimit, Hold: true,
		Sweep: m.conf.Subreaper, Hung: p.conf.Hung}
	made := map[string]*instance{}
	ids := map[string]int{}
	for k := range p.specs {
		s := &p.specs[k]
		if m.failed[s.key] {
			continue
		}
		made[s.key] = &instance{svc: s.svc, sock: m.socks[s.socketKey()], id: ids[s.svc.Name],
			name: s.svc.Name + "/" + s.at.family}
		ids[s.svc.Name]++
		cc.Services = append(cc.Services, rosterService(s, made[s.key].name))
	}
	jobs := map[string]*Event{}
	for k := range p.conf.Events {
		e := &p.conf.Events[k]
		key := e.Name // with another command or schedule it still never runs twice at once
		for jobs[key] != nil {
			key += "+"
		}
		jobs[key] = e
		cc.Jobs = append(cc.Jobs, roster.Job{Key: key, Name: e.Name, Period: e.Period, Times: e.Times})
	}
	m.jobs = jobs
	m.acts = m.roster.Step(roster.Event{Kind: roster.Reload, Conf: cc}, m.clock.time(), m.acts[:0])
	for key, i := range made {
		id, ok := m.roster.Instance(key)
		if !ok {
			continue // it is stopping
		}
		if old := m.insts[id]; old != nil {
			i.kids = old.kids
		} else if i.sock != nil {
			i.sock.refs++
		}
		m.insts[id] = i
	}
	m.perform()
	m.record()
}

// rosterService is what the rules need to know, with the defaults of the kinds of services filled in.
func rosterService(s *spec, name string) roster.Service {
	c := roster.Service{Key: s.key, Name: name, Prefork: s.svc.Prefork, MaxChild: s.svc.MaxChild,
		MaxForkRate: s.svc.MaxForkRate, DrainOver: s.svc.DrainOver, Daemon: s.svc.Daemon, Wait: s.svc.Wait,
		Silence: s.svc.Silence, MaxMemory: s.svc.MaxMemory}
	if c.MaxChild <= 0 {
		c.MaxChild = -1
	}
	if s.svc.Babysit || s.svc.Daemon {
		c.Prefork = max(c.Prefork, 1)
		if c.MaxForkRate == 0 {
			c.MaxForkRate = 10
		}
	}
	if s.svc.Daemon || s.at.dgram {
		c.Prefork, c.MaxChild = min(c.Prefork, 1), 1
	}
	return c
}
