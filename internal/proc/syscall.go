package proc

import (
	"cmp"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// waits are the system calls that a server waits in.
var waits = map[int64]string{
	unix.SYS_READ: "read", unix.SYS_WRITE: "write", unix.SYS_READV: "readv", unix.SYS_WRITEV: "writev",
	unix.SYS_RECVFROM: "recvfrom", unix.SYS_RECVMSG: "recvmsg", unix.SYS_SENDTO: "sendto",
	unix.SYS_SENDMSG: "sendmsg",
	unix.SYS_ACCEPT:  "accept", unix.SYS_ACCEPT4: "accept4", unix.SYS_CONNECT: "connect",
	unix.SYS_PSELECT6: "pselect", unix.SYS_PPOLL: "ppoll", unix.SYS_EPOLL_PWAIT: "epoll_wait",
	unix.SYS_FCNTL: "fcntl", unix.SYS_FLOCK: "flock", unix.SYS_FUTEX: "futex", unix.SYS_FSYNC: "fsync",
	unix.SYS_FDATASYNC: "fdatasync", unix.SYS_NANOSLEEP: "nanosleep",
	unix.SYS_CLOCK_NANOSLEEP: "clock_nanosleep",
	unix.SYS_WAIT4:           "wait4", unix.SYS_RT_SIGSUSPEND: "sigsuspend", unix.SYS_RT_SIGTIMEDWAIT: "sigtimedwait",
	unix.SYS_RESTART_SYSCALL: "restart_syscall",
}

// withFD are those whose first argument is a descriptor.
var withFD = map[string]bool{"read": true, "write": true, "readv": true, "writev": true, "recvfrom": true,
	"recvmsg": true, "sendto": true, "sendmsg": true, "accept": true, "accept4": true, "connect": true,
	"fcntl": true,
	"flock": true, "fsync": true, "fdatasync": true, "epoll_wait": true}

// syscallName puts a syscall file, "NUMBER ARG.. SP PC", into words: "read(3)", "futex". "running" and an
// unreadable file are empty: the state says it.
func syscallName(text string) string {
	f := strings.Fields(text)
	if len(f) < 2 {
		return ""
	}
	n, err := strconv.ParseInt(f[0], 10, 64)
	if err != nil || n < 0 {
		return ""
	}
	name := cmp.Or(waits[n], oldWaits[n])
	if name == "" {
		return "syscall " + f[0]
	}
	if fd, err := strconv.ParseInt(f[1], 0, 64); err == nil && withFD[name] {
		return name + "(" + strconv.FormatInt(fd, 10) + ")"
	}
	return name
}
