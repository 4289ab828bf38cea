// Package lmtpd is the LMTP engine: it takes mail from an MTA and has package deliver put it into the
// accounts, with a reply of its own for each recipient, given when that recipient's copy is durable. RFC
// 2033.
//
// A Server serves connections that somebody else accepted, each in its own goroutine, until its context ends.
// conn is the stream with its bounds, parse.go the grammar, session the commands; nothing else runs beside them.
package lmtpd

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"runtime/debug"
	"strconv"
	"sync"
	"time"

	"github.com/constance-mail/constance/internal/auth"
	linger "github.com/constance-mail/constance/internal/conn"
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
	MaxLine        int           // octets of a command line; default 2048. The content's lines have no bound
	MaxMistakes    int           // commands that are none, until the session ends; default 20 between two messages
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
	opts  Options
	hello []byte // the reply to LHLO

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
	def(&o.MaxLine, 2048)
	o.MaxLine = min(max(o.MaxLine, 512), bufSize/2) // RFC 5321 section 4.5.3.1.4
	def(&o.MaxMistakes, 20)
	def(&o.IdleTimeout, 5*time.Minute)
	def(&o.DataTimeout, 3*time.Minute)
	def(&o.WriteTimeout, time.Minute)
	def(&o.DeliverTimeout, 4*time.Minute)
	def(&o.Grace, 10*time.Second)
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Server{opts: o, hello: helloReply(&o), sessions: map[*session]struct{}{}}
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

// helloReply is the reply to LHLO. DSN (RFC 3461) is not announced, so that the MTA before us makes the reports; its
// parameters are accepted. RFC 2033 section 5.
func helloReply(o *Options) []byte {
	b := append([]byte("250-"), o.Hostname...)
	b = append(b, "\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-ENHANCEDSTATUSCODES\r\n250-CHUNKING\r\n"...)
	b = append(b, "250-BINARYMIME\r\n250-SMTPUTF8\r\n250-SIZE "...)
	b = strconv.AppendInt(b, o.MaxSize, 10)
	b = append(b, "\r\n250 LIMITS RCPTMAX="...)
	b = strconv.AppendInt(b, int64(o.MaxRecipients), 10)
	return append(b, "\r\n"...)
}

// Serve speaks LMTP on nc until the client quits or fails, and closes it. When ctx ends, a message that is
// being received is finished (within Options.Grace; once received, it is delivered and replied to in any
// case), then the client gets a 421.
func (s *Server) Serve(ctx context.Context, nc net.Conn) {
	start := time.Now()
	ses := &session{srv: s, started: start, remote: remoteOf(nc), ctx: context.WithoutCancel(ctx)}
	c, release := newConn(ctx, nc, &s.opts, &ses.slot)
	defer release()
	ses.conn = c
	ses.slot.Enter(wait.Working)
	s.add(ses)
	defer s.remove(ses)
	end(ses, ses.guarded())
	if f := s.opts.Events.Session; f != nil {
		ev := ses.count
		ev.Remote, ev.Helo, ev.Octets = ses.remote, ses.helo, c.octets
		ev.Duration, ev.TimesSpent = time.Since(start), ses.slot.Spent()
		f(ev)
	}
}

// guarded is run, where a panic costs the session only.
func (s *session) guarded() (err error) {
	defer func() {
		if p := recover(); p != nil {
			s.srv.opts.Log.Error("lmtp: panic", "err", p, "stack", string(debug.Stack()))
			err = errPanic
		}
	}()
	return s.run()
}

// lingering is for how long a client that is sent away may still send, so that our last words reach it.
const lingering = 250 * time.Millisecond

// end says why and closes the connection. Whatever fails here is the end anyway.
func end(s *session, err error) {
	a := s.farewell(err)
	if !a.isSet() {
		_ = s.conn.flush()
		_ = s.conn.net.Close()
		return
	}
	s.conn.say(a)
	_ = s.conn.flush()
	_ = linger.New(s.conn.net, &linger.Options{}).CloseGently(lingering)
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
	Remote  netip.Addr
	State   wait.State
	Since   time.Time
	Started time.Time
}

// Sessions are the connections that are being served, in no order.
func (s *Server) Sessions() []SessionInfo {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]SessionInfo, 0, len(s.sessions))
	for ses := range s.sessions {
		state, since := ses.slot.Now()
		out = append(out, SessionInfo{Remote: ses.remote, State: state, Since: since, Started: ses.started})
	}
	return out
}
