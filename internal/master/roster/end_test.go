package roster

import (
	"strings"
	"syscall"
	"testing"
	"time"
)

// P19: SIGHUP reaches each worker once, however many services there are, and a running job never.
func TestP19_OneHangup(t *testing.T) {
	services := []Service{{Key: "a", Name: "a", Prefork: 2, MaxChild: -1}, {Key: "b", Name: "b", Prefork: 1, MaxChild: -1},
		{Key: "d", Name: "d", Prefork: 1, MaxChild: 1, Daemon: true}}
	conf := &Config{Services: services, Jobs: []Job{{Key: "j", Name: "j", Period: time.Hour}}}
	w := &world{T: t, s: New(), now: time.Second}
	w.step(Event{Kind: Reload, Conf: conf})
	first := w.spawned()
	w.after(time.Second)
	job := w.spawned()
	if len(job) != 1 {
		t.Fatalf("%d runs", len(job))
	}
	got := map[ChildID]int{}
	for range 3 {
		w.step(Event{Kind: Reload, Conf: conf})
		for _, a := range w.acts {
			if a.Op == OpSignal && a.Sig == syscall.SIGHUP {
				got[a.Child]++
			}
		}
	}
	for _, id := range first {
		if got[id] != 1 {
			t.Errorf("child %d got %d times SIGHUP", id, got[id])
		}
	}
	if got[job[0]] != 0 {
		t.Error("the job got SIGHUP")
	}
}

// F25: a daemon that does not heed SIGHUP gets SIGTERM, then SIGKILL; a worker, which may serve somebody, does not. It
// is said once.
func TestUnheededHangup(t *testing.T) {
	w := newWorld(t, Service{Key: "d", Name: "calalarmd/daemon", Prefork: 1, MaxChild: 1, Daemon: true},
		Service{Key: "a", Name: "imap/ipv4", Prefork: 1, MaxChild: -1})
	ids := w.spawned()
	w.step(Event{Kind: Reload, Conf: &Config{Services: []Service{{Key: "d", Name: "calalarmd/daemon", Prefork: 1,
		MaxChild: 1, Daemon: true}, {Key: "a", Name: "imap/ipv4", Prefork: 1, MaxChild: -1}}}})
	w.after(recycleAfter - 1)
	if len(w.acts) != 0 {
		t.Errorf("too early: %v", w.acts)
	}
	for _, want := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		d, ok := w.s.Next(w.now)
		if !ok || d > recycleAgain {
			t.Fatalf("nothing is planned: %v %v", d, ok)
		}
		w.after(d)
		if n := w.count(OpSignal); n != 1 || w.toldNow() != ids[0] {
			t.Fatalf("%v", w.acts)
		}
		for _, a := range w.acts {
			if a.Op == OpSignal && a.Sig != want {
				t.Errorf("%v, want %v", a.Sig, want)
			}
		}
	}
	w.after(time.Hour)
	for _, name := range []string{"calalarmd/daemon pid 1000", "imap/ipv4 pid 1001"} {
		if n := strings.Count(w.log.String(), "service "+name+" in state 1 has not yet been recycled since SIGHUP was sent (30s ago)"); n != 1 {
			t.Errorf("%d lines about %s:\n%s", n, name, w.log.String())
		}
	}
}

// P24: whatever ignores SIGTERM, the end comes within the grace time and two seconds, wait daemons included.
func TestP24_Bounded(t *testing.T) {
	for name, dies := range map[string]map[string]bool{"nobody heeds SIGKILL": {}, "services do": {"imap": true},
		"wait daemons do": {"one": true, "two": true}, "all do": {"imap": true, "one": true, "two": true}} {
		w, one, two, imap := serving(t)
		ids := map[ChildID]string{one: "one", two: "two", imap: "imap"}
		begun := w.now
		w.step(Event{Kind: Stop})
		for !w.s.Done() {
			for _, a := range w.acts {
				if a.Op == OpSignal && a.Sig == syscall.SIGKILL && dies[ids[a.Child]] {
					w.step(Event{Kind: Ended, Child: a.Child})
					w.step(Event{Kind: Exited, Child: a.Child, Status: 9})
				}
			}
			if d, ok := w.s.Next(w.now); ok {
				w.after(max(d, 1))
			} else if !w.s.Done() {
				t.Fatalf("%s: nothing is planned", name)
			}
		}
		if took := w.now - begun; took > defaultGrace+afterKill+time.Millisecond {
			t.Errorf("%s: %v", name, took)
		}
	}
}

// P43: what a child left behind is ended with the master; at the end it is looked for once more, and what is found then
// is ended too.
func TestP43_Strays(t *testing.T) {
	w := &world{T: t, s: New(), now: time.Second}
	w.step(Event{Kind: Reload, Conf: &Config{Sweep: true}})
	find := func(pid int) ChildID {
		w.step(Event{Kind: Found, PID: pid, Text: "idled"})
		for _, a := range w.acts {
			if a.Op == OpAdopt && a.PID == pid && a.Text == "idled" {
				return a.Child
			}
		}
		t.Fatalf("not adopted: %v", w.acts)
		return 0
	}
	a, b := find(7), find(8)
	w.step(Event{Kind: Exited, Child: a, Status: 0}) // of itself
	if w.count(OpForget) != 1 {
		t.Errorf("%v", w.acts)
	}
	w.step(Event{Kind: Stop})
	if w.count(OpSignal) != 1 || w.toldNow() != b || w.count(OpSweep) != 0 {
		t.Fatalf("%v", w.acts)
	}
	w.step(Event{Kind: Exited, Child: b, Status: 15})
	if w.count(OpSweep) != 1 || w.s.Done() {
		t.Fatalf("%v", w.acts)
	}
	c := find(9)
	if w.toldNow() != c {
		t.Errorf("found at the end and not told to end: %v", w.acts)
	}
	w.step(Event{Kind: Swept})
	w.step(Event{Kind: Exited, Child: c, Status: 15})
	if w.count(OpSweep) != 1 || w.s.Done() {
		t.Fatalf("%v", w.acts)
	}
	w.step(Event{Kind: Swept})
	if !w.s.Done() || w.count(OpDone) != 1 {
		t.Errorf("%v", w.acts)
	}
}

// P43: a sweep that never answers holds up the end no longer than what SIGKILL does not end.
func TestP43_SweepHangs(t *testing.T) {
	w := &world{T: t, s: New(), now: time.Second}
	w.step(Event{Kind: Reload, Conf: &Config{Sweep: true}})
	w.step(Event{Kind: Stop})
	w.after(defaultGrace + afterKill)
	if !w.s.Done() {
		t.Errorf("%v", w.acts)
	}
}

// Whatever the clock does, the master does not end before everything that lives was sent SIGKILL: wait daemons whose turn
// never came too.
func TestEndKillsWhatItGivesUp(t *testing.T) {
	for name, jumps := range map[string][]time.Duration{
		"the clock jumps past everything": {defaultGrace + afterKill},
		"others take all the time":        {defaultGrace, afterKill},
	} {
		w, one, two, imap := serving(t)
		killed := map[ChildID]bool{}
		w.step(Event{Kind: Stop})
		for _, d := range jumps {
			w.after(d)
			for _, a := range w.acts {
				if a.Op == OpSignal && a.Sig == syscall.SIGKILL {
					killed[a.Child] = true
				}
			}
		}
		if !w.s.Done() || !killed[one] || !killed[two] || !killed[imap] {
			t.Errorf("%s: done %v, killed %v", name, w.s.Done(), killed)
		}
	}
}
