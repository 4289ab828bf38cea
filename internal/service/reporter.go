package service

import (
	"errors"
	"log/slog"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// orphanPoll is how often a worker looks whether its master still lives.
const orphanPoll = time.Second

// reporter tells the master what the accept loop did, in a goroutine of its own: a master that does not read must not
// hold up a connection. It keeps what is to be told rather than a queue, so that it is bounded however long that takes,
// and tells it in an order in which every message fits the state before it.
type reporter struct {
	fd     int    // the status pipe's write end, -1 without a master
	pid    int32  // immutable
	pulse  *pulse // of the signs of life
	log    *slog.Logger
	kick   chan struct{} // there is something to tell
	quit   chan struct{}
	done   chan struct{}
	orphan chan struct{} // closed when the master has gone

	mu     sync.Mutex
	conns  int  // accepted since the last report
	active int  // being served
	busy   bool // no room, or draining

	told bool // owned by run: what the master believes of busy
	lost bool // owned by run: orphan is closed
}

func newReporter(fd int, p *pulse, log *slog.Logger) *reporter {
	return &reporter{fd: fd, pid: int32(os.Getpid()), pulse: p, log: log, kick: make(chan struct{}, 1),
		quit: make(chan struct{}), done: make(chan struct{}), orphan: make(chan struct{})}
}

// set notes what changed and wakes the writer.
func (r *reporter) set(accepted, active int, busy bool) {
	r.mu.Lock()
	r.conns += accepted
	r.active = active
	r.busy = busy
	r.mu.Unlock()
	select {
	case r.kick <- struct{}{}:
	default: // it has been kicked already and will see this too
	}
}

// run writes until stop. Without a master it only waits for stop.
func (r *reporter) run() {
	defer close(r.done)
	if r.fd < 0 {
		<-r.quit
		return
	}
	every := orphanPoll
	if r.pulse.every > 0 {
		every = min(every, r.pulse.every)
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-r.quit:
			r.report()
			return
		case <-r.kick:
			r.report()
		case <-tick.C:
			r.alive()
		}
	}
}

// stop makes run end after a last report and waits for it.
func (r *reporter) stop() {
	close(r.quit)
	<-r.done
}

// report tells what has not been told yet: room, then connections, then that there is no more room.
func (r *reporter) report() {
	r.mu.Lock()
	n, busy := r.conns, r.busy
	r.conns = 0
	r.mu.Unlock()
	if r.told && (n > 0 || !busy) {
		r.say(Available)
		r.told = false
	}
	for range n {
		if !r.say(ConnectionMulti) {
			return
		}
	}
	if busy && !r.told {
		r.say(Unavailable)
		r.told = true
	}
}

// alive sends a sign of life if one is wanted, and looks whether anybody is left to read it.
func (r *reporter) alive() {
	p := []unix.PollFd{{Fd: int32(r.fd)}}
	if n, err := unix.Poll(p, 0); err == nil && n == 1 && p[0].Revents&unix.POLLERR != 0 {
		r.orphaned()
		return
	}
	if r.pulse.every == 0 || !r.pulse.beats() {
		return
	}
	r.mu.Lock()
	code := Life(r.active, r.told) // what is not told yet comes by its own message
	r.mu.Unlock()
	r.say(code)
}

// say writes one message with one write, waiting for room in the pipe but no longer than until stop; false if it
// could not.
func (r *reporter) say(code int32) bool {
	var buf [MessageSize]byte
	m := Message{Code: code, PID: r.pid}.Append(buf[:0])
	for !r.lost {
		p := []unix.PollFd{{Fd: int32(r.fd), Events: unix.POLLOUT}}
		if n, err := unix.Poll(p, 200); n == 0 || err != nil {
			select {
			case <-r.quit:
				return false
			default:
				continue
			}
		}
		_, err := syscall.Write(r.fd, m)
		switch {
		case err == nil:
			return true
		case errors.Is(err, syscall.EPIPE):
			r.orphaned()
		case !errors.Is(err, syscall.EINTR) && !errors.Is(err, syscall.EAGAIN):
			r.log.Warn("unable to tell master", "code", code, "err", err)
			return false
		}
	}
	return false
}

func (r *reporter) orphaned() {
	if !r.lost {
		r.lost = true
		close(r.orphan)
	}
}
