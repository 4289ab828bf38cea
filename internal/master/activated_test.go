package master

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// activate is a command that starts a master with listening sockets from descriptor 3 on, as a service manager does.
func activate(t *testing.T, names string, sockets ...interface{ File() (*os.File, error) }) *exec.Cmd {
	t.Helper()
	c := exec.Command("/bin/sh", "-c", `LISTEN_PID=$$ exec "$0"`, self())
	for _, s := range sockets {
		f, err := s.File()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		c.ExtraFiles = append(c.ExtraFiles, f)
	}
	c.Env = append(c.Env, fmt.Sprintf("LISTEN_FDS=%d", len(sockets)), "LISTEN_FDNAMES="+names)
	return c
}

// Sockets of the service manager are used where a service listens on their addresses, outlast an upgrade, and are not
// disturbed at the end.
func TestActivation(t *testing.T) {
	dir := t.TempDir()
	tcp, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer tcp.Close()
	path, err := net.Listen("unix", filepath.Join(dir, "s"))
	if err != nil {
		t.Fatal(err)
	}
	defer path.Close()
	other, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	a, b := lemmings("a", "worker"), lemmings("b", "tell")
	a.Listen, b.Listen = []string{tcp.Addr().String()}, []string{"unix:" + path.Addr().String()}
	p := launchBy(t, activate(t, "a:b:spare", tcp.(*net.TCPListener), path.(*net.UnixListener), other.(*net.TCPListener)), dir, a, b)
	guest := p.greeted(p.dial(tcp.Addr().String()))
	if !strings.Contains(p.log.String(), `socket="spare stream `+other.Addr().String()) {
		t.Error("no word of the socket that nobody wants")
	}
	for range 2 {
		if why := p.upgrade(""); why != "" {
			t.Fatal(why)
		}
		p.served(guest)
		p.served(p.greeted(p.dial(tcp.Addr().String())))
	}
	c := p.dial("unix:" + path.Addr().String())
	buf := make([]byte, 4096)
	n, _ := c.Read(buf)
	if got := string(buf[:n]); strings.Count(got, "fd ") != 5 || !strings.Contains(got, "fd 4 socket nonblock=false") {
		t.Errorf("%s", got)
	}
	p.end(syscall.SIGTERM)
	for _, l := range []net.Listener{tcp, path} { // the service manager's are as they were
		late, err := net.Dial(l.Addr().Network(), l.Addr().String())
		if err != nil {
			t.Error(err)
			continue
		}
		late.Close()
	}
}

// An IPv6 wildcard of the service manager takes IPv4 too: the service has one listener, and that is no error.
func TestActivationOfBothFamilies(t *testing.T) {
	both, err := net.Listen("tcp", "[::]:0")
	if err != nil {
		t.Skip("no IPv6 here: ", err)
	}
	defer both.Close()
	port := fmt.Sprint(both.Addr().(*net.TCPAddr).Port)
	a := lemmings("a", "worker")
	a.Listen = []string{port}
	p := launchBy(t, activate(t, "", both.(*net.TCPListener)), "", a)
	for _, host := range []string{"127.0.0.1:", "[::1]:"} {
		p.served(p.greeted(p.dial(host + port)))
	}
	if s := p.status().Services; len(s) != 1 || s[0].Name != "a/ipv6" || strings.Contains(p.log.String(), "level=ERROR") {
		t.Errorf("%+v", s)
	}
}

// What is meant for another process, or is no number, is not taken.
func TestListenFDsOfOthers(t *testing.T) {
	for _, c := range []struct{ pid, n string }{{"1", "1"}, {fmt.Sprint(os.Getpid()), "x"}, {fmt.Sprint(os.Getpid()), "-1"}, {"", ""}} {
		t.Setenv("LISTEN_PID", c.pid)
		t.Setenv("LISTEN_FDS", c.n)
		if a := ListenFDs(); len(a.list) != 0 {
			t.Errorf("%+v: %+v", c, a)
		}
		if _, there := os.LookupEnv("LISTEN_FDS"); there {
			t.Error("the children would see it")
		}
	}
	if got := paddedNames("imap", 3); len(got) != 3 || got[0] != "imap" || got[2] != "" {
		t.Errorf("%q", got)
	}
}
