package proc

import "golang.org/x/sys/unix"

// oldWaits are calls that newer architectures do not have.
var oldWaits = map[int64]string{unix.SYS_POLL: "poll", unix.SYS_SELECT: "select",
	unix.SYS_EPOLL_WAIT: "epoll_wait",
	unix.SYS_PAUSE:      "pause"}
