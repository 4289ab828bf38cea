package master

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/constance-mail/constance/internal/master/roster"
)

// kid is a child process, from the order to start it to roster's OpForget.
type kid struct {
	order *order
	kind  string
	name  string
	inst  roster.InstID
	pid   int
	pidfd int
	ch    *channel // nil: no status channel
	word  *os.File // nil: no readiness pipe
	begun time.Time
	ended bool // reaped; what it wrote to its channel may still be read
}

// Kinds of children, in the words of Cyrus's log.
const (
	kindStart   = "START"
	kindService = "SERVICE"
	kindDaemon  = "DAEMON"
	kindEvent   = "EVENT"
	kindStray   = "ZOMBIE" // left behind by a child
)

// spawned is called by a spawner.
func (m *Master) spawned(r *started) {
	m.in.put(func() { m.in.life.Put(lifeEvent{child: r.order.child, start: r}) })
}

// lifeEvent is the start or the end of a child.
func (m *Master) lifeEvent(e lifeEvent) {
	k := m.kids[e.child]
	if e.start == nil {
		if k != nil {
			m.reap(e.child, k)
		}
		return
	}
	r := e.start
	if r.order.sock != nil {
		m.unref(r.order.sock)
	}
	if r.err == nil {
		r.err = m.watch.child(e.child, r.pidfd)
		if r.err != nil { // out of kernel memory: without a watch its end would be missed
			abandon(r.pid) //nolint:errcheck // only its text
			unix.Close(r.pidfd)
			if r.status != nil {
				r.status.Close() //nolint:errcheck // nobody writes to it
			}
		}
	}
	if r.err != nil {
		m.counts.ForkFails++
		m.step(roster.Event{Kind: roster.SpawnFail, Child: e.child, Text: r.err.Error()})
		return
	}
	m.counts.Forks++
	k.pid, k.pidfd, k.begun = r.pid, r.pidfd, time.Now()
	switch {
	case r.order.await:
		k.word = r.status
		m.await(e.child, k.word)
	case r.status != nil:
		k.ch = newChannel(e.child, r.status, m.in)
		m.hear(k.ch)
	}
	m.log.Debug("about to exec "+r.order.path, "name", k.name, "pid", k.pid)
	if k.kind != kindService {
		name, _, _ := strings.Cut(k.name, "/")
		m.procs.begins(r.pid, name)
	}
	m.step(roster.Event{Kind: roster.Spawned, Child: e.child, PID: r.pid})
	m.recordDaemon(k)
}

// hear starts to read a status channel.
func (m *Master) hear(c *channel) {
	m.helpers.Add(1)
	go func() {
		defer m.helpers.Done()
		c.read()
	}()
}

// reap asks the kernel what became of a child whose pidfd is readable.
func (m *Master) reap(id roster.ChildID, k *kid) {
	var status syscall.WaitStatus
	pid, err := syscall.Wait4(k.pid, &status, syscall.WNOHANG, nil)
	if err == nil && pid == 0 || errors.Is(err, syscall.EINTR) {
		return // not yet; only a stray event
	}
	unix.Close(k.pidfd) //nolint:errcheck // epoll forgets it with this
	k.pidfd = -1
	m.leaves(k)
	m.counts.Exits++
	m.procs.ends(k.pid)
	m.family.buried(k.pid, id)
	m.logExit(k.kind, k.name, k.order.argv[0], k.pid, k.begun, status)
	m.step(roster.Event{Kind: roster.Exited, Child: id, Status: status})
	m.recordDaemon(k)
}

func (m *Master) forget(id roster.ChildID) {
	k := m.kids[id]
	if k == nil {
		return
	}
	delete(m.kids, id)
	m.leaves(k)
	if k.ch != nil {
		k.ch.close()
	}
	if k.word != nil {
		k.word.Close() //nolint:errcheck // it may be closed already
	}
}

// leaves says that a child, or the order to start it, uses its listener no more.
func (m *Master) leaves(k *kid) {
	if i := m.insts[k.inst]; i != nil && !k.ended {
		i.kids--
	}
	k.ended = true
}

// start orders a child for an instance or a job.
func (m *Master) start(a roster.Action) {
	o := &order{child: a.Child, await: a.Await, cred: m.conf.Credential, input: m.conf.Input, output: m.conf.Output,
		errors: m.conf.Errors}
	k := &kid{order: o, pidfd: -1, inst: a.Inst}
	if i := m.insts[a.Inst]; i != nil {
		k.kind, k.name, o.lane = kindService, i.name, i.name
		if i.svc.Daemon {
			k.kind = kindDaemon
		}
		o.path, o.argv = path(i.svc.Path, i.svc.Argv), i.svc.Argv
		o.env, o.maxFDs = serviceEnv(i.svc, i.id, m.conf.HungDir), i.svc.MaxFDs
		if o.sock = i.sock; o.sock != nil {
			o.sock.refs++
			// Workers of ours make the socket non-blocking, and a program in C may spin on such a one; so the flag is
			// cleared, but never under the feet of workers that wait in accept.
			o.clear = i.kids == 0
		}
		i.kids++
	} else if e := m.jobs[a.Text]; e != nil {
		k.kind, k.name, o.lane = kindEvent, e.Name, "event "+e.Name
		o.path, o.argv, o.env = path(e.Path, e.Argv), e.Argv, append(environ(), e.Env...)
	} else {
		o.path, o.argv = "/", []string{"/"} // cannot be: fails to start, which roster handles
	}
	m.kids[a.Child] = k
	m.spawn.put(o)
}

func (m *Master) logExit(kind, name, path string, pid int, begun time.Time, status syscall.WaitStatus) {
	level := slog.LevelDebug
	if !status.Exited() || status.ExitStatus() != 0 && status.ExitStatus() != ExitTempFail {
		level = slog.LevelError
	}
	if m.roster.Stopping() && status.Signaled() {
		level = slog.LevelDebug // as told
	}
	if m.log.Enabled(context.Background(), level) {
		name, _, _ := strings.Cut(name, "/")
		m.log.Log(context.Background(), level, fmt.Sprintf("process type:%s name:%s path:%s age:%.3fs pid:%d %s", kind,
			name, path, time.Since(begun).Seconds(), pid, describe(status)))
	}
}

// describe puts a status into Cyrus's words.
func describe(s syscall.WaitStatus) string {
	switch {
	case s.Signaled():
		name := s.Signal().String() // strsignal(3) begins with a capital
		text := fmt.Sprintf("signaled to death by signal %d (%s%s", s.Signal(), strings.ToUpper(name[:1]), name[1:])
		if s.CoreDump() {
			text += ", core dumped"
		}
		return text + ")"
	case s.ExitStatus() == ExitTempFail:
		return "was killed"
	case s.ExitStatus() == 0:
		return "exited normally"
	}
	return fmt.Sprintf("exited, status %d", s.ExitStatus())
}
