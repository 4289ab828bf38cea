package roster

import (
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/constance-mail/constance/internal/service"
)

const silence = 8 * time.Second // a look each second

// watched is a service whose workers are asked for signs of life.
func watched(prefork, maxChild int) Service {
	return Service{Key: "a", Name: "a", Prefork: prefork, MaxChild: maxChild, DrainOver: true, Silence: silence}
}

// looks lets n looks pass; those of give sign before each.
func (w *world) looks(n int, give ...ChildID) {
	w.Helper()
	for range n {
		for _, id := range give {
			w.say(id, service.Life(1, false))
		}
		w.after(silence / lifeLooks)
	}
}

func (w *world) signalled(id ChildID, want ...syscall.Signal) {
	w.Helper()
	if got := w.signals()[id]; !slices.Equal(got, want) {
		w.Errorf("child %d was sent %v, want %v", id, got, want)
	}
}

// A worker that falls silent: examined, replaced at once, told to drain, told to end, ended; others are not touched.
func TestHungWorker(t *testing.T) {
	w := newWorld(t, watched(2, 2))
	ids := w.spawned()
	bad, good := ids[0], ids[1]
	w.looks(5, bad, good)
	w.looks(hungAt-1, good)
	if v := w.view(); v.Ready != 2 || w.count(OpExamine) != 0 {
		t.Fatalf("hung before its time: %+v", v)
	}
	w.looks(1, good)
	if w.count(OpExamine) != 1 || w.count(OpSpawn) != 1 {
		t.Fatalf("not given up on, or not replaced: %+v", w.acts)
	}
	w.signalled(bad) // its stacks first
	fresh := w.spawned()[0]
	if v := w.view(); v.Ready != 2 || v.Draining != 1 || v.Hung != 1 {
		t.Errorf("%+v", v)
	}
	w.looks(1, good, fresh)
	w.signalled(bad, syscall.SIGHUP)
	w.looks(termAt-hungAt-1, good, fresh)
	w.signalled(bad, syscall.SIGTERM)
	w.looks(killAt-termAt-1, good, fresh)
	w.signalled(bad)
	w.looks(1, good, fresh)
	w.signalled(bad, syscall.SIGKILL)
	w.dies(bad, 9)
	if v := w.view(); v.Ready != 2 || v.Draining != 0 || v.Fails != 0 {
		t.Errorf("%+v", v)
	}
	if n := strings.Count(w.log.String(), "gives no sign of life"); n != 1 {
		t.Errorf("%d lines: %s", n, w.log.String())
	}
}

// One that wakes up again drains: it is told so if it has not been, and nothing worse happens to it.
func TestHungWorkerWakesUp(t *testing.T) {
	w := newWorld(t, watched(1, 2))
	bad := w.spawned()[0]
	w.looks(hungAt)
	good := w.spawned()[0]
	w.say(bad, service.Life(7, false))
	w.signalled(bad, syscall.SIGHUP)
	w.say(bad, service.Available) // sent before it saw the signal
	if v := w.view(); v.Draining != 1 || v.Ready != 1 {
		t.Errorf("%+v", v)
	}
	for range 5 * lifeLooks {
		w.looks(1, bad, good)
		w.signalled(bad)
	}
	w.looks(hungAt, good) // and falls silent for good, with its clients
	w.looks(killAt-hungAt-1, good)
	w.looks(1, good)
	w.signalled(bad, syscall.SIGKILL)
}

// While it takes the only place, it is ended within three looks.
func TestHungWorkerInTheWay(t *testing.T) {
	s := watched(1, 1)
	s.DrainOver = false
	w := newWorld(t, s)
	bad := w.spawned()[0]
	w.looks(hungAt)
	if w.count(OpExamine) != 1 || w.count(OpSpawn) != 0 {
		t.Fatalf("%+v", w.acts)
	}
	w.looks(1)
	w.signalled(bad, syscall.SIGTERM)
	w.looks(1)
	w.signalled(bad, syscall.SIGKILL)
	w.dies(bad, 9)
	if w.count(OpSpawn) != 1 {
		t.Errorf("not replaced: %+v", w.acts)
	}
}

// Who has no reason to be missed: workers of a service that is not watched, those being started, and all of them when
// the clock jumps.
func TestNotHung(t *testing.T) {
	quiet := watched(1, 1)
	quiet.Silence = 0
	w := newWorld(t, quiet)
	w.spawned()
	for range 100 {
		w.after(time.Minute)
		if len(w.acts) != 0 {
			t.Fatalf("%+v", w.acts)
		}
	}
	w = newWorld(t, watched(1, 1))
	starting := w.acts[0].Child
	w.looks(5 * hungAt)
	if w.view().Hung != 0 {
		t.Error("a fork takes its time, and the child is called hung")
	}
	w.step(Event{Kind: Spawned, Child: starting, PID: 77})
	w.looks(2, starting)
	for range hungAt - 1 {
		w.after(24 * time.Hour)
	}
	if w.view().Hung != 0 {
		t.Error("the clock jumped, and a worker is called hung")
	}
}

