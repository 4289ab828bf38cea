package metrics

import (
	"sync"
	"testing"
)

// TestKept: what a key stands for is found once, whoever asks.
func TestKept(t *testing.T) {
	var k kept[int, *int]
	found := 0
	find := func(key int) *int {
		found++ // by one at a time
		return &key
	}
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for i := range 100 {
				if v := k.of(i%10, find); *v != i%10 {
					t.Errorf("%d is %d", i%10, *v)
				}
			}
		})
	}
	all.Wait()
	if found != 10 {
		t.Errorf("found %d times, want 10", found)
	}
}

// BenchmarkCommand: a command is counted with no allocation.
func BenchmarkCommand(b *testing.B) {
	s := New()
	b.ReportAllocs()
	for b.Loop() {
		s.Command("FETCH", "OK", 1000)
	}
}
