package imapd

import (
	"sync"
	"testing"
	"testing/synctest"
)

// Jobs run side by side, however many; afterwards only so many members stay, and the end takes them too (synctest
// fails a test that leaves a goroutine behind).
func TestCrew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrew()
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
			if n := c.idle.Load(); n != crewSize {
				t.Errorf("%d are idle, want %d", n, crewSize)
			}
		}
		c.end()
	})
}
