package master

import (
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Activated are listening sockets that the service manager has opened: systemd's socket activation, sd_listen_fds(3). A
// service takes the one that listens where it is configured to; one whose name is the service's is preferred.
type Activated struct {
	list []activated
	dual []endpoint // IPv6 wildcards that take IPv4 too
}

type activated struct {
	fd   int
	name string // FileDescriptorName= of the socket unit
	at   endpoint
}

// firstActivated is where such descriptors begin: SD_LISTEN_FDS_START.
const firstActivated = 3

// ListenFDs finds what the service manager has handed over to this process, and takes the variables that say so out of the
// environment. It never returns nil; descriptors that are no listening sockets are left alone.
func ListenFDs() *Activated {
	pid, n, names := os.Getenv("LISTEN_PID"), os.Getenv("LISTEN_FDS"), os.Getenv("LISTEN_FDNAMES")
	for _, name := range []string{"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"} {
		os.Unsetenv(name) //nolint:errcheck // not for the children, nor for a successor in this process
	}
	a := &Activated{}
	count, err := strconv.Atoi(n)
	if err != nil || pid != strconv.Itoa(os.Getpid()) || count < 0 {
		return a
	}
	for k, name := range paddedNames(names, count) {
		fd := firstActivated + k
		unix.CloseOnExec(fd)
		if s, ok := inspect(fd); ok {
			s.name = name
			a.list = append(a.list, s)
			if s.takesIPv4() {
				a.dual = append(a.dual, s.at)
			}
		}
	}
	return a
}

func paddedNames(names string, n int) []string {
	list := strings.Split(names, ":")
	for len(list) < n {
		list = append(list, "")
	}
	return list[:n]
}

// inspect finds out what a socket is and where it listens.
func inspect(fd int) (s activated, ok bool) {
	typ, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE)
	if err != nil || typ != unix.SOCK_STREAM && typ != unix.SOCK_DGRAM {
		return s, false
	}
	sa, err := unix.Getsockname(fd)
	if err != nil {
		return s, false
	}
	s = activated{fd: fd, at: endpoint{dgram: typ == unix.SOCK_DGRAM}}
	switch sa := sa.(type) {
	case *unix.SockaddrUnix:
		s.at.unix, s.at.family = sa.Name, "unix"
	case *unix.SockaddrInet4:
		s.at.addr, s.at.family = netip.AddrPortFrom(netip.AddrFrom4(sa.Addr), uint16(sa.Port)), "ipv4"
	case *unix.SockaddrInet6:
		s.at.addr, s.at.family = netip.AddrPortFrom(netip.AddrFrom16(sa.Addr), uint16(sa.Port)), "ipv6"
	default:
		return s, false
	}
	return s, true
}

// take hands out the socket that a spec wants, nil if there is none.
func (a *Activated) take(want *spec) *socket {
	if a == nil {
		return nil
	}
	best := -1
	for k, s := range a.list {
		if s.at.key() == want.at.key() && (best < 0 || s.name == want.svc.Name) {
			best = k
		}
	}
	if best < 0 {
		return nil
	}
	fd := a.list[best].fd
	a.list = append(a.list[:best], a.list[best+1:]...)
	return &socket{fd: fd, at: want.at, foreign: true}
}

// takesIPv4: an IPv6 wildcard without IPV6_V6ONLY, as systemd makes them unless told otherwise.
func (s *activated) takesIPv4() bool {
	if s.at.family != "ipv6" || !s.at.addr.Addr().IsUnspecified() {
		return false
	}
	only, err := unix.GetsockoptInt(s.fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY)
	return err == nil && only == 0
}

// covers is whether clients of an IPv4 wildcard come to a socket for IPv6.
func (a *Activated) covers(at endpoint) bool {
	if a == nil || at.family != "ipv4" || !at.addr.Addr().IsUnspecified() {
		return false
	}
	return slices.ContainsFunc(a.dual, func(d endpoint) bool {
		return d.dgram == at.dgram && d.addr.Port() == at.addr.Port()
	})
}

// left are those that no service has taken.
func (a *Activated) left() (out []string) {
	if a == nil {
		return nil
	}
	for _, s := range a.list {
		out = append(out, strings.TrimSpace(s.name+" "+s.at.key()))
	}
	return out
}
