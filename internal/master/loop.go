package master

import (
	"context"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/constance-mail/constance/internal/master/roster"
)

// stageOf is where the time of a turn is counted.
var stageOf = [roster.Places]stage{roster.Signals: stageSignals, roster.Life: stageLife, roster.Talk: stageStatus,
	roster.Listen: stageListen, roster.Probes: stageListen, roster.Findings: stageFindings, roster.Timer: stageTimer, roster.Plans: stageReload,
	roster.Asks: stageAdmin}

// turn is what the loop carries from place to place: room for what it takes, and the request that woke it.
type turn struct {
	life  []lifeEvent
	ids   []roster.InstID
	talk  []*channel
	runs  []run
	found []roster.Event
	ask   func()
}

// loop is the owner's. Each round is a roster.Round: a bounded share of each source, always of all of them: an
// interruption, a flood or a slow source never makes it leave out another.
func (m *Master) loop(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	ended := ctx.Done()
	var t turn
	m.in.waited() // what came during the start did not wait for this loop
	for !m.roster.Done() {
		m.clock.enter(stageWait)
		t.ask = m.wait(timer, ended)
		if ended != nil && ctx.Err() != nil {
			ended = nil
			m.in.put(func() { m.in.stop = syscall.SIGTERM })
		}
		m.clock.waited(m.in.waited())
		for _, r := range roster.Round {
			m.clock.enter(stageOf[r.Place])
			m.visit(ctx, r, &t)
		}
		m.sendSignals(signalShare)
	}
	m.clock.enter(stageWait)
}

// signalShare is how many signals one round sends: to tell thousands of children at once would be a long round.
const signalShare = 64

// sendSignals sends what the roster wants sent, in its order, as far as n goes.
func (m *Master) sendSignals(n int) {
	m.sending = m.toSend.Take(n, m.sending)
	for _, a := range m.sending {
		if k := m.kids[a.Child]; k != nil && k.pidfd >= 0 {
			unix.PidfdSendSignal(k.pidfd, a.Sig, nil, 0) //nolint:errcheck // it may just have ended
		}
	}
}

// visit takes the share of one place.
func (m *Master) visit(ctx context.Context, r roster.Turn, t *turn) {
	switch r.Place {
	case roster.Signals:
		m.takeSignals(ctx)
	case roster.Life:
		t.life = take(m.in, &m.in.life, r.Share, t.life)
		for _, e := range t.life {
			m.lifeEvent(e)
		}
	case roster.Talk:
		t.talk = take(m.in, &m.in.talk, r.Share, t.talk)
		for _, c := range t.talk {
			t.runs = m.listenTo(c, t.runs)
		}
	case roster.Listen:
		t.ids = take(m.in, &m.in.listen, r.Share, t.ids)
		for _, id := range t.ids {
			m.pending(roster.Pending, id)
		}
	case roster.Probes:
		t.ids = take(m.in, &m.in.probe, r.Share, t.ids)
		for _, id := range t.ids {
			m.pending(roster.Probed, id)
		}
	case roster.Findings:
		t.found = take(m.in, &m.in.found, r.Share, t.found)
		for _, e := range t.found {
			m.step(e)
		}
	case roster.Timer:
		m.step(roster.Event{Kind: roster.Tick, Wall: m.conf.Wall()})
	case roster.Plans:
		m.takePlan()
		m.takeUpgrade()
	case roster.Asks:
		m.answer(t.ask, r.Share)
	}
}

// wait returns when there is something to do, with the admin's request if that is what came.
func (m *Master) wait(timer *time.Timer, ended <-chan struct{}) (ask func()) {
	if m.in.more() || m.toSend.Len() > 0 {
		return nil
	}
	m.setTimer(timer)
	select {
	case <-m.in.wake:
	case <-timer.C:
	case ask = <-m.in.ask:
	case <-ended:
	}
	return ask
}

// setTimer makes the timer wake the loop when roster, or a reload that was put off, wants to be.
func (m *Master) setTimer(t *time.Timer) {
	d, ok := m.roster.Next(m.clock.time())
	if m.hangup && !m.loading && m.roster.Working() {
		if r := time.Duration((1 - m.reloads) * float64(m.conf.reloadEvery)); !ok || r < d {
			d, ok = max(r, time.Millisecond), true
		}
	}
	if !ok {
		d = time.Hour
	}
	t.Reset(d)
}

