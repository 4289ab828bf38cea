package conn

import (
	"errors"
	"io"
	"net"
	"sync/atomic"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// socket is the connection below TLS: it counts octets, and can be waited for and read without waiting.
type socket struct {
	net.Conn
	raw     syscall.RawConn // nil if the connection has none, as a pipe in tests
	probing bool            // Read returns errNothing instead of waiting
	midway  bool            // the client is in the middle of something: see readOn
	first   [1]byte         // without raw: what await had to read, if have
	have    bool
	in, out atomic.Int64
}

// nothing is the type of errNothing: temporary, so that crypto/tls can go on after it.
type nothing struct{}

func (nothing) Error() string   { return "nothing has arrived" }
func (nothing) Timeout() bool   { return true }
func (nothing) Temporary() bool { return true }

// errNothing says that a read would have had to wait.
var errNothing net.Error = nothing{}

// Read implements io.Reader.
func (s *socket) Read(p []byte) (n int, err error) {
	switch {
	case s.have && len(p) > 0:
		p[0], s.have = s.first[0], false
		return 1, nil
	case s.midway && s.raw != nil:
		n, err = s.readOn(p)
	case !s.probing:
		n, err = s.Conn.Read(p)
	case s.raw != nil:
		n, err = s.readNow(p)
	default:
		return 0, errNothing
	}
	s.in.Add(int64(n))
	return n, err
}

// Write implements io.Writer.
func (s *socket) Write(p []byte) (int, error) {
	n, err := s.Conn.Write(p)
	s.out.Add(int64(n))
	return n, err
}

// maxUnsent is how much the kernel takes of us that it cannot send yet, octets. Without a bound it is what Linux allows a
// socket's buffer to grow to, 4 MiB by default, for each client that does not read; what is on its way is not bounded by it.
const maxUnsent = 128 << 10

// limitUnsent has writes wait while maxUnsent waits to be sent. tcp(7), TCP_NOTSENT_LOWAT.
func (s *socket) limitUnsent() {
	_ = s.raw.Control(func(fd uintptr) { // other sockets than TCP's have no such option, and small buffers
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, maxUnsent)
	})
}

// forget has the kernel drop what the client did not take, instead of offering it for minutes after the end.
func (s *socket) forget() {
	if t, ok := s.Conn.(interface{ SetLinger(sec int) error }); ok {
		_ = t.SetLinger(0) // the connection is of no use any more, whatever it answers
	}
}

// readNow reads what is there.
func (s *socket) readNow(p []byte) (n int, err error) {
	gone := s.raw.Read(func(fd uintptr) bool {
		n, err = syscall.Read(int(fd), p)
		for err == syscall.EINTR {
			n, err = syscall.Read(int(fd), p)
		}
		return true
	})
	switch {
	case gone != nil:
		return 0, gone
	case errors.Is(err, syscall.EAGAIN):
		return 0, errNothing
	case err != nil:
		return 0, err
	case n == 0 && len(p) > 0:
		return 0, io.EOF
	}
	return n, nil
}

// readOn reads in the middle of what the client sends. If it has to wait, it has the kernel acknowledge what has arrived:
// a client that sends in pieces, with Nagle's algorithm, keeps the next one until then, and
// the kernel would delay that by 40 ms, in the hope of an answer to send it with.
func (s *socket) readOn(p []byte) (int, error) {
	n, err := s.readNow(p)
	if err != errNothing {
		return n, err
	}
	_ = s.raw.Control(func(fd uintptr) { // a socket that is none of TCP has no such option, and no delay
		_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_QUICKACK, 1)
	})
	return s.Conn.Read(p)
}

// await waits until a read would not wait.
func (s *socket) await() error {
	if s.raw != nil {
		return s.raw.Read(readable)
	}
	if s.have {
		return nil
	}
	n, err := s.Conn.Read(s.first[:])
	s.in.Add(int64(n))
	s.have = n == 1
	if s.have {
		return nil
	}
	return err
}

// readable tells whether a read of the socket would not wait. A bare system call, because syscall.Recvfrom has a large
// address on its stack, and this is where thousands of goroutines stand.
func readable(fd uintptr) bool {
	var b byte
	_, _, e := syscall.Syscall6(syscall.SYS_RECVFROM, fd, uintptr(unsafe.Pointer(&b)), 1,
		syscall.MSG_PEEK|syscall.MSG_DONTWAIT, 0, 0)
	return e != syscall.EAGAIN && e != syscall.EINTR
}
