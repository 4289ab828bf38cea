package roster

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/constance-mail/constance/internal/service"
)

// world is a state with one service and the actions of the last step.
type world struct {
	*testing.T
	s    *State
	now  time.Duration
	acts []Action
	log  strings.Builder
}

func newWorld(t *testing.T, services ...Service) *world {
	w := &world{T: t, s: New(), now: time.Second}
	w.step(Event{Kind: Reload, Conf: &Config{Services: services}})
	return w
}

func (w *world) step(e Event) {
	w.Helper()
	w.acts = append([]Action(nil), w.s.Step(e, w.now, nil)...)
	for _, a := range w.acts {
		if a.Op == OpLog {
			w.log.WriteString(a.Text + "\n")
		}
	}
	if err := w.s.Check(); err != nil {
		w.Fatal(err)
	}
}

// after lets time pass.
func (w *world) after(d time.Duration) {
	w.Helper()
	w.now += d
	w.step(Event{Kind: Tick})
}

// spawned lets the forks of the last step succeed and returns the children.
func (w *world) spawned() (ids []ChildID) {
	w.Helper()
	for _, a := range w.acts {
		if a.Op == OpSpawn {
			ids = append(ids, a.Child)
		}
	}
	for k, id := range ids {
		w.step(Event{Kind: Spawned, Child: id, PID: 1000 + k})
	}
	return ids
}

func (w *world) dies(id ChildID, status syscall.WaitStatus) {
	w.Helper()
	w.step(Event{Kind: Ended, Child: id})
	w.step(Event{Kind: Exited, Child: id, Status: status})
}

func (w *world) view() InstView {
	w.Helper()
	v, _ := w.s.View()
	if len(v) == 0 {
		w.Fatal("no instance")
	}
	return v[0]
}

func (w *world) count(op Op) (n int) {
	for _, a := range w.acts {
		if a.Op == op {
			n++
		}
	}
	return n
}

// P06: every cell of the table of states and messages.
func TestP06_Messages(t *testing.T) {
	for _, c := range []struct {
		from Class
		code int32
		to   Class
		conn int
	}{
		{Ready, service.Available, Ready, 0}, {Ready, service.Unavailable, Busy, 0},
		{Ready, service.Connection, Busy, 1}, {Ready, service.ConnectionMulti, Ready, 1},
		{Busy, service.Available, Ready, 0}, {Busy, service.Unavailable, Busy, 0},
		{Busy, service.Connection, Busy, 1}, {Busy, service.ConnectionMulti, Ready, 1},
		{Draining, service.Available, Ready, 0}, // it ignored SIGHUP
		{Draining, service.Unavailable, Draining, 0}, {Draining, service.ConnectionMulti, Draining, 1},
		{Ready, 77, Ready, 0}, {Busy, -1, Busy, 0}, // P07: unknown codes
		{Ready, service.Life(3, true), Busy, 0}, {Busy, service.Life(0, false), Ready, 0},
		{Draining, service.Life(0, false), Draining, 0},
	} {
		w := newWorld(t, Service{Key: "a", Name: "a/ipv4", Prefork: 1, MaxChild: 1})
		id := w.spawned()[0]
		switch c.from {
		case Busy:
			w.step(Event{Kind: Said, Child: id, Code: service.Unavailable, N: 1})
		case Draining:
			w.step(Event{Kind: DrainChild, Child: id})
		}
		w.step(Event{Kind: Said, Child: id, Code: c.code, N: 1})
		v := w.view()
		if got := v.Children[0].Class; got != c.to || v.Conns != c.conn {
			t.Errorf("%v and message %#x: %v, %d connections; want %v, %d", c.from, c.code, got, v.Conns, c.to, c.conn)
		}
	}
}

// P07: an unknown child changes nothing.
func TestP07_UnknownChild(t *testing.T) {
	w := newWorld(t, Service{Key: "a", Prefork: 1, MaxChild: -1})
	w.spawned()
	for k := Spawned; k <= Ended+1; k++ {
		w.step(Event{Kind: k, Child: 99, Code: service.Unavailable, N: 1, PID: 5})
		if v := w.view(); v.Ready != 1 || len(w.acts) != 0 {
			t.Errorf("event %d: %+v, %v", k, v, w.acts)
		}
	}
}

func TestMaxForkRate(t *testing.T) { // P12
	w := newWorld(t, Service{Key: "a", Prefork: 100, MaxChild: -1, MaxForkRate: 5})
	n := len(w.spawned())
	if n != 8 { // the burst from idle: ceil(5/ln 2)
		t.Errorf("burst of %d", n)
	}
	total := 0
	for range 1000 {
		w.after(10 * time.Millisecond)
		total += len(w.spawned())
	}
	if total < 40 || total > 60 {
		t.Errorf("%d forks in 10 s at 5 per second", total)
	}
}

