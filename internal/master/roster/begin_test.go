package roster

import (
	"strings"
	"syscall"
	"testing"
	"time"
)

// three are a service between two wait daemons.
func three() []Service {
	return []Service{
		{Key: "one", Name: "one/daemon", Prefork: 1, MaxChild: 1, Daemon: true, Wait: true},
		{Key: "imap", Name: "imap/ipv4", Prefork: 1, MaxChild: -1},
		{Key: "two", Name: "two/daemon", Prefork: 1, MaxChild: 1, Daemon: true, Wait: true},
	}
}

// begun is a world at its first step, which may hold services back until Go.
func begun(t *testing.T, hold bool, services ...Service) *world {
	w := &world{T: t, s: New(), now: time.Second}
	w.step(Event{Kind: Reload, Conf: &Config{Services: services, Hold: hold}})
	return w
}

// one lets the only fork of the last step succeed.
func (w *world) one(awaited bool) ChildID {
	w.Helper()
	if n := w.count(OpSpawn); n != 1 || w.acts[0].Await != awaited {
		w.Fatalf("not one start, awaited %v: %+v", awaited, w.acts)
	}
	return w.spawned()[0]
}

// serving is the world of three when all of them run.
func serving(t *testing.T) (w *world, one, two, imap ChildID) {
	t.Helper()
	w = begun(t, false, three()...)
	one = w.one(true)
	w.step(Event{Kind: Declared, Child: one})
	two = w.one(true)
	w.step(Event{Kind: Declared, Child: two})
	for _, a := range w.acts {
		if a.Op == OpSpawn {
			imap = a.Child
		}
	}
	w.step(Event{Kind: Spawned, Child: imap, PID: 77})
	return w, one, two, imap
}

// P25: wait daemons are started one at a time, in order, each when the one before has declared itself; services after
// them, and not before the outside knows (P30).
func TestP25_Order(t *testing.T) {
	w := begun(t, true, three()...)
	one := w.one(true)
	w.after(time.Second)
	if len(w.acts) != 0 || w.s.Working() {
		t.Fatalf("while the first is waited for: %v", w.acts)
	}
	w.step(Event{Kind: Declared, Child: one})
	two := w.one(true)
	w.step(Event{Kind: Declared, Child: one}) // again means nothing
	if len(w.acts) != 0 {
		t.Fatalf("%v", w.acts)
	}
	w.step(Event{Kind: Declared, Child: two})
	if w.count(OpReady) != 1 || w.count(OpSpawn) != 0 || w.s.Working() {
		t.Fatalf("at the end of the wait: %v", w.acts)
	}
	w.step(Event{Kind: Reload, Conf: &Config{}}) // too early
	w.step(Event{Kind: Run, Text: "j"})
	w.step(Event{Kind: Go})
	if w.one(false); !w.s.Working() {
		t.Error("not working")
	}
	w.step(Event{Kind: Go}) // again means nothing
	if len(w.acts) != 0 {
		t.Errorf("%v", w.acts)
	}
}

// P25: what ends a start, with which exit code, and that those already started are ended.
func TestP25_Failures(t *testing.T) {
	for name, c := range map[string]struct {
		event Event
		after time.Duration
		code  int
	}{
		"wrong text":        {Event{Kind: Balked, Text: "it wrote \"no\""}, 0, 78},
		"it ends":           {Event{Kind: Exited, Status: 0}, 0, 78},
		"too late":          {Event{Kind: Tick}, defaultWaitLimit, 78},
		"it cannot start":   {Event{Kind: SpawnFail, Text: "no such file"}, 0, 71},
		"the outside fails": {Event{Kind: Abort, Code: 71, Text: "can't create the ready file"}, 0, 71},
	} {
		w := begun(t, true, three()...)
		one := w.one(true)
		w.step(Event{Kind: Declared, Child: one})
		var two ChildID
		if c.event.Kind == SpawnFail {
			two = w.acts[0].Child
		} else {
			two = w.one(true)
		}
		w.now += c.after
		c.event.Child = two
		w.step(c.event)
		if f, failed := w.s.Failed(); !failed || f.Code != c.code || f.Text == "" || !w.s.Stopping() {
			t.Errorf("%s: %+v", name, f)
		}
		for n := 0; n < 4 && !w.s.Done(); n++ { // whoever is told to end ends
			for _, a := range w.acts {
				if a.Op == OpSignal && a.Sig == syscall.SIGTERM {
					w.step(Event{Kind: Exited, Child: a.Child, Status: 75 << 8})
				}
			}
		}
		if !w.s.Done() {
			t.Errorf("%s: it does not end: %v", name, w.acts)
		}
		if c.code == 78 && !strings.Contains(w.log.String(), `waitdaemon two/daemon did not write "ok\r\n" to fd 3`) {
			t.Errorf("%s: %s", name, w.log.String())
		}
	}
}

