package master

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// debugText writes everything.
func debugText(w io.Writer) slog.Handler {
	return slog.NewTextHandler(w, &slog.HandlerOptions{Level: slog.LevelDebug})
}

// outside is a master in a process of its own, with its own signals.
type outside struct {
	*testing.T
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
	log *syncBuffer
}

// masterMode is a lemming that runs a master with a polite service and a stormy one of the mode LEMMING_STORM, and
// answers each line with its status. A number on the line is how many tasks its user may have from then on before it is
// refused another: it limits itself, as another user could not.
func masterMode() int {
	good, bad := polite(), storm(os.Getenv("LEMMING_STORM"), 1, 100)
	conf := Config{Services: []Service{good, bad}, Grace: 5 * time.Second}
	conf.Log = slog.New(debugText(os.Stderr))
	ready := make(chan struct{})
	conf.Ready = func() { close(ready) }
	os.Unsetenv(lemmingEnv)
	m, err := New(conf)
	if err != nil {
		return 78
	}
	done := make(chan error, 1)
	go func() { done <- m.Run(context.Background()) }()
	go func() {
		<-ready
		for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
			limitTasks(lines.Text())
			if s, err := m.Status(context.Background()); err == nil {
				json.NewEncoder(os.Stdout).Encode(s)
			}
		}
	}()
	if err := <-done; err != nil {
		return 1
	}
	return 0
}

func limitTasks(text string) {
	n, err := strconv.ParseUint(text, 10, 64)
	var l unix.Rlimit
	if err != nil || unix.Getrlimit(unix.RLIMIT_NPROC, &l) != nil {
		return
	}
	l.Cur = min(n, l.Max)
	unix.Setrlimit(unix.RLIMIT_NPROC, &l) //nolint:errcheck // then the test sees that nothing is refused
}

func startOutside(t *testing.T, env ...string) *outside {
	t.Helper()
	return startOutsideBy(t, exec.Command(self()), env...)
}

// startOutsideBy is startOutside by a command of its own.
func startOutsideBy(t *testing.T, c *exec.Cmd, env ...string) *outside {
	t.Helper()
	c.Env = append(append(os.Environ(), lemmingEnv+"=master"), env...)
	log := new(syncBuffer)
	c.Stderr = log
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	o := &outside{T: t, cmd: c, in: in, out: bufio.NewReader(out), log: log}
	t.Cleanup(func() {
		c.Process.Signal(syscall.SIGTERM)
		if err := c.Wait(); err != nil {
			t.Errorf("the master ended: %v", err)
		}
		if t.Failed() {
			t.Log(log.String())
		}
	})
	return o
}

func (o *outside) status() (s Status) {
	o.Helper()
	return o.tell("")
}

// tell writes a line and returns the status that answers it.
func (o *outside) tell(line string) (s Status) {
	o.Helper()
	if _, err := io.WriteString(o.in, line+"\n"); err != nil {
		o.Fatal(err)
	}
	if err := json.NewDecoder(o.out).Decode(&s); err != nil {
		o.Fatal(err)
	}
	return s
}

// Signals from outside, as fast as they can be sent: each newcomer is greeted, and reloads are bounded by their rate.
func TestStormOfSignals(t *testing.T) {
	o := startOutside(t, "LEMMING_STORM=single")
	addr := o.status().Services[0].Listen
	r := &test{T: t}
	begun := time.Now()
	for _, sig := range []syscall.Signal{syscall.SIGALRM, syscall.SIGCHLD, syscall.SIGUSR2, syscall.SIGPIPE, syscall.SIGHUP} {
		for k := range 5000 {
			if err := syscall.Kill(o.cmd.Process.Pid, sig); err != nil {
				t.Fatal(err)
			}
			if k%500 == 0 {
				r.greeted(r.dial(addr)).Close()
			}
		}
	}
	s := o.status()
	if most := 6 + int(time.Since(begun)/time.Second); int(s.Counters.Reloads) > most || s.Counters.Reloads == 0 {
		t.Errorf("%d reloads, at most %d wanted", s.Counters.Reloads, most)
	}
	r.greeted(r.dial(addr)).Close()
}

// limitFiles sets how many descriptors the master may have, and returns the old bound.
func (o *outside) limitFiles(n uint64) uint64 {
	o.Helper()
	var old unix.Rlimit
	if err := unix.Prlimit(o.cmd.Process.Pid, unix.RLIMIT_NOFILE, nil, &old); err != nil {
		o.Fatal(err)
	}
	if err := unix.Prlimit(o.cmd.Process.Pid, unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: n, Max: old.Max}, nil); err != nil {
		o.Fatal(err)
	}
	return old.Cur
}

// P16: nothing can be started while clients wait, for want of descriptors: few tries, fewer lines, others are served; when
// there is room again, all are served; and the end comes in the midst of it.
func TestP16_NothingCanBeStarted(t *testing.T) {
	o := startOutside(t, "LEMMING_STORM=single")
	r := &test{T: t}
	if !sometime(func() bool { s := o.status(); return s.Services[0].Starting+s.Services[1].Starting == 0 }) {
		t.Fatal("never: workers")
	}
	addrs := o.status().Services
	room := o.limitFiles(3)
	var waiting []*client
	for range 6 {
		waiting = append(waiting, r.dial(addrs[1].Listen))
	}
	if !sometime(func() bool { return o.status().Counters.ForkFails >= 5 }) {
		t.Fatal("never: five failures")
	}
	for range 5 {
		r.greeted(r.dial(addrs[0].Listen)).Close()
	}
	if n := strings.Count(o.log.String(), "can't fork"); n > 2 {
		t.Errorf("%d lines", n)
	}
	if s := o.status(); s.Counters.ForkFails > 12 || s.Services[1].Busy != 1 {
		t.Errorf("%d failures; %+v", s.Counters.ForkFails, s.Services[1])
	}
	o.limitFiles(room)
	for _, c := range waiting {
		r.greeted(c)
	}
	o.limitFiles(3)
	for range 10 {
		r.dial(addrs[1].Listen)
	}
	fails := o.status().Counters.ForkFails
	if !sometime(func() bool { return o.status().Counters.ForkFails > fails }) {
		t.Fatal("never: failures again")
	}
}
