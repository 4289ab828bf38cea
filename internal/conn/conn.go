// Package conn is one connection with a client: TLS, compression, deadlines, octet counts, and a way to wait for the client that
// holds nothing. It knows no protocol.
//
// An idle connection has no buffer, no timer and no second goroutine. Await waits for the socket to become readable;
// Interrupt, from any goroutine, ends that wait. Because Await does next to nothing, the goroutine that calls it keeps
// a small stack if the work is done by another one.
package conn

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// ErrInterrupted is what Await returns after Interrupt.
var ErrInterrupted = errors.New("wait interrupted")

// past is a deadline that is over.
var past = time.Unix(1, 0)

// Options of a Conn, which many may share. A zero stands for the default.
type Options struct {
	Read      time.Duration // for a Read to give something; default 2 minutes
	Write     time.Duration // for the client to take WritePiece octets; default 2 minutes
	Handshake time.Duration // for the TLS handshake; default 30 seconds
}

// WritePiece is how many octets are written under one deadline.
const WritePiece = 64 << 10

// orDefault is d, or v if d is not set.
func orDefault(d, v time.Duration) time.Duration {
	if d <= 0 {
		return v
	}
	return d
}

// Conn is a connection. One goroutine at a time reads, awaits, writes and starts TLS; Interrupt, Abort, In and Out are
// for any.
type Conn struct {
	sock socket
	tls  *tls.Conn // nil without TLS
	opts *Options

	flate *compression // above TLS; nil without it

	readBy, writeBy time.Time // the deadlines as they are set, zero for none
	peek            [1]byte   // what Ready had to read, if peeked
	peeked          bool

	mu       sync.Mutex // guards the fields below
	awaiting bool
	woken    bool // Interrupt was called since Await returned last
	expired  bool // the read deadline was set to the past
}

// New is a Conn over c, which it owns.
func New(c net.Conn, opts *Options) *Conn {
	n := &Conn{sock: socket{Conn: c}, opts: opts}
	if sc, ok := c.(syscall.Conn); ok {
		if raw, err := sc.SyscallConn(); err == nil { // else we wait by reading
			n.sock.raw = raw
			n.sock.limitUnsent()
		}
	}
	return n // TCP_NODELAY is on: Go's default
}

// StartTLS makes the connection a TLS one, as the server. The caller must hold no octets that came before the
// handshake in the clear: whoever could inject them would speak for the client (CVE-2011-0411). RFC 9051 section
// 6.2.1.
func (c *Conn) StartTLS(config *tls.Config) error {
	if c.tls != nil || c.flate != nil {
		return errors.New("TLS or compression is on already")
	}
	t := tls.Server(&c.sock, config)
	if err := c.sock.SetDeadline(time.Now().Add(orDefault(c.opts.Handshake, 30*time.Second))); err != nil {
		return err
	}
	if err := t.Handshake(); err != nil {
		return err
	}
	c.tls = t
	c.readBy, c.writeBy = time.Time{}, time.Time{}
	return c.sock.SetDeadline(time.Time{})
}

// Secure tells whether TLS is on.
func (c *Conn) Secure() bool { return c.tls != nil }

// RemoteAddr is the client's address.
func (c *Conn) RemoteAddr() net.Addr { return c.sock.RemoteAddr() }

// In is the number of octets received, TLS's own included.
func (c *Conn) In() int64 { return c.sock.in.Load() }

// Out is the number of octets sent, TLS's own included.
func (c *Conn) Out() int64 { return c.sock.out.Load() }

// Read waits at most Options.Read, or half as much more; then it is os.ErrDeadlineExceeded.
func (c *Conn) Read(p []byte) (int, error) {
	if c.peeked && len(p) > 0 {
		p[0], c.peeked = c.peek[0], false
		return 1, nil
	}
	if err := bound(&c.readBy, orDefault(c.opts.Read, 2*time.Minute), c.sock.SetReadDeadline); err != nil {
		return 0, err
	}
	return c.read(p)
}

// ReadOn is Read in the middle of something that the client sends, which the answer will follow: no client has to wait
// for the acknowledgement of a piece before it sends the next.
func (c *Conn) ReadOn(p []byte) (int, error) {
	c.sock.midway = true
	defer func() { c.sock.midway = false }()
	return c.Read(p)
}

// read reads from the uppermost layer.
func (c *Conn) read(p []byte) (int, error) {
	if c.flate != nil {
		return c.readCompressed(p)
	}
	return c.readBelow(p)
}

