package master

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// endpoint is one address that a service listens on.
type endpoint struct {
	unix   string         // path, or empty
	addr   netip.AddrPort // if unix is empty
	dgram  bool
	family string // for the log: ipv4, ipv6, unix
}

// key names the socket: services that move to another name keep it as long as this stays.
func (e endpoint) key() string {
	kind := "stream "
	if e.dgram {
		kind = "dgram "
	}
	if e.unix != "" {
		return kind + e.unix
	}
	return kind + e.addr.String()
}

func (e endpoint) String() string {
	if e.unix != "" || !e.addr.IsValid() {
		return e.unix
	}
	return e.addr.String()
}

// protos maps Service.Proto to the address families and the socket type.
var protos = map[string]struct{ v4, v6, dgram bool }{
	"tcp": {true, true, false}, "tcp4": {true, false, false}, "tcp6": {false, true, false},
	"udp": {true, true, true}, "udp4": {true, false, true}, "udp6": {false, true, true},
}

// maxUnixPath is the room in sockaddr_un.
const maxUnixPath = 107

// endpoints resolves what a service shall listen on. Without a host these are the wildcard addresses, IPv4 first.
func endpoints(ctx context.Context, s *Service) ([]endpoint, error) {
	proto := s.Proto
	if proto == "" {
		proto = "tcp"
	}
	p, ok := protos[proto]
	if !ok {
		return nil, fmt.Errorf("%w '%s'", ErrProto, proto)
	}
	var list []endpoint
	for _, listen := range s.Listen {
		if path, isUnix := unixPath(listen); isUnix {
			if len(path) > maxUnixPath {
				return nil, fmt.Errorf("invalid listen '%s' (too long)", listen)
			}
			list = append(list, endpoint{unix: path, dgram: p.dgram, family: "unix"})
			continue
		}
		addrs, err := resolve(ctx, listen, proto)
		if err != nil {
			return nil, fmt.Errorf("invalid listen '%s': %w", listen, err)
		}
		for _, a := range addrs {
			e := endpoint{addr: a, dgram: p.dgram, family: "ipv6"}
			if a.Addr().Is4() {
				e.family = "ipv4"
			}
			if e.family == "ipv4" && p.v4 || e.family == "ipv6" && p.v6 {
				list = append(list, e)
			}
		}
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("no %s address in '%s'", proto, strings.Join(s.Listen, " "))
	}
	return list, nil
}

func unixPath(listen string) (string, bool) {
	if path, ok := strings.CutPrefix(listen, "unix:"); ok {
		return path, true
	}
	return listen, strings.HasPrefix(listen, "/")
}

// ErrProto is a protocol that no socket can be opened for.
var ErrProto = errors.New("invalid proto")

// splitListen splits at the last colon, as Cyrus does, and refuses what it would misread: an address without a port, a
// port above 65535.
func splitListen(ctx context.Context, listen, proto string) (host string, port uint16, err error) {
	name := listen
	if k := strings.LastIndexByte(listen, ':'); k >= 0 && !strings.HasSuffix(listen, "]") {
		if host, name = listen[:k], listen[k+1:]; host == "" {
			return "", 0, fmt.Errorf("no host before the colon")
		}
	}
	if isAddr(strings.Trim(name, "[]")) || isAddr(listen) && !isAddr(host) {
		return "", 0, fmt.Errorf("an address without a port")
	}
	if name == "" {
		return "", 0, fmt.Errorf("no port")
	}
	n, err := net.DefaultResolver.LookupPort(ctx, proto[:3], name)
	if err != nil {
		return "", 0, err
	}
	return strings.TrimSuffix(strings.TrimPrefix(host, "["), "]"), uint16(n), nil
}

func isAddr(s string) bool {
	_, err := netip.ParseAddr(s)
	return err == nil
}

// resolve gives the addresses of a host, or the wildcards.
func resolve(ctx context.Context, listen, proto string) ([]netip.AddrPort, error) {
	host, n, err := splitListen(ctx, listen, proto)
	if err != nil {
		return nil, err
	}
	if host == "" || host == "*" {
		return []netip.AddrPort{netip.AddrPortFrom(netip.IPv4Unspecified(), n),
			netip.AddrPortFrom(netip.IPv6Unspecified(), n)}, nil
	}
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, err
	}
	var list []netip.AddrPort
	seen := map[netip.Addr]bool{}
	for _, ip := range ips {
		if ip = ip.Unmap(); !seen[ip] {
			seen[ip] = true
			list = append(list, netip.AddrPortFrom(ip, n))
		}
	}
	return list, nil
}

// socket is an open listener. The owner goroutine counts its users: instances and starts under way.
type socket struct {
	fd   int
	at   endpoint
	refs int
	key  string // in Master.socks

	foreign bool // others use it, who must not be disturbed: the service manager, or workers of another master
}

