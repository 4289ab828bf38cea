package roster

import (
	"fmt"
	"math"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/constance-mail/constance/internal/service"
)

// all starts what is ordered until nothing more is.
func (w *world) all() (ids []ChildID) {
	w.Helper()
	for again := true; again; {
		again = false
		for _, i := range w.s.order {
			for _, c := range append([]*child(nil), i.kids...) {
				if c.pid == 0 && !c.exited {
					again = true
					ids = append(ids, c.id)
					w.step(Event{Kind: Spawned, Child: c.id, PID: 1000 + int(c.id)})
				}
			}
		}
	}
	return ids
}

func (w *world) say(id ChildID, codes ...int32) {
	w.Helper()
	for _, c := range codes {
		w.step(Event{Kind: Said, Child: id, Code: c, N: 1})
	}
}

// clients: n wait at the only listener, whichever way the roster looks.
func (w *world) clients(n int) {
	w.Helper()
	i := w.s.order[0]
	if i.armed {
		w.step(Event{Kind: Pending, Inst: i.id, N: n})
		return
	}
	for range 100 {
		if i.probing {
			w.step(Event{Kind: Probed, Inst: i.id, N: n})
			return
		}
		d, ok := w.s.Next(w.now)
		if !ok {
			break
		}
		w.after(d)
	}
	w.Fatal("nobody looks at the listener")
}

// P05, P13: how many are started without any client.
func TestPrefork(t *testing.T) {
	for _, c := range []struct {
		name string
		conf Service
		want int
	}{
		{"none", Service{Prefork: 0, MaxChild: -1}, 0},
		{"one", Service{Prefork: 1, MaxChild: -1}, 1},
		{"more than are started at once", Service{Prefork: 3 * startingMax, MaxChild: -1}, 3 * startingMax},
		{"maxchild is a bound in the burst", Service{Prefork: 5, MaxChild: 2}, 2},
		{"maxchild 0 starts none", Service{Prefork: 5, MaxChild: 0}, 0},
		{"daemon", Service{Prefork: 1, MaxChild: 1, Daemon: true}, 1},
		{"maxforkrate 3: the burst from idle", Service{Prefork: 50, MaxChild: -1, MaxForkRate: 3}, 5},
		{"maxforkrate 1", Service{Prefork: 50, MaxChild: -1, MaxForkRate: 1}, 2},
	} {
		c.conf.Key = "a"
		w := newWorld(t, c.conf)
		if n := w.count(OpSpawn); n > startingMax {
			t.Errorf("%s: %d at once", c.name, n)
		}
		if n := len(w.all()); n != c.want {
			t.Errorf("%s: %d workers, want %d", c.name, n, c.want)
		}
		if v := w.view(); v.Ready != c.want || v.Forks != c.want || v.Starting != 0 {
			t.Errorf("%s: %+v", c.name, v)
		}
		wantArm := 1
		if c.conf.Daemon {
			wantArm = 0
		}
		w = newWorld(t, c.conf)
		if n := w.count(OpArm); n != wantArm {
			t.Errorf("%s: %d listeners are watched, want %d", c.name, n, wantArm)
		}
	}
}

// P04: what waiting clients call for.
func TestOnDemand(t *testing.T) {
	for _, c := range []struct {
		name  string
		conf  Service
		multi bool // the service has workers that take many connections
		wait  int
		want  int
	}{
		{"one client", Service{MaxChild: -1}, false, 1, 1},
		{"three clients", Service{MaxChild: -1}, false, 3, 3},
		{"a crowd: no more than are started at once", Service{MaxChild: -1}, false, 1000, startingMax},
		{"within maxchild", Service{MaxChild: 2}, false, 9, 2},
		{"maxchild 0", Service{MaxChild: 0}, false, 9, 0},
		{"within maxforkrate", Service{MaxChild: -1, MaxForkRate: 1}, false, 9, 2},
		{"nobody after all", Service{MaxChild: -1}, false, 0, 0},
		{"a nonsense number", Service{MaxChild: -1}, false, -5, 0},
		{"one worker takes a crowd", Service{MaxChild: -1}, true, 50, 1},
	} {
		c.conf.Key = "a"
		w := newWorld(t, c.conf)
		w.s.order[0].multi = c.multi
		w.clients(c.wait)
		if n := w.count(OpSpawn); n != c.want {
			t.Errorf("%s: %d forks, want %d", c.name, n, c.want)
		}
	}
}

