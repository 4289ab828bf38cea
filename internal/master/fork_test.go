package master

import (
	"math"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// unusedUser is a user who has no process, so that what is limited for him is limited for nobody else.
func unusedUser(t *testing.T) uint32 {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can start a master as a user of its own, whose processes can be limited")
	}
	used := map[uint32]bool{}
	dirs, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range dirs {
		var st unix.Stat_t
		if _, err := strconv.Atoi(d.Name()); err == nil && unix.Stat("/proc/"+d.Name(), &st) == nil {
			used[st.Uid] = true
		}
	}
	uid := uint32(200_000 + os.Getpid()%100_000)
	for used[uid] {
		uid++
	}
	return uid
}

// P16: the kernel refuses to fork for a while, as where a user has as many tasks as he may: newcomers are greeted by the
// workers that are there, also when one of them dies, the log says it in few lines, the master itself needs no thread that
// it cannot have; and when the kernel forks again, those who waited are served by new workers.
func TestP16_ForksFailForAWhile(t *testing.T) {
	uid := unusedUser(t)
	c := exec.Command("/proc/self/exe") // which another user may run wherever it lies
	c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
	o := startOutsideBy(t, c, "LEMMING_STORM=single")
	r := &test{T: t}
	until := func(what string, right func(s *Status) bool) {
		t.Helper()
		if !sometime(func() bool { s := o.status(); return right(&s) }) {
			t.Fatalf("never: %s; %+v", what, o.status())
		}
	}
	until("workers", func(s *Status) bool { return s.Services[0].Starting+s.Services[1].Starting == 0 })
	first := o.status()
	good, bad := first.Services[0], first.Services[1]

	o.tell("1")
	old := map[int]bool{bad.Workers[0].PID: true}
	waiting := []*client{r.greeted(r.dial(bad.Listen))} // by the worker that was ready
	for range 5 {
		waiting = append(waiting, r.dial(bad.Listen))
	}
	if !old[waiting[0].pid] {
		t.Errorf("greeted by %d, though nothing can be started", waiting[0].pid)
	}
	unix.Kill(good.Workers[0].PID, syscall.SIGKILL)
	until("one of two is left", func(s *Status) bool { return !pidsOf(s.Services[0])[good.Workers[0].PID] })
	until("refusals", func(s *Status) bool { return s.Counters.ForkFails >= 10 })
	for range 5 {
		if c := r.greeted(r.dial(good.Listen)); c.pid != good.Workers[1].PID {
			t.Errorf("greeted by %d, not by %d, which is left", c.pid, good.Workers[1].PID)
		}
	}
	s := o.status()
	if s.Counters.Forks != first.Counters.Forks || s.Services[1].Busy != 1 || s.Services[1].Pending == 0 {
		t.Errorf("%d forks, %d before; %+v", s.Counters.Forks, first.Counters.Forks, s.Services[1])
	}
	if n := strings.Count(o.log.String(), "can't fork"); n == 0 || n > 4 {
		t.Errorf("%d lines", n)
	}
	if text := syscall.EAGAIN.Error(); !strings.Contains(o.log.String(), text) {
		t.Errorf("no word of %q", text)
	}

	o.tell(strconv.FormatUint(math.MaxUint64, 10))
	for _, c := range waiting[1:] {
		if r.greeted(c); old[c.pid] {
			t.Errorf("served by %d, which serves another", c.pid)
		}
		old[c.pid] = true
	}
	until("two ready workers again", func(s *Status) bool { return s.Services[0].Ready == 2 && s.Services[0].Starting == 0 })

	o.tell("1") // and the end comes while nothing can be started
	for range 5 {
		r.dial(bad.Listen)
	}
	refused := o.status().Counters.ForkFails
	until("refusals again", func(s *Status) bool { return s.Counters.ForkFails > refused })
}