func (m *Master) takeSignals(ctx context.Context) {
	m.in.mu.Lock()
	hangup, stop, stacks, succeed := m.in.hangup, m.in.stop, m.in.stacks, m.in.succeed
	m.in.hangup, m.in.stop, m.in.stacks, m.in.succeed = false, nil, false, false
	m.in.mu.Unlock()
	if hangup {
		m.hangup = true
	}
	if stacks || stop == syscall.SIGQUIT {
		m.stacks()
	}
	if stop != nil {
		m.counts.Signals++
		m.tell(Stopping)
		m.step(roster.Event{Kind: roster.Stop})
	}
	if succeed {
		m.counts.Signals++
		m.askUpgrade(ctx, "", nil)
	}
	if m.hangup && !m.loading && m.roster.Working() && !m.roster.Stopping() && m.mayReload(m.clock.time()) == 0 {
		m.counts.Signals++
		m.log.Log(ctx, roster.LevelNotice, "got SIGHUP")
		m.load(ctx)
	}
}

// answer does what admins ask for, at most share of them, the one that woke the loop first.
func (m *Master) answer(first func(), share int) {
	if first != nil {
		first()
		share--
	}
	for range share {
		select {
		case f := <-m.in.ask:
			f()
		default:
			return
		}
	}
}

// listenTo takes what a child said.
func (m *Master) listenTo(c *channel, runs []run) []run {
	runs, ended := c.take(runs)
	for _, r := range runs {
		m.counts.Messages += uint64(r.n)
		if r.code == garbage {
			m.counts.Garbage += uint64(r.n)
		}
		m.step(roster.Event{Kind: roster.Said, Child: c.child, Code: r.code, N: r.n})
	}
	if ended {
		m.step(roster.Event{Kind: roster.Ended, Child: c.child})
	}
	return runs
}

// pending looks at a listening socket for roster.
func (m *Master) pending(kind roster.Kind, id roster.InstID) {
	i := m.insts[id]
	if i == nil || i.sock == nil {
		return
	}
	m.step(roster.Event{Kind: kind, Inst: id, N: i.sock.waiting()})
}

// step leads one event through roster and does what follows.
func (m *Master) step(e roster.Event) {
	m.acts = m.roster.Step(e, m.clock.time(), m.acts[:0])
	m.perform()
}

// perform does what roster decided. A probe's answer is an event for the next round, like any other.
func (m *Master) perform() {
	for _, a := range m.acts {
		switch a.Op {
		case roster.OpSpawn:
			m.start(a)
		case roster.OpSignal:
			m.toSend.Put(a)
		case roster.OpArm:
			m.arm(a.Inst)
		case roster.OpProbe:
			id := a.Inst
			m.in.put(func() { m.in.probe.Put(id) })
		case roster.OpAge:
			m.askAge(a.Inst)
		case roster.OpExamine:
			m.examine(a)
		case roster.OpAdopt:
			m.takeIn(a)
		case roster.OpSweep:
			m.sweep()
		case roster.OpReady:
			m.ready()
		case roster.OpRelease:
			m.release(a.Inst)
		case roster.OpGone:
			delete(m.insts, a.Inst)
		case roster.OpForget:
			m.forget(a.Child)
		case roster.OpLog:
			m.log.Log(context.Background(), a.Level, a.Text)
		}
	}
}

// arm has the kernel tell when a client waits.
func (m *Master) arm(id roster.InstID) {
	i := m.insts[id]
	if i == nil || i.sock == nil {
		return
	}
	if err := m.watch.listener(id, i.sock.fd); err != nil {
		m.log.Error("cannot watch a listener", "service", i.name, "err", err)
	}
}

// release takes an instance off its socket, which is closed unless another has taken it over.
func (m *Master) release(id roster.InstID) {
	i := m.insts[id]
	if i == nil || i.sock == nil {
		return
	}
	s := i.sock
	i.sock = nil
	m.unref(s)
}
