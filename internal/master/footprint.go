package master

import (
	"encoding/json"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/constance-mail/constance/internal/proc"
)

// footprint is what a master leaves in Config.StateFile for one that comes after its sudden end: enough to know its
// children for what they are. Workers are known by the listening socket that they hold, so that nothing need be written
// when one starts.
type footprint struct {
	Boot    string         `json:"boot"` // id of the kernel's present run: all the numbers are of this one only
	Sockets []footSocket   `json:"sockets"`
	Daemons []processBirth `json:"daemons"`
}

type footSocket struct {
	Key   string `json:"key"`
	Inode uint64 `json:"inode"` // a socket that is open has it alone
}

// processBirth names a process: its id alone may be another's by now.
type processBirth struct {
	PID  int   `json:"pid"`
	Born int64 `json:"born"` // clock ticks since the boot, as in /proc/PID/stat
}

// recorder writes footprints in a goroutine of its own: the disk may be slow. The file is opened while the master may, and
// written in place, for later it may be another user.
type recorder struct {
	file *os.File
	next chan []byte // the newest
	done chan struct{}
	over bool // nothing is left that a takeover could find
}

// newRecorder is the recorder of Config.StateFile, nil if there is none or it cannot be opened.
func (m *Master) newRecorder() *recorder {
	if m.conf.StateFile == "" {
		return nil
	}
	f, err := os.OpenFile(m.conf.StateFile, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		m.log.Warn("a master that comes after a sudden end of this one will not take over", "err", err)
		return nil
	}
	if u := m.conf.User; u != nil {
		f.Chown(int(u.Uid), int(u.Gid)) //nolint:errcheck // for a successor in this process; without it there is a warning
	}
	r := &recorder{file: f, next: make(chan []byte, 1), done: make(chan struct{})}
	go func() {
		defer close(r.done)
		for text := range r.next {
			r.write(text)
		}
	}()
	return r
}

// write puts text at the beginning, and only then cuts off what is longer: a reader takes the first value.
func (r *recorder) write(text []byte) {
	if _, err := r.file.WriteAt(text, 0); err == nil {
		r.file.Truncate(int64(len(text))) //nolint:errcheck // see above
	}
}

// put has text written, in place of an older one that was not written yet. Only one goroutine may call it.
func (r *recorder) put(text []byte) {
	select {
	case <-r.next:
	default:
	}
	r.next <- text
}

// close waits for the last write, and removes the file if it has no more use.
func (r *recorder) close() {
	if r == nil {
		return
	}
	close(r.next)
	<-r.done
	if r.over {
		r.file.Truncate(0)       //nolint:errcheck // the next start finds numbers of nobody
		os.Remove(r.file.Name()) //nolint:errcheck // if this user may
	}
	r.file.Close() //nolint:errcheck // written
}

// end says that the master ends in order.
func (r *recorder) end() {
	if r != nil {
		r.over = true
	}
}

// record has the present footprint written.
func (m *Master) record() {
	if m.recorder == nil {
		return
	}
	f := footprint{Boot: bootID()}
	for key, s := range m.socks {
		if !s.foreign { // others hold those too, whom a successor must not take for our children
			f.Sockets = append(f.Sockets, footSocket{key, s.inode()})
		}
	}
	for _, k := range m.kids {
		if k.kind == kindDaemon && k.pidfd >= 0 {
			f.Daemons = append(f.Daemons, processBirth{k.pid, born(k.pid)})
		}
	}
	text, err := json.Marshal(&f)
	if err != nil {
		return // not reached: numbers and names
	}
	m.recorder.put(text)
}

// recordDaemon has the footprint written if it has changed with a child that came or went.
func (m *Master) recordDaemon(k *kid) {
	if k.kind == kindDaemon {
		m.record()
	}
}

// inode is the number of the socket in the kernel, 0 if it is none.
func (s *socket) inode() uint64 {
	var st unix.Stat_t
	if unix.Fstat(s.fd, &st) != nil {
		return 0
	}
	return st.Ino
}

func bootID() string {
	text, _ := os.ReadFile("/proc/sys/kernel/random/boot_id") // without /proc no takeover is possible
	return strings.TrimSpace(string(text))
}

// born is when a process was started, 0 if it is not there.
func born(pid int) int64 {
	b, err := proc.BirthOf(pid)
	if err != nil {
		return 0
	}
	return b.Start
}
