package sqlite

import (
	"syscall"
	_ "unsafe" // for go:linkname

	"golang.org/x/sys/unix"
)

// The runtime's own way into a system call that is known to wait: the processor (its P) is free for another goroutine
// at once. By the usual way the runtime finds out only after a while, by looking each 20 us; see
// docs/decisions/021-slow-calls.md.
//
//go:linkname entersyscallblock runtime.entersyscallblock
func entersyscallblock()

//go:linkname exitsyscall runtime.exitsyscall
func exitsyscall()

// fdatasync is fdatasync(2).
func fdatasync(fd int) error {
	for {
		switch e := waitFor(unix.SYS_FDATASYNC, uintptr(fd)); e {
		case 0:
			return nil
		case unix.EINTR:
		default:
			return e
		}
	}
}

// waitFor makes a system call that waits. Its stack must not move meanwhile, hence nosplit and a raw call.
//
//go:nosplit
func waitFor(call, fd uintptr) syscall.Errno {
	entersyscallblock()
	_, _, e := syscall.RawSyscall(call, fd, 0, 0)
	exitsyscall()
	return e
}
