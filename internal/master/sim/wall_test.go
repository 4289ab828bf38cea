package sim

import (
	"math/rand/v2"
	"testing"
	"time"
)

// What a timetable says of minutes is what cron says of the next moment, also where clocks change: two readings of the
// same lines, made independently.
func TestTimetables(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 32))
	for n := range 20_000 {
		zone := zones[n%len(zones)]
		after := time.Date(2026, 1, 1, 0, 0, rnd.IntN(365*24*3600), rnd.IntN(3)-1, zone)
		if _, change := after.ZoneBounds(); !change.IsZero() && n%2 == 0 {
			after = change.Add(time.Duration(rnd.IntN(4*3600)-2*3600) * time.Second).In(zone)
		}
		until := after.Add(time.Second << rnd.IntN(17)).Add(time.Duration(rnd.IntN(60)-30) * time.Second)
		for k := range timetables {
			table := &timetables[k]
			next, ever := table.spec.Next(after)
			if want, got := ever && !next.After(until), table.between(after, until); got != want {
				t.Fatalf("%s from %v to %v: %v; cron says %v, %v", table.text, after, until, got, next, ever)
			}
		}
	}
}

// Each kind of jump that a clock makes is among those of the histories: each of them, forwards, back, over a change of
// the year's clocks, and by more than what may be put back.
func TestClockIsSetInEveryWay(t *testing.T) {
	w := New(3, Mistake{})
	w.wall.steady = false
	ways := map[string]bool{}
	for range 2000 {
		before := w.clock()
		w.setClock()
		after := w.clock()
		_, a := before.Zone()
		_, b := after.Zone()
		switch set := after.Sub(before); {
		case a != b:
			ways["another offset"] = true
		case set > putBack:
			ways["forwards far"] = true
		case set > 0:
			ways["forwards"] = true
		case set < -putBack:
			ways["back far"] = true
		case set < 0:
			ways["back"] = true
		}
	}
	for _, way := range []string{"another offset", "forwards far", "forwards", "back far", "back"} {
		if !ways[way] {
			t.Errorf("the clock is never set %s", way)
		}
	}
}

// A time that comes twice, or not at all, comes once.
func TestBetweenWhereClocksChange(t *testing.T) {
	zone := zones[1] // Berlin: at 01:00 UTC on 29 March and 25 October
	spring := time.Date(2026, 3, 29, 1, 0, 0, 0, time.UTC).In(zone)
	autumn := time.Date(2026, 10, 25, 1, 0, 0, 0, time.UTC).In(zone)
	half := tableNamed(t, "30 2 * * *")
	for _, c := range []struct {
		after time.Time
		d     time.Duration
		want  bool
	}{
		{spring.Add(-time.Minute), time.Minute - 1, false}, {spring.Add(-1), 1, true}, {spring, time.Hour, false},
		{autumn.Add(-31 * time.Minute), time.Minute, true}, {autumn.Add(-30 * time.Minute), 23 * time.Hour, false},
	} {
		if got := half.between(c.after, c.after.Add(c.d)); got != c.want {
			t.Errorf("after %v, within %v: %v", c.after, c.d, got)
		}
	}
}

func tableNamed(t *testing.T, text string) *timetable {
	t.Helper()
	for k := range timetables {
		if timetables[k].text == text {
			return &timetables[k]
		}
	}
	t.Fatalf("no timetable %q", text)
	return nil
}
