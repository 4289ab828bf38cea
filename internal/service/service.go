// Package service is the worker's side of the contract between a master and its workers, ours and Cyrus's alike: a
// listening socket on descriptor 4, a status channel on descriptor 3, the names CYRUS_SERVICE and CYRUS_ID in the
// environment, SIGHUP to drain and SIGTERM to end.
//
// An engine calls Run with a function that serves one connection. Run accepts connections until the worker is at its
// limit, says so, and goes on when there is room; a panic in the function costs that connection only. When the master
// has gone and no other has taken over, the worker drains, so that a new master can have the address. The package knows nothing of mail.
package service

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"
)

// Options says how a worker runs. The zero value of a field means its default.
type Options struct {
	Limit    int              // connections served at once; default 4096, and never more than descriptors allow
	Reserve  int              // descriptors kept back for everything but the connections themselves; default 256
	Drain    time.Duration    // how long connections may take to end once SIGTERM came; default 10 s
	Log      *slog.Logger     // default: nothing is logged
	Listener net.Listener     // for tests and standalone use: instead of descriptors 3 and 4
	Status   *os.File         // with Listener: the status channel, or nil for none
	Life     time.Duration    // with Listener: interval of signs of life; 0 = none
	Alone    time.Duration    // how long to accept after the master has gone, for one that takes over; default 10 s
	Signals  <-chan os.Signal // instead of the process's own signals
	Hangup   chan os.Signal   // of CatchHangup; nil = SIGHUP is caught from Run on
	Stats    *Stats           // filled while Run runs; may be nil

	// Check returns as long as what every connection needs (a store, a directory) answers, be it with an error. While a
	// call does not return, no sign of life is given. It is called in a goroutine of its own, one call at a time. May be nil.
	Check func()
}

// Stats are the worker's own numbers, safe to read from any goroutine.
type Stats struct {
	Accepted     atomic.Int64 // connections since the start
	Active       atomic.Int64 // being served now
	Panics       atomic.Int64 // connections that ended in a panic
	AcceptErrors atomic.Int64 // times that accept failed for want of descriptors or memory
	Draining     atomic.Bool  // accepts no more
}

// Error is why a worker could not run, with the exit code that tells a master (sysexits).
type Error struct {
	Code int
	Err  error
}

func (e *Error) Error() string { return e.Err.Error() }

// Unwrap is the cause.
func (e *Error) Unwrap() error { return e.Err }

// The exit codes that workers use.
const (
	ExitSoftware = 70 // EX_SOFTWARE: not started by a master
	ExitOS       = 71 // EX_OSERR: accept does not work
	ExitConfig   = 78 // EX_CONFIG
)

// ExitCode is the exit code for what Run returned: 0 for nil.
func ExitCode(err error) int {
	var e *Error
	switch {
	case err == nil:
		return 0
	case errors.As(err, &e):
		return e.Code
	}
	return 1
}

type drainKey struct{}

// Draining is closed when the worker accepts no more connections, so that an engine may end those that are idle. ctx is
// the one that serve was given, or one made from it; for any other the channel is nil and never ready.
func Draining(ctx context.Context) <-chan struct{} {
	c, _ := ctx.Value(drainKey{}).(chan struct{})
	return c
}

// worker is one Run. Only its accept loop changes what is not atomic.
type worker struct {
	o     Options
	ln    net.Listener
	rep   *reporter
	pulse *pulse
	stats *Stats
	serve func(context.Context, net.Conn)
	room  chan struct{}  // one token for each connection that may be accepted
	drain chan struct{}  // closed: accept no more
	conns sync.WaitGroup // connections being served
	tight atomic.Bool    // accept fails for want of descriptors
}

