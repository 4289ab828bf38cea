package limit

import (
	"net/netip"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/constance-mail/constance/internal/mail"
)

func TestAcquire(t *testing.T) {
	c := New[string](2)
	one, err := c.Acquire("alice")
	if err != nil {
		t.Fatal(err)
	}
	two, err := c.Acquire("alice")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Acquire("alice"); mail.KindOf(err) != mail.Limit {
		t.Errorf("third: %v", err)
	}
	if _, err := c.Acquire("bob"); err != nil {
		t.Errorf("another key: %v", err)
	}
	one()
	one() // giving back twice counts once
	if n := c.Count("alice"); n != 1 {
		t.Errorf("after one release %d are left", n)
	}
	if _, err := c.Acquire("alice"); err != nil {
		t.Errorf("after a release: %v", err)
	}
	two()
	got := map[string]int{}
	for k, n := range c.All {
		got[k] = n
	}
	if len(got) != 2 || got["alice"] != 1 || got["bob"] != 1 {
		t.Errorf("all: %v", got)
	}
	for range c.All {
		break // must not go on
	}
}

func TestNoBound(t *testing.T) {
	c := New[netip.Addr](0)
	a := netip.MustParseAddr("192.0.2.1")
	for range 1000 {
		if _, err := c.Acquire(a); err != nil {
			t.Fatal(err)
		}
	}
	if n := c.Count(a); n != 1000 {
		t.Errorf("%d of 1000 counted", n)
	}
}

// TestConcurrent asks for the two invariants: never more than the bound at a time, and nothing left at the end.
func TestConcurrent(t *testing.T) {
	const bound = 3
	c := New[string](bound)
	var holders [8]atomic.Int32
	var wg sync.WaitGroup
	for g := range 16 {
		wg.Go(func() {
			for i := range 2000 {
				k := (g + i) % len(holders)
				release, err := c.Acquire(strconv.Itoa(k))
				if err != nil {
					continue
				}
				if n := holders[k].Add(1); n > bound {
					t.Errorf("%d hold key %d", n, k)
				}
				holders[k].Add(-1)
				release()
			}
		})
	}
	wg.Wait()
	for k, n := range c.All {
		t.Errorf("key %s keeps %d", k, n)
	}
	for i := range c.part {
		if len(c.part[i].n) != 0 {
			t.Errorf("part %d holds %d keys without holders", i, len(c.part[i].n))
		}
	}
}

func BenchmarkAcquire(b *testing.B) {
	c := New[string](10)
	b.ReportAllocs()
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			if release, err := c.Acquire("alice"); err == nil {
				release()
			}
		}
	})
}
