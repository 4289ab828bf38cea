package roster

import (
	"strings"
	"testing"
	"time"
)

// runs lets the jobs that were ordered run to their end and counts them.
func (w *world) runs() (n int) {
	w.Helper()
	for _, id := range w.spawned() {
		n++
		w.dies(id, 0)
	}
	return n
}

func jobs(list ...Job) Config { return Config{Jobs: list} }

// P31: how often a job runs while the clock does this and that. Each step lets so much time pass, and one tick comes.
func TestNoStorm(t *testing.T) {
	m := time.Minute
	for _, c := range []struct {
		name string
		pass []time.Duration
		want []int
	}{
		{"on time", []time.Duration{0, m, m, m}, []int{0, 1, 1, 1}},
		{"too early", []time.Duration{m / 2, m / 4, m / 4}, []int{1, 0, 0}},
		{"late, and then on time again", []time.Duration{1, m + 20*time.Second, 40 * time.Second, m}, []int{1, 1, 1, 1}},
		{"an hour away", []time.Duration{1, time.Hour, 0, m - 1, 1}, []int{1, 1, 0, 0, 1}},
		{"a day away", []time.Duration{1, 24 * time.Hour, time.Second}, []int{1, 1, 0}},
		{"back an hour", []time.Duration{1, m, -time.Hour, 0, time.Hour, m}, []int{1, 1, 0, 0, 0, 1}},
		{"back to nothing", []time.Duration{1, -time.Hour * 9, 9*time.Hour + m}, []int{1, 0, 1}},
	} {
		w := newWorld(t)
		w.reload(jobs(Job{Key: "j", Name: "j", Period: m}))
		for k, d := range c.pass {
			w.after(d)
			if n := w.runs(); n != c.want[k] {
				t.Errorf("%s, step %d: %d runs, want %d", c.name, k, n, c.want[k])
			}
		}
	}
}

// P32: a reload neither repeats nor loses a run.
func TestJobsOverReload(t *testing.T) {
	m := time.Minute
	one := Job{Key: "j", Name: "j", Period: m}
	for _, c := range []struct {
		name   string
		before []Job
		to     []Job
		want   map[string]int // runs in the 90 seconds after a reload 30 s after the first run
	}{
		{"the same", []Job{one}, []Job{one}, map[string]int{"j": 2}},
		{"another", []Job{one}, []Job{{Key: "k", Period: m}}, map[string]int{"k": 2}},
		{"one more", []Job{one}, []Job{one, {Key: "k", Period: m}}, map[string]int{"j": 2, "k": 2}},
		{"gone", []Job{one}, nil, map[string]int{}},
		{"another period", []Job{one}, []Job{{Key: "j", Period: 2 * m}}, map[string]int{"j": 1}},
		{"no period any more", []Job{one}, []Job{{Key: "j"}}, map[string]int{}},
		{"a period at last", []Job{{Key: "j"}}, []Job{one}, map[string]int{"j": 2}},
	} {
		w := newWorld(t)
		w.reload(jobs(c.before...))
		w.after(time.Second)
		w.runs()
		w.after(29 * time.Second)
		w.runs()
		got := map[string]int{}
		count := func() {
			for _, a := range w.acts {
				if a.Op == OpSpawn {
					got[a.Text]++
				}
			}
			w.runs()
		}
		w.reload(jobs(c.to...))
		count()
		for range 901 {
			w.after(100 * time.Millisecond)
			count()
		}
		if len(got) != len(c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
		for key, n := range c.want {
			if got[key] != n {
				t.Errorf("%s: %v, want %v", c.name, got, c.want)
			}
		}
	}
}

// P33: a run that lasts keeps out the next, outlives a reload and the job itself, and is waited for at the end.
func TestLongRun(t *testing.T) {
	w := newWorld(t)
	conf := jobs(Job{Key: "j", Name: "expire", Period: time.Minute})
	w.reload(conf)
	w.after(1)
	id := w.spawned()[0]
	for range 3 {
		w.after(time.Minute)
		w.reload(conf)
		if w.count(OpSpawn)+w.count(OpSignal) != 0 {
			t.Fatalf("%v", w.acts)
		}
	}
	if n := strings.Count(w.log.String(), "event expire: pid 1000 of the run before still works"); n != 3 {
		t.Errorf("%d lines: %s", n, w.log.String())
	}
	w.reload(Config{}) // the job is removed, its run is not
	_, views := w.s.View()
	if len(w.signals()) != 0 || len(views) != 1 || views[0].PID != 1000 || views[0].Due != 0 {
		t.Errorf("%v, %+v", w.acts, views)
	}
	w.step(Event{Kind: Stop})
	if w.count(OpSignal) != 1 || w.s.Done() {
		t.Errorf("%v", w.acts)
	}
	w.dies(id, 15)
	if !w.s.Done() {
		t.Error("not over")
	}
}

// A removed job is forgotten when its run ends, and may come back beside it.
func TestJobRemovedWhileItRuns(t *testing.T) {
	w := newWorld(t)
	conf := jobs(Job{Key: "j", Name: "j", Period: time.Minute})
	w.reload(conf)
	w.after(1)
	id := w.spawned()[0]
	w.reload(Config{})
	w.dies(id, 0)
	if _, views := w.s.View(); len(views) != 0 {
		t.Errorf("%+v", views)
	}
	w.reload(conf)
	w.after(1)
	id = w.spawned()[0]
	w.reload(Config{})
	w.reload(conf)
	w.after(1)
	if w.count(OpSpawn) != 0 { // the run that works is the job's own again
		t.Errorf("%v", w.acts)
	}
	w.dies(id, 0)
	w.after(time.Minute)
	if n := w.runs(); n != 1 {
		t.Errorf("%d runs", n)
	}
}

func TestRunNow(t *testing.T) {
	w := newWorld(t)
	w.reload(jobs(Job{Key: "j"}, Job{Key: "k", Period: time.Hour}))
	w.after(1)
	if n := w.runs(); n != 1 {
		t.Fatalf("%d runs at the start", n)
	}
	for key, want := range map[string]int{"j": 1, "k": 1, "none": 0} {
		w.step(Event{Kind: Run, Text: key})
		if n := w.runs(); n != want {
			t.Errorf("%s: %d runs, want %d", key, n, want)
		}
	}
	w.after(time.Hour) // a run between does not move the schedule
	if n := w.runs(); n != 1 {
		t.Errorf("%d runs after an hour", n)
	}
}

// A fork that fails costs one run and one line.
func TestJobForkFails(t *testing.T) {
	w := newWorld(t)
	w.reload(jobs(Job{Key: "j", Name: "j", Period: time.Minute}))
	w.after(1)
	for _, a := range w.acts {
		if a.Op == OpSpawn {
			w.step(Event{Kind: SpawnFail, Child: a.Child, Text: "no memory"})
		}
	}
	if n := strings.Count(w.log.String(), "can't fork process to run event j: no memory"); n != 1 {
		t.Errorf("%d lines", n)
	}
	w.after(time.Minute)
	if n := w.runs(); n != 1 {
		t.Errorf("%d runs a minute later", n)
	}
}
