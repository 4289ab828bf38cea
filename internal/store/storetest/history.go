package storetest

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/constance-mail/constance/internal/mail"
	"github.com/constance-mail/constance/internal/store/mem"
)

// RunHistories plays random histories on the store and on the reference and compares everything that can be seen
// after each step: a few seconds' worth, or as many as the environment variable CONSTANCE_HISTORIES says.
// CONSTANCE_SEED begins with another one than 1. A failure prints the seed and the shortest history found that
// fails.
func RunHistories(t *testing.T, open Open) {
	count, first := envNumber(t, "CONSTANCE_HISTORIES", 8), envNumber(t, "CONSTANCE_SEED", 1)
	const steps = 120
	for seed := uint64(first); seed < uint64(first+count); seed++ {
		ops := Generate(seed, steps)
		at, err := Compare(t, open, ops)
		if err == nil {
			continue
		}
		ops, err = shrink(ops[:at+1], err, func(ops []Op) (int, error) { return Compare(t, open, ops) })
		t.Fatalf("seed %d fails: %v\nshortest history found:\n%s", seed, err, describe(ops))
	}
}

func envNumber(t testing.TB, name string, without int) int {
	s := os.Getenv(name)
	if s == "" {
		return without
	}
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

func describe(ops []Op) string {
	var b strings.Builder
	for i, o := range ops {
		fmt.Fprintf(&b, "%3d: %s\n", i, o)
	}
	return b.String()
}

// Reference opens stores in memory that share what they hold if they share a directory.
func Reference() Open {
	var mu sync.Mutex
	disks := make(map[string]*mem.Disk)
	return func(_ testing.TB, dir string) mail.Store {
		mu.Lock()
		defer mu.Unlock()
		if disks[dir] == nil {
			disks[dir] = mem.NewDisk(Options())
		}
		return disks[dir].Open()
	}
}

// Compare plays a history on a new store and on the reference. The error tells the first difference, at says after
// which step.
func Compare(t testing.TB, open Open, ops []Op) (at int, err error) {
	dir, err := os.MkdirTemp("", "constance-history")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	got, want := newPlayer(t, open, dir), newPlayer(t, Reference(), dir)
	defer func() {
		for _, p := range []*player{got, want} {
			if e := p.close(); err == nil && e != nil {
				at, err = len(ops)-1, e
			}
		}
	}()
	for i, o := range ops {
		if err := step(got, want, o, i); err != nil {
			return i, fmt.Errorf("step %d (%s): %w", i, o, err)
		}
	}
	return len(ops) - 1, finish(got, want)
}

// step plays one operation on both and compares.
func step(got, want *player, o Op, i int) error {
	w, err := want.play(o)
	if err != nil {
		return fmt.Errorf("reference: %w", err)
	}
	g, err := got.play(o)
	if err != nil {
		return err
	}
	if g != w {
		return fmt.Errorf("outcome\ngot  %s\nwant %s", g, w)
	}
	from := want.contents
	x, err := got.look(i % 2)
	if err != nil {
		return err
	}
	y, err := want.look(0)
	if err != nil {
		return fmt.Errorf("reference: %w", err)
	}
	if err := diffViews(x, y); err != nil {
		return err
	}
	if o.kind == opReopen || o.kind == opPurge {
		from = 0
	}
	return diffContents(got, want, from)
}

// finish checks at the end of a history what would take too long after each step.
func finish(got, want *player) error {
	if err := diffContents(got, want, 0); err != nil {
		return err
	}
	for _, p := range []*player{want, got} {
		if err := p.unspoilt(); err != nil {
			return err
		}
		for _, a := range p.accounts {
			if err := verify(p.ctx, a); err != nil {
				return err
			}
		}
	}
	return nil
}

// shrink leaves out steps as long as the history still fails, for a bounded number of attempts.
func shrink(ops []Op, err error, fails func([]Op) (int, error)) ([]Op, error) {
	attempts := 300
	for size := len(ops) / 2; size > 0; size /= 2 {
		for start := 0; start+size < len(ops) && attempts > 0; attempts-- {
			shorter := append(append([]Op(nil), ops[:start]...), ops[start+size:]...)
			at, e := fails(shorter)
			if e == nil {
				start += size
				continue
			}
			ops, err = shorter[:at+1], e
		}
	}
	return ops, err
}
