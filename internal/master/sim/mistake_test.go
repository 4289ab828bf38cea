package sim

import (
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/constance-mail/constance/internal/master/roster"
	"github.com/constance-mail/constance/internal/service"
)

// without is a round that leaves out some places.
func without(places ...roster.Place) []roster.Turn {
	var turns []roster.Turn
	for _, t := range roster.Round {
		left := false
		for _, p := range places {
			left = left || t.Place == p
		}
		if !left {
			turns = append(turns, t)
		}
	}
	return turns
}

// overlooks is what roster never hears of.
func overlooks(kind roster.Kind) func(*roster.Event) bool {
	return func(e *roster.Event) bool { return e.Kind != kind }
}

// performed is an action that is carried out so often.
func performed(op roster.Op, times int) func(roster.Action) int {
	return func(a roster.Action) int {
		if a.Op == op {
			return times
		}
		return 1
	}
}

// services changes each service as it is read.
func services(change func(*roster.Service)) func(*roster.Config) {
	return func(c *roster.Config) {
		for k := range c.Services {
			change(&c.Services[k])
		}
	}
}

// jobs changes each job as it is read.
func jobs(change func(*roster.Job)) func(*roster.Config) {
	return func(c *roster.Config) {
		for k := range c.Jobs {
			change(&c.Jobs[k])
		}
	}
}

// wrong is a mistake and who has to find it.
type wrong struct {
	what    string
	finds   Invariant
	mistake Mistake
}

// mistakes are what went wrong in masters, or nearly did, and the invariant that finds each.
var mistakes = []wrong{
	{"after an interruption the loop starts again and skips the messages and the clients", Starved,
		Mistake{Rounds: func(interrupted bool) []roster.Turn {
			if interrupted {
				return without(roster.Talk, roster.Listen, roster.Probes)
			}
			return roster.Round[:]
		}}},
	{"the ends of children have no turn while anything else does", Starved,
		Mistake{Rounds: func(bool) []roster.Turn { return without(roster.Life) }}},
	{"admins have no turn", Starved, Mistake{Rounds: func(bool) []roster.Turn { return without(roster.Asks) }}},
	{"messages are not read", Truth, Mistake{Hear: func(e *roster.Event) bool {
		_, _, life := service.ParseLife(e.Code)
		return e.Kind != roster.Said || life
	}}},
	{"a leaked counter", Books, Mistake{Cheat: roster.LeakCounter}},
	{"a child that is moved does not know where it stands", Filed, Mistake{Cheat: roster.Misfile}},
	{"a forgotten reap", Reaped, Mistake{Hear: overlooks(roster.Exited)}},
	{"a start is taken for one that failed", Forgotten, Mistake{Hear: func(e *roster.Event) bool {
		if e.Kind == roster.Spawned {
			e.Kind = roster.SpawnFail
		}
		return true
	}}},
	{"nobody looks at the listening socket again while a client waits", Watched, Mistake{Cheat: roster.NoLook}},
	{"a fork that had to wait for its time is forgotten", Planned, Mistake{Cheat: roster.LoseWake}},
	{"grace never ends, and a child ignores SIGTERM", Ends,
		Mistake{Read: func(c *roster.Config) { c.Grace = time.Hour * 1e5 }}},
	{"there is no grace", Grace, Mistake{Read: func(c *roster.Config) { c.Grace = 1 }}},
	{"maxchild is read as one more", MaxChild, Mistake{Read: services(func(s *roster.Service) {
		if s.MaxChild > 0 {
			s.MaxChild++
		}
	})}},
	{"draining workers are never counted", MaxChild, Mistake{Read: services(func(s *roster.Service) {
		s.DrainOver = true
	})}},
	{"maxforkrate is not read", ForkRate, Mistake{Read: services(func(s *roster.Service) { s.MaxForkRate = 0 })}},
	{"a crash is taken for a clean exit", Backoff, Mistake{Hear: func(e *roster.Event) bool {
		e.Status = 0
		return true
	}}},
	{"the length of the queue of waiting clients is misread as 0", Served, Mistake{Hear: func(e *roster.Event) bool {
		if e.Kind == roster.Pending || e.Kind == roster.Probed {
			e.N = 0
		}
		return true
	}}},
	{"a worker that seems ready and accepts nothing is trusted for ever", Served,
		Mistake{Read: func(c *roster.Config) { c.Stuck = time.Hour * 1e4 }}},
	{"the kernel's notices do not come", Served, Mistake{Times: performed(roster.OpArm, 0)}},
	{"prefork is not read", Settles, Mistake{Read: services(func(s *roster.Service) { s.Prefork = 0 })}},
	{"what its time has come for stays due", Idle, Mistake{Cheat: roster.Spin}},
	{"nobody looks for signs of life", Examined, Mistake{Cheat: roster.NoLife}},
	{"signs of life are not read", GivenUp, Mistake{Hear: func(e *roster.Event) bool {
		_, _, life := service.ParseLife(e.Code)
		return e.Kind != roster.Said || !life
	}}},
	{"a wait daemon may take as long as it likes", Limited, Mistake{Cheat: roster.NoLimit}},
	{"wait=y is not read", InOrder, Mistake{Read: services(func(s *roster.Service) { s.Wait = false })}},
	{"what children left behind is not looked for", Tidy, Mistake{Read: func(c *roster.Config) { c.Sweep = false }}},
	{"every signal is sent twice", Signalled, Mistake{Times: performed(roster.OpSignal, 2)}},
	{"what is no longer configured is listened for", Released, Mistake{Times: performed(roster.OpRelease, 0)}},
	{"a job is taken for a new one at a reload, and the old one is kept", Alone, Mistake{Read: func(c *roster.Config) {
		c.Jobs = append(c.Jobs, c.Jobs...)
	}}},
	{"a job that has run is forgotten", Scheduled, Mistake{Cheat: roster.LoseJob}},
	{"a period is read as half of it", Punctual, Mistake{Read: jobs(func(j *roster.Job) { j.Period /= 2 })}},
	{"a period is read as twice of it", Punctual, Mistake{Read: jobs(func(j *roster.Job) { j.Period *= 2 })}},
	{"jobs are forgotten at a reload", Punctual, Mistake{Read: func(c *roster.Config) { c.Jobs = nil }}},
	{"a reload in the minute of a job repeats it", Once, Mistake{Cheat: roster.Repeat}},
	{"a time of every day is read as a period", Once, Mistake{Read: jobs(func(j *roster.Job) {
		if j.Times != nil {
			j.Times, j.Period = nil, time.Minute
		}
	})}},
	{"the wall clock is read in another zone", Met, Mistake{Hear: func(e *roster.Event) bool {
		e.Wall = e.Wall.UTC()
		return true
	}}},
	{"a job whose minute was missed is left out", Met, Mistake{Cheat: roster.LoseMissed}},
	{"the loop sleeps over the time of a job", Met, Mistake{Cheat: roster.Oversleep}},
	{"the wall clock is put back, and a job of every hour waits until it has caught up", Met,
		Mistake{Cheat: roster.StandStill}},
}

