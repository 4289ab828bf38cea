package master

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/constance-mail/constance/internal/master/roster"
	"github.com/constance-mail/constance/internal/service"
)

// listening opens a socket as the master does.
func listening(t *testing.T, at endpoint) *socket {
	t.Helper()
	c := &Config{}
	c.setDefaults()
	s, err := open(at, c)
	if err != nil {
		t.Skip(err) // no IPv6 here
	}
	t.Cleanup(s.release)
	return s
}

// The kernel knows how many connections wait, and for how long; those that are accepted, and those of other listeners, do
// not count.
func TestAgeOfConnections(t *testing.T) {
	for name, at := range map[string]endpoint{
		"ipv4":     {addr: netip.MustParseAddrPort("127.0.0.1:0"), family: "ipv4"},
		"wildcard": {addr: netip.MustParseAddrPort("0.0.0.0:0"), family: "ipv4"},
		"ipv6":     {addr: netip.MustParseAddrPort("[::1]:0"), family: "ipv6"},
		"unix":     {unix: filepath.Join(t.TempDir(), "s"), family: "unix"},
	} {
		t.Run(name, func(t *testing.T) {
			s := listening(t, at)
			var q queue
			q.identify(s)
			a := ager{seen: map[roster.InstID]map[uint32]time.Time{}}
			asked := func() (int, time.Duration) {
				n, age, err := a.ask(q, time.Now())
				if err != nil {
					t.Fatal(err)
				}
				return n, age
			}
			if n, age := asked(); n != 0 || age != 0 {
				t.Errorf("%d wait since %v, and nobody came", n, age)
			}
			network, addr := "tcp", strings.Replace(s.address(), "0.0.0.0", "127.0.0.1", 1)
			if path, ok := strings.CutPrefix(addr, "unix:"); ok {
				network, addr = "unix", path
			}
			for range 3 {
				c, err := net.Dial(network, addr)
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
			}
			if !sometime(func() bool { n, age := asked(); return n == 3 && age >= 20*time.Millisecond }) {
				t.Error("nobody is seen to wait for 20 ms")
			}
			fd, _, err := unix.Accept(s.fd)
			if err != nil {
				t.Fatal(err)
			}
			defer unix.Close(fd)
			if n, _ := asked(); n != 2 {
				t.Errorf("%d wait, one was accepted", n)
			}
		})
	}
}

// Each client of a Unix socket has waited since it was first seen.
func TestRemember(t *testing.T) {
	a := ager{seen: map[roster.InstID]map[uint32]time.Time{}}
	at := func(s int) time.Time { return time.Unix(int64(1000+s), 0) }
	for _, c := range []struct {
		clients []uint32
		now     int
		want    time.Duration
	}{
		{[]uint32{7}, 0, 0}, {[]uint32{7, 8}, 3, 3 * time.Second}, {[]uint32{8, 9}, 5, 2 * time.Second}, {nil, 6, 0},
		{[]uint32{8}, 9, 0},
	} {
		if got := a.remember(1, c.clients, at(c.now)); got != c.want {
			t.Errorf("%v at %d: %v, want %v", c.clients, c.now, got, c.want)
		}
	}
	if a.remember(1, nil, at(10)); len(a.seen) != 0 {
		t.Error("a listener without clients is remembered")
	}
}

// A datagram socket has no connections: nothing is asked.
func TestAgeOfDatagrams(t *testing.T) {
	var q queue
	q.identify(&socket{at: endpoint{dgram: true}})
	a := ager{}
	if n, age, err := a.ask(q, time.Now()); n != 0 || age != 0 || err != nil || q.family != 0 {
		t.Error(n, age, err)
	}
}

