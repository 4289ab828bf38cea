package master

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// become gives up root for good, in all threads of the process. What stays is the right to bind ports below 1024, which
// a reload may need; children do not have it, for without the ambient set it does not outlive execve(2).
// capabilities(7)
func become(c *syscall.Credential) error {
	if err := everywhere(unix.SYS_PRCTL, unix.PR_SET_KEEPCAPS, 1, 0); err != nil {
		return fmt.Errorf("keep capabilities: %w", err)
	}
	groups := make([]int, 0, len(c.Groups))
	for _, g := range c.Groups {
		groups = append(groups, int(g))
	}
	if err := syscall.Setgroups(groups); err != nil {
		return os.NewSyscallError("setgroups", err)
	}
	if err := syscall.Setgid(int(c.Gid)); err != nil {
		return os.NewSyscallError("setgid", err)
	}
	if err := syscall.Setuid(int(c.Uid)); err != nil {
		return os.NewSyscallError("setuid", err)
	}
	return keepBind()
}

const bindPorts = 1 << unix.CAP_NET_BIND_SERVICE

// keepBind leaves all threads at most the right to bind low ports, and none of it to children.
func keepBind() error {
	var now [2]unix.CapUserData
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	if err := unix.Capget(&header, &now[0]); err != nil {
		return os.NewSyscallError("capget", err)
	}
	kept := now[0].Permitted & bindPorts
	data := [2]unix.CapUserData{{Effective: kept, Permitted: kept}}
	if err := everywhere(unix.SYS_CAPSET, uintptr(unsafe.Pointer(&header)), uintptr(unsafe.Pointer(&data[0])), 0); err != nil {
		return fmt.Errorf("capset: %w", err)
	}
	return nil
}

// everywhere makes a system call in every thread.
func everywhere(trap, a, b, c uintptr) error {
	_, _, errno := syscall.AllThreadsSyscall(trap, a, b, c)
	switch errno {
	case 0:
		return nil
	case syscall.ENOTSUP:
		return errors.New("this program was built with cgo, which cannot change all of its threads")
	}
	return errno
}

// bequeath lets the successor, which this thread is about to execute, keep the right to bind low ports. It takes it
// off its children again (keepBind). undo is for a successor that could not be executed.
func bequeath() (undo func()) {
	var now [2]unix.CapUserData
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	if os.Geteuid() == 0 || unix.Capget(&header, &now[0]) != nil || now[0].Permitted&bindPorts == 0 {
		return func() {}
	}
	before := now
	now[0].Inheritable |= bindPorts
	if unix.Capset(&header, &now[0]) == nil {
		// refused: then a later reload cannot bind low ports, which it will say
		unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_RAISE, unix.CAP_NET_BIND_SERVICE, 0, 0) //nolint:errcheck // as said
	}
	return func() {
		unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_LOWER, unix.CAP_NET_BIND_SERVICE, 0, 0) //nolint:errcheck // its own
		unix.Capset(&header, &before[0])                                                            //nolint:errcheck // its own
	}
}

// settle is who the master is from now on, with its listeners open.
func (m *Master) settle() error {
	if c := m.conf.User; c != nil {
		if err := become(c); err != nil {
			return &Error{1, fmt.Errorf("can't become user %d: %w", c.Uid, err)}
		}
	} else if os.Geteuid() != 0 {
		keepBind() //nolint:errcheck // built with cgo: children keep what this process was given
	}
	m.goToWork()
	return nil
}

// goToWork has the process work in the first of Config.Dirs that there is.
func (m *Master) goToWork() {
	for _, dir := range m.conf.Dirs {
		if os.Chdir(dir) == nil {
			return
		}
	}
}
