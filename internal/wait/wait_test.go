package wait

import (
	"encoding/json"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestSlotCountsEachState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s Slot
		if was := s.Enter(Working); was != Idle {
			t.Errorf("a new slot was %v", was)
		}
		start := time.Now()
		time.Sleep(3 * time.Second)
		func() {
			defer s.Enter(s.Enter(StoreRead))
			time.Sleep(5 * time.Second)
			if st, since := s.Now(); st != StoreRead || !since.Equal(start.Add(3*time.Second).Truncate(time.Microsecond)) {
				t.Errorf("now %v since %v", st, since)
			}
		}()
		time.Sleep(7 * time.Second)
		if st, _ := s.Now(); st != Working {
			t.Errorf("did not go back: %v", st)
		}
		s.Enter(Idle)
		if got, want := s.Spent(), (Times{Working: 10 * time.Second, StoreRead: 5 * time.Second}); got != want {
			t.Errorf("spent %v, want %v", got, want)
		}
		s.Reset()
		time.Sleep(time.Second)
		s.Enter(Reading)
		if got, want := s.Spent(), (Times{Idle: time.Second}); got != want {
			t.Errorf("after reset: spent %v, want %v", got, want)
		}
	})
}

func TestSlotIsReadWhileItChanges(t *testing.T) {
	var s Slot
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := range 1000 {
			s.Enter(State(i % States))
		}
	})
	wg.Go(func() {
		for range 1000 {
			if st, _ := s.Now(); int(st) >= States {
				t.Errorf("state %d", st)
			}
		}
	})
	wg.Wait()
}

func TestStateNames(t *testing.T) {
	seen := map[string]bool{}
	for s := range State(States) {
		if name := s.String(); name == "" || seen[name] {
			t.Errorf("state %d has the name %q", s, name)
		}
		seen[s.String()] = true
	}
	if got := State(200).String(); got != "unknown" {
		t.Errorf("got %q", got)
	}
	if b, err := json.Marshal(Password); err != nil || string(b) != `"password hash"` {
		t.Errorf("got %s, %v", b, err)
	}
}

func BenchmarkEnter(b *testing.B) {
	var s Slot
	for b.Loop() {
		s.Enter(s.Enter(StoreRead))
	}
}
