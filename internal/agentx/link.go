package agentx

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"
)

// link is a connection to an SNMP agent. One goroutine reads, all else is for the one that called dial.
type link struct {
	conn    net.Conn
	in      chan *Packet  // closed at the end
	err     error         // why, good after that
	quit    chan struct{} // nobody takes more
	session uint32
	last    uint32 // packet
	pinged  uint32 // the ping that is not answered; 0 = none
	since   time.Time
}

// Errors of a link.
var (
	errSilent = errors.New("it does not answer")
	errLost   = errors.New("it knows nothing of the session any more")
)

// closedError is the end of a session by the agent.
type closedError struct{ reason Reason }

func (e *closedError) Error() string {
	return fmt.Sprintf("it closed the session, reason %d", e.reason)
}

// Endpoint is the network and the address that a socket's name means.
func Endpoint(socket string) (network, addr string) {
	if path, ok := strings.CutPrefix(socket, "unix:"); ok {
		return "unix", path
	}
	if addr, ok := strings.CutPrefix(socket, "tcp:"); ok {
		return "tcp", addr
	}
	if strings.HasPrefix(socket, "/") || !strings.Contains(socket, ":") {
		return "unix", socket
	}
	return "tcp", socket
}

func dial(ctx context.Context, socket string) (*link, error) {
	network, addr := Endpoint(socket)
	c, err := (&net.Dialer{Timeout: patience}).DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	l := &link{conn: c, in: make(chan *Packet), quit: make(chan struct{})}
	go l.read()
	return l, nil
}

// close waits for the goroutine that reads.
func (l *link) close() {
	close(l.quit)
	l.conn.Close() //nolint:errcheck // nothing more is sent
	for range l.in {
	}
}

func (l *link) read() {
	defer close(l.in)
	for {
		p, err := readPacket(l.conn)
		if err != nil {
			l.err = err
			return
		}
		select {
		case l.in <- p:
		case <-l.quit:
			return
		}
	}
}

// readPacket reads a packet, its length first, so that no more is read than it may have. One with a payload that cannot be
// read is one with a fault: the next begins after it.
func readPacket(r io.Reader) (*Packet, error) {
	var head [headerSize]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	p := new(Packet)
	h, err := parseHeader(head[:], p)
	if err != nil {
		return nil, err
	}
	payload := make([]byte, h.length)
	if _, err := io.ReadFull(r, payload); err != nil {
		return nil, err
	}
	p.fault = p.parse(h, payload)
	return p, nil
}

// send sends a packet of our own.
func (l *link) send(p *Packet) error {
	l.last++
	p.ID, p.Session = l.last, l.session
	return l.write(p)
}

func (l *link) write(p *Packet) error {
	l.conn.SetWriteDeadline(time.Now().Add(patience)) //nolint:errcheck // then the write fails
	_, err := l.conn.Write(p.Append(nil))
	return err
}

// answer answers a packet of the agent. RFC 2741 sections 6.2.16 and 7.2.2.
func (l *link) answer(to *Packet, r *Response) error {
	return l.write(&Packet{Session: to.Session, Transaction: to.Transaction, ID: to.ID, Body: r})
}

// ask sends a packet and waits for its answer. The agent asks nothing before a session is registered.
func (l *link) ask(ctx context.Context, p *Packet) (*Packet, error) {
	if err := l.send(p); err != nil {
		return nil, err
	}
	t := time.NewTimer(patience)
	defer t.Stop()
	for {
		select {
		case got, ok := <-l.in:
			if !ok {
				return nil, l.err
			}
			r, isResponse := got.Body.(*Response)
			switch {
			case !isResponse || got.ID != p.ID || got.fault != nil:
				continue
			case r.Error != OK:
				return nil, fmt.Errorf("it refuses with error %d", r.Error)
			}
			return got, nil
		case <-t.C:
			return nil, errSilent
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// priority is the usual one of a registration. RFC 2741 section 6.2.3.
const priority = 127

// open begins a session and registers the subtree. RFC 2741 sections 7.1.1 and 7.1.4.
func (l *link) open(ctx context.Context, o *Options) error {
	got, err := l.ask(ctx, &Packet{Body: &Open{Timeout: seconds(patience), Description: []byte(o.Description)}})
	if err != nil {
		return fmt.Errorf("open: %w", err)
	}
	l.session = got.Session
	reg := &Register{Timeout: seconds(patience), Priority: priority, Subtree: o.Subtree}
	if _, err = l.ask(ctx, &Packet{Body: reg}); err != nil {
		return fmt.Errorf("register: %w", err)
	}
	return nil
}

// ping tries the connection; an error means that the last one has not been answered for so long.
func (l *link) ping(patience time.Duration) error {
	switch {
	case l.pinged == 0:
	case time.Since(l.since) < patience:
		return nil
	default:
		return errSilent
	}
	err := l.send(&Packet{Body: &Ping{}})
	l.pinged, l.since = l.last, time.Now()
	return err
}

// answered takes the agent's answer to what we sent.
func (l *link) answered(id uint32, r *Response) error {
	if id == l.pinged {
		l.pinged = 0
	}
	if r.Error == NotOpen {
		return errLost
	}
	return nil
}
