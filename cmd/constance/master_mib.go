package main

import (
	"strings"
	"time"

	"github.com/constance-mail/constance/internal/agentx"
	"github.com/constance-mail/constance/internal/master"
)

// snmpDescription describes this subagent and, by its first object, the master.
const snmpDescription = "Constance mail server master process"

// What lies where is told by dist/mibs/CONSTANCE-MASTER-MIB.txt: below snmpBase what Cyrus's masters up to
// 3.2 showed, at the same places, and below snmpOwn what is ours.
var (
	snmpBase = agentx.OID{1, 3, 6, 1, 4, 1, 3, 6, 1}
	snmpOwn  = snmpBase.Below(100)

	cyrusEntry = snmpBase.Below(2, 1)
	ownEntry   = snmpOwn.Below(2, 1)

	noticeStall  = snmpOwn.Below(0, 1)
	noticePaused = snmpOwn.Below(0, 2)
	noticeFull   = snmpOwn.Below(0, 3)
)

// cell is a value of a listener's row.
type cell struct {
	column agentx.OID
	value  agentx.Value
	told   bool // in notifications about the listener
}

// snmpView is all that there is to see of a master.
func snmpView(v *snmpLook) agentx.View {
	list := append(generalObjects(v), loopObjects(&v.loop)...)
	if v.status == nil {
		return agentx.NewView(list)
	}
	c := &v.status.Counters
	list = append(list, scalar(snmpOwn, 8, agentx.Counter(c.Forks)), scalar(snmpOwn, 9,
		agentx.Counter(c.ForkFails)),
		scalar(snmpOwn, 10, agentx.Counter(c.Reloads)), scalar(snmpOwn, 11, agentx.Counter(v.status.LogDropped)))
	for i := range v.status.Services {
		s := &v.status.Services[i]
		for _, c := range append(cyrusRow(s), ownRow(s)...) {
			list = append(list, agentx.VarBind{Name: c.column.Below(uint32(i + 1)), Value: c.value})
		}
	}
	return agentx.NewView(list)
}

// scalar is object n of a group.
func scalar(group agentx.OID, n uint32, v agentx.Value) agentx.VarBind {
	return agentx.VarBind{Name: group.Below(1, n, 0), Value: v}
}

func generalObjects(v *snmpLook) []agentx.VarBind {
	return []agentx.VarBind{
		scalar(snmpBase, 1, agentx.Text(snmpDescription)),
		scalar(snmpBase, 2, snmpText("constance %s", version())),
		scalar(snmpBase, 3, agentx.Ticks(v.up)),
		scalar(snmpOwn, 1, truth(v.status != nil)),
	}
}

// loopObjects are known even if the loop is stuck.
func loopObjects(l *master.Loop) []agentx.VarBind {
	return []agentx.VarBind{
		scalar(snmpOwn, 2, agentx.Text(l.Stage)),
		scalar(snmpOwn, 3, agentx.Gauge(uint64(l.RoundFor/time.Millisecond))),
		scalar(snmpOwn, 4, agentx.Counter(l.Rounds)),
		scalar(snmpOwn, 5, agentx.Gauge(uint64(l.LongestRound.For/time.Microsecond))),
		scalar(snmpOwn, 6, agentx.Gauge(uint64(l.LongestGap.For/time.Microsecond))),
		scalar(snmpOwn, 7, agentx.Counter(l.Stalls)),
	}
}

// truth is a TruthValue of SNMPv2-TC.
func truth(is bool) agentx.Value {
	if is {
		return agentx.Integer(1)
	}
	return agentx.Integer(2)
}

// cyrusRow is a listener as Cyrus's masters showed it: IPv6 is told by the name, and all processes are active
// ones.
func cyrusRow(s *master.ServiceStatus) []cell {
	name, family, _ := strings.Cut(s.Name, "/")
	if family == "ipv6" {
		name += "[v6]"
	}
	return []cell{
		{cyrusEntry.Below(1), agentx.Counter(uint64(s.Forks)), false},
		{cyrusEntry.Below(2), agentx.Gauge(uint64(s.Ready + s.Busy + s.Draining)), true},
		{cyrusEntry.Below(3), snmpText("%s", name), true},
		{cyrusEntry.Below(5), agentx.Counter(uint64(s.Conns)), false},
	}
}

func ownRow(s *master.ServiceStatus) []cell {
	gauge := func(n int) agentx.Value { return agentx.Gauge(uint64(max(n, 0))) }
	return []cell{
		{ownEntry.Below(1), snmpText("%s", s.Listen), true},
		{ownEntry.Below(2), gauge(s.Ready), false},
		{ownEntry.Below(3), gauge(s.Busy), false},
		{ownEntry.Below(4), gauge(s.Draining), false},
		{ownEntry.Below(5), gauge(s.Prefork), false},
		{ownEntry.Below(6), gauge(s.MaxChild), true},
		{ownEntry.Below(7), agentx.Counter(uint64(s.Fails)), true},
		{ownEntry.Below(8), gauge(s.Pending), true},
		{ownEntry.Below(9), gauge(int((s.PausedFor + time.Second - 1) / time.Second)), true},
	}
}
