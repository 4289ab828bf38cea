package master

import (
	"sync"
	"testing"

	"github.com/constance-mail/constance/internal/master/roster"
)

// idleSpawners are spawners that nobody works for.
func idleSpawners() *spawners {
	s := &spawners{queue: map[string][]*order{}, flying: map[string]int{}}
	s.cond = sync.NewCond(&s.mu)
	return s
}

// Lanes take turns, and one that forks much leaves a spawner for the others.
func TestLanes(t *testing.T) {
	s := idleSpawners()
	put := func(lane string, from, to roster.ChildID) {
		for id := from; id <= to; id++ {
			s.put(&order{child: id, lane: lane})
		}
	}
	next := func(want roster.ChildID) {
		t.Helper()
		if o := s.next(); o == nil || o.child != want {
			t.Fatalf("got %+v, want child %d", o, want)
		}
	}
	put("storm", 1, 5)
	next(1)
	next(2) // and no more of them now
	put("polite", 11, 12)
	next(11)
	s.over("storm")
	next(3)
	next(12)
	s.over("storm")
	put("other", 21, 21)
	next(4) // its turn came before the other's
	next(21)
	s.over("storm")
	s.over("storm")
	next(5)
	s.closed = true
	if o := s.next(); o != nil {
		t.Errorf("%+v at the end", o)
	}
}

// Spawners are held as soon as nothing is under way, also while orders wait.
func TestHeldSpawners(t *testing.T) {
	s := idleSpawners()
	s.put(&order{child: 1, lane: "a"})
	s.put(&order{child: 2, lane: "a"})
	s.next()
	held := make(chan bool)
	go func() { held <- s.hold() }()
	s.over("a")
	if !<-held {
		t.Fatal("not held")
	}
	got := make(chan *order)
	go func() { got <- s.next() }()
	s.release()
	if o := <-got; o.child != 2 {
		t.Errorf("%+v after the release", o)
	}
}
