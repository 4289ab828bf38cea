package master

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/constance-mail/constance/internal/master/roster"
	"github.com/constance-mail/constance/internal/service"
)

// Bounds of what is saved of workers that hang.
const (
	reportsMax  = 20      // files that are kept
	reportMax   = 1 << 20 // octets of the kernel's part
	examinesMax = 4       // at a time
)

// patient is a worker that hangs, as the goroutine that examines it needs it.
type patient struct {
	name  string // CYRUS_SERVICE
	pid   int
	pidfd int // its own
	dir   string
	ours  bool // it appends its stacks at SIGUSR1
	cred  *syscall.Credential
}

// examine saves what can be learnt of a worker that hangs: the kernel's view of its threads, and then the worker's own
// of its goroutines, which it appends at SIGUSR1 if it is one of ours and still can. Nothing of that is the loop's: reading about a
// process may take as long as the process does.
func (m *Master) examine(a roster.Action) {
	k, i := m.kids[a.Child], m.insts[a.Inst]
	if k == nil || i == nil || k.pidfd < 0 || m.conf.HungDir == "" {
		return
	}
	select {
	case m.examines <- struct{}{}:
	default:
		m.log.Warn("too many workers hang at once: nothing is saved of one", "service", i.svc.Name, "pid", k.pid)
		return
	}
	fd, err := unix.FcntlInt(uintptr(k.pidfd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		<-m.examines
		m.log.Warn("nothing is saved of a worker that hangs", "pid", k.pid, "err", err)
		return
	}
	p := patient{name: i.svc.Name, pid: k.pid, pidfd: fd, dir: m.conf.HungDir, ours: i.svc.Life > 0,
		cred: m.conf.Credential}
	m.helpers.Go(func() {
		defer func() { <-m.examines }()
		defer unix.Close(fd) //nolint:errcheck // a duplicate
		path, err := p.report()
		if err != nil {
			m.log.Warn("cannot save what is known of a worker that hangs", "pid", p.pid, "err", err)
			return
		}
		m.log.Warn("saved what is known of a worker that hangs", "service", p.name, "pid", p.pid, "file", path)
	})
}

// report makes the file and asks the worker for its part.
func (p *patient) report() (path string, err error) {
	if err := os.MkdirAll(p.dir, 0o755); err != nil {
		return "", err
	}
	sweepReports(p.dir, reportsMax-1)
	path = service.StacksFile(p.dir, p.name, p.pid)
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", err // of another process with this id
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return "", err
	}
	_, err = f.Write(p.kernelView(time.Now()))
	if p.cred != nil {
		err = errors.Join(err, f.Chown(int(p.cred.Uid), int(p.cred.Gid)))
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return "", err
	}
	if p.ours {
		err = unix.PidfdSendSignal(p.pidfd, unix.SIGUSR1, nil, 0)
	}
	return path, err
}

// kernelView is what the kernel tells of each thread: its state, the system call it is in and where it waits there.
func (p *patient) kernelView(now time.Time) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "service %s pid %d hangs, %s\n", p.name, p.pid, now.Format(time.RFC3339))
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", p.pid)) // only a bad pattern is an error
	for _, task := range tasks {
		if b.Len() > reportMax {
			b.WriteString("more threads are left out\n")
			break
		}
		fmt.Fprintf(&b, "thread %s:", filepath.Base(task))
		for _, name := range []string{"comm", "stat", "wchan", "syscall", "stack"} {
			text, err := os.ReadFile(filepath.Join(task, name))
			switch {
			case err != nil: // no right to, or it has ended
			case name == "stat":
				fmt.Fprintf(&b, " state %s", stateOf(text))
			case name == "stack":
				fmt.Fprintf(&b, "\n%s", text)
			default:
				fmt.Fprintf(&b, " %s %s", name, bytes.TrimSpace(text))
			}
		}
		b.WriteByte('\n')
	}
	return b.Bytes()
}

// stateOf is the letter of a process's or thread's state in its stat, or "?". proc_pid_stat(5)
func stateOf(stat []byte) string {
	k := bytes.LastIndexByte(stat, ')')
	if k < 0 || k+2 >= len(stat) {
		return "?"
	}
	return string(stat[k+2 : k+3])
}

// sweepReports leaves only the newest n reports.
func sweepReports(dir string, n int) {
	type report struct {
		path string
		at   time.Time
	}
	var list []report
	paths, _ := filepath.Glob(filepath.Join(dir, "*.hung")) // only a bad pattern is an error
	for _, path := range paths {
		if fi, err := os.Lstat(path); err == nil && fi.Mode().IsRegular() {
			list = append(list, report{path, fi.ModTime()})
		}
	}
	slices.SortFunc(list, func(a, b report) int { return b.at.Compare(a.at) })
	for _, r := range list[min(n, len(list)):] {
		os.Remove(r.path) //nolint:errcheck // the next one tries again
	}
}

// measured is a worker whose memory is looked at.
type measured struct {
	child roster.ChildID
	pid   int
}

// measure looks at the memory of workers that have a limit, every Config.Measure, outside the loop.
func (m *Master) measure(ctx context.Context) {
	tick := time.NewTicker(m.conf.Measure)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		var list []measured
		if m.do(ctx, func() { list = m.limited() }) != nil {
			return
		}
		var found []roster.Event
		for _, c := range list {
			status, err := os.ReadFile("/proc/" + strconv.Itoa(c.pid) + "/status")
			if n := ownMemory(string(status)); err == nil && n > 0 {
				found = append(found, roster.Event{Kind: roster.Sized, Child: c.child, N: int(n)})
			}
		}
		m.find(found...)
	}
}

// find hands the owner what a helper found out.
func (m *Master) find(events ...roster.Event) {
	if len(events) == 0 {
		return
	}
	m.in.put(func() {
		for _, e := range events {
			m.in.found.Put(e)
		}
	})
}

// limited are the workers whose memory has a limit. Owner only.
func (m *Master) limited() (list []measured) {
	for id, k := range m.kids {
		if i := m.insts[k.inst]; i != nil && i.svc.MaxMemory > 0 && k.pid != 0 && k.pidfd >= 0 {
			list = append(list, measured{id, k.pid})
		}
	}
	return list
}

// ownMemory is what a process alone has, in octets, by its status: memory that is no file's, resident or swapped out.
// What it maps of files, its program and databases, is the page cache's. proc_pid_status(5)
func ownMemory(status string) (n int64) {
	for line := range strings.Lines(status) {
		name, rest, _ := strings.Cut(line, ":")
		if name != "RssAnon" && name != "VmSwap" {
			continue
		}
		kib, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 54)
		if err == nil {
			n += kib << 10
		}
	}
	return n
}
