package master

import (
	"math"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// latePatience is how long the end waits for those that endLate has killed.
const latePatience = time.Second

// endLate ends children whose forks took longer than all the patience at the end: the loop, which would have told them to,
// takes no starts any more.
func (m *Master) endLate() {
	var pids, pidfds []int
	for _, e := range take(m.in, &m.in.life, math.MaxInt, nil) {
		r := e.start
		if r == nil || r.err != nil {
			continue
		}
		unix.PidfdSendSignal(r.pidfd, unix.SIGKILL, nil, 0) //nolint:errcheck // it may have ended
		m.log.Warn("killed what was still being started", "path", r.order.path, "pid", r.pid)
		pids, pidfds = append(pids, r.pid), append(pidfds, r.pidfd)
		if r.status != nil {
			r.status.Close() //nolint:errcheck // nobody reads it
		}
	}
	for _, fd := range awaitEnds(pidfds, latePatience) {
		unix.Close(fd) //nolint:errcheck // the kernel ends it when it can
	}
	for _, pid := range pids {
		syscall.Wait4(pid, nil, syscall.WNOHANG, nil) //nolint:errcheck // init will
	}
}