// Run serves connections until the worker is told to end. It takes descriptors 3 and 4 from the master that started it, or
// Options.Listener. It returns nil after SIGHUP (drain: every connection has ended), SIGTERM, SIGINT, SIGQUIT or the end
// of ctx (serve's context ended, and then every connection or the time for it), and an *Error otherwise. With a master it
// ignores SIGINT: Ctrl-C reaches the whole process group, and it is the master who then ends its workers in order.
// The context of serve ends when the process must go; Run closes the connection when serve returns.
func Run(ctx context.Context, o Options, serve func(context.Context, net.Conn)) error {
	if o.Limit <= 0 {
		o.Limit = 4096
	}
	if o.Reserve <= 0 {
		o.Reserve = 256
	}
	if o.Drain <= 0 {
		o.Drain = 10 * time.Second
	}
	if o.Alone <= 0 {
		o.Alone = 10 * time.Second
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Stats == nil {
		o.Stats = new(Stats)
	}
	fd, err := inherit(&o)
	if err != nil {
		return err
	}
	defer o.Listener.Close()
	o.Limit = affordable(o.Limit, o.Reserve, o.Log)
	p := newPulse(&o)
	w := &worker{o: o, ln: o.Listener, rep: newReporter(fd, p, o.Log), pulse: p, stats: o.Stats, serve: serve,
		room: make(chan struct{}, o.Limit), drain: make(chan struct{})}
	go w.rep.run()
	defer w.rep.stop()
	return w.run(ctx)
}

// run starts the accept loop and waits for a reason to end.
func (w *worker) run(ctx context.Context) error {
	serving, cut := context.WithCancel(context.WithValue(context.WithoutCancel(ctx), drainKey{}, w.drain))
	defer cut()
	signals, release := w.o.signals() // before the first connection, which SIGTERM would otherwise cut off
	defer release()
	defer w.onStacks()()
	accepting := make(chan error, 1)
	go func() { accepting <- w.accept(serving) }()

	asked, err := w.wait(ctx, signals, accepting)
	w.stats.Draining.Store(true)
	close(w.drain)
	w.ln.Close()
	if err == nil {
		err = <-accepting // so that no connection comes after the last look at conns
	}
	w.report(0)
	if !asked {
		asked = w.finish(ctx, signals)
	}
	if asked {
		cut()
		w.cutOff()
	}
	return err
}

// wait returns when the worker shall accept no more: asked says that it must go now rather than when its connections
// have ended. An error means that accepting does not work.
func (w *worker) wait(ctx context.Context, signals <-chan os.Signal, accepting chan error) (asked bool, err error) {
	orphan, alone := w.rep.orphan, (<-chan time.Time)(nil)
	for {
		select {
		case <-ctx.Done():
			return true, nil
		case <-orphan:
			w.o.Log.Warn("the master has gone", "connections", w.stats.Active.Load())
			t := time.NewTimer(w.o.Alone)
			defer t.Stop()
			orphan, alone = nil, t.C
		case <-alone:
			w.o.Log.Warn("no other master has come; draining", "connections", w.stats.Active.Load())
			return false, nil
		case err := <-accepting:
			accepting <- nil
			return false, err
		case s := <-signals:
			switch w.signal(s) {
			case sigDrain:
				return false, nil
			case sigEnd:
				return true, nil
			}
		}
	}
}

// finish waits for the connections of a draining worker; true if meanwhile it was told to go.
func (w *worker) finish(ctx context.Context, signals <-chan os.Signal) bool {
	idle := make(chan struct{})
	go func() { w.conns.Wait(); close(idle) }()
	for {
		select {
		case <-idle:
			return false
		case <-ctx.Done():
			return true
		case s := <-signals:
			if w.signal(s) == sigEnd {
				return true
			}
		}
	}
}

// cutOff gives the connections, whose context has ended, Options.Drain to go.
func (w *worker) cutOff() {
	idle := make(chan struct{})
	go func() { w.conns.Wait(); close(idle) }()
	t := time.NewTimer(w.o.Drain)
	defer t.Stop()
	select {
	case <-idle:
	case <-t.C:
		w.o.Log.Warn("connections did not end in time", "connections", w.stats.Active.Load(), "allowed", w.o.Drain)
	}
}

// accept takes connections while there is room, until the listener is closed or stays broken.
func (w *worker) accept(ctx context.Context) error {
	var wait backoff
	tick, stop := w.pulse.ticker()
	defer stop()
	defer w.pulse.over.Store(true)
	for {
		w.pulse.turn()
		select {
		case w.room <- struct{}{}:
		case <-tick:
			continue
		case <-w.drain:
			return nil
		}
		c, err := w.ln.Accept()
		if err != nil {
			<-w.room
			if w.pulse.pause(err) {
				continue
			}
			if done, err := w.failed(err, &wait); done {
				return err
			}
			continue
		}
		wait = backoff{}
		w.tight.Store(false)
		w.stats.Accepted.Add(1)
		w.stats.Active.Add(1)
		w.conns.Add(1)
		w.report(1)
		go w.one(ctx, c)
	}
}

// failed says whether the accept loop is over after err, and waits if the cause may pass. EINVAL is what a socket gives
// that the master has shut down, which is how Cyrus's master withdraws it: the same as SIGHUP.
func (w *worker) failed(err error, wait *backoff) (done bool, _ error) {
	select {
	case <-w.drain:
		return true, nil
	default:
	}
	switch {
	case errors.Is(err, net.ErrClosed), withdrawn(err):
		return true, nil
	case passing(err):
		return false, nil
	case !exhausted(err) && wait.n > 5:
		return true, &Error{ExitOS, fmt.Errorf("accept: %w", err)}
	}
	w.stats.AcceptErrors.Add(1)
	if w.tight.CompareAndSwap(false, true) {
		w.o.Log.Error("cannot accept; waiting", "err", err, "connections", w.stats.Active.Load())
		w.report(0)
	}
	t := time.NewTimer(wait.next())
	defer t.Stop()
	select {
	case <-t.C:
	case <-w.drain:
	}
	return false, nil
}

// one serves one connection.
func (w *worker) one(ctx context.Context, c net.Conn) {
	defer func() {
		if v := recover(); v != nil {
			w.stats.Panics.Add(1)
			w.o.Log.Error("panic in a connection", "panic", v, "remote", c.RemoteAddr(), "stack", string(debug.Stack()))
		}
		c.Close() //nolint:errcheck // serve has usually closed it
		w.stats.Active.Add(-1)
		<-w.room
		w.report(0)
		w.conns.Done()
	}()
	w.serve(ctx, c)
}

// report tells the reporter how things stand. BUSY means that a new connection would not be accepted now.
func (w *worker) report(accepted int) {
	active := int(w.stats.Active.Load())
	w.rep.set(accepted, active, active >= w.o.Limit || w.tight.Load() || w.stats.Draining.Load())
}
