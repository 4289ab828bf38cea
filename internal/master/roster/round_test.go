package roster

import (
	"slices"
	"testing"
)

// No place is without a turn or has two.
func TestRoundVisitsEveryPlace(t *testing.T) {
	seen := map[Place]int{}
	for _, turn := range Round {
		seen[turn.Place]++
		if turn.Share < 1 {
			t.Errorf("%v gets no share", turn.Place)
		}
	}
	for p := range Places {
		if seen[p] != 1 {
			t.Errorf("%v has %d turns", p, seen[p])
		}
	}
}

func TestQueueTakesTheOldest(t *testing.T) {
	var q Queue[int]
	for n := range 5 {
		q.Put(n)
	}
	var got []int
	if got = q.Take(3, got); !slices.Equal(got, []int{0, 1, 2}) || q.Len() != 2 {
		t.Fatalf("%v, %d left", got, q.Len())
	}
	q.Put(5)
	if got = q.Take(3, got); !slices.Equal(got, []int{3, 4, 5}) || q.Len() != 0 {
		t.Fatalf("%v, %d left", got, q.Len())
	}
	if got = q.Take(3, got); len(got) != 0 {
		t.Fatalf("%v of nothing", got)
	}
}

// What was taken is not kept from being freed.
func TestQueueLetsGo(t *testing.T) {
	var q Queue[*int]
	q.Put(new(int))
	q.Put(new(int))
	q.Take(1, nil)
	if rest := q.items[:2]; rest[0] == nil || rest[1] != nil {
		t.Errorf("%v", rest)
	}
}

// The bound that Round's comment states, by counting.
func TestQueueBound(t *testing.T) {
	for _, s := range []int{1, 2, 7} {
		var q Queue[int]
		for n := range 50 {
			q.Put(n)
		}
		var got []int
		for rounds := 1; q.Len() > 0; rounds++ {
			got = q.Take(s, got)
			for _, n := range got {
				if rounds > n/s+1 {
					t.Errorf("share %d: number %d waits %d rounds", s, n, rounds)
				}
			}
			q.Put(1 << 20) // a flood behind it changes nothing
			if rounds > 50 {
				break
			}
		}
	}
}
