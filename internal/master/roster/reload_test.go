package roster

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/constance-mail/constance/internal/service"
)

func (w *world) reload(c Config) {
	w.Helper()
	w.step(Event{Kind: Reload, Conf: &c})
}

// signals counts those that the last step sends, by child and signal.
func (w *world) signals() map[ChildID][]syscall.Signal {
	got := map[ChildID][]syscall.Signal{}
	for _, a := range w.acts {
		if a.Op == OpSignal {
			got[a.Child] = append(got[a.Child], a.Sig)
		}
	}
	return got
}

// P17, P19: a reload tells each worker once to finish, whatever it does, and starts its successor.
func TestReloadInEachState(t *testing.T) {
	conf := Config{Services: []Service{{Key: "a", Name: "a/ipv4", Prefork: 1, MaxChild: 1}}}
	over := Config{Services: []Service{{Key: "a", Name: "a/ipv4", Prefork: 1, MaxChild: 1, DrainOver: true}}}
	for _, c := range []struct {
		state  string
		conf   Config
		hups   int
		spawns int
	}{
		{"starting", conf, 0, 0}, // is told when it runs
		{"ready", conf, 1, 0},
		{"busy", conf, 1, 0},
		{"draining", conf, 0, 0}, // was told
		{"draining busy", conf, 0, 0},
		{"ended", conf, 0, 0},
		{"termed", conf, 0, 0},
		{"starting", over, 0, 1},
		{"ready", over, 1, 1},
		{"busy", over, 1, 1},
	} {
		w, id := brought(t, c.state)
		w.reload(c.conf)
		hups := 0
		for _, s := range w.signals()[id] {
			if s == syscall.SIGHUP {
				hups++
			}
		}
		if hups != c.hups || w.count(OpSpawn) != c.spawns {
			t.Errorf("%s: %d SIGHUP, %d forks; want %d, %d", c.state, hups, w.count(OpSpawn), c.hups, c.spawns)
		}
		if w.count(OpRelease)+w.count(OpGone) != 0 {
			t.Errorf("%s: the listener is given up", c.state)
		}
		if c.state != "starting" {
			continue
		}
		w.step(Event{Kind: Spawned, Child: id, PID: 3})
		if got := w.signals()[id]; len(got) != 1 || got[0] != syscall.SIGHUP {
			t.Errorf("told once it runs: %v", got)
		}
	}
}

// P20: what a reload may change, and what follows at once.
func TestReloadChanges(t *testing.T) {
	a, b, c := Service{Key: "a", Prefork: 1, MaxChild: -1}, Service{Key: "b", Prefork: 1, MaxChild: -1},
		Service{Key: "c", Prefork: 2, MaxChild: -1}
	more := a
	more.Prefork = 4
	for _, k := range []struct {
		name                         string
		to                           []Service
		spawn, hup, release, arm, in int
	}{
		{"the same", []Service{a, b}, 2, 2, 0, 0, 2},
		{"another order", []Service{b, a}, 2, 2, 0, 0, 2},
		{"one more", []Service{a, b, c}, 4, 2, 0, 1, 3},
		{"one less", []Service{b}, 1, 2, 1, 0, 1},
		{"one for another", []Service{a, c}, 3, 2, 1, 1, 2},
		{"more prefork", []Service{more, b}, 5, 2, 0, 0, 2},
		{"nothing", nil, 0, 2, 2, 0, 0},
	} {
		w := newWorld(t, a, b)
		w.all()
		w.reload(Config{Services: k.to})
		hup := 0
		for _, s := range w.signals() {
			if len(s) != 1 || s[0] != syscall.SIGHUP {
				t.Errorf("%s: signals %v", k.name, s)
			}
			hup++
		}
		in := 0
		for _, key := range []string{"a", "b", "c"} {
			if _, ok := w.s.Instance(key); ok {
				in++
			}
		}
		got := [5]int{w.count(OpSpawn), hup, w.count(OpRelease), w.count(OpArm), in}
		if want := [5]int{k.spawn, k.hup, k.release, k.arm, k.in}; got != want {
			t.Errorf("%s: forks, SIGHUP, released, watched, in force: %v, want %v", k.name, got, want)
		}
		if !strings.Contains(w.log.String(), "Services reconfigured") {
			t.Errorf("%s: nothing is said", k.name)
		}
	}
}

