package roster

import (
	"fmt"
	"testing"

	"github.com/constance-mail/constance/internal/service"
)

// brought makes a world with one worker in a state of the table.
func brought(t *testing.T, to string) (*world, ChildID) {
	t.Helper()
	w := newWorld(t, Service{Key: "a", Name: "a/ipv4", Prefork: 1, MaxChild: 1})
	var id ChildID
	for _, a := range w.acts {
		if a.Op == OpSpawn {
			id = a.Child
		}
	}
	if to == "starting" {
		return w, id
	}
	w.spawned()
	switch to {
	case "busy":
		w.step(Event{Kind: Said, Child: id, Code: service.Unavailable, N: 1})
	case "draining":
		w.step(Event{Kind: DrainChild, Child: id})
	case "draining busy":
		w.step(Event{Kind: Said, Child: id, Code: service.Unavailable, N: 1})
		w.step(Event{Kind: DrainChild, Child: id})
	case "termed":
		w.step(Event{Kind: Stop})
	case "ended": // the kernel has said so, its last messages are still on their way
		w.step(Event{Kind: Said, Child: id, Code: service.Unavailable, N: 1})
		w.step(Event{Kind: Exited, Child: id, Status: 9})
	}
	return w, id
}

// P06: every cell of the table of states and messages, with every counter that a message can move. "ended" is Cyrus's
// DEAD: only the number of connections grows.
func TestP06_EveryCell(t *testing.T) {
	const (
		life0    = -100 // sign of life: idle
		life3    = -101 // serving three, with room
		lifeFull = -102 // no room
		unknown  = 77
	)
	codes := map[int32]int32{life0: service.Life(0, false), life3: service.Life(3, false), lifeFull: service.Life(3, true)}
	type want struct {
		ready, busy, draining, conns int
	}
	ready, busy, draining := want{ready: 1}, want{busy: 1}, want{draining: 1}
	plus := func(w want) want { w.conns++; return w }
	table := map[string]map[int32]want{
		"starting": {1: ready, 2: busy, 3: plus(busy), 4: plus(ready), unknown: ready, 0: ready, -1: ready,
			life0: ready, life3: ready, lifeFull: busy},
		"ready": {1: ready, 2: busy, 3: plus(busy), 4: plus(ready), unknown: ready, 0: ready, -1: ready,
			life0: ready, life3: ready, lifeFull: busy},
		"busy": {1: ready, 2: busy, 3: plus(busy), 4: plus(ready), unknown: busy, 0: busy, -1: busy,
			life0: ready, life3: ready, lifeFull: busy},
		"draining": {1: ready, 2: draining, 3: plus(draining), 4: plus(draining), unknown: draining, 0: draining,
			-1: draining, life0: draining, life3: draining, lifeFull: draining},
		"draining busy": {1: ready, 2: draining, 3: plus(draining), 4: plus(draining), unknown: draining, 0: draining,
			-1: draining, life0: draining, life3: draining, lifeFull: draining},
		"termed": {1: ready, 2: busy, 3: plus(busy), 4: plus(ready), unknown: ready, 0: ready, -1: ready,
			life0: ready, life3: ready, lifeFull: busy},
		// MaxChild is 1, so the place of the one that has ended is taken by the next, which is starting.
		"ended": {1: ready, 2: ready, 3: plus(ready), 4: plus(ready), unknown: ready, 0: ready, -1: ready,
			life0: ready, life3: ready, lifeFull: ready},
	}
	for from, cells := range table {
		for code, want := range cells {
			t.Run(fmt.Sprintf("%s/%d", from, code), func(t *testing.T) {
				w, id := brought(t, from)
				if c, ok := codes[code]; ok {
					code = c
				}
				w.step(Event{Kind: Said, Child: id, Code: code, N: 1})
				v := w.view()
				if v.Ready != want.ready || v.Busy != want.busy || v.Draining != want.draining || v.Conns != want.conns {
					t.Errorf("ready %d busy %d draining %d, %d connections; want %+v", v.Ready, v.Busy, v.Draining,
						v.Conns, want)
				}
			})
		}
	}
}

// A worker says the same thing many times in a row: it is one event.
func TestRepeatedMessages(t *testing.T) {
	for _, c := range []struct {
		code        int32
		n           int
		ready, conn int
	}{
		{service.Connection, 5, 0, 5}, {service.ConnectionMulti, 1000, 1, 1000}, {service.Unavailable, 3, 0, 0},
		{service.Available, 0, 1, 0}, {service.ConnectionMulti, -7, 1, 0},
	} {
		w, id := brought(t, "ready")
		w.step(Event{Kind: Said, Child: id, Code: c.code, N: c.n})
		if v := w.view(); v.Ready != c.ready || v.Conns != c.conn || v.Children[0].Conns != c.conn {
			t.Errorf("%d times %d: %+v", c.n, c.code, v)
		}
	}
}

// P07: a code that means nothing is logged once for each child, however often it comes.
func TestUnknownCodesAreLoggedOnce(t *testing.T) {
	w, id := brought(t, "ready")
	for k := range int32(100) {
		w.step(Event{Kind: Said, Child: id, Code: 1000 + k, N: 3})
	}
	if got := w.log.String(); got != "unrecognized message 0x3e8 from a/ipv4 pid 1000\n" {
		t.Errorf("logged %q", got)
	}
}

// A sign of life states the whole truth: it mends what a lost message left wrong.
func TestLifeMends(t *testing.T) {
	w, id := brought(t, "busy")
	w.step(Event{Kind: Said, Child: id, Code: service.Life(5, false), N: 1})
	if v := w.view(); v.Ready != 1 || v.Children[0].Active != 5 || v.Children[0].LastLife != w.now {
		t.Errorf("%+v", v)
	}
	w.step(Event{Kind: Said, Child: id, Code: service.Life(9, true), N: 1})
	if v := w.view(); v.Busy != 1 || v.Children[0].Active != 9 {
		t.Errorf("%+v", v)
	}
}

// A worker told to drain that says it has room ignored SIGHUP: it counts again, and the next reload tells it again.
func TestDrainIgnored(t *testing.T) {
	w, id := brought(t, "draining")
	w.step(Event{Kind: Said, Child: id, Code: service.Available, N: 1})
	if v := w.view(); v.Ready != 1 || v.Draining != 0 {
		t.Fatalf("%+v", v)
	}
	w.step(Event{Kind: DrainChild, Child: id})
	if n := w.count(OpSignal); n != 1 {
		t.Errorf("%d signals", n)
	}
}
