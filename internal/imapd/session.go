package imapd

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/constance-mail/constance/internal/auth"
	"github.com/constance-mail/constance/internal/conn"
	"github.com/constance-mail/constance/internal/deflate"
	"github.com/constance-mail/constance/internal/fold"
	"github.com/constance-mail/constance/internal/imap"
	"github.com/constance-mail/constance/internal/imap/wire"
	"github.com/constance-mail/constance/internal/mail"
	"github.com/constance-mail/constance/internal/wait"
)

// session is one client. What is not said to be shared belongs to the goroutine that is at work: the waiting one
// (serve), or the busy one (work) that it started and waits for.
type session struct {
	srv     *Server
	crew    *crew
	id      uint64
	conn    *conn.Conn
	dec     *wire.Decoder
	out     output
	slot    wait.Slot // shared
	started time.Time
	remote  netip.Addr // zero for a socket without addresses

	state state
	userState

	tag    string      // of the command in progress
	needs  mail.Rights // the rights that it needs on the mailbox that it names
	tellAt time.Time   // when its progress is told; zero: never
	code   []byte      // the code of its tagged OK, in brackets
	bound  bounded
	bads   int // BAD answers in a row

	logins int          // that failed
	then   func() error // follows the answer: what lies below the commands changes

	idling  bool   // in IDLE, with idleTag
	idleTag string //
	unwatch func() // ends Watch, in IDLE with a mailbox selected

	over   bool // the session has ended
	reason string
	err    error

	overdue  atomic.Bool  // shared: the sweeper found that the time is up
	stranger atomic.Int64 // shared: since when nobody is logged in, nanoseconds since 1970; 0: somebody is
	count    atomic.Int64

	mu    sync.Mutex // guards the fields below, which info reads
	who   auth.User
	verb  string
	since time.Time // of verb
	tls   bool
}

// userState is all that a session has of its user. Whatever is kept because of a login or a command of the user belongs
// here: UNAUTHENTICATE makes it zero.
type userState struct {
	features features
	user     auth.User
	acct     mail.Account // the user's own, nil before login
	admin    bool         // see Sharing.Admins
	spaces   []space      // besides the personal one
	sel      *selected    // nil while no mailbox is selected

	collation fold.Collation // of SEARCH, SORT and THREAD. RFC 5255 section 4.2
	metadata  metadataTold
	notify    *notify     // nil as long as NOTIFY was not used
	watches   [2]watched  // by notify; to be stopped
	ownChange mail.ModSeq // the account's last one by a command of this session, while NOTIFY is in use
}

func newSession(srv *Server, c net.Conn) *session {
	s := &session{srv: srv, conn: conn.New(c, &srv.opts.Conn), state: notAuthenticated, started: time.Now()}
	s.stranger.Store(s.started.UnixNano())
	if at, err := netip.ParseAddrPort(c.RemoteAddr().String()); err == nil {
		s.remote = at.Addr().Unmap()
	}
	s.out.conn, s.out.slot = s.conn, &s.slot
	s.dec = wire.NewDecoder((*source)(s), wire.Options{Limits: preLogin, Continue: s.proceed})
	return s
}

// source is where the decoder reads. Answers are written before anything is waited for.
type source session

// Wait implements wire.Source. The session has waited already, or waits in Read for an answer to a challenge.
func (*source) Wait() error { return nil }

func (r *source) Read(p []byte) (int, error) {
	s := (*session)(r)
	if err := s.out.flush(); err != nil {
		return 0, err
	}
	defer s.slot.Enter(s.slot.Enter(wait.Reading))
	var n int
	var err error
	if s.dec.Midway() {
		n, err = s.conn.ReadOn(p)
	} else {
		n, err = s.conn.Read(p)
	}
	s.out.tap.client(p[:n])
	return n, err
}

// proceed has the client send what it announced. RFC 9051 section 7.6.
func (s *session) proceed(int64) error {
	s.out.buf = imap.AppendContinue(s.out.buf, "go ahead")
	return s.out.flush()
}

// serve is the life of the session. It does as little as can be, to need no stack while it waits.
func (s *session) serve(ctx context.Context, tls bool) {
	done := make(chan struct{})
	s.crew.do(func() { s.work(done, func() { s.open(ctx, tls) }) })
	<-done
	for !s.over {
		s.slot.Enter(wait.Idle)
		err := s.conn.Await()
		s.slot.Enter(wait.Working)
		s.crew.do(func() { s.work(done, func() { s.awoken(ctx, err) }) })
		<-done
	}
}

// work is a burst of work, by a member of the crew. A panic is our bug and costs this connection.
func (s *session) work(done chan<- struct{}, burst func()) {
	defer func() { done <- struct{}{} }()
	defer func() {
		if p := recover(); p != nil {
			s.srv.opts.Log.Error("panic in a session", "session", s.id, "user", s.user.Login, "verb", s.verb, "panic", p,
				"stack", string(debug.Stack()))
			s.bye(imap.CodeServerBug, "internal error", nil)
			s.reason = "panic"
			_ = s.out.flush() // the client may be gone
		}
		if s.over {
			s.close()
		}
	}()
	s.out.begin()
	s.retap()
	burst()
	if err := s.out.flush(); err != nil {
		s.end(err)
	}
	s.out.release()
	s.dec.Release()
}

