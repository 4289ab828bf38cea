package master

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"os"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/constance-mail/constance/internal/master/roster"
)

// queue is a listener whose waiting connections are asked for, as the kernel's own statistics know it. sock_diag(7)
type queue struct {
	inst   roster.InstID
	family uint8
	addr   netip.AddrPort // TCP
	inode  uint32         // Unix
}

// ager asks the kernel how long connections wait, outside the loop: the answer costs a walk through all connections of
// the machine.
type ager struct {
	seen map[roster.InstID]map[uint32]time.Time // clients of Unix sockets, for which the kernel keeps no times
}

// askAge has the age of an instance's waiting connections found out. Whatever comes of it, roster hears.
func (m *Master) askAge(id roster.InstID) {
	i := m.insts[id]
	q := queue{inst: id}
	if i != nil && i.sock != nil {
		q.identify(i.sock)
	}
	select {
	case m.ages <- q:
	default: // the roster asks again when it is told that nothing is known
		m.find(roster.Event{Kind: roster.Aged, Inst: id})
	}
}

// identify notes what the kernel's statistics call a socket. What cannot be known stays zero: nothing will be found.
func (q *queue) identify(s *socket) {
	if s.at.dgram {
		return
	}
	if s.at.unix != "" {
		var st unix.Stat_t
		if unix.Fstat(s.fd, &st) == nil {
			q.family, q.inode = unix.AF_UNIX, uint32(st.Ino)
		}
		return
	}
	addr, err := netip.ParseAddrPort(s.address())
	if err != nil {
		return
	}
	q.addr, q.family = addr, unix.AF_INET6
	if addr.Addr().Is4() {
		q.family = unix.AF_INET
	}
}

// ageRest is how long ager rests after an answer, in times of what the answer took: with thousands of connections it takes
// milliseconds, which are the workers' when there are too few.
const ageRest = 50

// age answers what askAge asks, until quit.
func (m *Master) age(quit <-chan struct{}) {
	a := ager{seen: map[roster.InstID]map[uint32]time.Time{}}
	rest := time.NewTimer(0)
	defer rest.Stop()
	for {
		select {
		case <-rest.C:
		case <-quit:
			return
		}
		select {
		case q := <-m.ages:
			begun := time.Now()
			n, age, err := a.ask(q, begun)
			if err != nil {
				m.log.Debug("cannot find out how long clients wait", "err", err)
			}
			m.find(roster.Event{Kind: roster.Aged, Inst: q.inst, N: n, Age: age})
			rest.Reset(min(ageRest*time.Since(begun), time.Second))
		case <-quit:
			return
		}
	}
}

// ask gives how many connections wait to be accepted, and for how long the longest does.
func (a *ager) ask(q queue, now time.Time) (n int, age time.Duration, err error) {
	switch q.family {
	case unix.AF_INET, unix.AF_INET6:
		err := diag(q.tcpRequest(), func(b []byte) {
			if d, ok := q.unaccepted(b); ok {
				n, age = n+1, max(age, d)
			}
		})
		return n, age, err
	case unix.AF_UNIX:
		var clients []uint32
		err := diag(q.unixRequest(), func(b []byte) { clients = append(clients, waitingInodes(b)...) })
		return len(clients), a.remember(q.inst, clients, now), err
	}
	return 0, 0, nil
}

// remember keeps since when each client is known to wait, and gives the longest.
func (a *ager) remember(id roster.InstID, clients []uint32, now time.Time) (age time.Duration) {
	old, fresh := a.seen[id], map[uint32]time.Time{}
	for _, c := range clients {
		since, known := old[c]
		if !known {
			since = now
		}
		fresh[c] = since
		age = max(age, now.Sub(since))
	}
	a.seen[id] = fresh
	if len(fresh) == 0 {
		delete(a.seen, id)
	}
	return age
}

// What linux/sock_diag.h, inet_diag.h and unix_diag.h define and package unix does not.
const (
	sockDiagByFamily = 20
	inetDiagInfo     = 2  // attribute and, less one, bit of the request: struct tcp_info
	inetMsgSize      = 72 // struct inet_diag_msg
	inodeAt          = 68 // in it
	srcAt            = 8  // in it: address after two ports
	lastDataSentAt   = 44 // in struct tcp_info, in milliseconds
	unixMsgSize      = 16 // struct unix_diag_msg
	unixDiagIcons    = 3  // attribute: inodes of the clients that wait
	showIcons        = 8
)

// request is what is asked of the kernel: flags of netlink(7) and a struct.
type request struct {
	flags uint16
	body  []byte
}