// A READY worker is given its time before another is started for the same client, and the number of those that are
// started for a listener whose workers accept nothing is bounded.
func TestStuck(t *testing.T) {
	w := newWorld(t, Service{Key: "a", Name: "a/ipv4", Prefork: 1, MaxChild: -1})
	w.all()
	begun := w.now
	w.clients(1)
	if n := w.count(OpSpawn); n != 0 {
		t.Fatalf("%d forks though a worker is ready", n)
	}
	var at []time.Duration
	for w.now < begun+2*time.Minute {
		w.clients(1)
		if w.count(OpSpawn) > 0 {
			at = append(at, (w.now - begun).Round(time.Second))
			w.all()
		}
	}
	// Each wait is twice the one before, from the client's arrival: 1, 2, 4, .. 64 s, and from there in each 64 s.
	if len(at) < 7 || at[0] != time.Second || at[1] != 2*time.Second || at[3] != 8*time.Second {
		t.Errorf("forks at %v", at)
	}
	if n := strings.Count(w.log.String(), "though"); n > 10 {
		t.Errorf("%d lines: %s", n, w.log.String())
	}
	id := w.view().Children[0].ID
	w.say(id, service.ConnectionMulti) // it lives after all
	w.clients(1)
	if w.count(OpSpawn) != 0 {
		t.Error("a fork right after progress")
	}
}

// P14: with all workers busy a client that waits is worth a line, not two.
func TestFullIsSaid(t *testing.T) {
	w := newWorld(t, Service{Key: "a", Name: "a/ipv4", MaxChild: 1})
	w.clients(2)
	id := w.all()[0]
	w.say(id, service.Unavailable, service.Connection)
	begun := w.now
	for w.now < begun+5*time.Second {
		w.clients(1)
		if w.count(OpSpawn) != 0 {
			t.Fatal("above maxchild")
		}
	}
	if n := strings.Count(w.log.String(), "all 1 processes are busy"); n != 1 {
		t.Errorf("%d lines in 5 s", n)
	}
	for w.now < begun+30*time.Second {
		w.clients(1)
	}
	if got := w.log.String(); strings.Count(got, "are busy") > 4 || !strings.Contains(got, "similar lines left out") {
		t.Error(got)
	}
	w.say(id, service.Available)
	w.clients(0)
	if v := w.view(); v.Pending != 0 || v.Ready != 1 {
		t.Errorf("%+v", v)
	}
}

// P14, F14: the looks at a listener where clients wait are bounded, whatever keeps forks back.
func TestLooksAreBounded(t *testing.T) {
	for _, c := range []struct {
		name string
		conf Service
		max  int // looks in ten seconds
	}{
		{"full", Service{MaxChild: 0}, 25},
		{"limited", Service{MaxChild: -1, MaxForkRate: 1}, 150},
		{"ready but deaf", Service{Prefork: 1, MaxChild: -1}, 150},
	} {
		c.conf.Key = "a"
		w := newWorld(t, c.conf)
		w.all()
		looks, begun := 0, w.now
		for w.now < begun+10*time.Second {
			w.clients(3)
			looks++
			w.all()
		}
		if looks > c.max {
			t.Errorf("%s: %d looks", c.name, looks)
		}
	}
}

// DrainOver: those that drain do not keep out their successors, up to twice MaxChild in all, and never all of them:
// clients that stay for hours do not leave newcomers without a worker, however many reloads come.
func TestRoomWhileDraining(t *testing.T) {
	for _, over := range []bool{false, true} {
		w := newWorld(t)
		conf := Config{Services: []Service{{Key: "a", Prefork: 3, MaxChild: 3, DrainOver: over}}}
		ready, draining := []int{3, 0, 0, 0}, []int{0, 3, 3, 3}
		if over {
			ready, draining = []int{3, 3, 1, 1}, []int{0, 3, 6, 7}
		}
		for round := range 4 {
			w.step(Event{Kind: Reload, Conf: &conf})
			w.all()
			if v := w.view(); v.Ready != ready[round] || v.Draining != draining[round] {
				t.Errorf("over %v, round %d: %d ready, %d draining", over, round, v.Ready, v.Draining)
			}
		}
		for _, c := range w.view().Children {
			if c.Class == Draining {
				w.dies(c.ID, 0)
				w.all()
			}
		}
		if v := w.view(); v.Ready != 3 || len(v.Children) != 3 && !over {
			t.Errorf("over %v, after: %+v", over, v)
		}
	}
}

