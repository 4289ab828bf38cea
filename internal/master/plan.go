package master

import (
	"context"
	"fmt"
	"os"
	"strings"
	"syscall"

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
	err error // the address cannot be had: it is another service's, or its name is not known
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
		if err := CheckListen(s); err != nil {
			p.err = configured(s.Where, fmt.Errorf("service '%s': %w", s.Name, err))
			return p
		}
		list, err := endpoints(ctx, s)
		if err != nil {
			p.specs = append(p.specs, spec{svc: s, at: endpoint{family: "unknown"},
				key: s.Name + " " + strings.Join(s.Listen, " "), err: err})
		}
		for _, at := range list {
			sp := spec{svc: s, at: at, key: s.Name + " " + at.key()}
			if other, taken := seen[at.key()]; taken && (at.unix != "" || at.addr.Port() != 0) {
				sp.key += " beside " + other
				sp.err = os.NewSyscallError("bind", syscall.EADDRINUSE)
			}
			seen[at.key()] = s.Name
			p.specs = append(p.specs, sp)
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
	m.tellLimits()
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
