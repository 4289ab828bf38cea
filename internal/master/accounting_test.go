package master

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/constance-mail/constance/internal/service"
)

// The messages that a worker may send, and a state that some of them leave it in.
const (
	available   = service.Available
	unavailable = service.Unavailable
	connection  = service.Connection
	multi       = service.ConnectionMulti
)

// signs of life: idle, serving with room, and full.
var idleLife, roomLife, fullLife = service.Life(0, false), service.Life(3, false), service.Life(9, true)

// cell is what a message makes of a worker.
type cell struct {
	code  int32
	to    string
	conns int // more of them
}

// free is the row of a worker that is READY, and of one that is BUSY: a message says all, whatever it was before.
var free = []cell{{available, "ready", 0}, {unavailable, "busy", 0}, {connection, "busy", 1}, {multi, "ready", 1},
	{idleLife, "ready", 0}, {roomLife, "ready", 0}, {fullLife, "busy", 0}}

// leaving is the row of one that was told to finish: only one that says it has room again goes on.
var leaving = []cell{{available, "ready", 0}, {unavailable, "draining", 0}, {connection, "draining", 1},
	{multi, "draining", 1}, {idleLife, "draining", 0}, {roomLife, "draining", 0}, {fullLife, "draining", 0}}

// drain tells the puppet to finish, which it will not.
func (p *puppeteer) drain() {
	p.Helper()
	if n, err := p.m.Drain(p.Context(), p.name); n != 1 || err != nil {
		p.Fatalf("%d told to finish, %v", n, err)
	}
}

// row leads the puppet through each cell of a row, into whose state bring takes it.
func (p *puppeteer) row(name string, bring func(), cells []cell) {
	p.Helper()
	for _, c := range cells {
		p.says(available)
		bring()
		before := p.seen()
		p.says(c.code)
		if got, want := p.seen(), (seen{c.to, before.conns + c.conns}); got != want {
			p.Errorf("%s (%v), message %#x: %v, want %v", name, before, uint32(c.code), got, want)
		}
	}
}

// P06: every cell of the table of states and messages, told by a real process through its channel, read off the numbers
// that an admin sees.
func TestP06_EveryCellByAProcess(t *testing.T) {
	r := start(t, Config{Services: []Service{puppets("imap")}})
	p := r.lead(0)
	p.row("ready", func() {}, free)
	p.row("busy", func() { p.says(unavailable) }, free)
	p.row("draining", p.drain, leaving)
	p.row("draining and busy", func() { p.says(unavailable); p.drain() }, leaving)
	p.says(available)
	r.signals <- syscall.SIGTERM // which the puppet does not heed
	r.eventually("the end has begun", func() bool { return r.status().Stopping })
	p.row("told to end", func() {}, free)
	p.row("told to end, and busy", func() { p.says(unavailable) }, free)
	p.Close()
}

// P06, DEAD: the last word of a process moves the number of connections and nothing else, for the process has no state
// any more when it is read, or has one no longer.
func TestP06_LastWords(t *testing.T) {
	r := start(t, Config{Services: []Service{puppets("imap")}})
	for _, c := range free {
		p := r.lead(0)
		before, heard := p.seen(), p.heard()
		if answer := p.order(fmt.Sprintf("last %d %d", c.code, p.pid)); answer != "done" {
			t.Fatal(answer)
		}
		r.eventually("its word is taken and it is gone", func() bool {
			return p.heard() == heard+1 && !pidsOf(r.service(0))[p.pid]
		})
		r.eventually("the next is there", func() bool { s := r.service(0); return len(s.Workers) == 1 && s.Starting == 0 })
		if got, want := p.seen(), (seen{"ready", before.conns + c.conns}); got != want {
			t.Errorf("last word %#x: %v, want %v", uint32(c.code), got, want)
		}
	}
	if s := r.service(0); s.Forks != len(free)+1 || s.Fails != 0 {
		t.Errorf("%d forks, %d failures", s.Forks, s.Fails)
	}
}