// open begins the session: TLS, if it is implicit, and the greeting. RFC 9051 section 7.1.5 (greeting).
func (s *session) open(ctx context.Context, tls bool) {
	if tls {
		if err := s.startTLS(); err != nil {
			s.over, s.reason, s.err = true, "tls handshake failed", err
			return
		}
	}
	if f := s.srv.opts.Events.Start; f != nil {
		f(s.info())
	}
	if ctx.Err() != nil {
		s.bye(imap.CodeUnavailable, "shutting down", nil)
		return
	}
	b := imap.AppendCondStart(s.out.buf, imap.Untagged, imap.OK)
	b = imap.AppendCapabilityCode(b, s.capabilities(s.state))
	s.out.buf = imap.AppendText(b, s.srv.greeting())
	if tls && s.conn.Ready() { // a command came with the end of the handshake: nothing may arrive behind it
		s.commands(ctx)
	}
}

// awoken deals with what ended the wait.
func (s *session) awoken(ctx context.Context, err error) {
	switch {
	case ctx.Err() != nil:
		s.bye(imap.CodeUnavailable, "shutting down", nil)
	case s.overdue.Load():
		s.bye("", "idle for too long", nil)
	case errors.Is(err, conn.ErrInterrupted):
		if s.idling {
			s.push(ctx)
		} else {
			s.pushBetween(ctx)
		}
	case err != nil:
		s.end(err)
	case s.conn.Ready():
		s.commands(ctx)
	}
}

// commands reads and answers commands as long as there are some, and writes the answers together.
func (s *session) commands(ctx context.Context) {
	for {
		if s.idling {
			s.leaveIdle(ctx)
		} else {
			s.command(ctx)
		}
		if s.over || s.dec.Buffered() == 0 && !s.conn.More() {
			s.readAhead(ctx)
			return
		}
		if err := s.out.flushLarge(); err != nil {
			s.end(err)
			return
		}
		if ctx.Err() != nil && !s.idling {
			s.bye(imap.CodeUnavailable, "shutting down", nil)
			return
		}
	}
}

// expire ends the session if its time is up. Called by the sweeper.
func (s *session) expire(now time.Time) {
	state, since := s.slot.Now()
	late := state == wait.Idle && now.Sub(since) > s.srv.opts.Idle
	if at := s.stranger.Load(); at != 0 && state != wait.Password {
		late = now.Sub(time.Unix(0, at)) > s.srv.opts.Login
	}
	switch {
	case !late:
	case state == wait.Idle:
		s.overdue.Store(true)
		s.conn.Interrupt()
	default: // it dawdles in the middle of something
		s.conn.Abort()
	}
}

// bye ends the session with an untagged BYE. RFC 9051 section 7.1.5.
func (s *session) bye(code imap.RespCode, text string, err error) {
	s.out.buf = imap.AppendCond(s.out.buf, imap.Untagged, imap.BYE, code, text)
	s.over, s.reason, s.err = true, text, err
}

// gone are errors by which a client has left, politely or not.
var gone = []error{io.EOF, io.ErrUnexpectedEOF, syscall.ECONNRESET, syscall.EPIPE}

// end ends the session because the connection failed, or can go no further.
func (s *session) end(err error) {
	if s.over {
		return
	}
	s.over = true
	var se *wire.SyntaxError
	switch {
	case errors.As(err, &se):
		s.bye(imap.CodeTooBig, se.Text, err)
	case slices.ContainsFunc(gone, func(g error) bool { return errors.Is(err, g) }):
		s.reason = "client closed"
	case s.overdue.Load(), errors.Is(err, net.ErrClosed):
		s.reason = "took too long"
	case errors.Is(err, os.ErrDeadlineExceeded) && s.out.err != nil:
		s.reason, s.err = "client does not read", err
	case errors.Is(err, deflate.ErrCorrupt):
		s.bye("", "malformed compressed data", err)
	case errors.Is(err, os.ErrDeadlineExceeded):
		s.bye("", "command took too long to arrive", err)
	default:
		s.reason, s.err = "connection failed", err
	}
}

// close gives back all that the session holds, and tells of its end.
func (s *session) close() {
	s.stopNotify()
	if s.unwatch != nil {
		s.unwatch()
		s.unwatch = nil
	}
	switch err := s.out.flush(); {
	case err != nil || s.reason == "client closed":
		s.conn.Abort()
	case s.reason == "logout" && s.dec.Buffered() == 0:
		_ = s.conn.Close() // the session is over either way
	default:
		_ = s.conn.CloseGently(time.Second)
	}
	putBuffer(s.out.buf)
	s.out.buf = nil
	if f := s.srv.opts.Events.End; f != nil {
		f(SessionEnd{SessionInfo: s.info(), Duration: time.Since(s.started), Reason: s.reason, Err: s.err})
	}
}

// info is what others may know of the session.
func (s *session) info() SessionInfo {
	state, since := s.slot.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	in := SessionInfo{ID: s.id, User: s.who.Login, Account: s.who.Account, TLS: s.tls, Started: s.started, State: state,
		Since: since, Verb: s.verb, Begun: s.since, Commands: s.count.Load(), In: s.conn.In(), Out: s.conn.Out(), Remote: "local"}
	if s.remote.IsValid() {
		in.Remote = s.remote.String()
	}
	return in
}
