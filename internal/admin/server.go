package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Options say what a process tells of itself. Functions are called from any goroutine; each may be nil.
type Options struct {
	Service  string // letters and digits: part of the socket's name
	Status   func() Status
	Sessions func() []Session
	Writers  func() []Writer
	Metrics  http.Handler
	Log      *slog.Logger // nil: none

	// Handle answers what only this process knows, by patterns of http.ServeMux: "POST /reload".
	Handle map[string]http.HandlerFunc
	// Inherited is the socket, which listens already, of the program before in this process: it could make no other if it
	// has become another user since. nil: it is made.
	Inherited *os.File
}

// Server answers on one socket.
type Server struct {
	http    http.Server
	path    string
	socket  *net.UnixListener
	started time.Time
	opts    Options
	done    chan struct{} // closed when the goroutine that serves has ended
}

// Listen makes the socket in dir (created if it is missing) and answers in a goroutine until Close. Sockets of processes
// that are gone are removed on the way.
func Listen(dir string, o Options) (*Server, error) {
	if o.Service == "" || strings.ContainsAny(o.Service, "/\x00") {
		return nil, fmt.Errorf("admin socket: %q is no name of a service", o.Service)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	sweep(dir)
	return ListenAt(filepath.Join(dir, o.Service+"."+strconv.Itoa(os.Getpid())+".sock"), o)
}

// ListenAt is Listen on a socket of this name, in place of one that a dead process left. What else is in its directory is
// none of our business: it may be /run. Anything but a socket of that name is an error.
func ListenAt(path string, o Options) (*Server, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if fi, err := os.Lstat(path); err == nil && fi.Mode()&os.ModeSocket == 0 {
		return nil, fmt.Errorf("admin socket: %s is there and no socket", path)
	}
	s := &Server{path: path, started: time.Now(), opts: o, done: make(chan struct{})}
	l, err := o.listen(path)
	if err != nil {
		return nil, fmt.Errorf("admin socket: %w", err)
	}
	s.socket = l
	s.http = http.Server{Handler: s.handler(), ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute,
		MaxHeaderBytes: 16 << 10, ErrorLog: slog.NewLogLogger(o.Log.Handler(), slog.LevelWarn)}
	go func() {
		defer close(s.done)
		if err := s.http.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			o.Log.Error("admin socket", "err", err)
		}
	}()
	return s, nil
}

func (o *Options) listen(path string) (*net.UnixListener, error) {
	if o.Inherited == nil {
		return listenUnix(path)
	}
	defer o.Inherited.Close() // FileListener has one of its own
	l, err := net.FileListener(o.Inherited)
	if err != nil {
		return nil, err
	}
	u, ok := l.(*net.UnixListener)
	if !ok {
		return nil, errors.Join(errors.New("what was inherited is no unix socket"), l.Close())
	}
	return u, nil
}

// File is the socket for the next program in this process.
func (s *Server) File() (*os.File, error) { return s.socket.File() }

// Close ends what runs after at most a second and removes the socket. Who has become another user since it was made may not
// be allowed to: then it stays, refuses whoever asks, and gives way to the next one of its name.
func (s *Server) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	err := s.http.Shutdown(ctx)
	if err != nil {
		err = s.http.Close()
	}
	<-s.done
	if e := os.Remove(s.path); !errors.Is(e, os.ErrNotExist) && !errors.Is(e, os.ErrPermission) {
		err = errors.Join(err, e)
	}
	return err
}

func (s *Server) handler() http.Handler {
	m := http.NewServeMux()
	m.HandleFunc("GET /status", func(w http.ResponseWriter, _ *http.Request) { s.answer(w, s.status()) })
	m.HandleFunc("GET /sessions", func(w http.ResponseWriter, _ *http.Request) { s.answer(w, s.sessions()) })
	m.HandleFunc("GET /writers", func(w http.ResponseWriter, _ *http.Request) { s.answer(w, s.writers()) })
	m.HandleFunc("GET /stacks", stacks)
	if s.opts.Metrics != nil {
		m.Handle("GET /metrics", s.opts.Metrics)
	}
	for pattern, h := range s.opts.Handle {
		m.HandleFunc(pattern, h)
	}
	m.HandleFunc("GET /debug/pprof/", pprof.Index)
	m.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	m.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	return m
}

