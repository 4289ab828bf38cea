package main

import (
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// lowerPriority gives this process the lowest priority: the server's users come first. Linux keeps it by thread, and a thread
// gets that of the one that starts it. What fails is left as it is: the work is done all the same.
func lowerPriority() {
	const lowest = 19
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		_ = unix.Setpriority(unix.PRIO_PROCESS, 0, lowest)
		return
	}
	for _, t := range threads {
		if tid, err := strconv.Atoi(t.Name()); err == nil {
			_ = unix.Setpriority(unix.PRIO_PROCESS, tid, lowest)
		}
	}
}
