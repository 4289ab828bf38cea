package sim

import (
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/constance-mail/constance/internal/master/roster"
)

// steps is how many a run makes in all; MASTER_SIM_STEPS changes it, MASTER_SIM_SEED the first seed.
func setting(t testing.TB, name string, otherwise int) int {
	t.Helper()
	v := os.Getenv(name)
	if v == "" {
		return otherwise
	}
	n, err := strconv.Atoi(v)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

const perSeed = 5000

func TestHistories(t *testing.T) {
	steps, seed := setting(t, "MASTER_SIM_STEPS", 300_000), setting(t, "MASTER_SIM_SEED", 1)
	begun := time.Now()
	for n := 0; n < steps; n += perSeed {
		if err := New(uint64(seed), roster.Cheat{}).Run(perSeed); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		seed++
	}
	t.Logf("%d steps in %v", steps, time.Since(begun))
}

// Each mistake of the past is found by some history.
func TestMutations(t *testing.T) {
	for name, cheat := range map[string]roster.Cheat{
		"messages are skipped after an interruption": {SkipMessages: true},
		"a leaked counter":                           {LeakCounter: true},
		"a forgotten reap":                           {ForgetReap: true},
		"maxchild is looked at before the burst":     {NoBound: true},
		"nobody looks at waiting clients again":      {NoLook: true},
		"nobody misses a sign of life":               {NoLife: true},
	} {
		var err error
		for seed := uint64(1); seed < 20 && err == nil; seed++ {
			err = New(seed, cheat).Run(perSeed)
		}
		if err == nil {
			t.Errorf("%s: no invariant finds it", name)
		}
		t.Logf("%s: %v", name, err)
	}
}

func TestSameSeedSameHistory(t *testing.T) {
	a, b := New(42, roster.Cheat{}), New(42, roster.Cheat{})
	if err := a.Run(perSeed); err != nil {
		t.Fatal(err)
	}
	if err := b.Run(perSeed); err != nil {
		t.Fatal(err)
	}
	if a.now != b.now || a.names != b.names || a.rnd.Uint64() != b.rnd.Uint64() {
		t.Error("they differ")
	}
}
