// Package imapd speaks IMAP with clients: both revisions (RFC 9051, RFC 3501) and their extensions, a session per
// connection, one file per command.
//
// A session is two goroutines at different times: one waits for the client with next to no stack and no buffers, and
// starts another for each burst of commands, which ends when the burst is answered. So an idle session costs some
// kilobytes, whatever it did before.
package imapd

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/constance-mail/constance/internal/auth"
	"github.com/constance-mail/constance/internal/conn"
	"github.com/constance-mail/constance/internal/imap/wire"
	"github.com/constance-mail/constance/internal/mail"
	"github.com/constance-mail/constance/internal/search"
	"github.com/constance-mail/constance/internal/wait"
)

// Authenticator checks passwords; auth.Authenticator is one. Kinds Denied (wrong), Unavailable. It takes its time.
type Authenticator interface {
	Login(ctx context.Context, login, password string, remote netip.Addr) (auth.User, error)
}

// Options of a Server. Zeros stand for the defaults.
type Options struct {
	Store    mail.Store
	Auth     Authenticator
	Sharing  Sharing
	TLS      *tls.Config // nil: no STARTTLS, and Serve with tls fails
	Log      *slog.Logger
	Events   Events
	Hostname string // for the greeting
	Version  string // for ID
	Admin    string // URI of the administrator, for the entry /shared/admin. RFC 5464 section 6.2.2
	Comment  string // for the server's entry /shared/comment. RFC 5464 section 6.2.1

	AppendLimit int64         // octets of one message that APPEND takes; default 50 MiB. RFC 7889
	Limits      wire.Limits   // of commands after login; before login they are those of preLogin
	Idle        time.Duration // without a command until the session ends; default 30 minutes, the least that RFC 9051 section 5.4 allows
	Login       time.Duration // for a client to log in; default 3 minutes
	Conn        conn.Options  // deadlines of reads, writes and handshakes
	Progress    time.Duration // between two notes of a command's progress; default 5 seconds. RFC 9585
	MaxBad      int           // BAD answers in a row that end a session; default 25
	AllowPlain  bool          // passwords without TLS from other hosts
	Processors  int           // that a search of a large mailbox may work on; default as many as the process works on

	MessageLimit int  // messages that one command works on; 0: any number. RFC 9738
	LimitSaving  bool // MessageLimit is for commands that save messages all or none: COPY and APPEND

	NoUnauthenticate bool // UNAUTHENTICATE is no command. RFC 8437 section 8
}

// Events are called as things happen, from any goroutine. Each may be nil; they must not block.
type Events struct {
	Start   func(SessionInfo)
	End     func(SessionEnd)
	Command func(CommandEnd)
}

// SessionInfo is what a session is and does.
type SessionInfo struct {
	ID       uint64 // within the server
	Remote   string
	User     string // "" before login
	Account  mail.AccountID
	TLS      bool
	Started  time.Time
	State    wait.State
	Since    time.Time // of State
	Verb     string    // the command in progress, or the last one
	Begun    time.Time // of Verb
	Commands int64
	In, Out  int64 // octets
}

// SessionEnd is a session that is over.
type SessionEnd struct {
	SessionInfo
	Duration time.Duration
	Reason   string // "logout", "client closed", "idle for too long", ...
	Err      error  // what ended it, if it was not meant to end
}

// CommandEnd is a command that was answered.
type CommandEnd struct {
	Session  uint64
	User     string // "" before login
	Verb     string // "" for one that could not be read
	Outcome  string // "OK", "NO", "BAD"
	Duration time.Duration
	Waits    wait.Times
	Err      error // of our own: kinds Internal, Corrupt, Unavailable
}

// preLogin bounds commands of clients that nobody knows. RFC 7888 section 6: LITERAL+ must not let them waste memory.
var preLogin = wire.Limits{Line: 8 << 10, Literal: 4 << 10, Literals: 8 << 10, Skip: 64 << 10}

// Server serves connections.
type Server struct {
	opts      Options
	traces    atomic.Pointer[[]*trace] // nil: none; set with mu held
	searching *search.Resources        // what its searches share

	mu       sync.Mutex // guards the fields below
	sessions map[uint64]*session
	lastID   uint64
	crew     *crew         // of the sessions
	stop     chan struct{} // ends the sweeper
	swept    chan struct{} // closed when it has ended
}

// New is a Server. Store, Auth and Log must be set.
func New(o Options) *Server {
	orDefault(&o.AppendLimit, 50<<20)
	orDefault(&o.Idle, 30*time.Minute)
	orDefault(&o.Login, 3*time.Minute)
	orDefault(&o.Progress, 5*time.Second)
	orDefault(&o.MaxBad, 25)
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Server{opts: o, sessions: make(map[uint64]*session), searching: search.NewResources(o.Processors)}
}

func orDefault[T int | int64 | time.Duration](p *T, v T) {
	if *p <= 0 {
		*p = v
	}
}

// Serve serves one connection, which it owns, until it ends; with implicit TLS if tls is set. When ctx ends the client
// is told so as soon as its command is answered.
func (s *Server) Serve(ctx context.Context, c net.Conn, tls bool) {
	n := newSession(s, c)
	s.enter(n)
	defer s.leave(n)
	stop := context.AfterFunc(ctx, n.conn.Interrupt)
	defer stop()
	n.serve(ctx, tls)
}

// enter lists a session; the first one starts the sweeper and has a crew made.
func (s *Server) enter(n *session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lastID++
	n.id = s.lastID
	s.sessions[n.id] = n
	if len(s.sessions) == 1 {
		s.crew, s.stop, s.swept = newCrew(), make(chan struct{}), make(chan struct{})
		go s.sweep(s.stop, s.swept)
	}
	n.crew = s.crew
}

// leave takes it off the list; the last one ends the sweeper and the crew.
func (s *Server) leave(n *session) {
	s.mu.Lock()
	delete(s.sessions, n.id)
	var swept chan struct{}
	if len(s.sessions) == 0 {
		close(s.stop)
		swept = s.swept
	}
	s.mu.Unlock()
	if swept != nil {
		<-swept
		n.crew.end()
	}
}

// sweep ends sessions whose time is up: one goroutine and one timer for all of them.
func (s *Server) sweep(stop, swept chan struct{}) {
	defer close(swept)
	tick := time.NewTicker(min(max(min(s.opts.Idle, s.opts.Login)/20, time.Millisecond), 10*time.Second))
	defer tick.Stop()
	for {
		select {
		case <-stop:
			return
		case now := <-tick.C:
			for _, n := range s.list() {
				n.expire(now)
			}
		}
	}
}

func (s *Server) list() []*session {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]*session, 0, len(s.sessions))
	for _, n := range s.sessions {
		out = append(out, n)
	}
	return out
}

// Sessions are the sessions of this server, the oldest first.
func (s *Server) Sessions() []SessionInfo {
	var out []SessionInfo
	for _, n := range s.list() {
		out = append(out, n.info())
	}
	slices.SortFunc(out, func(a, b SessionInfo) int { return int(a.ID) - int(b.ID) })
	return out
}