// alsoFinds are invariants that see a mistake at the same time, whichever looks first.
var alsoFinds = map[string][]Invariant{"a forgotten reap": {Signalled},
	"messages are not read": {Settles}, "jobs are forgotten at a reload": {Met},
	"the wall clock is read in another zone": {Once}}

// Each mistake is found, by the invariant that means it and before any other notices.
func TestMistakesAreFound(t *testing.T) {
	if testing.Short() {
		t.Skip("takes millions of steps")
	}
	for _, m := range mistakes {
		t.Run(m.what, func(t *testing.T) {
			t.Parallel()
			made, _, failure := Explore(1, 1e7, 1, m.mistake) // the rarest takes two million
			if failure == nil {
				t.Fatalf("no invariant finds it in %d steps", made)
			}
			if got := failure.Cause.Invariant; got != m.finds && !slices.Contains(alsoFinds[m.what], got) {
				t.Errorf("%v finds it, not %v:\n%v", got, m.finds, failure)
			}
			t.Logf("%v after %d histories and %d steps, shortened to %d: %v", failure.Cause.Invariant, failure.Seed-1, made,
				len(failure.Steps), failure.Cause.Text)
		})
	}
}

// No invariant is in the table that cannot fail, and each says what it is.
func TestEveryInvariantCanFail(t *testing.T) {
	found := map[Invariant]bool{}
	for _, m := range mistakes {
		found[m.finds] = true
	}
	names := map[string]bool{}
	for i := range invariants {
		if !found[i] {
			t.Errorf("nothing shows that %v can fail", i)
		}
		v := Invariants[i]
		if v.Name == "" || v.What == "" || v.When == "" || names[v.Name] {
			t.Errorf("invariant %d: %+v", i, v)
		}
		names[v.Name] = true
	}
	for r := roster.Rule(0); r <= roster.Limited; r++ {
		if _, ok := rules[r]; !ok {
			t.Errorf("roster's rule %d is in no table", r)
		}
	}
}

// The same failure comes about however many goroutines look for it.
func TestFailureIsReproducible(t *testing.T) {
	wrong := Mistake{Cheat: roster.LeakCounter}
	_, _, a := Explore(7, 1e5, 1, wrong)
	_, _, b := Explore(7, 1e5, runtime.GOMAXPROCS(0)+1, wrong)
	if a == nil || b == nil || a.Error() != b.Error() {
		t.Errorf("%v\nand\n%v", a, b)
	}
	if n, again := replay(a.Seed, a.Steps, wrong, nil); again == nil || *again != *a.Cause || n != len(a.Steps) {
		t.Errorf("replayed: %v", again)
	}
	if len(a.Steps) > 20 || len(a.Trace) == 0 {
		t.Errorf("it takes %d steps", len(a.Steps))
	}
}
