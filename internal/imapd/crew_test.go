package imapd

import (
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
)

// Jobs run side by side, however many; afterwards only so many goroutines stay, and the end takes them too.
func TestCrew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrew()
		before := runtime.NumGoroutine()
		for range 3 {
			var started, over sync.WaitGroup
			hold := make(chan struct{})
			for range 5 * crewSize {
				started.Add(1)
				over.Add(1)
				c.do(func() {
					started.Done()
					<-hold
					over.Done()
				})
			}
			started.Wait()
			close(hold)
			over.Wait()
			synctest.Wait()
			if n := c.idle.Load(); n != crewSize || runtime.NumGoroutine() != before+crewSize {
				t.Errorf("%d are idle, %d goroutines more than before", n, runtime.NumGoroutine()-before)
			}
		}
		c.end()
		synctest.Wait()
		if n := runtime.NumGoroutine(); n != before {
			t.Errorf("%d goroutines before, %d after", before, n)
		}
	})
}