// What netlink may answer, whole and broken.
func TestNetlinkMessages(t *testing.T) {
	message := func(kind uint16, body ...byte) []byte {
		b := make([]byte, unix.SizeofNlMsghdr)
		binary.NativeEndian.PutUint32(b, uint32(len(b)+len(body)))
		binary.NativeEndian.PutUint16(b[4:], kind)
		b = append(b, body...)
		return append(b, make([]byte, -len(b)&3)...)
	}
	code := -int32(unix.EPERM)
	denied := binary.NativeEndian.AppendUint32(nil, uint32(code))
	for name, c := range map[string]struct {
		in   []byte
		n    int
		done bool
		err  bool
	}{
		"nothing":  {nil, 0, false, false},
		"two":      {append(message(sockDiagByFamily, 1, 2, 3), message(sockDiagByFamily, 4)...), 2, false, false},
		"the end":  {append(message(sockDiagByFamily, 1), message(unix.NLMSG_DONE)...), 1, true, false},
		"denied":   {message(unix.NLMSG_ERROR, denied...), 0, true, true},
		"accepted": {message(unix.NLMSG_ERROR, 0, 0, 0, 0), 0, true, false},
		"cut off":  {message(sockDiagByFamily, 1, 2, 3, 4, 5)[:18], 0, true, true},
		"empty":    {make([]byte, 16), 0, true, true},
	} {
		n := 0
		done, err := messages(c.in, func([]byte) { n++ })
		if n != c.n || done != c.done || (err != nil) != c.err {
			t.Errorf("%s: %d messages, done %v, %v", name, n, done, err)
		}
	}
}

func FuzzDiag(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{8, 0, 3, 0, 1, 2, 3, 4, 5, 0, 2, 0, 9})
	f.Fuzz(func(t *testing.T, in []byte) { // nothing in an answer can do harm
		q := queue{addr: netip.MustParseAddrPort("[::1]:25")}
		q.unaccepted(in)
		if n := len(waitingInodes(in)); n > len(in)/4 {
			t.Errorf("%d inodes in %d octets", n, len(in))
		}
		messages(in, func(b []byte) {
			if len(b) > len(in) {
				t.Error("a message is longer than the answer")
			}
		})
	})
}

// locked serves like single, but accepts under a lock that all workers share, as Cyrus's services do.
func locked() int {
	lock, err := os.OpenFile(os.Getenv("LEMMING_FILE"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return 71
	}
	say := func(code int32) { unix.Write(3, service.Message{Code: code, PID: int32(os.Getpid())}.Append(nil)) }
	for {
		if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX); err != nil {
			return 71
		}
		c, _, err := unix.Accept(4)
		if err != nil {
			return 71
		}
		unix.Flock(int(lock.Fd()), unix.LOCK_UN)
		say(service.Unavailable)
		say(service.Connection)
		write(c, fmt.Sprintf("%d\n", os.Getpid()))
		unix.Read(c, make([]byte, 16))
		unix.Close(c)
		say(service.Available)
	}
}

// P15: a worker that is stopped while it holds the lock under which all accept holds up every other one, and every new one:
// it is found by the age of the clients that it keeps waiting, and ended.
func TestP15_StoppedWithTheLock(t *testing.T) {
	s, dir := lemmings("imap", "locked"), t.TempDir()
	s.Env = append(s.Env, "LEMMING_FILE="+filepath.Join(dir, "lock"))
	r := start(t, Config{Services: []Service{s}, Stuck: 50 * time.Millisecond, Hung: time.Second, HungDir: dir})
	addr := r.service(0).Listen
	a := r.greeted(r.dial(addr))
	a.Close()
	r.eventually("ready", func() bool { s := r.service(0); return s.Conns == 1 && s.Busy == 0 && s.Ready == len(pidsOf(s)) })
	r.eventually("in accept, with the lock", func() bool {
		f, err := os.Open(filepath.Join(dir, "lock"))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		return unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) != nil
	})
	stopped := pidsOf(r.service(0))
	r.stopAll(stopped)
	if b := r.greeted(r.dial(addr)); stopped[b.pid] {
		t.Error("a stopped process greets")
	}
	r.eventually("it is said who hangs", func() bool { return strings.Contains(r.log.String(), "takes no client though one waits") })
	for pid := range stopped {
		r.eventually("the kernel's view", func() bool {
			text, _ := os.ReadFile(service.StacksFile(dir, "imap", pid))
			return strings.Contains(string(text), "state T") || syscall.Kill(pid, 0) == nil
		})
		syscall.Kill(pid, syscall.SIGCONT)
	}
}