// tcpRequest asks for all connections of a port that are established, or that the client has hung up on.
func (q *queue) tcpRequest() request {
	b := make([]byte, 56) // struct inet_diag_req_v2
	b[0], b[1], b[2] = q.family, unix.IPPROTO_TCP, 1<<(inetDiagInfo-1)
	binary.NativeEndian.PutUint32(b[4:], 1<<unix.BPF_TCP_ESTABLISHED|1<<unix.BPF_TCP_CLOSE_WAIT)
	binary.BigEndian.PutUint16(b[8:], q.addr.Port())
	return request{unix.NLM_F_REQUEST | unix.NLM_F_DUMP, b}
}

// unixRequest asks for one socket.
func (q *queue) unixRequest() request {
	b := make([]byte, 24) // struct unix_diag_req
	b[0] = unix.AF_UNIX
	binary.NativeEndian.PutUint32(b[4:], ^uint32(0))
	binary.NativeEndian.PutUint32(b[8:], q.inode)
	binary.NativeEndian.PutUint32(b[12:], showIcons)
	binary.NativeEndian.PutUint64(b[16:], ^uint64(0)) // no cookie
	return request{unix.NLM_F_REQUEST, b}
}

// unaccepted is whether a struct inet_diag_msg is about a connection that nobody has accepted, and since when: it belongs
// to no file yet, and "the last data sent" of it is its beginning.
func (q *queue) unaccepted(b []byte) (age time.Duration, ok bool) {
	if len(b) < inetMsgSize || binary.NativeEndian.Uint32(b[inodeAt:]) != 0 {
		return 0, false
	}
	local, _ := netip.AddrFromSlice(b[srcAt : srcAt+q.addr.Addr().BitLen()/8])
	if !q.addr.Addr().IsUnspecified() && local != q.addr.Addr().WithZone("") {
		return 0, false
	}
	info := attribute(b[inetMsgSize:], inetDiagInfo)
	if len(info) < lastDataSentAt+4 {
		return 0, true
	}
	return time.Duration(binary.NativeEndian.Uint32(info[lastDataSentAt:])) * time.Millisecond, true
}

// waitingInodes are the inodes of the clients in a struct unix_diag_msg.
func waitingInodes(b []byte) (list []uint32) {
	if len(b) < unixMsgSize {
		return nil
	}
	for icons := range slices.Chunk(attribute(b[unixMsgSize:], unixDiagIcons), 4) {
		if len(icons) == 4 {
			list = append(list, binary.NativeEndian.Uint32(icons))
		}
	}
	return list
}

// attribute is the value of the first netlink attribute of a kind, nil if there is none. netlink(7)
func attribute(b []byte, kind uint16) []byte {
	for len(b) >= 4 {
		n := int(binary.NativeEndian.Uint16(b))
		if n < 4 || n > len(b) {
			return nil
		}
		if binary.NativeEndian.Uint16(b[2:]) == kind {
			return b[4:n]
		}
		b = b[min((n+3)&^3, len(b)):]
	}
	return nil
}

// diag sends one request and gives every message of the answer to each.
func diag(r request, each func([]byte)) error {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_SOCK_DIAG)
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	defer unix.Close(fd) //nolint:errcheck // nothing can be done
	wait := unix.Timeval{Sec: 2}
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &wait); err != nil {
		return os.NewSyscallError("setsockopt", err)
	}
	req := make([]byte, unix.SizeofNlMsghdr, unix.SizeofNlMsghdr+len(r.body))
	binary.NativeEndian.PutUint32(req, uint32(cap(req)))
	binary.NativeEndian.PutUint16(req[4:], sockDiagByFamily)
	binary.NativeEndian.PutUint16(req[6:], r.flags)
	if err := unix.Sendto(fd, append(req, r.body...), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return os.NewSyscallError("sendto", err)
	}
	buf := make([]byte, 64<<10)
	for {
		n, _, err := unix.Recvfrom(fd, buf, 0)
		if errors.Is(err, unix.EINTR) {
			continue
		} else if err != nil {
			return os.NewSyscallError("recvfrom", err)
		}
		if done, err := messages(buf[:n], each); done || err != nil {
			return err
		}
		if r.flags&unix.NLM_F_DUMP == 0 {
			return nil
		}
	}
}

// messages cuts an answer into its messages.
func messages(b []byte, each func([]byte)) (done bool, err error) {
	for len(b) >= unix.SizeofNlMsghdr {
		n := int(binary.NativeEndian.Uint32(b))
		if n < unix.SizeofNlMsghdr || n > len(b) {
			return true, errors.New("netlink: a message is cut off")
		}
		switch body := b[unix.SizeofNlMsghdr:n]; binary.NativeEndian.Uint16(b[4:]) {
		case unix.NLMSG_DONE:
			return true, nil
		case unix.NLMSG_ERROR:
			if len(body) >= 4 {
				if code := int32(binary.NativeEndian.Uint32(body)); code != 0 {
					return true, os.NewSyscallError("sock_diag", unix.Errno(-code))
				}
			}
			return true, nil
		case sockDiagByFamily:
			each(body)
		}
		b = b[min((n+3)&^3, len(b)):]
	}
	return false, nil
}