// P24: who is told to end while a wait daemon is waited for does so, and that is no failure.
func TestP24_StopDuringWait(t *testing.T) {
	w := begun(t, true, three()...)
	one := w.one(true)
	w.step(Event{Kind: Stop})
	if w.count(OpSignal) != 1 {
		t.Fatalf("%v", w.acts)
	}
	w.after(defaultGrace + lastGrace)
	w.step(Event{Kind: Exited, Child: one, Status: 9})
	if _, failed := w.s.Failed(); failed || !w.s.Done() {
		t.Errorf("failed %v, done %v", failed, w.s.Done())
	}
}

// P25: the end is in reverse: services first, then the wait daemons, the last one first, each when the one after it has
// gone; after a reload and new processes too.
func TestP25_ReverseStop(t *testing.T) {
	for _, reloaded := range []bool{false, true} {
		w, one, two, imap := serving(t)
		if reloaded {
			one, two, imap = w.reloaded(one, two, imap)
		}
		w.step(Event{Kind: Stop})
		for _, next := range []ChildID{imap, two, one} {
			if w.count(OpSignal) != 1 || w.toldNow() != next {
				t.Fatalf("reloaded %v: not %d is told to end: %v", reloaded, next, w.acts)
			}
			w.step(Event{Kind: Ended, Child: next})
			w.step(Event{Kind: Exited, Child: next, Status: 0})
		}
		log := w.log.String()
		if !w.s.Done() || strings.Count(log, "to exit...") != 2 || strings.Count(log, "exited with status 0") != 2 ||
			!strings.HasSuffix(log, "All children have exited, closing down\n") {
			t.Errorf("reloaded %v: %s", reloaded, log)
		}
	}
}

// toldNow is the child of the last step's signal.
func (w *world) toldNow() ChildID {
	for _, a := range w.acts {
		if a.Op == OpSignal {
			return a.Child
		}
	}
	return 0
}

// reloaded leads all three through a SIGHUP, which must replace the wait daemons in order (P25): the second is not told
// before the first has been replaced.
func (w *world) reloaded(one, two, imap ChildID) (ChildID, ChildID, ChildID) {
	w.Helper()
	w.step(Event{Kind: Reload, Conf: &Config{Services: three()}})
	if w.count(OpSignal) != 2 { // the service and the first
		w.Fatalf("%v", w.acts)
	}
	w.step(Event{Kind: Ended, Child: imap})
	w.step(Event{Kind: Exited, Child: imap, Status: 0})
	imap = 0
	for _, c := range w.childrenOf("imap") {
		imap = c
	}
	w.step(Event{Kind: Spawned, Child: imap, PID: 78})
	var fresh []ChildID
	for _, old := range []ChildID{one, two} {
		w.step(Event{Kind: Exited, Child: old, Status: 0})
		fresh = append(fresh, w.one(false)) // by now without a readiness pipe, P26
	}
	return fresh[0], fresh[1], imap
}

// childrenOf are the children of the instance with a key.
func (w *world) childrenOf(key string) (ids []ChildID) {
	views, _ := w.s.View()
	for _, v := range views {
		if v.Service.Key == key {
			for _, c := range v.Children {
				ids = append(ids, c.ID)
			}
		}
	}
	return ids
}

// A wait daemon that died waits for an earlier one that is down too, unless that one fails again and again.
func TestP25_Held(t *testing.T) {
	w, one, two, _ := serving(t)
	w.after(failSpacing + 1) // they have lived long: their end is no series
	w.step(Event{Kind: Exited, Child: one, Status: 9})
	first := w.acts
	w.step(Event{Kind: Exited, Child: two, Status: 9})
	if w.count(OpSpawn) != 0 {
		t.Fatalf("the second is started before the first: %v", w.acts)
	}
	w.acts = first
	w.one(false)
	if w.count(OpSpawn) != 1 {
		t.Errorf("the second is not started after the first: %v", w.acts)
	}
}

// P27: a daemon that ends at once, however, is slowed to one start in ten seconds or more, and never given up.
func TestP27_CrashLoop(t *testing.T) {
	for _, status := range []syscall.WaitStatus{0, 1 << 8, 75 << 8, 11} {
		w := newWorld(t, Service{Key: "d", Name: "d/daemon", Prefork: 1, MaxChild: 1, MaxForkRate: 10, Daemon: true})
		var starts []time.Duration
		for w.now < time.Hour {
			for _, id := range w.spawned() {
				starts = append(starts, w.now)
				w.step(Event{Kind: Exited, Child: id, Status: status})
			}
			d, ok := w.s.Next(w.now)
			if !ok {
				t.Fatalf("status %d: given up after %d starts", status, len(starts))
			}
			w.after(d)
		}
		for k := failMax + 1; k < len(starts); k++ {
			if d := starts[k] - starts[k-1]; d < pauseFirst {
				t.Errorf("status %d: start %d only %v after the one before", status, k, d)
			}
		}
		if len(starts) < int(time.Hour/pauseMax) {
			t.Errorf("status %d: %d starts in an hour", status, len(starts))
		}
	}
}
