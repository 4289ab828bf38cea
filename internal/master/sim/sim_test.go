package sim

import (
	"flag"
	"os"
	"runtime"
	"testing"
	"time"
)

// go test ./internal/master/sim -run Long -steps 1e9 -timeout 0
var (
	steps = flag.Float64("steps", 0, "steps that TestLong makes in all; 0 = as the environment wants")
	seed  = flag.Uint64("seed", 1, "first seed of TestLong")
)

// inCI is how many steps are made where everything has to be tested, and quick how many elsewhere.
const (
	inCI  = 12e6
	quick = 1e6
)

// Random histories break no invariant.
func TestLong(t *testing.T) {
	n := int64(*steps)
	switch {
	case n > 0:
	case testing.Short():
		n = quick / 10
	case os.Getenv("CONSTANCE_REQUIRE_PEERS") == "1":
		n = inCI
	default:
		n = quick
	}
	begun := time.Now()
	made, histories, failure := Explore(*seed, n, runtime.GOMAXPROCS(0), Mistake{})
	if failure != nil {
		t.Fatal(failure)
	}
	t.Logf("%d steps in %d histories from seed %d on, in %v", made, histories, *seed, time.Since(begun))
}

func TestSameSeedSameHistory(t *testing.T) {
	a, b := New(42, Mistake{}), New(42, Mistake{})
	n, err := a.Run()
	if err != nil {
		t.Fatal(err)
	}
	m, err := b.Run()
	if err != nil {
		t.Fatal(err)
	}
	if n != m || a.now != b.now || a.high != b.high || a.names != b.names || a.loop.round != b.loop.round ||
		len(a.order) != len(b.order) || !a.clock().Equal(b.clock()) {
		t.Errorf("%d and %d steps, %v and %v", n, m, a.now, b.now)
	}
}

// The chances are those that the table states.
func TestWeights(t *testing.T) {
	sum := 0
	for _, h := range happenings {
		sum += h.weight
	}
	if sum != 1000 || len(chances) != 1000 {
		t.Errorf("the weights of what can happen are %d in all", sum)
	}
}
