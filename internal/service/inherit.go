package service

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// The descriptors by which a master hands over the status channel and the listening socket.
const (
	statusFD   = 3
	listenerFD = 4
)

// inherit takes what the master handed over, unless Options.Listener is set, and returns the descriptor of the status
// channel or -1.
func inherit(o *Options) (status int, err error) {
	if o.Listener != nil {
		if o.Status == nil {
			return -1, nil
		}
		return int(o.Status.Fd()), nil
	}
	if os.Getenv("CYRUS_SERVICE") == "" || os.Getenv("CYRUS_ID") == "" {
		return -1, &Error{ExitSoftware, errors.New("to be started by a master: CYRUS_SERVICE and CYRUS_ID are not set")}
	}
	typ, err := unix.GetsockoptInt(listenerFD, unix.SOL_SOCKET, unix.SO_TYPE)
	if err != nil {
		return -1, &Error{1, fmt.Errorf("descriptor %d is no listening socket: %w", listenerFD, err)}
	}
	if typ != unix.SOCK_STREAM {
		return -1, &Error{ExitConfig, fmt.Errorf("descriptor %d is not a stream socket", listenerFD)}
	}
	unix.CloseOnExec(statusFD)
	unix.CloseOnExec(listenerFD)
	// FileListener duplicates the descriptor and makes it non-blocking, for the siblings too: our masters know.
	f := os.NewFile(listenerFD, "listener")
	ln, err := net.FileListener(f)
	f.Close() //nolint:errcheck // duplicated
	if err != nil {
		return -1, &Error{1, fmt.Errorf("descriptor %d: %w", listenerFD, err)}
	}
	o.Listener = ln
	signal.Ignore(syscall.SIGINT) // Ctrl-C is for the master, who has us drain
	if ms, err := strconv.Atoi(os.Getenv(EnvLife)); err == nil && ms > 0 {
		o.Life = time.Duration(ms) * time.Millisecond
	}
	if _, err := unix.FcntlInt(statusFD, unix.F_GETFD, 0); err != nil {
		return -1, nil // useful without: nobody to tell
	}
	return statusFD, nil
}

// affordable is limit, or less if the process may not open so many descriptors. Go has raised the soft limit already.
func affordable(limit, reserve int, log *slog.Logger) int {
	var r unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &r); err != nil || r.Cur > 1<<30 {
		return limit
	}
	most := max(int(r.Cur)-reserve, 1)
	if most < limit {
		log.Warn("too few descriptors for the connection limit", "limit", limit, "reduced", most, "descriptors", r.Cur,
			"reserve", reserve)
		return most
	}
	return limit
}

// CatchHangup catches SIGHUP from now on, for Options.Hangup: a worker that still opens its files would be killed by it.
func CatchHangup() chan os.Signal {
	c := make(chan os.Signal, 8)
	signal.Notify(c, syscall.SIGHUP)
	return c
}

// signals is the channel of signals to obey and a function that ends the delivery. After it SIGHUP is ignored, as
// SIGUSR1 is after onStacks, for by itself it would kill a process that is closing its files: Cyrus's master sends
// SIGHUP to each worker as often as it has services.
func (o *Options) signals() (<-chan os.Signal, func()) {
	if o.Signals != nil {
		return o.Signals, func() {}
	}
	c := o.Hangup
	if c == nil {
		c = CatchHangup()
	}
	signal.Notify(c, syscall.SIGHUP, syscall.SIGTERM, syscall.SIGQUIT)
	if !signal.Ignored(syscall.SIGINT) {
		signal.Notify(c, syscall.SIGINT)
	}
	return c, func() {
		signal.Ignore(syscall.SIGHUP)
		signal.Stop(c)
	}
}

type sigAct uint8

const (
	sigNone sigAct = iota
	sigDrain
	sigEnd
)

// signal says what s asks for. SIGUSR1 writes the stacks of all goroutines to the log, SIGQUIT does and ends.
func (w *worker) signal(s os.Signal) sigAct {
	switch s {
	case syscall.SIGHUP:
		w.o.Log.Info("draining", "connections", w.stats.Active.Load())
		return sigDrain
	case syscall.SIGUSR1:
		w.stacks()
		return sigNone
	case syscall.SIGQUIT:
		w.stacks()
		return sigEnd
	case syscall.SIGTERM, syscall.SIGINT:
		w.o.Log.Info("graceful shutdown", "connections", w.stats.Active.Load())
		return sigEnd
	}
	return sigNone
}

// onStacks writes stacks at SIGUSR1, in a goroutine that nothing else can hold up, until the function that it returns is
// called. With Options.Signals the signal comes by that.
func (w *worker) onStacks() (stop func()) {
	if w.o.Signals != nil {
		return func() {}
	}
	c, quit, done := make(chan os.Signal, 1), make(chan struct{}), make(chan struct{})
	signal.Notify(c, syscall.SIGUSR1)
	go func() {
		defer close(done)
		for {
			select {
			case <-c:
				w.stacks()
			case <-quit:
				return
			}
		}
	}()
	return func() { close(quit); <-done; signal.Ignore(syscall.SIGUSR1) }
}

func (w *worker) stacks() {
	text := stacks()
	if dir, name := os.Getenv(EnvStacks), os.Getenv("CYRUS_SERVICE"); dir != "" && name != "" { // before the log, which may hang
		if err := appendStacks(StacksFile(dir, name, os.Getpid()), text); err != nil {
			w.o.Log.Warn("cannot save stacks", "err", err)
		}
	}
	w.o.Log.Warn("stacks", "goroutines", runtime.NumGoroutine(), "stack", string(text))
}

// withdrawn: accept's answer on a socket that was shut down.
func withdrawn(err error) bool { return errors.Is(err, syscall.EINVAL) }

// passing errors concern one client that has gone already; accept(2).
func passing(err error) bool {
	return errors.Is(err, syscall.ECONNABORTED) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPROTO) ||
		errors.Is(err, syscall.EINTR) || errors.Is(err, syscall.EAGAIN)
}

// exhausted: no descriptors or memory; it passes when others give some back.
func exhausted(err error) bool {
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) || errors.Is(err, syscall.ENOBUFS) ||
		errors.Is(err, syscall.ENOMEM)
}

// backoff grows from 5 ms to 1 s.
type backoff struct{ n int }

func (b *backoff) next() time.Duration {
	d := min(5*time.Millisecond<<min(b.n, 8), time.Second)
	b.n++
	return d
}
