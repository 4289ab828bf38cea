package roster

import (
	"fmt"
	"log/slog"
	"time"
)

// job is a scheduled command. It never runs twice at once: a run that outlasts its time makes the next one fall out.
type job struct {
	Job
	due     time.Duration // look at it then; 0 = it has no schedule
	next    time.Time     // of a job with Times: when it runs; zero = never, or not known yet
	seen    time.Time     // the wall clock that it was last held against; zero = none yet
	running *child
	removed bool
}

// The wall clock can be set at any time, so a job that goes by it looks at it at least so often.
const lookAtClock = time.Minute

// setBack is how far the wall clock may be put back without a run being repeated: it stands still for the jobs of
// certain hours until it has caught up. Farther back, it was wrong before, and everything begins anew.
const setBack = 3 * time.Hour

// reloadJobs keeps the schedule of jobs that stay, so that a reload neither repeats nor loses a run; new ones run now,
// or if they go by the wall clock, when it is their time.
func (s *State) reloadJobs(conf []Job) {
	old := map[string]*job{}
	for _, j := range s.jobs {
		old[j.Key] = j
	}
	var next []*job
	for _, c := range conf {
		j := old[c.Key]
		if j == nil {
			j = &job{}
		}
		delete(old, c.Key)
		j.reschedule(c, s.now, s.cheat)
		next = append(next, j)
	}
	for _, j := range s.jobs { // in order, not in the map's
		if old[j.Key] == j && j.running != nil {
			j.removed, j.due = true, 0
			next = append(next, j)
		}
	}
	s.jobs = next
}

// reschedule puts what is configured in force.
func (j *job) reschedule(c Job, now time.Duration, cheat Cheat) {
	same := j.due != 0 && j.Period == c.Period && j.Times.Equal(c.Times) && (c.Times == nil || cheat != Repeat)
	j.Job, j.removed = c, false
	switch {
	case c.Times == nil && c.Period <= 0:
		j.due = 0
	case !same:
		j.due, j.next, j.seen = now+1, time.Time{}, time.Time{}
	}
}

// jobsDue starts what is due. wall is zero where only the monotonic clock is known.
func (s *State) jobsDue(wall time.Time) {
	kept := s.jobs[:0]
	for _, j := range s.jobs {
		switch {
		case j.due == 0:
		case j.Times != nil && !wall.IsZero():
			s.byWall(j, wall)
		case j.Times == nil && s.now >= j.due:
			s.byPeriod(j)
		}
		if !j.removed || j.running != nil {
			kept = append(kept, j)
		}
	}
	clear(s.jobs[len(kept):])
	s.jobs = kept
}

// byPeriod: the next time counts from the time that was due, not from now, so that nothing drifts; times that passed
// meanwhile are not made up for.
func (s *State) byPeriod(j *job) {
	s.start(j)
	missed := (s.now - j.due) / j.Period
	if missed > 0 {
		s.log(slog.LevelWarn, fmt.Sprintf("periodic event behind schedule: %s: %d runs are left out", j.Name, missed))
	}
	j.due += j.Period * (1 + missed)
	if s.cheat == LoseJob {
		j.due = 0
	}
}

// byWall runs a job once for all the times that have passed since it was last looked at. The minute of the start
// counts, as in Cyrus; that of a reload does not count again.
func (s *State) byWall(j *job, wall time.Time) {
	wall = wall.Round(0) // without the monotonic clock
	back := j.seen.Sub(wall)
	switch {
	case j.seen.IsZero():
		j.next, _ = j.Times.Next(wall.Truncate(time.Minute).Add(-1))
	case back > setBack || back > 0 && j.Times.EveryHour() && s.cheat != StandStill:
		s.log(slog.LevelWarn, fmt.Sprintf("time of day clock went backwards by %v: event %s is scheduled anew",
			back.Round(time.Second), j.Name))
		j.next, _ = j.Times.Next(wall)
		j.seen = wall
	}
	if wall.After(j.seen) {
		j.seen = wall
	}
	if late := wall.Sub(j.next); !j.next.IsZero() && late >= 0 {
		if s.cheat != LoseMissed || late <= time.Minute {
			s.start(j)
		}
		if late > time.Minute {
			s.log(slog.LevelWarn, fmt.Sprintf("event %s was due at %s: it runs late, and once",
				j.Name, j.next.Format(time.DateTime)))
		}
		j.next, _ = j.Times.Next(wall)
	}
	wait := lookAtClock
	if !j.next.IsZero() && s.cheat != Oversleep {
		wait = min(wait, j.next.Sub(wall))
	}
	j.due = s.now + wait
}

func (s *State) runNow(key string) {
	for _, j := range s.jobs {
		if j.Key == key && !j.removed && !s.stopping && s.phase == working {
			s.start(j)
		}
	}
}

func (s *State) start(j *job) {
	if j.running != nil {
		s.log(slog.LevelWarn, fmt.Sprintf(
			"event %s: pid %d of the run before still works; this run is left out", j.Name,
			j.running.pid))
		return
	}
	c := s.newChild(nil, j)
	s.act(Action{Op: OpSpawn, Child: c.id, Text: j.Key})
}

// check says what is wrong with a job: that nobody will look at it again, or that its run is not its own.
func (s *State) checkJob(j *job) error {
	scheduled := j.Times != nil || j.Period > 0
	switch {
	case j.running != nil && (s.children[j.running.id] != j.running || j.running.job != j):
		return fault(Filed, "event %s: its run is filed wrongly", j.Name)
	case j.removed && j.due != 0:
		return fault(Scheduled, "event %s is removed and has a time", j.Name)
	case !j.removed && scheduled != (j.due != 0):
		return fault(Scheduled, "event %s: scheduled is %v, and it is due at %v", j.Name, scheduled, j.due)
	case j.Times != nil && !s.stopping && j.due > s.now+lookAtClock:
		return fault(Scheduled, "event %s: nobody looks at the wall clock for more than %v", j.Name, lookAtClock)
	case !j.next.IsZero() && !j.next.After(j.seen):
		return fault(Scheduled, "event %s: its time %v is not after %v", j.Name, j.next, j.seen)
	}
	return nil
}
