package master

import (
	"os"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/constance-mail/constance/internal/proc"
)

// Forks that take longer than the end has patience: what comes of them is killed.
func TestLateForks(t *testing.T) {
	s := lemmings("late", "worker")
	s.Prefork = 2 * spawnerCount
	syscall.ForkLock.Lock() // no fork of this process gets on
	held := true
	defer func() {
		if held {
			syscall.ForkLock.Unlock()
		}
	}()
	r := start(t, Config{Services: []Service{s}, Grace: time.Millisecond})
	r.eventually("all are being started", func() bool { return r.service(0).Starting == s.Prefork })
	r.ended = true
	r.signals <- syscall.SIGTERM
	r.eventually("the patience is over", func() bool { return strings.Contains(r.log.String(), "giving up on") })
	syscall.ForkLock.Unlock()
	held = false
	if err := <-r.done; err != nil {
		t.Error(err)
	}
	killed := regexp.MustCompile(`killed what was still being started.* pid=(\d+)`).FindAllStringSubmatch(r.log.String(), -1)
	if len(killed) == 0 {
		t.Error("none was killed")
	}
	for _, k := range killed {
		if pid, _ := strconv.Atoi(k[1]); alive(pid) {
			t.Errorf("%d lives on", pid)
		}
	}
	if list := proc.Children(os.Getpid()); len(list) > 0 {
		t.Errorf("children are left: %v", list)
	}
}

// Orders that wait when the spawners close are not carried out; what was under way is reported.
func TestSpawnersClose(t *testing.T) {
	syscall.ForkLock.Lock()
	reported := make(chan *started, 2*spawnerCount)
	s, err := newSpawners(func(r *started) { reported <- r }, newFamily())
	if err != nil {
		t.Fatal(err)
	}
	for range 2 * spawnerCount {
		s.put(&order{lane: "a", path: "/bin/true", argv: []string{"true"}})
	}
	s.mu.Lock()
	for s.flying["a"] == 0 {
		s.mu.Unlock()
		<-time.After(time.Millisecond)
		s.mu.Lock()
	}
	s.closed = true // as close does first
	s.cond.Broadcast()
	under := s.flying["a"]
	s.mu.Unlock()
	syscall.ForkLock.Unlock()
	s.close()
	if len(reported) != under {
		t.Errorf("%d were started, %d were under way", len(reported), under)
	}
	for range under {
		if r := <-reported; r.err == nil {
			syscall.Wait4(r.pid, nil, 0, nil)
			syscall.Close(r.pidfd)
		}
	}
}
