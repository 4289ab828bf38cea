package e2e

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
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

	*process // the master
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
	s.process = launch(t, exec.Command(s.Binary, args...))
	if err := s.awaitGreeting(s.IMAP); err != nil {
		s.Stop(t)
		t.Fatalf("%v; the log:\n%s", err, s.log)
	}
}

// Restart starts the server again after Stop or Kill, on the same directory and addresses.
func (s *Server) Restart(t testing.TB, args ...string) {
	t.Helper()
	s.start(t, args)
}
