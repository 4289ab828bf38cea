package sim

import (
	"time"

	"github.com/constance-mail/constance/internal/master/roster"
)

// job is a scheduled command as the world knows it.
type job struct {
	conf  roster.Job
	asked bool // an admin wants it now

	// by period
	from time.Duration // of this schedule
	slot int64         // the number of the last period in which it started
	last time.Duration // start or end of the last run

	// by the wall clock
	table  *timetable // nil: by period
	mark   time.Time  // the times until then are done with
	passed bool       // one of its times has passed, for which it has not been started
	minute time.Time  // the next one that begins
	meant  bool       // it is one of its times
}

// putBack is how far the wall clock may be put back and be right: then no time of certain hours comes again.
const putBack = 3 * time.Hour

// plan notes the schedule of the jobs; one that stays keeps its own.
func (w *World) plan(jobs []roster.Job) {
	old := w.jobs
	w.jobs = map[string]*job{}
	for _, c := range jobs {
		if j := old[c.Key]; j != nil && j.conf.Period == c.Period && j.conf.Times == c.Times {
			w.jobs[c.Key] = j
			continue
		}
		w.jobs[c.Key] = &job{conf: c, from: w.time(), slot: -1, last: w.time(), table: tableOf(c.Times)}
	}
}

// look notes whose time has passed on the wall, for the tick to come.
func (w *World) look(wall time.Time) {
	for _, c := range w.conf.Jobs {
		j := w.jobs[c.Key]
		j.asked, j.passed = false, false
		if j.table != nil && w.s.Working() && !w.stop.told {
			j.look(wall)
		}
	}
}

// look: the minute of the start counts; a time that comes again because the clock was put back does not, but for a job
// of every hour, and for one whose clock was wrong before.
func (j *job) look(wall time.Time) {
	back := j.mark.Sub(wall)
	switch {
	case j.mark.IsZero():
		j.mark = wall.Truncate(time.Minute).Add(-1)
	case back > putBack, back > 0 && j.table.passing:
		j.mark = wall
	}
	if wall.After(j.mark) {
		j.passed = j.table.between(j.mark, wall)
		j.mark = wall
	}
}

// mayRun: a job runs alone, and not more often than its schedule and admins want.
func (w *World) mayRun(key string) error {
	for _, p := range w.order {
		if p.inst == 0 && p.job == key && !p.told {
			return broken(Alone, "job %s is started while it runs", key)
		}
	}
	j := w.jobs[key]
	if j == nil {
		return broken(Punctual, "job %s is started, which is not configured", key)
	}
	j.last = w.high
	slot := int64(0)
	if j.table == nil {
		slot = int64((w.high - j.from) / j.conf.Period)
	}
	switch {
	case j.asked:
		j.asked = false
	case j.passed:
		j.passed = false
	case j.table == nil && slot != j.slot:
		j.slot = slot
	case j.table != nil:
		return broken(Once, "job %s (%s) starts at %v, and none of its times has passed", key, j.table.text, w.clock())
	default:
		return broken(Punctual, "job %s starts for the second time in period %d", key, slot)
	}
	return nil
}

// onTime: after a tick no job is overdue, and the loop does not sleep over the time of one.
func (w *World) onTime(wall time.Time, sleep time.Duration) error {
	if w.stop.told {
		return nil
	}
	for _, c := range w.conf.Jobs {
		j := w.jobs[c.Key]
		switch {
		case !w.s.Working():
			j.last = w.high
		case j.passed && !w.runs(c.Key):
			return broken(Met, "job %s (%s) is not started, though one of its times has passed by %v", c.Key, j.table.text, wall)
		case j.table != nil && j.sleptOver(wall, sleep):
			return broken(Met, "job %s (%s) is due at %v, and at %v the loop sleeps for %v", c.Key, j.table.text, j.minute,
				wall, sleep)
		case j.table == nil && w.high-j.last > j.conf.Period && !w.runs(c.Key):
			return broken(Punctual, "job %s did not run for %v, its period is %v", c.Key, w.high-j.last, j.conf.Period)
		}
	}
	return nil
}

// sleptOver is whether the next minute is one of its times, and begins while the loop sleeps.
func (j *job) sleptOver(wall time.Time, sleep time.Duration) bool {
	next := wall.Truncate(time.Minute).Add(time.Minute)
	if !next.Equal(j.minute) {
		j.minute, j.meant = next, j.table.between(next.Add(-1), next)
	}
	return j.meant && j.mark.Before(next) && sleep > next.Sub(wall)
}

func (w *World) runs(key string) bool {
	for _, p := range w.order {
		if p.inst == 0 && p.job == key {
			return true
		}
	}
	return false
}
