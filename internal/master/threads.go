package master

import (
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// sparesWanted is how many threads may be blocked in the kernel at once: the watcher, the spawners, examinations, the
// readers of files, the admin's requests; twice over.
const sparesWanted = 24

// keepThreads has the runtime make as many threads as it will ever need, now: the runtime keeps them when they are idle,
// and a thread that cannot be made later, because the children have used up the limit of tasks, would be the end of the
// master.
func keepThreads(n int) error {
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	defer r.Close()
	in := int(r.Fd()) // and with this it blocks
	var ready, done sync.WaitGroup
	for range n {
		ready.Add(1)
		done.Go(func() {
			ready.Done()
			unix.Read(in, make([]byte, 1)) //nolint:errcheck // it only waits for the end
		})
	}
	ready.Wait()
	w.Close() //nolint:errcheck // nothing was written
	done.Wait()
	return nil
}