// open binds and listens. The descriptor stays blocking, for it is shared with programs that expect that.
func open(at endpoint, c *Config) (*socket, error) {
	domain, typ := unix.AF_INET6, unix.SOCK_STREAM
	switch at.family {
	case "ipv4":
		domain = unix.AF_INET
	case "unix":
		domain = unix.AF_UNIX
	}
	if at.dgram {
		typ = unix.SOCK_DGRAM
	}
	fd, err := unix.Socket(domain, typ|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	if err := bind(fd, at, c); err != nil {
		unix.Close(fd) //nolint:errcheck // nothing was done with it
		return nil, fmt.Errorf("%s: %w", at.key(), err)
	}
	return &socket{fd: fd, at: at}, nil
}

func bind(fd int, at endpoint, c *Config) error {
	if at.unix != "" {
		if err := unlinkSocket(at.unix); err != nil {
			return err
		}
		if err := unix.Bind(fd, &unix.SockaddrUnix{Name: at.unix}); err != nil {
			return os.NewSyscallError("bind", err)
		}
		if err := os.Chmod(at.unix, 0o777); err != nil { // as Cyrus: the directory protects it
			return err
		}
	} else if err := bindInet(fd, at, c); err != nil {
		return err
	}
	if at.dgram {
		return nil
	}
	return os.NewSyscallError("listen", unix.Listen(fd, c.Backlog))
}

func bindInet(fd int, at endpoint, c *Config) error {
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err != nil {
		return os.NewSyscallError("setsockopt", err)
	}
	if at.addr.Addr().Is4() {
		if c.TOS != 0 {
			unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_TOS, c.TOS) //nolint:errcheck // a wish, no need
		}
		sa := &unix.SockaddrInet4{Port: int(at.addr.Port()), Addr: at.addr.Addr().As4()}
		return os.NewSyscallError("bind", unix.Bind(fd, sa))
	}
	if err := unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 1); err != nil {
		return os.NewSyscallError("setsockopt", err)
	}
	sa := &unix.SockaddrInet6{Port: int(at.addr.Port()), Addr: at.addr.Addr().As16()}
	if zone := at.addr.Addr().Zone(); zone != "" {
		ifi, err := net.InterfaceByName(zone)
		if err != nil {
			return err
		}
		sa.ZoneId = uint32(ifi.Index)
	}
	return os.NewSyscallError("bind", unix.Bind(fd, sa))
}

// unlinkSocket removes an old socket, and nothing but a socket.
func unlinkSocket(path string) error {
	fi, err := os.Lstat(path)
	switch {
	case os.IsNotExist(err):
		return nil
	case err != nil:
		return err
	case fi.Mode()&os.ModeSocket == 0:
		return fmt.Errorf("%s exists and is not a socket", path)
	}
	return os.Remove(path)
}

// address is where the socket really listens, which the kernel decides for port 0.
func (s *socket) address() string {
	if s.at.unix != "" {
		return "unix:" + s.at.unix
	}
	sa, err := unix.Getsockname(s.fd)
	if err != nil {
		return s.at.addr.String()
	}
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(sa.Addr), uint16(sa.Port)).String()
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(sa.Addr), uint16(sa.Port)).String()
	}
	return s.at.addr.String()
}

// waiting is how many connections wait to be accepted: 0, or at least 1 and exactly for TCP.
func (s *socket) waiting() int {
	p := []unix.PollFd{{Fd: int32(s.fd), Events: unix.POLLIN}}
	if n, err := unix.Poll(p, 0); n <= 0 || err != nil || p[0].Revents&unix.POLLIN == 0 {
		return 0
	}
	if s.at.unix != "" || s.at.dgram {
		return 1
	}
	info, err := unix.GetsockoptTCPInfo(s.fd, unix.IPPROTO_TCP, unix.TCP_INFO)
	if err != nil {
		return 1
	}
	return max(int(info.Unacked), 1) // of a listening socket: the accept queue
}

// release closes the master's descriptor; nothing is accepted any more as soon as the workers close theirs, which
// shutdown makes them do if they wait in accept.
func (s *socket) release() {
	if !s.at.dgram && !s.foreign {
		syscall.Shutdown(s.fd, syscall.SHUT_RDWR) //nolint:errcheck // closed next
	}
	unix.Close(s.fd) //nolint:errcheck // nothing can be done
}

// CheckListen says whether a service's addresses can be read, without asking a resolver for host names.
func CheckListen(s *Service) error {
	proto := s.Proto
	if proto == "" {
		proto = "tcp"
	}
	if _, ok := protos[proto]; !ok {
		return fmt.Errorf("%w '%s'", ErrProto, proto)
	}
	for _, listen := range s.Listen {
		path, isUnix := unixPath(listen)
		switch {
		case isUnix && len(path) > maxUnixPath:
			return fmt.Errorf("invalid listen '%s' (too long)", listen)
		case isUnix && proto != "tcp" && proto[:3] != "udp":
			return fmt.Errorf("%w '%s' for a Unix socket", ErrProto, proto)
		case isUnix:
			continue
		}
		if _, _, err := splitListen(context.Background(), listen, proto); err != nil {
			return fmt.Errorf("invalid listen '%s': %w", listen, err)
		}
	}
	return nil
}
