package master

import (
	"context"
	"errors"
	"time"
)

// Outcome is what a reload came to.
type Outcome struct {
	Changes []string // what is different from before, a line each; none if the configuration is the same
	Drained int      // workers that were told to finish, to be replaced
}

// reloaded is the answer to whoever asked for a reload.
type reloaded struct {
	Outcome
	err error
}

// Reload does what SIGHUP does and waits for the outcome. An error says why nothing has changed, or that the master or
// ctx has ended. Safe for any goroutine.
func (m *Master) Reload(ctx context.Context) (Outcome, error) {
	answer := make(chan reloaded, 1)
	if err := m.do(ctx, func() { m.askReload(answer) }); err != nil {
		return Outcome{}, err
	}
	select {
	case r := <-answer:
		return r.Outcome, r.err
	case <-m.done:
		return Outcome{}, ErrEnded
	case <-ctx.Done():
		return Outcome{}, ctx.Err()
	}
}

// askReload has the next reload answer: one under way may have read the configuration already.
func (m *Master) askReload(answer chan<- reloaded) {
	if m.roster.Stopping() {
		answer <- reloaded{err: ErrEnded}
		return
	}
	m.hangup = true
	m.asking = append(m.asking, answer)
}

// Reloads at once, and then one in each Config.reloadEvery: each replaces all workers.
const (
	reloadBurst = 5
	reloadEvery = time.Second // default of Config.reloadEvery
)

// mayReload takes the right to a reload, or says how long to wait for it.
func (m *Master) mayReload(now time.Duration) time.Duration {
	m.reloads = min(m.reloads+float64(now-m.reloadAt)/float64(m.conf.reloadEvery), reloadBurst)
	m.reloadAt = now
	if m.reloads < 1 {
		return time.Duration((1-m.reloads)*float64(m.conf.reloadEvery)) + time.Millisecond
	}
	m.reloads--
	return 0
}

// load reads the configuration in a goroutine; the plan comes back through the inbox.
func (m *Master) load(ctx context.Context) {
	m.loading, m.hangup = true, false
	m.tell(Reloading)
	m.told, m.asking = m.asking, nil
	conf := m.conf
	m.helpers.Add(1)
	go func() {
		defer m.helpers.Done()
		var p *plan
		fresh, err := conf, error(nil)
		if conf.Load != nil {
			fresh, err = conf.Load(ctx, m.log)
		}
		fresh.setDefaults()
		if err == nil {
			err = fresh.check()
		}
		if err != nil {
			p = &plan{err: err}
		} else {
			p = m.plan(ctx, fresh)
		}
		m.in.put(func() { m.in.plan = p })
	}()
}

// takePlan puts a configuration in force that load has read, and tells those who asked for it.
func (m *Master) takePlan() {
	m.in.mu.Lock()
	p := m.in.plan
	m.in.plan = nil
	m.in.mu.Unlock()
	if p == nil {
		return
	}
	m.loading = false
	r := m.putInForce(p)
	if !m.roster.Stopping() {
		m.tell(Running)
	}
	for _, answer := range m.told {
		answer <- r
	}
	m.told = nil
	switch {
	case r.err == nil:
		m.counts.Reloads++
	case !errors.Is(r.err, ErrEnded):
		m.counts.BadReloads++
		m.log.Error("reload refused, nothing has changed", "err", r.err)
	}
}

func (m *Master) putInForce(p *plan) (r reloaded) {
	switch {
	case p.err != nil:
		return reloaded{err: p.err}
	case m.roster.Stopping():
		return reloaded{err: ErrEnded}
	}
	before, old := m.conf, m.workers()
	if r.err = m.adopt(p); r.err != nil {
		return r
	}
	r.Changes, r.Drained = differences(&before, &m.conf), old
	return r
}

// workers counts the workers that have not been told to finish.
func (m *Master) workers() (n int) {
	insts, _ := m.roster.View()
	for _, i := range insts {
		n += i.Ready + i.Busy
	}
	return n
}
