package sim

import (
	"time"
	_ "time/tzdata" // histories are the same without the system's

	"github.com/constance-mail/constance/internal/master/cron"
)

// wall is the clock on the wall. It goes on with roster's time, but it is set now and then, and it is put forward and
// back where the year says so.
type wall struct {
	zero   time.Time // what it shows when roster's time is 0
	steady bool      // it is set seldom
}

// zones are places whose clocks change by an hour, by half of one, and never; north and south.
var zones = func() (list []*time.Location) {
	for _, name := range []string{"UTC", "Europe/Berlin", "Australia/Lord_Howe", "America/New_York", "Asia/Kathmandu"} {
		zone, err := time.LoadLocation(name)
		if err != nil {
			panic(err)
		}
		list = append(list, zone)
	}
	return list
}()

// timetable is when a job is due by the wall clock, said twice and independently: as cron reads it, and as a question
// about a minute that the clock shows.
type timetable struct {
	text    string
	spec    *cron.Spec
	passing bool // it is of every hour, and goes by the time that passes
	means   func(time.Time) bool
}

// timetables are those that jobs have. One that is due at all is so within a week.
var timetables = func() []timetable {
	list := []timetable{
		{text: "* * * * *", passing: true, means: func(time.Time) bool { return true }},
		{text: "*/5 * * * *", passing: true, means: func(t time.Time) bool { return t.Minute()%5 == 0 }},
		{text: "59 * * * *", passing: true, means: func(t time.Time) bool { return t.Minute() == 59 }},
		{text: "30 2 * * *", means: func(t time.Time) bool { return t.Hour() == 2 && t.Minute() == 30 }},
		{text: "* 1-3 * * *", means: func(t time.Time) bool { return t.Hour() >= 1 && t.Hour() <= 3 }},
		{text: "0 */2 * * *", means: func(t time.Time) bool { return t.Hour()%2 == 0 && t.Minute() == 0 }},
		{text: "0 0 * * sun", means: func(t time.Time) bool {
			return t.Weekday() == time.Sunday && t.Hour() == 0 && t.Minute() == 0
		}},
		{text: "0 0 30 2 *"}, // never
	}
	for k := range list {
		spec, err := cron.Parse(list[k].text)
		if err != nil {
			panic(err)
		}
		list[k].spec = spec
	}
	return list
}()

// tableOf is the table of what a configuration holds; nil for nothing.
func tableOf(s *cron.Spec) *timetable {
	for k := range timetables {
		if timetables[k].spec == s {
			return &timetables[k]
		}
	}
	return nil
}

// between is whether one of the times comes after one moment and not after another. A time of certain hours comes when
// the clock has gone so far for the first time, be it that it skips that time.
func (t *timetable) between(after, until time.Time) bool {
	if t.means == nil {
		return false
	}
	if !t.passing {
		after, until = farthest(after), farthest(until)
	}
	for m := after.Truncate(time.Minute).Add(time.Minute); !m.After(until); m = m.Add(time.Minute) {
		if t.means(m) {
			return true
		}
	}
	return false
}

// farthest is how far the clock on the wall has gone by t, as if it were UTC: farther than it shows where it was put
// back not long ago.
func farthest(t time.Time) time.Time {
	far := shown(t)
	if start, _ := t.ZoneBounds(); !start.IsZero() {
		if before := shown(start.Add(-1)); before.After(far) {
			return before
		}
	}
	return far
}

func shown(t time.Time) time.Time {
	_, offset := t.Zone()
	return t.UTC().Add(time.Duration(offset) * time.Second)
}

// hang makes a clock that shows some moment of 2026, often one just before it changes.
func (w *World) hang() {
	zone := zones[w.rnd.IntN(len(zones))]
	begin := time.Date(2026, 1, 1, 0, 0, w.rnd.IntN(365*24*3600), 0, zone)
	if _, change := begin.ZoneBounds(); !change.IsZero() && w.rnd.IntN(2) == 0 {
		begin = change.Add(-time.Duration(w.rnd.IntN(200)) * time.Second).In(zone)
	}
	w.wall = wall{zero: begin, steady: w.rnd.IntN(2) == 0}
}

// clock is what the clock on the wall shows.
func (w *World) clock() time.Time { return w.wall.zero.Add(w.time()) }

// setClock: somebody sets the clock on the wall.
func (w *World) setClock() error {
	if w.wall.steady && w.rnd.IntN(50) > 0 {
		return nil
	}
	now := w.clock()
	set := now
	switch w.rnd.IntN(6) {
	case 0: // a little
		set = now.Add(time.Duration(w.rnd.IntN(1_200_000)-600_000) * time.Millisecond)
	case 1: // as somebody does who puts it forward or back by hand
		set = now.Add(time.Duration(w.rnd.IntN(3)-1) * time.Hour)
	case 2: // much
		set = now.Add(time.Minute << w.rnd.IntN(16))
	case 3:
		set = now.Add(-time.Minute << w.rnd.IntN(16))
	case 4: // to a moment before it changes by itself
		start, end := now.ZoneBounds()
		if w.rnd.IntN(2) == 0 && now.Sub(start) < 366*24*time.Hour { // not to the days before there were zones
			end = start
		}
		if !end.IsZero() {
			set = end.Add(-time.Duration(w.rnd.IntN(5000)) * time.Millisecond)
		}
	case 5: // to a moment before a job's time, today
		at := time.Date(now.Year(), now.Month(), now.Day(), 2*w.rnd.IntN(2), 30*w.rnd.IntN(2), 0, 0, now.Location())
		set = at.Add(-time.Duration(w.rnd.IntN(5000)) * time.Millisecond)
	}
	w.wall.zero = w.wall.zero.Add(set.Sub(now))
	w.tell("  the clock is set by %v to %v", set.Sub(now), w.clock())
	return nil
}
