package master

import (
	"errors"
	"os"
	"sync"
	"time"

	"github.com/constance-mail/constance/internal/master/roster"
	"github.com/constance-mail/constance/internal/service"
)

// run is a number of equal messages in a row.
type run struct {
	code int32
	n    int
}

// What a child may say: more waits in its pipe, and then the child waits.
const (
	runsMax = 32                    // runs held for the owner
	budget  = 1024                  // messages in each pace
	pace    = 50 * time.Millisecond // after which a chatty child is read again
)

// channel reads the status channel of one child. Only that child can spoil it.
type channel struct {
	child roster.ChildID
	f     *os.File
	in    *inbox
	space chan struct{} // the owner took something
	quit  chan struct{} // nobody wants more

	halt    chan struct{} // read shall stop where it is
	stopped chan struct{} // read has ended
	parser  parser        // owned by read while it runs, as is left
	left    []run         // parsed when it was halted, and not in runs

	mu     sync.Mutex
	runs   []run
	ended  bool // end of file, or an error
	queued bool // in inbox.talk
}

func newChannel(child roster.ChildID, f *os.File, in *inbox) *channel {
	return &channel{child: child, f: f, in: in, space: make(chan struct{}, 1), quit: make(chan struct{}),
		halt: make(chan struct{}), stopped: make(chan struct{})}
}

// read runs until the end of the channel, close or stop.
func (c *channel) read() {
	defer close(c.stopped)
	var buf [64 * service.MessageSize]byte
	left, until := budget, time.Now().Add(pace)
	for {
		n, err := c.f.Read(buf[:])
		runs := c.parser.feed(buf[:n])
		for k, r := range runs {
			if !c.push(r) {
				c.left = append(c.left, runs[k:]...)
				return
			}
			left -= r.n
		}
		if err != nil {
			if !errors.Is(err, os.ErrDeadlineExceeded) { // which is stop's
				c.f.Close() //nolint:errcheck // a read end
				c.end()
			}
			return
		}
		if now := time.Now(); now.After(until) {
			left, until = budget, now.Add(pace)
		} else if left <= 0 && !c.pause(until.Sub(now)) {
			return
		}
	}
}

// stop makes read put the channel down and waits for it: nothing that the child says is lost, it stays in the pipe or is
// in runs, left and the parser.
func (c *channel) stop() {
	select {
	case <-c.stopped: // at its end, before
		return
	default:
	}
	close(c.halt)
	c.f.SetReadDeadline(time.Unix(1, 0)) //nolint:errcheck // closed: then read has ended
	<-c.stopped
}

// again makes a stopped channel ready to be read on; false if there is nothing more to read.
func (c *channel) again() bool {
	c.mu.Lock()
	ended := c.ended
	c.mu.Unlock()
	if ended || c.f.SetReadDeadline(time.Time{}) != nil {
		return false
	}
	c.halt, c.stopped = make(chan struct{}), make(chan struct{})
	return true
}

// held is the descriptor of a stopped channel, -1 at its end, and what the parser has begun.
func (c *channel) held() (fd int, rest []byte) { return descriptor(c.f), c.parser.rest }

// pause lets a chatty child wait; false if nobody wants more or it shall stop.
func (c *channel) pause(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-c.halt:
		return false
	case <-c.quit:
		return false
	}
}

// push hands a run to the owner, waiting while too many are held; false if nobody wants more or it shall stop.
func (c *channel) push(r run) bool {
	for {
		c.mu.Lock()
		last := len(c.runs) - 1
		switch {
		case last >= 0 && c.runs[last].code == r.code:
			c.runs[last].n += r.n
		case len(c.runs) < runsMax:
			c.runs = append(c.runs, r)
		default:
			c.mu.Unlock()
			select {
			case <-c.space:
				continue
			case <-c.halt:
				return false
			case <-c.quit:
				return false
			}
		}
		c.enqueue()
		return true
	}
}

// end reports the end of the channel, after everything that came before.
func (c *channel) end() {
	c.mu.Lock()
	c.ended = true
	c.enqueue()
}

// enqueue puts the channel into the inbox once and releases c.mu.
func (c *channel) enqueue() {
	fresh := !c.queued
	c.queued = true
	c.mu.Unlock()
	if fresh {
		c.in.put(func() { c.in.talk.Put(c) })
	}
}

// take gives the owner what there is.
func (c *channel) take(to []run) (runs []run, ended bool) {
	c.mu.Lock()
	to = append(to[:0], c.runs...)
	c.runs, c.queued = c.runs[:0], false
	ended = c.ended
	c.mu.Unlock()
	select {
	case c.space <- struct{}{}:
	default:
	}
	return to, ended
}

// close makes read end. The owner calls it once.
func (c *channel) close() {
	close(c.quit)
	c.f.Close() //nolint:errcheck // a read end
}

// parser cuts octets into messages. It keeps its place over partial reads, and after garbage it looks for the next
// octets that make sense.
type parser struct {
	rest []byte
	out  []run
}

// maxPID is the kernel's bound of process ids (PID_MAX_LIMIT).
const maxPID = 1 << 22

// feed takes octets and returns the messages that they complete; the result is good until the next call.
func (p *parser) feed(b []byte) []run {
	p.rest = append(p.rest, b...)
	p.out = p.out[:0]
	in := p.rest
	for len(in) >= service.MessageSize {
		m := service.ParseMessage(in)
		if !plausible(m) {
			in = in[1:]
			p.out = appendRun(p.out, garbage)
			continue
		}
		p.out = appendRun(p.out, m.Code)
		in = in[service.MessageSize:]
	}
	p.rest = append(p.rest[:0], in...)
	return p.out
}

// garbage is the code under which octets that make no message are reported.
const garbage = 0

func plausible(m service.Message) bool {
	_, _, life := service.ParseLife(m.Code)
	return (life || m.Code >= service.Available && m.Code <= service.ConnectionMulti) && m.PID > 0 && m.PID <= maxPID
}

func appendRun(runs []run, code int32) []run {
	if last := len(runs) - 1; last >= 0 && runs[last].code == code {
		runs[last].n++
		return runs
	}
	return append(runs, run{code, 1})
}