// One that hangs while it drains, after a reload that gave up its service too, does not stay.
func TestHangsWhileDraining(t *testing.T) {
	for name, conf := range map[string]*Config{"kept": {Services: []Service{watched(1, 1)}}, "removed": {}} {
		w := newWorld(t, watched(1, 1))
		bad := w.spawned()[0]
		w.say(bad, service.Life(3, false))
		w.step(Event{Kind: Reload, Conf: conf})
		w.signalled(bad, syscall.SIGHUP)
		ended := false
		for range killAt + 1 {
			w.looks(1, w.spawned()...)
			ended = ended || slices.Contains(w.signals()[bad], syscall.SIGKILL)
		}
		if !ended {
			t.Errorf("%s: it stays", name)
		}
	}
}

func (w *world) has(id ChildID, octets int) {
	w.Helper()
	w.step(Event{Kind: Sized, Child: id, N: octets})
}

// A worker above its limit is replaced; one that grows on is told to end, and ended after the grace time.
func TestMemory(t *testing.T) {
	s := Service{Key: "a", Name: "a", Prefork: 2, MaxChild: 2, DrainOver: true, MaxMemory: 100 << 20}
	w := newWorld(t, s)
	ids := w.spawned()
	w.has(ids[0], 100<<20)
	if len(w.acts) != 0 || w.view().Children[0].Memory != 100<<20 {
		t.Fatalf("%+v", w.acts)
	}
	w.has(ids[0], 100<<20+1)
	w.signalled(ids[0], syscall.SIGHUP)
	if w.count(OpSpawn) != 1 {
		t.Fatal("not replaced")
	}
	w.spawned()
	w.has(ids[1], 101<<20) // no storm: one at a time
	w.signalled(ids[1])
	w.after(shedEvery)
	w.has(ids[1], 101<<20)
	w.signalled(ids[1], syscall.SIGHUP)
	w.has(ids[0], 200<<20)
	w.signalled(ids[0])
	w.has(ids[0], 200<<20+1)
	w.signalled(ids[0], syscall.SIGTERM)
	w.has(ids[0], 300<<20)
	w.signalled(ids[0])
	w.after(defaultGrace)
	w.has(ids[0], 300<<20)
	w.signalled(ids[0], syscall.SIGKILL)
	w.dies(ids[0], 9)
	if v := w.view(); v.Fails != 0 || v.PausedFor != 0 {
		t.Errorf("%+v", v)
	}
}

// What is measured of a service without a limit, of a child that has ended and at the end changes nothing.
func TestMemoryIsNoMatter(t *testing.T) {
	w := newWorld(t, Service{Key: "a", Name: "a", Prefork: 1, MaxChild: 1})
	id := w.spawned()[0]
	w.has(id, 1<<40)
	w.signalled(id)
	w = newWorld(t, Service{Key: "a", Name: "a", Prefork: 1, MaxChild: 1, MaxMemory: 1})
	id = w.spawned()[0]
	w.step(Event{Kind: Stop})
	w.has(id, 1<<40)
	w.signalled(id)
}

// The last sign of life of one that was given up may be read after its end: its process is no longer there to be told.
func TestLastWordOfHungWorker(t *testing.T) {
	w := newWorld(t, watched(1, 2))
	bad := w.spawned()[0]
	w.looks(hungAt)
	w.step(Event{Kind: Exited, Child: bad, Status: 9})
	w.say(bad, service.Life(1, false))
	w.signalled(bad)
}

// foreign is a service that gives no sign of life, watched by the age of its clients.
func foreign(t *testing.T, prefork int) *world {
	w := newWorld(t)
	w.step(Event{Kind: Reload, Conf: &Config{Hung: 8 * time.Second, Stuck: time.Second,
		Services: []Service{{Key: "a", Name: "a", Prefork: prefork, MaxChild: -1}}}})
	return w
}

// aged lets clients wait for d by looks, until the kernel is asked for the age of the oldest, and answers.
func (w *world) aged(n int, age time.Duration) {
	w.Helper()
	for range 100 {
		w.clients(n)
		w.all()
		if w.s.order[0].checkup.Aging {
			w.step(Event{Kind: Aged, Inst: 1, N: n, Age: age})
			return
		}
	}
	w.Fatal("the age is never asked for")
}

// Clients are served, and yet one waits: the kernel knows, and another worker is started.
func TestAgeOfTheOldest(t *testing.T) {
	w := foreign(t, 2)
	ids := w.spawned()
	for range 20 { // somebody always waits, and the one worker shows progress, so that nobody seems to wait for long
		w.clients(1)
		w.say(ids[0], service.Available)
		w.after(100 * time.Millisecond)
	}
	if n := w.view().Forks; n != 2 {
		t.Fatalf("%d forks", n)
	}
	w.aged(1, 900*time.Millisecond)
	if n := w.view().Forks; n != 2 {
		t.Fatalf("%d forks, though nobody waits for long", n)
	}
	w.say(ids[0], service.Available)
	w.aged(1, 1100*time.Millisecond)
	if n := w.view().Forks; n != 3 {
		t.Errorf("%d forks, though a client waits for more than a second", n)
	}
}

