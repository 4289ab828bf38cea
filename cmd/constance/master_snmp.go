package main

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/constance-mail/constance/internal/agentx"
	"github.com/constance-mail/constance/internal/master"
)

// snmpOptions say where a master shows itself by SNMP.
type snmpOptions struct {
	socket string        // AgentX socket of the SNMP agent; "" = none
	ping   time.Duration // how often the connection to it is tried; 0 = the default
}

// Bounds of what SNMP asks of a master.
const (
	snmpPatience = 500 * time.Millisecond // for the loop; the SNMP agent itself waits for a second, by default
	snmpFresh    = time.Second            // a view is good for so long: a table is read row by row
	snmpEvery    = 2 * time.Second        // between two looks for something to notify of
)

// snmpMaster shows a master to an SNMP agent, and notifies of what wants a human.
type snmpMaster struct {
	m     *master.Master
	agent *agentx.Agent
	every time.Duration

	mu   sync.Mutex // guards what is below
	last snmpLook
	at   time.Time
}

// snmpLook is a master at one moment.
type snmpLook struct {
	up     time.Duration
	loop   master.Loop
	status *master.Status // nil: the loop does not answer
}

// startSNMP serves until stop.
func startSNMP(m *master.Master, o snmpOptions, log *slog.Logger) (stop func()) {
	if o.socket == "" {
		return func() {}
	}
	s := &snmpMaster{m: m, every: snmpEvery}
	s.agent = agentx.New(agentx.Options{Socket: o.socket, Description: snmpDescription, Subtree: snmpBase,
		View: s.view,
		Ping: o.ping, Log: log})
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { s.agent.Run(ctx) })
	wg.Go(func() { s.watch(ctx) })
	return func() { cancel(); wg.Wait() }
}

// look asks the loop, unless it was asked a moment ago.
func (s *snmpMaster) look(ctx context.Context) snmpLook {
	s.mu.Lock()
	defer s.mu.Unlock()
	if time.Since(s.at) < snmpFresh {
		return s.last
	}
	ctx, cancel := context.WithTimeout(ctx, snmpPatience)
	defer cancel()
	v := snmpLook{loop: s.m.Loop(), up: s.m.Up()}
	if st, err := s.m.Status(ctx); err == nil {
		v.status = &st
	}
	s.last, s.at = v, time.Now()
	return v
}

func (s *snmpMaster) view(ctx context.Context) agentx.View {
	v := s.look(ctx)
	return snmpView(&v)
}

// watch notifies until the end of ctx.
func (s *snmpMaster) watch(ctx context.Context) {
	tick := time.NewTicker(s.every)
	defer tick.Stop()
	before := s.look(ctx)
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now := s.look(ctx)
		for _, n := range notices(&before, &now) {
			s.agent.Notify(n.name, n.objects...)
		}
		if now.status == nil { // what was paused or full before still is, for all that is known
			now.status = before.status
		}
		before = now
	}
}

// notice is a notification to be sent.
type notice struct {
	name    agentx.OID
	objects []agentx.VarBind
}

// notices are what has come about between two looks: stalls of the loop, listeners that pause after failures,
// listeners with all the workers they may have while clients wait. Each is told once, when it begins.
func notices(before, now *snmpLook) (out []notice) {
	fresh := int(min(now.loop.Stalls-before.loop.Stalls, uint64(len(now.loop.Recent))))
	for i := range now.loop.Recent[len(now.loop.Recent)-fresh:] {
		out = append(out, stallNotice(&now.loop.Recent[len(now.loop.Recent)-fresh+i]))
	}
	if now.status == nil {
		return out
	}
	paused, full := map[string]bool{}, map[string]bool{}
	if before.status != nil {
		for i := range before.status.Services {
			s := &before.status.Services[i]
			paused[listenerKey(s)], full[listenerKey(s)] = s.PausedFor > 0, isFull(s)
		}
	}
	for i := range now.status.Services {
		s := &now.status.Services[i]
		if s.PausedFor > 0 && !paused[listenerKey(s)] {
			out = append(out, listenerNotice(noticePaused, i, s))
		}
		if isFull(s) && !full[listenerKey(s)] {
			out = append(out, listenerNotice(noticeFull, i, s))
		}
	}
	return out
}

func listenerKey(s *master.ServiceStatus) string { return s.Name + " " + s.Listen }

// isFull: clients wait, and no worker may be added.
func isFull(s *master.ServiceStatus) bool {
	return s.MaxChild > 0 && s.Ready == 0 && s.Busy+s.Draining >= s.MaxChild && s.Pending > 0
}

func stallNotice(s *master.Stall) notice {
	return notice{noticeStall, []agentx.VarBind{
		{Name: snmpOwn.Below(3, 1, 0), Value: agentx.Text(s.Stage)},
		{Name: snmpOwn.Below(3, 2, 0), Value: agentx.Gauge(uint64(s.For / time.Millisecond))},
		{Name: snmpOwn.Below(3, 3, 0), Value: agentx.Text(s.Cause())},
	}}
}

// listenerNotice tells of one listener, by its row.
func listenerNotice(name agentx.OID, i int, s *master.ServiceStatus) notice {
	n := notice{name: name}
	row := append(cyrusRow(s), ownRow(s)...)
	for _, c := range row {
		if c.told {
			n.objects = append(n.objects, agentx.VarBind{Name: c.column.Below(uint32(i + 1)), Value: c.value})
		}
	}
	return n
}

// snmpText is a text that an SNMP agent shows in one line.
func snmpText(format string, args ...any) agentx.Value {
	text := fmt.Sprintf(format, args...)
	return agentx.Text(text[:min(len(text), 255)]) // DisplayString
}
