package service

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// EnvStacks is the environment variable by which our own master names the directory where it makes a file for a worker
// that it has given up on. At SIGUSR1 a worker that finds its file there appends the stacks of its goroutines.
const EnvStacks = "CONSTANCE_STACKS"

// StacksFile is where the worker with a process id appends its stacks.
func StacksFile(dir, service string, pid int) string {
	return filepath.Join(dir, service+"."+strconv.Itoa(pid)+".hung")
}

// maxStacks bounds the text of all stacks, in octets.
const maxStacks = 16 << 20

// stacks is the text of the stacks of all goroutines.
func stacks() []byte {
	for size := 1 << 20; ; size *= 2 {
		buf := make([]byte, size)
		if n := runtime.Stack(buf, true); n < size || size >= maxStacks {
			return buf[:n]
		}
	}
}

// appendStacks adds text to the file that the master made, if it did.
func appendStacks(path string, text []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|unix.O_NOFOLLOW, 0)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Close())
}

// pulse is what a sign of life proves: that the accept loop turns, and that what every connection needs still answers. A
// timer alone would run on in a worker that does nothing any more.
type pulse struct {
	every time.Duration // immutable; 0: nobody asked
	check func()        // immutable; Options.Check
	ln    interface{ SetDeadline(time.Time) error }
	begun time.Time // immutable

	turned  atomic.Int64 // when the accept loop was at its start last, in ns since begun
	over    atomic.Bool  // it has ended, as it should
	running atomic.Int64 // since when check runs, as turned; 0 = it does not
	checked time.Duration
}

func newPulse(o *Options) *pulse {
	p := &pulse{every: o.Life, check: o.Check, begun: time.Now()}
	p.ln, _ = o.Listener.(interface{ SetDeadline(time.Time) error })
	return p
}

// ticker wakes an accept loop that waits for room; its channel is nil if nobody asked.
func (p *pulse) ticker() (c <-chan time.Time, stop func()) {
	if p.every <= 0 {
		return nil, func() {}
	}
	t := time.NewTicker(p.every)
	return t.C, t.Stop
}

// turn notes that the accept loop is at its start, and has its next Accept return in time for the next turn. A listener
// without deadlines proves nothing, and is not asked to.
func (p *pulse) turn() {
	if p.every <= 0 || p.ln == nil {
		return
	}
	p.turned.Store(int64(time.Since(p.begun)))
	p.ln.SetDeadline(time.Now().Add(p.every)) //nolint:errcheck // it is closed: Accept says so
}

// pause is whether err only means that it is time for the next turn.
func (p *pulse) pause(err error) bool {
	var n net.Error
	return p.every > 0 && errors.As(err, &n) && n.Timeout()
}

// beats is whether a sign of life is the truth. One goroutine calls it.
func (p *pulse) beats() bool {
	now := time.Since(p.begun)
	late := func(since int64) bool { return now-time.Duration(since) > 2*p.every }
	if p.ln != nil && !p.over.Load() && late(p.turned.Load()) {
		return false
	}
	since := p.running.Load()
	if since != 0 {
		return !late(since)
	}
	if p.check != nil && now-p.checked >= p.every {
		p.checked = now
		p.running.Store(int64(now))
		go func() { // nobody can wait for one that hangs
			p.check()
			p.running.Store(0)
		}()
	}
	return true
}