// nonsense are codes that mean nothing, and process ids that none can have.
var nonsense = []service.Message{{Code: 77}, {Code: 0}, {Code: -1}, {Code: 5}, {Code: -1 << 31}, {Code: 0x44 << 24},
	{Code: unavailable, PID: -1}, {Code: connection, PID: 0}, {Code: unavailable, PID: 1<<22 + 1}}

// P07: a code that means nothing, and a process id that no process has, change no number and are told in one line.
func TestP07_NonsenseByAProcess(t *testing.T) {
	r := start(t, Config{Services: []Service{puppets("imap")}})
	p := r.lead(0)
	for _, state := range []struct {
		name string
		code int32
	}{{"ready", available}, {"busy", unavailable}} {
		for _, m := range nonsense {
			p.says(state.code)
			before, heard, garbage := p.seen(), p.heard(), r.status().Counters.Garbage
			if m.Code < available || m.Code > multi {
				m.PID = int32(p.pid)
			}
			if answer := p.order(fmt.Sprintf("say %d %d", m.Code, m.PID)); answer != "done" {
				t.Fatal(answer)
			}
			r.eventually("nonsense is taken", func() bool { return r.status().Counters.Garbage > garbage })
			if got := p.seen(); got != before || p.heard() != heard {
				t.Errorf("%s, and message %+v: %v, want %v; %d more messages", state.name, m, got, before, p.heard()-heard)
			}
		}
	}
	if n := strings.Count(r.log.String(), "unrecognized message"); n != 1 {
		t.Errorf("%d lines", n)
	}
}

// P07: a message counts for the process on whose channel it comes, as the channel is its own: it cannot speak for a
// worker of another service, whatever process id it gives.
func TestP07_InAnothersName(t *testing.T) {
	r := start(t, Config{Services: []Service{puppets("imap"), puppets("lmtp")}})
	a, b := r.lead(0), r.lead(1)
	for _, pid := range []int{b.pid, os.Getpid(), 1, 1 << 22} {
		a.says(available)
		bBefore, aBefore, heard := b.seen(), a.seen(), a.heard()
		if answer := a.order(fmt.Sprintf("say %d %d", connection, pid)); answer != "done" {
			t.Fatal(answer)
		}
		r.eventually("the message is taken", func() bool { return a.heard() == heard+1 })
		if got, want := a.seen(), (seen{"busy", aBefore.conns + 1}); got != want {
			t.Errorf("in the name of %d: %v, want %v", pid, got, want)
		}
		if got := b.seen(); got != bBefore {
			t.Errorf("in the name of %d: the other is %v, was %v", pid, got, bBefore)
		}
	}
}

// P07: what is said on the channel of a process that has ended long ago, by somebody whom it left it to, is not heard.
func TestP07_LongDead(t *testing.T) {
	r := start(t, Config{Services: []Service{puppets("imap")}})
	p := r.lead(0)
	before := p.seen()
	if answer := p.order("heir"); answer != "done" {
		t.Fatal(answer)
	}
	r.eventually("the next is there", func() bool {
		s := r.service(0)
		return len(s.Workers) == 1 && s.Starting == 0 && !pidsOf(s)[p.pid]
	})
	r.eventually("the channel is closed", func() bool { // what comes until then moves nothing either
		return p.order(fmt.Sprintf("say %d %d", available, p.pid)) == syscall.EPIPE.Error()
	})
	heard := p.heard()
	for _, code := range []int32{unavailable, connection, multi, 77} {
		if answer := p.order(fmt.Sprintf("say %d %d", code, p.pid)); answer != syscall.EPIPE.Error() {
			t.Errorf("message %d: %s", code, answer)
		}
	}
	if got := p.seen(); got != before || p.heard() != heard {
		t.Errorf("%v, was %v; %d more messages", got, before, p.heard()-heard)
	}
	if s := r.service(0); s.Fails != 0 {
		t.Errorf("%+v", s)
	}
}