// A service that goes lives until its last child has ended, and comes back as another: nothing of it is taken over.
func TestRemovedAndBack(t *testing.T) {
	conf := Config{Services: []Service{{Key: "a", Name: "a", Prefork: 1, MaxChild: 1}}}
	w := newWorld(t, conf.Services...)
	old := w.all()[0]
	w.say(old, service.Unavailable, service.Connection)
	was, _ := w.s.Instance("a")
	w.reload(Config{})
	if v := w.view(); !v.Removed || v.Draining != 1 {
		t.Fatalf("%+v", v)
	}
	w.clients2(was) // a late notice
	w.reload(conf)
	is, ok := w.s.Instance("a")
	if !ok || is == was || w.count(OpSpawn) != 1 || len(w.signals()) != 0 {
		t.Fatalf("instance %d, was %d; %v", is, was, w.acts)
	}
	w.say(old, service.Available) // serves on though it was told to go
	w.dies(old, 11)
	if w.count(OpGone) != 1 || strings.Contains(w.log.String(), "terminated") {
		t.Errorf("%v %s", w.acts, w.log.String())
	}
	if v := w.view(); v.ID != is || v.Conns != 0 || v.Starting != 1 {
		t.Errorf("%+v", v)
	}
	if w.s.InstOf(v0(w)) != is || w.s.InstOf(old) != 0 {
		t.Error("children are filed wrongly")
	}
}

func v0(w *world) ChildID { return w.view().Children[0].ID }

// clients2 tells of waiting clients at an instance, asked or not.
func (w *world) clients2(id InstID) {
	w.Helper()
	w.step(Event{Kind: Pending, Inst: id, N: 3})
	w.step(Event{Kind: Probed, Inst: id, N: 3})
	if w.count(OpSpawn) != 0 {
		w.Error("a fork for a listener that has gone")
	}
}

// P21: a reload ends a pause and begins a new count.
func TestReloadRevives(t *testing.T) {
	conf := Config{Services: []Service{{Key: "a", Name: "a", Prefork: 1, MaxChild: -1}}}
	w := newWorld(t, conf.Services...)
	for range failMax {
		w.all()
		w.dies(v0(w), 1<<8)
		w.after(quickExit)
	}
	if w.view().PausedFor == 0 {
		t.Fatal("no pause")
	}
	w.reload(conf)
	if v := w.view(); v.PausedFor != 0 || v.Starting != 1 || w.s.order[0].fails != 0 {
		t.Errorf("%+v", v)
	}
}

// Reloads in a row: each worker is told once, and nothing piles up.
func TestManyReloads(t *testing.T) {
	conf := Config{Services: []Service{{Key: "a", Prefork: 2, MaxChild: 4, DrainOver: true}},
		Jobs: []Job{{Key: "j", Period: time.Minute}}}
	w := newWorld(t)
	told := map[ChildID]int{}
	for range 1000 {
		w.reload(conf)
		for id, s := range w.signals() {
			if told[id] += len(s); told[id] > 1 {
				t.Fatalf("child %d is told %d times", id, told[id])
			}
		}
		w.all()
		if n := len(w.s.children); n > 10 {
			t.Fatalf("%d children", n)
		}
		for id := range told {
			if c := w.s.children[id]; c != nil && !c.exited {
				w.dies(id, 0)
			}
		}
		w.after(time.Millisecond)
	}
	if len(w.s.order) != 1 || len(w.s.jobs) != 1 || len(w.s.ended) != 0 {
		t.Errorf("%d instances, %d jobs, %d ended", len(w.s.order), len(w.s.jobs), len(w.s.ended))
	}
}

func TestReloadOfNothing(t *testing.T) {
	w := newWorld(t, Service{Key: "a", Prefork: 1, MaxChild: -1})
	w.step(Event{Kind: Reload})
	if len(w.acts) != 0 {
		t.Errorf("%v", w.acts)
	}
	if _, ok := w.s.Instance("a"); !ok {
		t.Error("a reload without a configuration took the service")
	}
}

