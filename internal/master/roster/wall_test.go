package roster

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/constance-mail/constance/internal/master/cron"
)

func times(t testing.TB, text string) *cron.Spec {
	t.Helper()
	s, err := cron.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func daily(t testing.TB, text string) Job {
	return Job{Key: "j", Name: "expire", Times: times(t, text)}
}

// noon is a Wednesday's.
var noon = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

// clocked is a world with a clock on the wall, which can be set.
type clocked struct {
	*world
	off time.Time // what the wall shows when now is 0
}

func newClocked(t *testing.T, wall time.Time, list ...Job) *clocked {
	c := &clocked{world: newWorld(t)}
	c.off = wall.Add(-c.now)
	c.reload(jobs(list...))
	return c
}

func (c *clocked) wall() time.Time { return c.off.Add(c.now) }

// tick lets time pass and returns how many runs that began and ended.
func (c *clocked) tick(d time.Duration) int {
	c.Helper()
	c.now += d
	c.step(Event{Kind: Tick, Wall: c.wall()})
	return c.runs()
}

// drive sleeps as a shell does, as long as Next says, until so much time has passed, and returns the walls' times of
// the runs.
func (c *clocked) drive(d time.Duration) (at []string) {
	c.Helper()
	for end, wakes := c.now+d, 0; c.now <= end; wakes++ {
		if wakes > int(d/time.Second)+20 {
			c.Fatalf("awake %d times in %v", wakes, d)
		}
		for range c.tick(0) {
			at = append(at, c.wall().Format("02 15:04:05"))
		}
		wait, ok := c.s.Next(c.now)
		if !ok {
			c.Fatal("nothing is waited for")
		}
		c.now += wait
	}
	return at
}

// P31: a period runs at the start and then exactly by the clock, however late the loop is now and then.
func TestP31_NoDrift(t *testing.T) {
	w := newWorld(t)
	begun := w.now + 1
	w.reload(jobs(Job{Key: "j", Name: "j", Period: time.Minute}))
	rnd := rand.New(rand.NewPCG(31, 1))
	var at []time.Duration
	for len(at) < 200 {
		wait, ok := w.s.Next(w.now)
		if !ok {
			t.Fatal("nothing is waited for")
		}
		w.after(wait + time.Duration(rnd.IntN(int(59*time.Second)))) // woken late
		for range w.runs() {
			at = append(at, w.now)
		}
	}
	for k, got := range at {
		if due := begun + time.Duration(k)*time.Minute; got < due || got >= due+time.Minute {
			t.Fatalf("run %d at %v, due at %v", k, got, due)
		}
	}
}

// P31: runs that were missed altogether are told, and left out.
func TestP31_BehindSchedule(t *testing.T) {
	w := newWorld(t)
	w.reload(jobs(Job{Key: "j", Name: "purge", Period: time.Minute}))
	w.after(1)
	w.runs()
	w.after(time.Hour)
	if n := w.runs(); n != 1 {
		t.Errorf("%d runs", n)
	}
	if want := "periodic event behind schedule: purge: 59 runs are left out"; !strings.Contains(w.log.String(), want) {
		t.Errorf("%q not in %q", want, w.log.String())
	}
}

// P32: what runs when, with a loop that sleeps as long as it may.
func TestP32_ByTheWall(t *testing.T) {
	for _, c := range []struct {
		times string
		begin time.Time
		drive time.Duration
		want  string
	}{
		{"1 12 * * *", noon, 48 * time.Hour, "25 12:01:00,26 12:01:00"},
		{"0 12 * * *", noon.Add(30 * time.Second), 24 * time.Hour, "25 12:00:30,26 12:00:00"}, // the minute of the start
		{"59 11 * * *", noon, 24 * time.Hour, "26 11:59:00"},
		{"*/20 * * * *", noon.Add(7 * time.Minute), time.Hour, "25 12:20:00,25 12:40:00,25 13:00:00"},
		{"0 0 27 * sat", noon, 96 * time.Hour, "27 00:00:00,28 00:00:00"},
		{"0 0 30 2 *", noon, 96 * time.Hour, ""},
	} {
		w := newClocked(t, c.begin, daily(t, c.times))
		if got := strings.Join(w.drive(c.drive), ","); got != c.want {
			t.Errorf("%s from %v: %s, want %s", c.times, c.begin, got, c.want)
		}
	}
}

// P32: how often a job by the wall clock runs while the loop is busy, the clock is set and reloads come. Each step lets
// time pass, sets the clock, and then ticks.
func TestP32_ClockIsSet(t *testing.T) {
	m, h := time.Minute, time.Hour
	type step struct {
		pass, set time.Duration
		want      int
	}
	for _, c := range []struct {
		name, times string
		steps       []step
	}{
		{"on time", "5 12 * * *", []step{{0, 0, 0}, {5 * m, 0, 1}, {0, 0, 0}, {m, 0, 0}, {24*h - m, 0, 1}}},
		{"too early", "5 12 * * *", []step{{5*m - 1, 0, 0}, {1, 0, 1}}},
		{"busy over its minute", "5 12 * * *", []step{{0, 0, 0}, {9 * m, 0, 1}, {m, 0, 0}}},
		{"busy over many", "* * * * *", []step{{0, 0, 1}, {30 * m, 0, 1}, {0, 0, 0}, {m, 0, 1}}},
		{"forward over it", "5 12 * * *", []step{{0, 0, 0}, {m, h, 1}, {0, 0, 0}, {h, 0, 0}}},
		{"forward a year", "5 12 * * *", []step{{0, 0, 0}, {0, 365 * 24 * h, 1}, {0, 0, 0}, {24 * h, 0, 1}}},
		{"forward, by minutes", "*/5 * * * *", []step{{0, 0, 1}, {0, h, 1}, {0, 0, 0}, {5 * m, 0, 1}}},
		{"back before it, after the run", "5 12 * * *", []step{{0, 0, 0}, {10 * m, 0, 1}, {0, -h, 0}, {55 * m, 0, 0}, {h, 0, 0}}},
		{"back in two pieces", "5 12 * * *", []step{{0, 0, 0}, {10 * m, 0, 1}, {0, -h, 0}, {0, -h, 0}, {2 * h, 0, 0}}},
		{"back a little, before the run", "5 12 * * *", []step{{0, 0, 0}, {4 * m, 0, 0}, {0, -h, 0}, {h, 0, 0}, {m, 0, 1}}},
		{"back far: it was wrong before", "5 12 * * *", []step{{0, 0, 0}, {10 * m, 0, 1}, {0, -4 * h, 0}, {4*h - 5*m, 0, 1}}},
		{"back a year", "5 12 * * *", []step{{0, 0, 0}, {10 * m, 0, 1}, {0, -365 * 24 * h, 0}, {24*h - 5*m, 0, 1}}},
		{"back, by minutes", "*/5 * * * *", []step{{0, 0, 1}, {0, -h, 0}, {5 * m, 0, 1}, {5 * m, 0, 1}}},
		{"back a second", "*/5 * * * *", []step{{0, 0, 1}, {0, -time.Second, 0}, {time.Second, 0, 1}, {5 * m, 0, 1}}},
		{"to and fro", "5 12 * * *", []step{{0, 0, 0}, {0, h, 1}, {0, -h, 0}, {0, h, 0}, {0, -h, 0}, {0, h, 0}, {23*h + 5*m, 0, 1}}},
	} {
		w := newClocked(t, noon, daily(t, c.times))
		for k, s := range c.steps {
			w.off = w.off.Add(s.set)
			if n := w.tick(s.pass); n != s.want {
				t.Errorf("%s, step %d at %v: %d runs, want %d", c.name, k, w.wall(), n, s.want)
			}
		}
	}
}

// P32: SIGHUP in the minute of a run does not repeat it, and loses none that was missed; whatever is changed.
func TestP32_ReloadInItsMinute(t *testing.T) {
	five := daily(t, "5 12 * * *")
	other := daily(t, "6 12 * * *")
	now := daily(t, "5 12,13 * * *")
	period := Job{Key: "j", Name: "expire", Period: time.Hour}
	for _, c := range []struct {
		name   string
		before Job
		to     Job
		late   bool // the reload finds the run not started yet
		want   string
	}{
		{"the same", five, daily(t, "5 12 * * *"), false, "26 12:05:00"},
		{"the same, and busy", five, five, true, "25 12:05:10,26 12:05:00"},
		{"a minute later", five, other, false, "25 12:06:00"},
		{"other times that mean this minute too", five, now, false, "25 12:05:10,25 13:05:00,26 12:05:00"},
		{"by period now", five, Job{Key: "j", Name: "expire", Period: 13 * time.Hour}, false, "25 12:05:10,26 01:05:10"},
		{"by the wall now", period, five, false, "25 12:05:10,26 12:05:00"},
	} {
		w := newClocked(t, noon, c.before)
		w.tick(1)
		w.now += 5*time.Minute + 10*time.Second
		if !c.late {
			w.tick(0)
		}
		w.reload(jobs(c.to))
		w.now++ // what runs anew does at the next tick
		if got := strings.Join(w.drive(24*time.Hour), ","); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

// P33: a run that lasts keeps out the next, by the wall too, and with another schedule after a reload.
func TestP33_NoOverlap(t *testing.T) {
	w := newClocked(t, noon, daily(t, "* * * * *"))
	w.step(Event{Kind: Tick, Wall: w.wall()})
	id := w.spawned()[0]
	for range 3 {
		w.now += time.Minute
		w.step(Event{Kind: Tick, Wall: w.wall()})
		if w.count(OpSpawn) != 0 {
			t.Fatalf("%v", w.acts)
		}
	}
	w.reload(jobs(daily(t, "*/2 * * * *")))
	w.step(Event{Kind: Tick, Wall: w.wall()})
	if n := strings.Count(w.log.String(), "event expire: pid 1000 of the run before still works"); n != 3 || w.count(OpSpawn) != 0 {
		t.Errorf("%d lines, %v", n, w.acts)
	}
	w.dies(id, 0)
	if n := w.tick(time.Minute); n != 1 {
		t.Errorf("%d runs", n)
	}
}

// What is behind time says so.
func TestLateRunIsTold(t *testing.T) {
	w := newClocked(t, noon, daily(t, "5 12 * * *"))
	w.tick(0)
	w.tick(time.Hour)
	if want := "event expire was due at 2026-11-25 12:05:00: it runs late, and once"; !strings.Contains(w.log.String(), want) {
		t.Errorf("%q not in %q", want, w.log.String())
	}
	w = newClocked(t, noon, daily(t, "* * * * *"))
	w.tick(0)
	w.off = w.off.Add(-time.Hour)
	w.tick(0)
	if want := "time of day clock went backwards by 1h0m0s: event expire"; !strings.Contains(w.log.String(), want) {
		t.Errorf("%q not in %q", want, w.log.String())
	}
}

// A clock that is set at random: never two runs for the same tick, never asleep for more than a minute, and after a
// while in peace every job runs as its table says.
func TestClockAtRandom(t *testing.T) {
	for seed := range uint64(20) {
		rnd := rand.New(rand.NewPCG(seed, 32))
		w := newClocked(t, noon, daily(t, "*/10 * * * *"), Job{Key: "k", Name: "k", Times: times(t, "30 4 * * *")})
		for range 300 {
			switch rnd.IntN(5) {
			case 0:
				w.off = w.off.Add(time.Duration(rnd.IntN(9*3600)-4*3600) * time.Second)
			case 1:
				w.reload(jobs(daily(t, "*/10 * * * *"), Job{Key: "k", Name: "k", Times: times(t, "30 4 * * *")}))
			}
			if n := w.tick(time.Duration(rnd.IntN(600)) * time.Second); n > 2 {
				t.Fatalf("seed %d: %d runs at once", seed, n)
			}
			if wait, ok := w.s.Next(w.now); !ok || wait > lookAtClock {
				t.Fatalf("seed %d: asleep for %v", seed, wait)
			}
		}
		w.drive(24 * time.Hour) // peace
		if got := len(w.drive(48 * time.Hour)); got < 48*6+2 || got > 48*6+4 {
			t.Errorf("seed %d: %d runs in two days", seed, got)
		}
	}
}

// Without a wall clock, as in a step that is no tick, nothing happens to jobs that go by it.
func TestNoWallClock(t *testing.T) {
	w := newWorld(t)
	w.reload(jobs(daily(t, "* * * * *")))
	w.after(time.Hour)
	if n := w.runs(); n != 0 {
		t.Errorf("%d runs", n)
	}
	if wait, ok := w.s.Next(w.now); !ok || wait != 0 {
		t.Errorf("a tick is wanted in %v, %v", wait, ok)
	}
	_, views := w.s.View()
	if fmt.Sprint(views[0].Next) != fmt.Sprint(time.Time{}) {
		t.Errorf("%+v", views)
	}
}
