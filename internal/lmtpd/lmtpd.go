// Package lmtpd is the LMTP engine: it takes mail from an MTA and has package deliver put it into the
// accounts, with a reply of its own for each recipient, given when that recipient's copy is durable. RFC
// 2033.
//
// The protocol is go-smtp's; the stream under it is our own (see conn). A Server serves connections that
// somebody else accepted, each in its own goroutine, until its context ends.
package lmtpd

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/emersion/go-smtp"

	"github.com/constance-mail/constance/internal/auth"
	"github.com/constance-mail/constance/internal/deliver"
	"github.com/constance-mail/constance/internal/mail"
	"github.com/constance-mail/constance/internal/wait"
)

// Resolver finds whose mail an address is; *auth.Authenticator is one.
type Resolver interface {
	Resolve(ctx context.Context, address string) (u auth.User, detail string, err error)
}

// Options are what a Server works with and its bounds; zero fields get the defaults, Resolver, Store and
// Deliverer have none.
type Options struct {
	Resolver  Resolver
	Store     mail.Store // asked for the quota of a recipient
	Deliverer *deliver.Deliverer

	Hostname       string        // in the greeting and in Received; default: the host's
	MaxSize        int64         // octets of a message; default 64 MiB
	MaxRecipients  int           // of a message; default 1000
	MaxLine        int           // octets of a command line; default 4000. The content's lines have no bound
	IdleTimeout    time.Duration // between commands; default 5 min. RFC 5321 section 4.5.3.2.7
	DataTimeout    time.Duration // between two pieces of content; default 3 min
	WriteTimeout   time.Duration // for the client to take a reply; default 1 min
	DeliverTimeout time.Duration // for all recipients of a message; default 4 min, below the client's patience of 10
	Grace          time.Duration // for a message that is being received when the server stops; default 10 s
	Log            *slog.Logger  // of our own bugs; nil: none
	Events         Events
}

// Events are called after what they name, from the connection's goroutine; each may be nil. Deliveries are
// deliver's.
type Events struct {
	Session  func(SessionEvent)
	Rejected func(RejectEvent)
}

// SessionEvent is a connection that ended.
type SessionEvent struct {
	Remote     netip.Addr
	Helo       string
	Messages   int   // transactions that reached their end
	Delivered  int   // recipients that got their copy
	Failed     int   // recipients that were refused, or got none
	Octets     int64 // received
	Duration   time.Duration
	TimesSpent wait.Times
}

// RejectEvent is a recipient refused before the content.
type RejectEvent struct {
	Remote  netip.Addr
	From    string
	Address string
	Err     error // with a mail.Kind
}

// Server serves LMTP connections. Safe for any goroutine.
type Server struct {
	opts Options

	mu       sync.Mutex // guards what follows
	sessions map[*session]struct{}
}

// New is a Server; it starts nothing.
func New(o Options) *Server {
	if o.Hostname == "" {
		o.Hostname = hostname()
	}
	def(&o.MaxSize, 64<<20)
	def(&o.MaxRecipients, 1000)
	def(&o.MaxLine, 4000)
	o.MaxLine = min(max(o.MaxLine, 512), 4000) // go-smtp's buffer has 4096 octets; RFC 5321 section 4.5.3.1.4
	def(&o.IdleTimeout, 5*time.Minute)
	def(&o.DataTimeout, 3*time.Minute)
	def(&o.WriteTimeout, time.Minute)
	def(&o.DeliverTimeout, 4*time.Minute)
	def(&o.Grace, 10*time.Second)
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Server{opts: o, sessions: map[*session]struct{}{}}
}

func def[T int | int64 | time.Duration](p *T, v T) {
	if *p <= 0 {
		*p = v
	}
}

func hostname() string {
	if h, err := os.Hostname(); err == nil && h != "" {
		return h
	}
	return "localhost"
}

