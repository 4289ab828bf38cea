package roster

import (
	"fmt"
	"log/slog"
	"time"
)

// job is a scheduled command. It never runs twice at once: a run that outlasts its period makes the next one fall out.
type job struct {
	Job
	due     time.Duration // 0 = not by period
	running *child
	removed bool
}

// reloadJobs keeps the schedule of jobs that stay, so that a reload neither repeats nor loses a run; new ones run now.
func (s *State) reloadJobs(conf []Job) {
	old := map[string]*job{}
	for _, j := range s.jobs {
		old[j.Key] = j
	}
	var next []*job
	for _, c := range conf {
		j := old[c.Key]
		if j == nil {
			j = &job{due: s.now + 1}
		}
		delete(old, c.Key)
		if c.Period <= 0 {
			j.due = 0
		} else if j.due == 0 || j.Period != c.Period && j.Period != 0 {
			j.due = s.now + 1
		}
		j.Job, j.removed = c, false
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

// jobsDue starts what is due. The next time counts from the time that was due, not from now, so that nothing drifts;
// times that passed meanwhile are not made up for.
func (s *State) jobsDue() {
	kept := s.jobs[:0]
	for _, j := range s.jobs {
		if j.due != 0 && s.now >= j.due {
			s.start(j)
			late := s.now - j.due
			j.due += j.Period * (1 + late/j.Period)
		}
		if !j.removed || j.running != nil {
			kept = append(kept, j)
		}
	}
	clear(s.jobs[len(kept):])
	s.jobs = kept
}

func (s *State) runNow(key string) {
	for _, j := range s.jobs {
		if j.Key == key && !j.removed && !s.stopping {
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
