// Package systemd speaks to the service manager that started this process, by the protocol of sd_notify(3):
// datagrams of lines "KEY=value" to the socket that the environment names. Nothing here waits: a manager that
// does not read loses what does not fit, as it would lose it from any other program.
package systemd

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Lines for Send. Status takes any text.
const (
	Ready    = "READY=1"
	Stopping = "STOPPING=1"
	Ping     = "WATCHDOG=1"
)

// Status is what `systemctl status` shows.
func Status(text string) string { return "STATUS=" + strings.ReplaceAll(text, "\n", " ") }

// Reloading says that a reload has begun; Ready ends it. It holds the time, by which a manager knows which of
// its requests is answered.
func Reloading() string {
	var t unix.Timespec
	unix.ClockGettime(unix.CLOCK_MONOTONIC, &t) //nolint:errcheck // this clock is always there
	return fmt.Sprintf("RELOADING=1\nMONOTONIC_USEC=%d", t.Nano()/1000)
}

// Notifier sends to the service manager. Its methods are safe for any goroutine; those of nil do nothing.
type Notifier struct {
	fd int
	to *unix.SockaddrUnix
}

// Open finds the service manager; nil without an error if the environment names none. The name of a socket is
// a path, or after a "@" an abstract one.
func Open(getenv func(string) string) (*Notifier, error) {
	name := getenv("NOTIFY_SOCKET")
	switch {
	case name == "":
		return nil, nil
	case name[0] != '/' && name[0] != '@' || len(name) < 2:
		return nil, fmt.Errorf("NOTIFY_SOCKET: %q is neither a path nor an abstract socket", name)
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	return &Notifier{fd, &unix.SockaddrUnix{Name: name}}, nil
}

// Send sends lines, all in one datagram.
func (n *Notifier) Send(lines ...string) error {
	if n == nil {
		return nil
	}
	err := unix.Sendto(n.fd, []byte(strings.Join(lines, "\n")), unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, n.to)
	return os.NewSyscallError("sendto", err)
}

// Close ends it.
func (n *Notifier) Close() error {
	if n == nil {
		return nil
	}
	return unix.Close(n.fd)
}

// Watchdog is within what time the manager wants each Ping, 0 if it wants none from this process.
func Watchdog(getenv func(string) string) time.Duration {
	if pid := getenv("WATCHDOG_PID"); pid != "" && pid != strconv.Itoa(os.Getpid()) {
		return 0
	}
	usec, err := strconv.ParseUint(getenv("WATCHDOG_USEC"), 10, 53)
	if err != nil {
		return 0
	}
	return time.Duration(usec) * time.Microsecond
}