// P16: the pause after a fork that fails doubles from 50 ms to a second, and a fork that succeeds ends it.
func TestForkBackOff(t *testing.T) {
	w := newWorld(t, Service{Key: "a", Name: "a/ipv4", Prefork: 1, MaxChild: -1})
	fail := func() time.Duration {
		t.Helper()
		for w.count(OpSpawn) == 0 {
			d, ok := w.s.Next(w.now)
			if !ok || d > time.Minute {
				t.Fatalf("nothing is planned (%v)", d)
			}
			w.after(d)
		}
		for _, a := range w.acts {
			if a.Op == OpSpawn {
				w.step(Event{Kind: SpawnFail, Child: a.Child, Text: "no memory"})
			}
		}
		return w.view().PausedFor
	}
	for _, want := range []time.Duration{50, 100, 200, 400, 800, 1000, 1000} {
		if got := fail(); got != want*time.Millisecond {
			t.Errorf("paused for %v, want %d ms", got, want)
		}
	}
	w.after(time.Second)
	id := w.all()[0]
	w.say(id, service.ConnectionMulti)
	w.dies(id, 0)
	if got := fail(); got != 50*time.Millisecond {
		t.Errorf("after a success paused for %v", got)
	}
	if v := w.view(); v.Fails != 0 {
		t.Errorf("a fork that failed counts as %d failures of the service", v.Fails)
	}
}

// P10, P11, F13: what each kind of end means.
func TestEnds(t *testing.T) {
	const sigterm, crash, tempfail = 15, 11, exitTempFail << 8
	for _, c := range []struct {
		name   string
		daemon bool
		said   []int32
		told   bool
		age    time.Duration
		status int
		fails  int           // counted as failures of the service
		series int           // towards the pause
		pause  time.Duration // before the next
	}{
		{name: "exit 1 at once", status: 1 << 8, fails: 1, series: 1, pause: quickExit},
		{name: "crash at once", status: crash, fails: 1, series: 1, pause: quickExit},
		{name: "killed by somebody", status: sigterm, fails: 1, series: 1, pause: quickExit},
		{name: "exit 0 at once", status: 0, pause: quickExit},
		{name: "exit 75 at once", status: tempfail, pause: quickExit},
		{name: "exit 1 after it lived long", age: failSpacing + 1, status: 1 << 8, fails: 1, pause: quickExit},
		{name: "crash after it has served", said: []int32{2, 3, 1}, status: crash, fails: 1},
		{name: "crash while busy", said: []int32{2, 3}, status: crash, fails: 1},
		{name: "exit 0 after it has served", said: []int32{4}, status: 0},
		{name: "crash after nonsense only", said: []int32{99}, status: crash, fails: 1, series: 1, pause: quickExit},
		{name: "told to drain, exit 0", told: true, status: 0},
		{name: "told to drain, crash", told: true, status: crash},
		{name: "told to drain, default action of SIGHUP", told: true, status: 1},
		{name: "daemon, exit 0 at once", daemon: true, status: 0, series: 1, pause: quickExit},
		{name: "daemon, exit 0 later", daemon: true, age: time.Second, status: 0, series: 1},
		{name: "daemon, exit 0 after it lived long", daemon: true, age: failSpacing + 1, status: 0},
		{name: "daemon, exit 1", daemon: true, age: time.Second, status: 1 << 8, fails: 1, series: 1},
	} {
		w := newWorld(t, Service{Key: "a", Name: "a/ipv4", Prefork: 1, MaxChild: 1, Daemon: c.daemon})
		id := w.all()[0]
		w.say(id, c.said...)
		if c.told {
			w.step(Event{Kind: DrainChild, Child: id})
		}
		w.after(c.age)
		w.all()
		w.dies(id, syscall.WaitStatus(c.status))
		v := w.view()
		if v.Fails != c.fails || w.s.order[0].fails != c.series || v.PausedFor != c.pause {
			t.Errorf("%s: %d failures, series of %d, paused for %v; want %d, %d, %v", c.name, v.Fails,
				w.s.order[0].fails, v.PausedFor, c.fails, c.series, c.pause)
		}
		w.after(quickExit)
		if w.all(); w.view().Ready != 1 {
			t.Errorf("%s: not replaced: %+v", c.name, w.view())
		}
	}
}

// P10: failures further apart than ten seconds are no series.
func TestSeries(t *testing.T) {
	for _, c := range []struct {
		apart time.Duration
		lines int
	}{{time.Second, 1}, {failSpacing, 1}, {failSpacing + time.Second, 0}} {
		w := newWorld(t, Service{Key: "a", Name: "a/ipv4", Prefork: 1, MaxChild: -1})
		for range failMax {
			ids := w.all()
			if len(ids) == 0 {
				w.after(quickExit)
				ids = w.all()
			}
			w.dies(ids[0], 1<<8)
			w.acts = nil
			w.after(c.apart)
		}
		if n := strings.Count(w.log.String(), "too many failures"); n != c.lines {
			t.Errorf("%d failures %v apart: %d lines", failMax, c.apart, n)
		}
	}
}

