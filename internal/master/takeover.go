package master

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// A master that is killed leaves children behind: they serve on, and those of Cyrus's kind go on to accept. The next master
// takes the listeners over from them, so that nobody is refused, and has them drain, so that nobody is cut.

// orphan is a child of a master that has gone, proven to be by what it holds.
type orphan struct {
	pid   int
	pidfd int
	fd    int    // its descriptor of the listener
	key   string // of the listener
}

// legacy is what a master that was killed has left.
type legacy struct {
	orphans []orphan
	sockets map[string]*socket // taken from orphans, by key, until a service wants them
	wanted  []*socket          // those
	until   time.Time          // patience with held ones
	held    map[string]bool    // keys of those that could not be taken
}

// Bounds of a takeover.
const (
	addressPatience = 5 * time.Second // for an address that an orphan holds
	daemonPatience  = 2 * time.Second // for daemons to end, and again after SIGKILL
	tryEvery        = 20 * time.Millisecond
)

// inheritOrphans finds what a master that was killed has left, by its footprint. The caller's lock says that it has gone.
func (m *Master) inheritOrphans() {
	file, err := os.Open(m.conf.StateFile)
	if err != nil {
		return
	}
	defer file.Close()
	var f footprint
	if json.NewDecoder(file).Decode(&f) != nil || f.Boot == "" || f.Boot != bootID() {
		return
	}
	l := &legacy{sockets: map[string]*socket{}, held: map[string]bool{}}
	m.legacy = l
	keys := map[uint64]string{}
	for _, s := range f.Sockets {
		if s.Inode != 0 {
			keys[s.Inode] = s.Key
		}
	}
	for _, pid := range processes() {
		if o, ok := findOrphan(pid, keys); ok {
			l.orphans = append(l.orphans, o)
		}
	}
	for _, o := range l.orphans {
		l.take(o)
	}
	if n := len(l.orphans); n > 0 {
		m.log.Warn("a master has ended suddenly; taking over", "processes", n, "listeners", len(l.sockets))
	}
	m.endDaemons(f.Daemons)
}

// processes are the ids of all processes but this one.
func processes() (list []int) {
	names, _ := os.ReadDir("/proc") // without it there is nothing to find
	for _, e := range names {
		if pid, err := strconv.Atoi(e.Name()); err == nil && pid != os.Getpid() {
			list = append(list, pid)
		}
	}
	return list
}

// findOrphan says whether a process holds one of the listeners, which it can only have from their master. That it lives
// after that was read proves that it was read of this process and no other with its id.
func findOrphan(pid int, keys map[uint64]string) (orphan, bool) {
	if _, key := listenerOf(pid, keys); key == "" {
		return orphan{}, false
	}
	pidfd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return orphan{}, false
	}
	fd, key := listenerOf(pid, keys)
	if key == "" || ended(pidfd) {
		unix.Close(pidfd) //nolint:errcheck // nothing can be done
		return orphan{}, false
	}
	return orphan{pid, pidfd, fd, key}, true
}

// listenerOf is the descriptor of a process that is one of the listeners, and its key, "" if there is none.
func listenerOf(pid int, keys map[uint64]string) (fd int, key string) {
	dir := "/proc/" + strconv.Itoa(pid) + "/fd/"
	names, _ := os.ReadDir(dir) // another user's, or gone: none of ours
	for _, e := range names {
		if key := keys[socketOf(dir+e.Name())]; key != "" {
			fd, _ := strconv.Atoi(e.Name()) // they are numbers
			return fd, key
		}
	}
	return -1, ""
}