// readBelow reads from the layers below compression.
func (c *Conn) readBelow(p []byte) (int, error) {
	if c.tls != nil {
		return c.tls.Read(p)
	}
	return c.sock.Read(p)
}

// Write writes all of p, or fails: with os.ErrDeadlineExceeded if the client takes too long to take it.
func (c *Conn) Write(p []byte) (n int, err error) {
	if c.Compressed() {
		return c.writeCompressed(p)
	}
	return c.writeBelow(p)
}

// writeBelow writes to the layers below compression.
func (c *Conn) writeBelow(p []byte) (n int, err error) {
	for n < len(p) && err == nil {
		piece := p[n:min(len(p), n+WritePiece)]
		if err = bound(&c.writeBy, orDefault(c.opts.Write, 2*time.Minute), c.sock.SetWriteDeadline); err != nil {
			return n, err
		}
		var m int
		if c.tls != nil {
			m, err = c.tls.Write(piece)
		} else {
			m, err = c.sock.Write(piece)
		}
		n += m
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		c.sock.forget()
	}
	return n, err
}

// bound sees to it that a deadline is d away, or up to half as much more: it is moved now and then, not at each call.
func bound(by *time.Time, d time.Duration, set func(time.Time) error) error {
	now := time.Now()
	if by.Sub(now) >= d {
		return nil
	}
	*by = now.Add(d + d/2)
	return set(*by)
}

// Await returns nil once octets have arrived or the connection has ended: Ready and Read tell which. Interrupt ends it
// with ErrInterrupted. Call it only when all that was read is consumed and, with TLS or compression, Ready said no.
func (c *Conn) Await() error {
	if !c.readBy.IsZero() { // so that waiting needs no timer
		c.readBy = time.Time{}
		if err := c.sock.SetReadDeadline(time.Time{}); err != nil {
			return err
		}
	}
	c.mu.Lock()
	if c.woken {
		c.woken = false
		c.mu.Unlock()
		return ErrInterrupted
	}
	c.awaiting = true
	c.mu.Unlock()
	return c.awaited(c.sock.await())
}

// awaited tidies up after the wait.
func (c *Conn) awaited(err error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.awaiting = false
	if c.expired {
		c.expired = false
		if e := c.sock.SetReadDeadline(time.Time{}); e != nil {
			return e
		}
	}
	if c.woken {
		c.woken = false
		return ErrInterrupted
	}
	return err
}

// Interrupt has Await return: now, or at once when it is called the next time. It does not block.
func (c *Conn) Interrupt() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.woken = true
	if c.awaiting && !c.expired {
		c.expired = true
		_ = c.sock.SetReadDeadline(past) // fails only for a closed connection, for which nobody waits
	}
}

// Ready tells whether Read has something to give at once: octets, or an error. Without TLS and compression it trusts
// Await.
func (c *Conn) Ready() bool {
	if c.tls == nil && c.flate == nil || c.peeked {
		return true
	}
	c.sock.probing = true
	n, err := c.read(c.peek[:]) // a temporary error leaves crypto/tls where it was
	c.sock.probing = false
	c.peeked = n == 1
	return n == 1 || !errors.Is(err, errNothing)
}

// More tells whether TLS or compression holds something that Read can give at once, of which Await would not know.
func (c *Conn) More() bool { return (c.tls != nil || c.flate != nil) && c.Ready() }

// Abort ends the connection at once; reads and writes in progress fail.
func (c *Conn) Abort() { _ = c.sock.Close() } // there is nobody left to tell

// Close ends the connection, under TLS with its alert.
func (c *Conn) Close() error {
	if c.tls != nil {
		return c.tls.Close()
	}
	return c.sock.Close()
}

// CloseGently is Close for a client that may still be sending: it reads for a moment what comes, so that our last
// words are not lost by the reset that a kernel answers octets for a closed socket with.
func (c *Conn) CloseGently(d time.Duration) error {
	if t, ok := c.sock.Conn.(interface{ CloseWrite() error }); ok && c.sock.SetDeadline(time.Now().Add(d)) == nil {
		if c.tls == nil || c.tls.CloseWrite() == nil {
			if t.CloseWrite() == nil {
				_, _ = io.CopyN(io.Discard, c.sock.Conn, 1<<20) // whatever ends it is fine
			}
		}
	}
	return c.Close()
}