// P23, P24: the end, from each state: one SIGTERM, after the grace time SIGKILL, and then an end whatever happens.
func TestStopInEachState(t *testing.T) {
	for _, c := range []struct {
		state      string
		term, kill int
	}{
		{"starting", 0, 0}, {"ready", 1, 1}, {"busy", 1, 1}, {"draining", 1, 1}, {"draining busy", 1, 1}, {"ended", 0, 0},
	} {
		w, id := brought(t, c.state)
		begun := w.now
		w.step(Event{Kind: Stop})
		if got := w.signals()[id]; len(got) != c.term || c.term > 0 && got[0] != syscall.SIGTERM {
			t.Errorf("%s: %v", c.state, got)
		}
		w.step(Event{Kind: Stop}) // again: nothing
		if len(w.acts) != 0 || !w.s.Stopping() {
			t.Errorf("%s, told again: %v", c.state, w.acts)
		}
		kills := 0
		for !w.s.Done() {
			d, ok := w.s.Next(w.now)
			if !ok || w.now > begun+time.Minute {
				t.Fatalf("%s: it never ends", c.state)
			}
			w.after(d)
			for _, s := range w.signals()[id] {
				if s == syscall.SIGKILL {
					kills++
				}
			}
		}
		if kills != c.kill || w.now-begun > defaultGrace+afterKill {
			t.Errorf("%s: %d SIGKILL, over after %v", c.state, kills, w.now-begun)
		}
		if w.after(time.Hour); len(w.acts) != 0 {
			t.Errorf("%s: after the end: %v", c.state, w.acts)
		}
	}
}

// A child that was being started when the end came is told to go as soon as it runs, or killed if it is that late.
func TestStartedTooLate(t *testing.T) {
	for _, c := range []struct {
		late time.Duration
		sig  syscall.Signal
	}{{time.Second, syscall.SIGTERM}, {defaultGrace + time.Second, syscall.SIGKILL}} {
		w, id := brought(t, "starting")
		w.step(Event{Kind: Stop})
		w.after(c.late)
		w.step(Event{Kind: Spawned, Child: id, PID: 9})
		if got := w.signals()[id]; len(got) != 1 || got[0] != c.sig {
			t.Errorf("%v late: %v", c.late, got)
		}
		w.dies(id, waitStatus(c.sig))
		if !w.s.Done() {
			t.Errorf("%v late: not over", c.late)
		}
	}
	w, id := brought(t, "starting")
	w.step(Event{Kind: Stop})
	w.step(Event{Kind: SpawnFail, Child: id, Text: "no memory"})
	if !w.s.Done() {
		t.Error("a fork that failed is waited for")
	}
}

func waitStatus(s syscall.Signal) syscall.WaitStatus { return syscall.WaitStatus(s) }

// While it ends nothing new begins.
func TestNothingBeginsAtTheEnd(t *testing.T) {
	w := newWorld(t)
	conf := Config{Services: []Service{{Key: "a", Prefork: 1, MaxChild: -1}}, Jobs: []Job{{Key: "j", Period: time.Minute}}}
	w.reload(conf)
	id := w.all()[0]
	inst, _ := w.s.Instance("a")
	w.step(Event{Kind: Stop})
	for name, e := range map[string]Event{
		"client": {Kind: Pending, Inst: inst, N: 1}, "look": {Kind: Probed, Inst: inst, N: 1},
		"reload": {Kind: Reload, Conf: &conf}, "job": {Kind: Run, Text: "j"}, "full": {Kind: Said, Child: id, Code: 2, N: 1},
		"drain": {Kind: DrainChild, Child: id},
	} {
		if w.step(e); w.count(OpSpawn)+w.count(OpArm)+w.count(OpProbe)+w.count(OpSignal) != 0 {
			t.Errorf("%s: %v", name, w.acts)
		}
	}
	w.after(10 * time.Second)
	w.dies(id, exitTempFail<<8)
	if w.count(OpDone) != 1 || !strings.Contains(w.log.String(), "All children have exited, closing down") {
		t.Errorf("%v", w.acts)
	}
}

func TestStopWithNothing(t *testing.T) {
	w := newWorld(t)
	w.step(Event{Kind: Stop})
	if !w.s.Done() || w.count(OpDone) != 1 || strings.Count(w.log.String(), "closing down") != 1 {
		t.Errorf("%v", w.acts)
	}
}
