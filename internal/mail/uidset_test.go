package mail

import (
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// model is a UIDSet as a map.
type model map[UID]bool

func (m model) sorted() []UID { return slices.Sorted(maps.Keys(m)) }

// randomSet is a set and its model, added in any order; top lets it touch the largest UID.
func randomSet(r *rand.Rand, top bool) (UIDSet, model) {
	var s UIDSet
	m := model{}
	base := UID(1)
	if top {
		base = math.MaxUint32 - 40
	}
	for range r.IntN(12) {
		start, n := base+UID(r.IntN(36)), UID(r.IntN(5))
		s.AddRange(start+n, start)
		for u := start; u <= start+n; u++ {
			m[u] = true
		}
	}
	return s, m
}

func checkNormal(t *testing.T, s UIDSet) {
	t.Helper()
	for i, r := range s {
		if r.Start > r.Stop {
			t.Fatalf("%v: range %d runs backwards", s, i)
		}
		if i > 0 && uint64(r.Start) <= uint64(s[i-1].Stop)+1 {
			t.Fatalf("%v: ranges %d and %d overlap or touch", s, i-1, i)
		}
	}
}

func checkEqual(t *testing.T, what string, got UIDSet, want model) {
	t.Helper()
	checkNormal(t, got)
	if g := slices.Collect(got.All()); !slices.Equal(g, want.sorted()) {
		t.Fatalf("%s: got %v, want %v", what, g, want.sorted())
	}
	if got.Len() != len(want) {
		t.Fatalf("%s: length %d, want %d", what, got.Len(), len(want))
	}
}

func TestUIDSetAgainstModel(t *testing.T) {
	for seed := range uint64(3000) {
		r := rand.New(rand.NewPCG(seed, 1))
		a, ma := randomSet(r, seed%5 == 0)
		b, mb := randomSet(r, seed%5 == 0)
		checkEqual(t, "a", a, ma)
		both, minus := model{}, model{}
		for u := range ma {
			if mb[u] {
				both[u] = true
			} else {
				minus[u] = true
			}
			if !a.Contains(u) {
				t.Fatalf("seed %d: %v does not contain %d", seed, a, u)
			}
		}
		for u := range mb {
			if a.Contains(u) != ma[u] {
				t.Fatalf("seed %d: %v, contains %d is %v", seed, a, u, !ma[u])
			}
		}
		checkEqual(t, "intersect", a.Intersect(b), both)
		checkEqual(t, "minus", a.Minus(b), minus)
	}
}

func TestUIDSetAppend(t *testing.T) {
	for _, c := range []struct {
		uids []UID
		want string
	}{
		{nil, ""},
		{[]UID{7}, "7"},
		{[]UID{3, 1, 2, 7}, "1:3,7"},
		{[]UID{math.MaxUint32, math.MaxUint32 - 1}, "4294967294:4294967295"},
	} {
		if got := SetOf(c.uids...).String(); got != c.want {
			t.Errorf("%v: got %q, want %q", c.uids, got, c.want)
		}
	}
}

func TestUIDSetAllStops(t *testing.T) {
	n := 0
	for range (UIDSet{{1, math.MaxUint32}}).All() {
		if n++; n == 3 {
			break
		}
	}
	if n != 3 {
		t.Errorf("yielded %d after the loop ended", n)
	}
}
