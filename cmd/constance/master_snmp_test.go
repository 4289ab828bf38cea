package main

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/constance-mail/constance/internal/agentx"
	"github.com/constance-mail/constance/internal/master"
)

// A stuck loop takes nothing away of what is known without it, and leaves no old rows behind.
func TestViewOfAStuckLoop(t *testing.T) {
	v := snmpLook{up: time.Minute, loop: master.Loop{Stage: "status", RoundFor: 5 * time.Second, Stalls: 3},
		status: &master.Status{Services: []master.ServiceStatus{{Name: "imap/ipv6", Ready: 2, Busy: 3,
			Draining: 1, Forks: 9,
			PausedFor: 1500 * time.Millisecond, Prefork: -1}}}}
	whole := snmpView(&v)
	for name, want := range map[string]uint64{"1.3.0": 6000, "2.1.2.1": 6, "2.1.1.1": 9, "100.2.1.9.1": 2,
		"100.2.1.5.1": 0, "100.1.1.0": 1,
		"100.1.3.0": 5000, "100.1.7.0": 3} {
		if got := at(t, whole, name); got.Number != want || got.Type >= agentx.TypeNoSuchObject {
			t.Errorf("%s: %+v, want %d", name, got, want)
		}
	}
	if got := at(t, whole, "2.1.3.1"); string(got.Octets) != "imap[v6]" {
		t.Errorf("name %q", got.Octets)
	}
	v.status = nil
	stuck := snmpView(&v)
	if got := at(t, stuck, "2.1.2.1"); got.Type != agentx.TypeNoSuchObject {
		t.Errorf("%+v", got)
	}
	for name, want := range map[string]uint64{"1.3.0": 6000, "100.1.1.0": 2, "100.1.3.0": 5000, "100.1.7.0": 3} {
		if got := at(t, stuck, name); got.Number != want {
			t.Errorf("%s: %+v, want %d", name, got, want)
		}
	}
}

// at is the value of a name below snmpBase.
func at(t *testing.T, v agentx.View, name string) agentx.Value {
	t.Helper()
	o, err := agentx.ParseOID(name)
	if err != nil {
		t.Fatal(err)
	}
	return v.Get(snmpBase.Below(o...)).Value
}

// Each thing is told once, when it begins, and again only when it has ended in between.
func TestNotices(t *testing.T) {
	service := func(change func(*master.ServiceStatus)) master.ServiceStatus {
		s := master.ServiceStatus{Name: "pop/ipv4", Listen: "127.0.0.1:110", MaxChild: 2, Ready: 1, Busy: 1}
		change(&s)
		return s
	}
	calm := service(func(*master.ServiceStatus) {})
	paused := service(func(s *master.ServiceStatus) { s.PausedFor = time.Second })
	full := service(func(s *master.ServiceStatus) { s.Ready, s.Busy, s.Pending = 0, 2, 1 })
	busy := service(func(s *master.ServiceStatus) { s.Ready, s.Busy = 0, 2 })
	unbounded := service(func(s *master.ServiceStatus) { s.Ready, s.Busy, s.Pending, s.MaxChild = 0, 2, 1, 0 })
	look := func(stalls int, list ...master.ServiceStatus) snmpLook {
		v := snmpLook{status: &master.Status{Services: list}, loop: master.Loop{Stalls: uint64(stalls)}}
		for n := range min(stalls, 2) { // more are not remembered
			v.loop.Recent = append(v.loop.Recent, master.Stall{Peak: master.Peak{Stage: "timer",
				For: time.Duration(stalls - n)}})
		}
		return v
	}
	mute := look(0)
	mute.status = nil
	for name, c := range map[string]struct {
		before, now snmpLook
		want        []agentx.OID
	}{
		"nothing new":          {look(1, calm), look(1, calm), nil},
		"a pause":              {look(0, calm), look(0, paused), []agentx.OID{noticePaused}},
		"it goes on":           {look(0, paused), look(0, paused), nil},
		"full":                 {look(0, calm), look(0, full), []agentx.OID{noticeFull}},
		"full goes on":         {look(0, full), look(0, full), nil},
		"full, nobody waits":   {look(0, calm), look(0, busy), nil},
		"no bound":             {look(0, calm), look(0, unbounded), nil},
		"a new listener":       {look(0), look(0, paused), []agentx.OID{noticePaused}},
		"two stalls":           {look(1, calm), look(3, calm), []agentx.OID{noticeStall, noticeStall}},
		"more than remembered": {look(0, calm), look(9, calm), []agentx.OID{noticeStall, noticeStall}},
		"the loop is stuck":    {look(0, calm), mute, nil},
		"it answers at last":   {mute, look(0, full), []agentx.OID{noticeFull}},
		"all of it": {look(0, calm), look(1, paused, full), []agentx.OID{noticeStall, noticePaused,
			noticeFull}},
		"a pause ends":          {look(0, paused), look(0, calm), nil},
		"stuck, and it is told": {mute, mute, nil},
	} {
		var got []agentx.OID
		for _, n := range notices(&c.before, &c.now) {
			got = append(got, n.name)
		}
		if !slices.EqualFunc(got, c.want, func(a, b agentx.OID) bool { return a.Compare(b) == 0 }) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

// What a notification tells of a listener is its row in the tables.
func TestNoticeObjects(t *testing.T) {
	s := master.ServiceStatus{Name: "pop/ipv4", Listen: "127.0.0.1:110", MaxChild: 2, Busy: 2, Pending: 7}
	n := listenerNotice(noticeFull, 4, &s)
	v := agentx.NewView(n.objects)
	if len(v) != len(n.objects) || len(v) != 7 {
		t.Errorf("%d objects", len(n.objects))
	}
	if name, pending := at(t, v, "2.1.3.5"), at(t, v, "100.2.1.8.5"); string(name.Octets) != "pop" ||
		pending.Number != 7 {
		t.Errorf("%+v, %+v", name, pending)
	}
	long := snmpText("%s", strings.Repeat("x", 300))
	if len(long.Octets) != 255 {
		t.Errorf("%d octets", len(long.Octets))
	}
}