// socketOf is the inode of the socket that a descriptor in /proc is, 0 if it is none.
func socketOf(path string) uint64 {
	target, err := os.Readlink(path)
	if err != nil {
		return 0
	}
	number, ok := strings.CutPrefix(strings.TrimSuffix(target, "]"), "socket:[")
	if !ok {
		return 0
	}
	n, err := strconv.ParseUint(number, 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// ended is whether the process of a pidfd has ended.
func ended(pidfd int) bool {
	p := []unix.PollFd{{Fd: int32(pidfd), Events: unix.POLLIN}}
	n, err := unix.Poll(p, 0)
	return n > 0 || err != nil
}

// take gets the listener from an orphan, unless another had it to give. A kernel that does not allow it leaves the
// address with the orphans until they have drained.
func (l *legacy) take(o orphan) {
	if l.sockets[o.key] != nil {
		return
	}
	fd, err := unix.PidfdGetfd(o.pidfd, o.fd, 0)
	if err != nil {
		l.held[o.key] = true
		return
	}
	l.sockets[o.key] = &socket{fd: fd, key: o.key, foreign: true}
	delete(l.held, o.key)
}

// settle makes the listeners that were taken ours.
func (l *legacy) settle() {
	if l == nil {
		return
	}
	for _, s := range l.wanted {
		s.foreign = false
	}
}

// drain tells the orphans to finish, once their listeners have a new owner.
func (l *legacy) drain() {
	if l == nil {
		return
	}
	for _, o := range l.orphans {
		unix.PidfdSendSignal(o.pidfd, unix.SIGHUP, nil, 0) //nolint:errcheck // it may have ended
		unix.Close(o.pidfd)                                //nolint:errcheck // nothing can be done
	}
	for _, s := range l.sockets { // that no service wants any more
		unix.Close(s.fd) //nolint:errcheck // the orphans close theirs
	}
}

// drainHeld tells those orphans to finish whose listeners could not be taken, since they must go before anybody else can
// have the address. The patience with all of them begins with the first.
func (l *legacy) drainHeld() {
	if !l.until.IsZero() {
		return
	}
	l.until = time.Now().Add(addressPatience)
	for _, o := range l.orphans {
		if l.held[o.key] {
			unix.PidfdSendSignal(o.pidfd, unix.SIGHUP, nil, 0) //nolint:errcheck // it may have ended
		}
	}
}

// endDaemons ends the daemons of the master before, which serve nobody and may not run twice.
func (m *Master) endDaemons(list []processBirth) {
	var left []int // pidfds
	for _, d := range list {
		pidfd, err := unix.PidfdOpen(d.PID, 0)
		if err != nil {
			continue
		}
		if d.Born == 0 || born(d.PID) != d.Born || ended(pidfd) {
			unix.Close(pidfd) //nolint:errcheck // another process, or none
			continue
		}
		left = append(left, pidfd)
	}
	for _, sig := range []unix.Signal{unix.SIGTERM, unix.SIGKILL} {
		for _, pidfd := range left {
			unix.PidfdSendSignal(pidfd, sig, nil, 0) //nolint:errcheck // it may have ended
		}
		left = awaitEnds(left, daemonPatience)
	}
	for _, pidfd := range left {
		m.log.Error("a daemon of the master before does not end")
		unix.Close(pidfd) //nolint:errcheck // nothing can be done
	}
}

// awaitEnds closes the pidfds of those that end in time and returns the others.
func awaitEnds(pidfds []int, patience time.Duration) (left []int) {
	until := time.Now().Add(patience)
	for _, fd := range pidfds {
		p := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		if n, err := unix.Poll(p, int(max(time.Until(until), 0)/time.Millisecond)); n == 0 || err != nil {
			left = append(left, fd)
			continue
		}
		unix.Close(fd) //nolint:errcheck // nothing can be done
	}
	return left
}

// errCovered: another listener takes the address's clients.
var errCovered = errors.New("an IPv6 socket takes IPv4 too")

// obtain opens the listener of a spec, or takes one that is there: handed over by the service manager, or left by a
// master that was killed.
func (m *Master) obtain(s *spec) (*socket, error) {
	key := s.socketKey()
	if sock := m.conf.Activated.take(s); sock != nil {
		if s.at.dgram {
			return sock, nil
		}
		return sock, unix.Listen(sock.fd, m.conf.Backlog)
	}
	if m.conf.Activated.covers(s.at) {
		return nil, errCovered
	}
	l := m.legacy
	if l == nil {
		return open(s.at, &m.conf)
	}
	if sock := l.sockets[key]; sock != nil && s.at.reachable() {
		delete(l.sockets, key)
		l.wanted = append(l.wanted, sock)
		sock.at = s.at
		return sock, nil
	}
	if !l.held[key] {
		return open(s.at, &m.conf)
	}
	l.drainHeld()
	return l.await(s, &m.conf)
}

// reachable is whether a Unix socket has its name yet: somebody may have removed it with its directory.
func (e endpoint) reachable() bool {
	if e.unix == "" {
		return true
	}
	fi, err := os.Lstat(e.unix)
	return err == nil && fi.Mode()&os.ModeSocket != 0
}

// await tries to open a listener until the orphans that hold its address have gone.
func (l *legacy) await(s *spec, c *Config) (*socket, error) {
	for ; ; time.Sleep(tryEvery) {
		sock, err := open(s.at, c)
		if !errors.Is(err, unix.EADDRINUSE) {
			return sock, err
		}
		if time.Now().After(l.until) {
			return nil, fmt.Errorf("processes of a master that has ended hold it: %w", err)
		}
	}
}
