package master

import (
	"math"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/constance-mail/constance/internal/master/roster"
	"github.com/constance-mail/constance/internal/proc"
)

// family knows which children of this process the master started. Whoever else is a child was left behind by one that
// has ended: a daemon that went to the background, a helper of an event that was killed. They are ours because the
// process is a subreaper, and they end with it.
type family struct {
	wake chan struct{} // somebody has ended
	ask  chan struct{} // roster wants to know at once

	mu     sync.Mutex
	own    map[int]roster.ChildID
	forks  uint64              // begun so far
	flying map[uint64]struct{} // begun and not over
	others int                 // children that neither the master nor a child started are about: nobody is judged

	suspects map[suspect]uint64 // owned by the search: unknown children, and the forks begun when they were first seen
}

// suspect is an unknown child. Process ids are used again, together with the time of the start they are not.
type suspect struct {
	pid   int
	begun int64
}

func newFamily() *family {
	return &family{wake: make(chan struct{}, 1), ask: make(chan struct{}, 1), own: map[int]roster.ChildID{},
		flying: map[uint64]struct{}{}, suspects: map[suspect]uint64{}}
}

// takeOff begins a fork, whose child is unknown for a moment; land ends it. A pid of 0 is a fork that failed.
func (f *family) takeOff() uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.forks++
	f.flying[f.forks] = struct{}{}
	return f.forks
}

func (f *family) land(fork uint64, pid int, child roster.ChildID) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.flying, fork)
	if pid > 0 {
		f.own[pid] = child
	}
}

// enter makes a process known whose child is in the table already.
func (f *family) enter(pid int, child roster.ChildID) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.own[pid] = child
}

// buried: a child was reaped. Its process id may by now be another's.
func (f *family) buried(pid int, child roster.ChildID) {
	f.mu.Lock()
	if f.own[pid] == child {
		delete(f.own, pid)
	}
	f.mu.Unlock()
	select {
	case f.wake <- struct{}{}:
	default: // woken already
	}
}

// visit says that children are about (n = 1), or no longer (n = -1), that are nobody's business here.
func (f *family) visit(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.others += n
}

func (f *family) knows(pid int) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	_, known := f.own[pid]
	return known
}

// moment is how many forks have begun, and the first of them that is not over.
func (f *family) moment() (forks, oldest uint64, judge bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	oldest = math.MaxUint64
	for n := range f.flying {
		oldest = min(oldest, n)
	}
	return f.forks, oldest, f.others == 0
}

// look is one look at the children of this process: it returns those that were left behind, and whether there are some
// of whom it cannot be said yet. An unknown child is no fork of ours if all forks are over that had begun when it was
// first seen.
func (f *family) look() (strays []stray, unsure bool) {
	forks, _, judge := f.moment()
	seen := map[suspect]uint64{}
	for _, s := range childrenOf(os.Getpid(), f.knows) {
		first, known := f.suspects[s]
		if !known {
			first = forks
		}
		_, oldest, _ := f.moment()
		switch {
		case f.knows(s.pid) || !judge:
		case known && oldest > first:
			f.enter(s.pid, 0)
			strays = append(strays, stray{s.pid, comm(s.pid)})
		default:
			seen[s], unsure = first, true
		}
	}
	f.suspects = seen
	return strays, unsure
}

// stray is a process that was left behind.
type stray struct {
	pid  int
	name string
}

// childrenOf reads the process table. Those that are known already are left out.
func childrenOf(parent int, known func(pid int) bool) (list []suspect) {
	dir, err := os.Open("/proc")
	if err != nil {
		return nil
	}
	defer dir.Close()
	names, _ := dir.Readdirnames(-1) // what can be read counts
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil || known(pid) {
			continue
		}
		b, err := proc.BirthOf(pid)
		if err == nil && b.Parent == parent {
			list = append(list, suspect{pid, b.Start})
		}
	}
	return list
}

func comm(pid int) string {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/comm")
	if err != nil {
		return "?"
	}
	return strings.TrimSpace(string(b))
}

// Bounds of the search.
const (
	lookAnew  = 20 * time.Millisecond // when it is unsure of somebody
	lookPace  = time.Second           // between two looks
	lookShare = 50                    // and so many times as long as a look takes: at most 2 % of a processor
	lookEvery = time.Minute           // at the latest
)

// search looks for strays whenever a child has ended, until quit. Only a look that roster asks for is at once.
func (m *Master) search(quit <-chan struct{}) {
	late := time.NewTicker(lookEvery)
	defer late.Stop()
	asked := false
	for {
		if !asked {
			select {
			case <-m.family.wake:
			case <-m.family.ask:
				asked = true
			case <-late.C:
			case <-quit:
				return
			}
		}
		begun := time.Now()
		m.adoptAll(quit)
		if asked {
			m.find(roster.Event{Kind: roster.Swept})
		}
		pause := time.NewTimer(max(lookPace, lookShare*time.Since(begun)))
		select {
		case <-pause.C:
			asked = false
		case <-m.family.ask:
			asked = true
		case <-quit:
			return
		}
		pause.Stop()
	}
}

// adoptAll reports all strays, looking again while it is unsure.
func (m *Master) adoptAll(quit <-chan struct{}) {
	for {
		strays, unsure := m.family.look()
		for _, s := range strays {
			m.find(roster.Event{Kind: roster.Found, PID: s.pid, Text: s.name})
		}
		if !unsure {
			return
		}
		select {
		case <-time.After(lookAnew):
		case <-quit:
			return
		}
	}
}

// sweep answers roster's question whether anybody was left behind.
func (m *Master) sweep() {
	if m.conf.Subreaper {
		select {
		case m.family.ask <- struct{}{}:
		default: // asked already
		}
		return
	}
	m.find(roster.Event{Kind: roster.Swept})
}

// takeIn files a process that was left behind. It is our child, so its process id is its own until it is reaped.
func (m *Master) takeIn(a roster.Action) {
	k := &kid{order: &order{child: a.Child, argv: []string{a.Text}}, kind: kindStray, name: a.Text, pid: a.PID, pidfd: -1,
		begun: time.Now()}
	m.kids[a.Child] = k
	m.family.enter(a.PID, a.Child)
	fd, err := unix.PidfdOpen(a.PID, 0)
	if err == nil {
		k.pidfd = fd
		err = m.watch.child(a.Child, fd)
	}
	if err != nil {
		m.log.Error("cannot watch a process that was left behind", "pid", a.PID, "err", err)
	}
}