// F16: the last messages of a child that has ended are still heard: one that crashed while it served is no failure to
// start, whichever the kernel tells first.
func TestLastWords(t *testing.T) {
	for _, c := range []struct {
		name   string
		events []Event
		series int
	}{
		{"said, ended, exited", []Event{{Kind: Said, Code: 2, N: 1}, {Kind: Ended}, {Kind: Exited, Status: 9}}, 0},
		{"said, exited, ended", []Event{{Kind: Said, Code: 2, N: 1}, {Kind: Exited, Status: 9}, {Kind: Ended}}, 0},
		{"exited, said, ended", []Event{{Kind: Exited, Status: 9}, {Kind: Said, Code: 2, N: 1}, {Kind: Ended}}, 0},
		{"exited, ended without a word", []Event{{Kind: Exited, Status: 9}, {Kind: Ended}}, 1},
		{"ended without a word, exited", []Event{{Kind: Ended}, {Kind: Exited, Status: 9}}, 1},
		{"exited twice", []Event{{Kind: Exited, Status: 9}, {Kind: Exited, Status: 9}, {Kind: Ended}}, 1},
	} {
		w := newWorld(t, Service{Key: "a", Name: "a/ipv4", Prefork: 1, MaxChild: 1})
		id := w.all()[0]
		for _, e := range c.events {
			e.Child = id
			w.step(e)
		}
		if n := w.s.order[0].fails; n != c.series {
			t.Errorf("%s: series of %d, want %d", c.name, n, c.series)
		}
		w.step(Event{Kind: Ended, Child: id}) // after all: for nobody
	}
	// A grandchild holds the channel open: nobody waits for its end longer than a moment.
	w := newWorld(t, Service{Key: "a", Name: "a/ipv4", Prefork: 1, MaxChild: 1})
	id := w.all()[0]
	w.step(Event{Kind: Exited, Child: id, Status: 1 << 8})
	if d, ok := w.s.Next(w.now); !ok || d > lateMessages {
		t.Errorf("waits for %v", d)
	}
	w.after(lateMessages)
	if w.count(OpForget) != 1 || w.s.order[0].fails != 1 {
		t.Errorf("%v", w.acts)
	}
}

// A worker that is killed or hung while it starts is replaced like any other.
func TestEndsWhileStarting(t *testing.T) {
	w := newWorld(t, Service{Key: "a", Name: "a/ipv4", Prefork: 1, MaxChild: 1})
	var id ChildID
	for _, a := range w.acts {
		if a.Op == OpSpawn {
			id = a.Child
		}
	}
	w.step(Event{Kind: Exited, Child: id, Status: 9}) // before Spawned: cannot be, and means nothing
	if v := w.view(); v.Starting != 1 {
		t.Fatalf("%+v", v)
	}
	w.step(Event{Kind: Spawned, Child: id, PID: 7})
	w.step(Event{Kind: Spawned, Child: id, PID: 8})
	w.step(Event{Kind: SpawnFail, Child: id, Text: "too late"})
	if v := w.view(); v.Children[0].PID != 7 || v.Starting != 0 || w.log.Len() > 0 {
		t.Errorf("%+v, %s", v, w.log.String())
	}
}

// P12: over a long time forks stay at maxforkrate, whoever wants them.
func TestForkRates(t *testing.T) {
	for _, limit := range []int{1, 5, 20} {
		t.Run(fmt.Sprint(limit), func(t *testing.T) {
			w := newWorld(t, Service{Key: "a", MaxChild: -1, MaxForkRate: limit})
			begun, forks := w.now, 0
			for w.now < begun+time.Minute {
				w.clients(100)
				for _, id := range w.all() { // each takes a client and stays
					forks++
					w.say(id, service.Unavailable, service.Connection)
				}
			}
			// What Cyrus's measure makes of it: a fork more as soon as ln 2 has decayed, after the burst from idle.
			l := float64(limit)
			want := int(60/math.Log2(1+math.Ln2/l) + l/math.Ln2)
			if forks > want+2 || forks < want*8/10 {
				t.Errorf("%d forks in a minute at %d per second", forks, limit)
			}
			if v := w.view(); v.ForkRate > float64(limit)+1 {
				t.Errorf("rate %.1f", v.ForkRate)
			}
		})
	}
}

// The services do not hear of each other's limits: one in a pause leaves another alone.
func TestServicesAreIndependent(t *testing.T) {
	w := newWorld(t, Service{Key: "bad", Prefork: 1, MaxChild: -1}, Service{Key: "good", Prefork: 1, MaxChild: -1})
	w.all()
	for range failMax {
		insts, _ := w.s.View()
		w.dies(insts[0].Children[0].ID, 1<<8)
		w.after(quickExit)
		w.all()
	}
	insts, _ := w.s.View()
	if insts[0].PausedFor == 0 || insts[1].PausedFor != 0 || insts[1].Ready != 1 {
		t.Fatalf("%+v", insts)
	}
	good := insts[1]
	w.say(good.Children[0].ID, service.Unavailable)
	if w.count(OpSpawn) != 1 {
		t.Error("no fork for the other service")
	}
}
