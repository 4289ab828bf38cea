package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// Build builds the program into dir and returns its path.
func Build(dir string) (string, error) {
	path := filepath.Join(dir, "constance")
	cmd := exec.Command("go", "build", "-o", path, "github.com/constance-mail/constance/cmd/constance")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w: %s", err, out)
	}
	return path, nil
}

// Server is a running "constance serve". Its methods are for one goroutine.
type Server struct {
	Binary string
	Dir    string // the data directory
	IMAP   string // where it listens, "host:port"
	IMAPS  string
	LMTP   string
	HTTP   string
	PID    int // of the master

	cmd  *exec.Cmd
	log  *logBuffer
	done chan struct{} // closed when the master has ended
	err  error         // what it ended with, once done is closed
}

// logBuffer keeps what the server writes to standard error.
type logBuffer struct {
	mu  sync.Mutex // guards b
	buf bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// startTimeout bounds the start of a server.
const startTimeout = 60 * time.Second

// StartServer starts the binary on a data directory, on ports that are free, and waits until it greets. users are
// lines
// "login:{SCHEME}hash" that are imported first. It is stopped when the test ends; its log is shown if the test
// failed.
func StartServer(t testing.TB, binary, dir string, users string, args ...string) *Server {
	t.Helper()
	s := &Server{Binary: binary, Dir: dir}
	if users != "" {
		s.Run(t, users, "user", "import")
	}
	for _, addr := range []*string{&s.IMAP, &s.IMAPS, &s.LMTP, &s.HTTP} {
		*addr = freeAddress(t)
	}
	s.start(t, args)
	t.Cleanup(func() {
		s.Stop(t)
		if t.Failed() {
			t.Logf("the server's log:\n%s", s.log)
		}
	})
	return s
}

// Run runs another verb of the program on the data directory and returns what it prints.
func (s *Server) Run(t testing.TB, stdin string, args ...string) string {
	t.Helper()
	cmd := exec.Command(s.Binary, append(args, "--data", s.Dir)...)
	cmd.Stdin = strings.NewReader(stdin)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v: %s", strings.Join(args, " "), err, &stderr)
	}
	return string(out)
}

// portsTried counts, so that no two servers of this process are given the same port.
var portsTried atomic.Int32

// freeAddress is a loopback address that nobody listens on, below the range from which the kernel gives ports to
// clients: one of those could be taken before the server has it.
func freeAddress(t testing.TB) string {
	t.Helper()
	for range 1000 {
		port := 20000 + (os.Getpid()*131+int(portsTried.Add(1)))%12000
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			continue
		}
		defer l.Close()
		return l.Addr().String()
	}
	t.Fatal("no free port")
	return ""
}

func (s *Server) start(t testing.TB, args []string) {
	t.Helper()
	args = append([]string{"serve", "--data", s.Dir, "--listen", "imap=" + s.IMAP, "--listen", "imaps=" + s.IMAPS,
		"--listen", "lmtp=" + s.LMTP, "--listen", "http=" + s.HTTP}, args...)
	s.cmd, s.log, s.done = exec.Command(s.Binary, args...), &logBuffer{}, make(chan struct{})
	s.cmd.Stderr, s.cmd.Stdout = s.log, s.log
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s.PID = s.cmd.Process.Pid
	go func() {
		s.err = s.cmd.Wait()
		close(s.done)
	}()
	if err := s.awaitGreeting(); err != nil {
		s.Stop(t)
		t.Fatalf("%v; the log:\n%s", err, s.log)
	}
}

// awaitGreeting waits until IMAP greets.
func (s *Server) awaitGreeting() error {
	deadline, tick := time.After(startTimeout), time.NewTicker(10*time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-s.done:
			return fmt.Errorf("the server ended: %w", s.err)
		case <-deadline:
			return errors.New("the server does not greet")
		case <-tick.C:
			if greets(s.IMAP) {
				return nil
			}
		}
	}
}

func greets(addr string) bool {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return false
	}
	defer conn.Close()
	b := make([]byte, 4)
	n, err := conn.Read(b)
	return err == nil && strings.HasPrefix("* OK", string(b[:n]))
}

// Restart starts the server again after Stop or Kill, on the same directory and addresses.
func (s *Server) Restart(t testing.TB, args ...string) {
	t.Helper()
	s.start(t, args)
}

// Stop has the server drain and end. A server that has ended already is left alone.
func (s *Server) Stop(t testing.TB) {
	t.Helper()
	if s.ended() {
		return
	}
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Error(err)
	}
	select {
	case <-s.done:
	case <-time.After(startTimeout):
		t.Error("the server does not end")
		s.Kill(t)
	}
}

func (s *Server) ended() bool {
	select {
	case <-s.done:
		return true
	default:
		return false
	}
}

// Kill kills the master and its workers at once.
func (s *Server) Kill(t testing.TB) {
	t.Helper()
	pids := append(s.Workers(), s.PID)
	for i := len(pids) - 1; i >= 0; i-- { // the master first, or it starts workers anew
		if err := syscall.Kill(pids[i], syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
			t.Error(err)
		}
	}
	<-s.done
}

// Workers are the process ids of the master's children.
func (s *Server) Workers() []int {
	var out []int
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", s.PID)) // the pattern is a good one
	for _, file := range tasks {
		b, err := os.ReadFile(file)
		if err != nil {
			continue // that thread is gone
		}
		for _, f := range strings.Fields(string(b)) {
			if pid, err := strconv.Atoi(f); err == nil {
				out = append(out, pid)
			}
		}
	}
	return out
}

// Log is what the server has written to standard error so far.
func (s *Server) Log() string { return s.log.String() }
