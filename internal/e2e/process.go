package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// process is a server that runs until it is told to end: a master. Its methods are for one goroutine.
type process struct {
	PID  int
	cmd  *exec.Cmd
	log  *logBuffer
	done chan struct{} // closed when it has ended
	err  error         // what it ended with, once done is closed
}

// logBuffer keeps what the server writes to standard error.
type logBuffer struct {
	mu  sync.Mutex // guards b
	buf bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// launch starts a program and keeps what it prints.
func launch(t testing.TB, cmd *exec.Cmd) *process {
	t.Helper()
	p := &process{cmd: cmd, log: &logBuffer{}, done: make(chan struct{})}
	cmd.Stderr, cmd.Stdout = p.log, p.log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p.PID = cmd.Process.Pid
	go func() {
		p.err = cmd.Wait()
		close(p.done)
	}()
	return p
}

// awaitGreeting waits until IMAP greets at an address.
func (p *process) awaitGreeting(addr string) error {
	deadline, tick := time.After(startTimeout), time.NewTicker(10*time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-p.done:
			return fmt.Errorf("the server ended: %w", p.err)
		case <-deadline:
			return errors.New("the server does not greet")
		case <-tick.C:
			if greets(addr) {
				return nil
			}
		}
	}
}

func greets(addr string) bool {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return false
	}
	defer conn.Close()
	b := make([]byte, 4)
	n, err := conn.Read(b)
	return err == nil && strings.HasPrefix("* OK", string(b[:n]))
}

// Stop has the server drain and end. A server that has ended already is left alone.
func (p *process) Stop(t testing.TB) {
	t.Helper()
	if p.ended() {
		return
	}
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Error(err)
	}
	select {
	case <-p.done:
	case <-time.After(startTimeout):
		t.Error("the server does not end")
		p.Kill(t)
	}
}

func (p *process) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// Kill kills the master and its workers at once.
func (p *process) Kill(t testing.TB) {
	t.Helper()
	pids := append(p.Workers(), p.PID)
	for i := len(pids) - 1; i >= 0; i-- { // the master first, or it starts workers anew
		if err := syscall.Kill(pids[i], syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
			t.Error(err)
		}
	}
	<-p.done
}

// Workers are the process ids of the master's children. (The kernel's own lists of children miss some while
// others end.)
func (p *process) Workers() []int {
	var out []int
	stats, _ := filepath.Glob("/proc/[0-9]*/stat") // the pattern is a good one
	for _, file := range stats {
		b, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended
		}
		var pid, parent int
		var state string
		_, rest, _ := strings.Cut(string(b), ") ") // the name in parentheses may hold anything
		if n, _ := fmt.Sscan(rest, &state, &parent); n == 2 && parent == p.PID {
			if n, _ := fmt.Sscan(string(b), &pid); n == 1 {
				out = append(out, pid)
			}
		}
	}
	return out
}

// Log is what the server has written to standard error so far.
func (p *process) Log() string { return p.log.String() }
