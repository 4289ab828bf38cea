package main

import (
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// lowerPriority gives this process the lowest priority: the server's users come first. Linux keeps it by thread, and
// a thread gets that of the one that starts it: so it looks again until nobody was left. What fails is left as it is:
// the work is done all the same.
func lowerPriority() {
	for range 10 {
		if !lowerThreads() {
			return
		}
	}
}

// lowerThreads lowers those threads that are not at the lowest priority yet, and tells whether there was one.
func lowerThreads() (found bool) {
	const lowest, asTold = 19, 20 - 19 // getpriority(2): the system call gives 20 less the priority
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		_ = unix.Setpriority(unix.PRIO_PROCESS, 0, lowest)
		return false
	}
	for _, t := range threads {
		tid, err := strconv.Atoi(t.Name())
		if err != nil {
			continue
		}
		if now, err := unix.Getpriority(unix.PRIO_PROCESS, tid); err == nil && now != asTold {
			found = true
			_ = unix.Setpriority(unix.PRIO_PROCESS, tid, lowest)
		}
	}
	return found
}
