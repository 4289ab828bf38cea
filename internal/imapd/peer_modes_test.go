package imapd

import (
	"bufio"
	"compress/flate"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
)

// abode is a mailbox that a client has selected, as it was told.
type abode struct {
	name, id string // name as the client gave it
	validity int
}

func (a abode) String() string { return fmt.Sprintf("%s;UIDVALIDITY=%d", a.name, a.validity) }

// annal is what must be the same for all clients, for ever.
type annal struct {
	mu    sync.Mutex // guards facts
	facts map[string]string
	next  atomic.Int64 // a number that nobody has had
}

// once takes note of a fact, which must be the same as ever before.
func (p *peer) once(key, value string) {
	if p.seen == nil {
		return
	}
	p.seen.mu.Lock()
	defer p.seen.mu.Unlock()
	if was, ok := p.seen.facts[key]; ok && was != value {
		p.fail("%s was %s and is %s", key, was, value)
	}
	p.seen.facts[key] = value
}

// arrives takes note of what SELECT tells of a mailbox.
func (p *peer) arrives(s string) {
	if len(p.waiting) == 0 || p.waiting[0].verb != "SELECT" && p.waiting[0].verb != "EXAMINE" {
		return
	}
	if _, id, ok := strings.Cut(s, "* OK [MAILBOXID ("); ok {
		p.moving.id, _, _ = strings.Cut(id, ")")
	}
	if n := number(s, "* OK [UIDVALIDITY ", "]"); n > 0 {
		p.moving.validity = n
	}
}

// arrived takes note of the answer to SELECT: without OK no mailbox is selected, unless the server did not even try.
// RFC 9051 section 6.3.2.
func (p *peer) arrived(c sent, outcome string) {
	switch outcome {
	case "OK":
		p.here = p.moving
		p.here.name = strings.Fields(c.text)[1]
		// A mailbox keeps its identifier and UIDVALIDITY under another name. RFC 8474 section 4.
		p.once(p.here.id, fmt.Sprint(p.here.validity))
		p.once(p.here.String(), p.here.id)
	case "NO":
		p.slots, p.here = nil, abode{}
	}
	p.moving = abode{}
}

// idle begins IDLE. RFC 9051 section 6.3.13.
func (p *peer) idle() {
	p.exchange(p.expect("IDLE"), func() bool { return p.idling || len(p.waiting) == 0 })
}

// done ends IDLE, if the client is in it.
func (p *peer) done() {
	if !p.idling {
		return
	}
	p.log = append(p.log, "C: DONE")
	p.exchange("DONE\r\n", func() bool { return len(p.waiting) == 0 })
}

// compress has both directions compressed from now on. RFC 4978 section 3.
func (p *peer) compress() {
	p.r = bufio.NewReader(flate.NewReader(p.r))
	w, err := flate.NewWriter(p.Conn, flate.BestSpeed)
	if err != nil {
		p.fail("%v", err)
	}
	p.w = flushing{w}
}

// flushing sends all that it is given at once.
type flushing struct{ w *flate.Writer }

func (f flushing) Write(b []byte) (int, error) {
	n, err := f.w.Write(b)
	if err == nil {
		err = f.w.Flush()
	}
	return n, err
}