func (s *Server) status() Status {
	var out Status
	if s.opts.Status != nil {
		out = s.opts.Status()
	}
	out.Service, out.PID, out.Started = s.opts.Service, os.Getpid(), s.started
	return out
}

func (s *Server) sessions() []Session {
	out := []Session{}
	if s.opts.Sessions != nil {
		out = append(out, s.opts.Sessions()...)
	}
	for i := range out {
		out[i].Service, out[i].PID = s.opts.Service, os.Getpid()
	}
	return out
}

func (s *Server) writers() []Writer {
	out := []Writer{}
	if s.opts.Writers != nil {
		out = append(out, s.opts.Writers()...)
	}
	for i := range out {
		out[i].Service, out[i].PID = s.opts.Service, os.Getpid()
	}
	return out
}

func (s *Server) answer(w http.ResponseWriter, v any) {
	if err := Answer(w, v); err != nil {
		s.opts.Log.Debug("admin answer", "err", err)
	}
}

// Answer writes v as JSON. An error means that whoever asked has gone.
func Answer(w http.ResponseWriter, v any) error {
	w.Header().Set("Content-Type", "application/json")
	return json.NewEncoder(w).Encode(v)
}

// maxStacks bounds the text of all stacks, in octets.
const maxStacks = 64 << 20

// stacks writes the stacks of all goroutines.
func stacks(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	buf := make([]byte, 1<<20)
	for {
		n := runtime.Stack(buf, true)
		if n < len(buf) || len(buf) >= maxStacks {
			_, _ = w.Write(buf[:n]) // whoever asked has gone
			return
		}
		buf = make([]byte, 2*len(buf))
	}
}

// sweep removes the sockets of processes that are gone. One whose pid somebody else has now (in a container the pids begin
// anew at each start) is known by its refusal: a socket gets its name only when it listens.
func sweep(dir string) {
	for _, path := range sockets(dir) {
		pid := pidOf(path)
		if pid > 0 && (errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) || refused(path)) {
			_ = os.Remove(path) // somebody else may have been faster
		}
	}
}

// refused tells whether nobody listens on a socket.
func refused(path string) bool {
	short, done, err := viaDir(path)
	if err != nil {
		return false
	}
	defer done()
	c, err := net.DialTimeout("unix", short, time.Second)
	if err == nil {
		c.Close()
	}
	return errors.Is(err, syscall.ECONNREFUSED)
}

// sockets are the paths of all sockets in dir.
func sockets(dir string) []string {
	paths, err := filepath.Glob(filepath.Join(escapeGlob(dir), "*.sock"))
	if err != nil {
		return nil // not reached: the pattern is escaped
	}
	return paths
}

func escapeGlob(s string) string {
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`).Replace(s)
}

// pidOf is the process of a socket, 0 if its name tells none.
func pidOf(path string) int {
	name := strings.TrimSuffix(filepath.Base(path), ".sock")
	dot := strings.LastIndexByte(name, '.')
	if dot < 1 {
		return 0
	}
	pid, err := strconv.Atoi(name[dot+1:])
	if err != nil || pid < 0 {
		return 0
	}
	return pid
}

// A unix socket's address has room for 107 octets, a data directory may have a longer name: so it is reached through
// the descriptor of its directory.
func viaDir(path string) (short string, done func(), err error) {
	d, err := os.Open(filepath.Dir(path))
	if err != nil {
		return "", nil, err
	}
	return "/proc/self/fd/" + strconv.Itoa(int(d.Fd())) + "/" + filepath.Base(path), func() { d.Close() }, nil
}

// listenUnix makes the socket under another name and gives it its own when it is private and listens, in place of one that
// a dead process of the same pid left.
func listenUnix(path string) (*net.UnixListener, error) {
	tmp := path + ".new"
	if err := os.Remove(tmp); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	short, done, err := viaDir(tmp)
	if err != nil {
		return nil, err
	}
	defer done()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: short, Net: "unix"})
	if err != nil {
		return nil, err
	}
	l.SetUnlinkOnClose(false) // by then the short name means something else
	if err := errors.Join(os.Chmod(tmp, 0o600), os.Rename(tmp, path)); err != nil {
		return nil, errors.Join(err, l.Close(), os.Remove(tmp))
	}
	return l, nil
}