// Workers that were READY for as long as a client waits, and longer than Config.Hung, are ended within three looks; those
// that came since are not touched, nor those that are busy.
func TestForeignHungWorkers(t *testing.T) {
	w := foreign(t, 2)
	ids := w.spawned()
	bad, busy := ids[0], ids[1]
	w.say(busy, service.Unavailable)
	w.now += 7 * time.Second
	w.step(Event{Kind: Tick})
	w.all()
	w.aged(1, 7*time.Second)
	if w.view().Hung != 0 {
		t.Fatal("before its time")
	}
	w.now += time.Second
	w.aged(1, 8*time.Second)
	w.signalled(bad, syscall.SIGHUP)
	if v := w.view(); v.Hung != 1 || v.Draining != 1 || v.Busy != 1 || w.count(OpExamine) != 1 {
		t.Fatalf("%+v %+v", v, w.acts)
	}
	w.after(time.Second)
	w.signalled(bad, syscall.SIGTERM)
	w.after(time.Second)
	w.signalled(bad, syscall.SIGKILL)
	w.signalled(busy)
	w.dies(bad, 9)
	if v := w.view(); v.Fails != 0 || v.PausedFor != 0 {
		t.Errorf("%+v", v)
	}
}

// A worker that was told to finish, serves nobody and stays may hold the lock that the others need: it is ended like one
// that is READY. One that still serves is not.
func TestForeignHungWhileDraining(t *testing.T) {
	w := foreign(t, 3)
	ids := w.spawned()
	stays, serves := ids[0], ids[1]
	w.say(serves, service.Unavailable, service.Connection)
	for _, id := range []ChildID{stays, serves} {
		w.step(Event{Kind: DrainChild, Child: id})
		w.signalled(id, syscall.SIGHUP)
	}
	w.now += 9 * time.Second
	w.aged(1, 9*time.Second)
	w.signalled(stays) // it has been told
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		w.after(time.Second)
		w.signalled(stays, sig)
		w.signalled(serves)
	}
}

// One that speaks again is spared: it drains, with the client that it took.
func TestForeignWorkerResumes(t *testing.T) {
	w := foreign(t, 1)
	bad := w.spawned()[0]
	w.now += 9 * time.Second
	w.aged(1, 9*time.Second)
	w.signalled(bad, syscall.SIGHUP)
	w.say(bad, service.Unavailable, service.Connection)
	for range 30 {
		w.after(time.Second)
		w.signalled(bad)
	}
	if v := w.view(); v.Children[0].Hung || v.Draining != 1 {
		t.Errorf("%+v", v)
	}
	w.say(bad, service.Available) // it did not heed SIGHUP
	if v := w.view(); v.Draining != 0 {
		t.Errorf("%+v", v)
	}
}

// Who is not judged by its clients' age: services that serve many at once, those that give signs of life, all if it is
// not wanted, and nobody if the clients have gone or the kernel does not know.
func TestForeignNotHung(t *testing.T) {
	for name, spoil := range map[string]func(*world, *Event){
		"threaded":  func(w *world, _ *Event) { w.say(1, service.ConnectionMulti) },
		"not known": func(_ *world, e *Event) { e.Age = 0 },
		"gone":      func(_ *world, e *Event) { e.N = 0 },
		"switched off": func(w *world, _ *Event) {
			w.s.conf.Hung = 0
		},
		"signs of life": func(w *world, _ *Event) { w.s.order[0].Silence = time.Hour; w.s.watch(w.s.order[0]) },
		"not asked":     func(w *world, _ *Event) { w.s.order[0].checkup.Aging = false },
		"unknown":       func(_ *world, e *Event) { e.Inst = 77 },
		"stopping":      func(w *world, _ *Event) { w.step(Event{Kind: Stop}) },
	} {
		w := foreign(t, 1)
		w.spawned()
		w.now += 9 * time.Second
		w.aged(1, 0)
		for !w.s.order[0].checkup.Aging {
			w.clients(1)
			w.all()
		}
		e := Event{Kind: Aged, Inst: 1, N: 1, Age: time.Hour}
		spoil(w, &e)
		w.step(e)
		if w.view().Hung != 0 {
			t.Errorf("%s: a worker is said to hang", name)
		}
	}
}

// A reload may come between giving a worker up and telling it so, and ask for no more signs of life.
func TestReloadAfterGivingUp(t *testing.T) {
	w := newWorld(t, watched(1, 2))
	bad := w.spawned()[0]
	w.looks(hungAt)
	plain := watched(1, 2)
	plain.Silence = 0
	w.step(Event{Kind: Reload, Conf: &Config{Services: []Service{plain}}})
	w.signalled(bad, syscall.SIGHUP)
}