// Serve speaks LMTP on nc until the client quits or fails, and closes it. When ctx ends, a message that is
// being received is finished (within Options.Grace; once received, it is delivered and replied to in any
// case), then the client gets a 421.
func (s *Server) Serve(ctx context.Context, nc net.Conn) {
	start := time.Now()
	ses := &session{srv: s, remote: remoteOf(nc)}
	c, release := newConn(ctx, nc, &s.opts, &ses.slot)
	ses.conn, c.settle = c, ses.settle
	ses.slot.Enter(wait.Working)
	// The deliveries of what was received outlive a stop of the server.
	ses.ctx = context.WithoutCancel(ctx)
	s.add(ses)
	defer s.remove(ses)

	l := &oneShot{conn: c, closed: make(chan struct{})}
	ses.proto = s.protocol(ses)
	ses.proto.Serve(l)                       // ends with the listener, when the connection is closed
	ses.proto.Shutdown(context.Background()) // waits for go-smtp's goroutine for the connection
	ev := ses.end()
	release()
	if f := s.opts.Events.Session; f != nil {
		ev.Remote, ev.Octets, ev.Duration, ev.TimesSpent = ses.remote, c.octets, time.Since(start), ses.slot.Spent()
		f(ev)
	}
}

// protocol is go-smtp's server for the one connection. It is cheap, and one for all would keep every listener
// it ever had.
func (s *Server) protocol(ses *session) *smtp.Server {
	p := smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) {
		ses.smtp = c
		return ses, nil
	}))
	p.LMTP = true
	p.Domain = s.opts.Hostname
	p.MaxRecipients = s.opts.MaxRecipients
	p.MaxMessageBytes = s.opts.MaxSize
	p.MaxLineLength = 0 // conn does it, for commands only
	p.EnableSMTPUTF8 = true
	p.EnableBINARYMIME = true
	p.ErrorLog = errorLog{s.opts.Log}
	return p
}

// errorLog gives go-smtp's messages, which are panics and I/O errors, to the log.
type errorLog struct{ log *slog.Logger }

// Printf implements smtp.Logger.
func (l errorLog) Printf(format string, v ...any) { l.log.Error("lmtp: " + fmt.Sprintf(format, v...)) }

// Println implements smtp.Logger.
func (l errorLog) Println(v ...any) { l.log.Error("lmtp: " + strings.TrimSpace(fmt.Sprintln(v...))) }

// oneShot is a listener that has one connection and is closed with it.
type oneShot struct {
	conn   *conn
	given  bool
	once   sync.Once
	closed chan struct{}
}

// Accept gives the connection, then waits for its end.
func (l *oneShot) Accept() (net.Conn, error) {
	if !l.given {
		l.given = true
		return &closeTeller{l.conn, l}, nil
	}
	<-l.closed
	return nil, net.ErrClosed
}

// Close implements net.Listener.
func (l *oneShot) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

// Addr implements net.Listener.
func (l *oneShot) Addr() net.Addr { return l.conn.LocalAddr() }

// closeTeller ends the listener with the connection.
type closeTeller struct {
	*conn
	l *oneShot
}

// Close implements net.Conn.
func (c *closeTeller) Close() error {
	err := c.conn.Close()
	c.l.Close()
	return err
}

// remoteOf is the address of the peer, the zero Addr for a local socket.
func remoteOf(nc net.Conn) netip.Addr {
	if a, ok := nc.RemoteAddr().(*net.TCPAddr); ok {
		return a.AddrPort().Addr().Unmap()
	}
	return netip.Addr{}
}

func (s *Server) add(ses *session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sessions[ses] = struct{}{}
}

func (s *Server) remove(ses *session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.sessions, ses)
}

// SessionInfo is a connection as it is now.
type SessionInfo struct {
	Remote netip.Addr
	State  wait.State
	Since  time.Time
}

// Sessions are the connections that are being served, in no order.
func (s *Server) Sessions() []SessionInfo {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]SessionInfo, 0, len(s.sessions))
	for ses := range s.sessions {
		state, since := ses.slot.Now()
		out = append(out, SessionInfo{Remote: ses.remote, State: state, Since: since})
	}
	return out
}