// P10: five failures, then pauses of 10, 20, 40, 60, 60 seconds; a worker that serves ends the series.
func TestP10_Pauses(t *testing.T) {
	w := newWorld(t, Service{Key: "a", Name: "a/ipv4", Prefork: 1, MaxChild: -1})
	fail := func() {
		t.Helper()
		ids := w.spawned()
		for len(ids) == 0 {
			w.after(time.Second)
			ids = w.spawned()
		}
		w.dies(ids[0], 1<<8)
	}
	for range 5 {
		fail()
	}
	for _, want := range []time.Duration{10, 20, 40, 60, 60} {
		if got := w.view().PausedFor; got != want*time.Second {
			t.Errorf("paused for %v, want %d s", got, want)
		}
		fail()
	}
	w.after(time.Minute)
	id := w.spawned()[0]
	w.step(Event{Kind: Said, Child: id, Code: service.ConnectionMulti, N: 1})
	w.dies(id, 9) // crashed, but it has served
	if got := w.view(); got.Starting != 1 || got.PausedFor != 0 {
		t.Errorf("%+v", got)
	}
	if n := strings.Count(w.log.String(), "too many failures for service a/ipv4"); n != 6 {
		t.Errorf("%d lines", n)
	}
}

// P16: forks that fail are retried within a second, with few lines in the log.
func TestP16_ForkFails(t *testing.T) {
	w := newWorld(t, Service{Key: "a", Name: "a/ipv4", Prefork: 1, MaxChild: -1})
	fails := 0
	for range 6000 {
		for _, a := range w.acts {
			if a.Op == OpSpawn {
				fails++
				w.step(Event{Kind: SpawnFail, Child: a.Child, Text: "resource temporarily unavailable"})
			}
		}
		w.after(10 * time.Millisecond)
	}
	if n := strings.Count(w.log.String(), "can't fork"); n > 10 || fails < 50 || fails > 100 {
		t.Errorf("%d lines for %d failures in a minute", n, fails)
	}
	for range 110 {
		w.after(10 * time.Millisecond)
		if len(w.spawned()) > 0 {
			return
		}
	}
	t.Error("no fork in a second")
}

func TestOneSignalForEachReload(t *testing.T) { // P19
	conf := Config{Services: []Service{{Key: "a", Prefork: 2, MaxChild: -1}, {Key: "b", Prefork: 1, MaxChild: -1}},
		Jobs: []Job{{Key: "j", Period: time.Minute}}}
	w := newWorld(t)
	w.step(Event{Kind: Reload, Conf: &conf})
	w.spawned()
	w.after(time.Second)
	job := w.spawned()
	w.step(Event{Kind: Reload, Conf: &conf})
	hups := map[ChildID]int{}
	for _, a := range w.acts {
		if a.Op == OpSignal && a.Sig == syscall.SIGHUP {
			hups[a.Child]++
		}
	}
	if len(hups) != 3 || len(job) != 1 || hups[job[0]] != 0 {
		t.Errorf("signals %v, job %v", hups, job)
	}
}

// P31: a job runs at once and then by its period, without drift and whatever the clock does.
func TestP31_Period(t *testing.T) {
	w := newWorld(t)
	w.step(Event{Kind: Reload, Conf: &Config{Jobs: []Job{{Key: "j", Name: "j", Period: time.Minute}}}})
	runs, begun := 0, w.now
	for w.now < begun+10*time.Minute+time.Second {
		w.after(970 * time.Millisecond)
		for _, id := range w.spawned() {
			runs++
			w.dies(id, 0)
		}
	}
	if runs != 11 {
		t.Errorf("%d runs in ten minutes", runs)
	}
	w.after(time.Hour) // nothing is made up for
	if n := len(w.spawned()); n != 1 {
		t.Errorf("%d runs after an hour away", n)
	}
	w.after(time.Minute) // the run before still works
	if n := w.count(OpSpawn); n != 0 || !strings.Contains(w.log.String(), "left out") {
		t.Errorf("%d runs beside one that works", n)
	}
}

func TestStop(t *testing.T) {
	w := newWorld(t, Service{Key: "a", Prefork: 2, MaxChild: -1})
	ids := w.spawned()
	w.step(Event{Kind: Stop})
	if n := w.count(OpSignal); n != 2 {
		t.Errorf("%d signals", n)
	}
	w.dies(ids[0], 0)
	w.after(defaultGrace)
	if n := w.count(OpSignal); n != 1 || w.acts[1].Sig != syscall.SIGKILL {
		t.Errorf("%v", w.acts)
	}
	w.dies(ids[1], 9)
	if !w.s.Done() {
		t.Error("not done")
	}
}
