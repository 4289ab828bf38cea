package e2e

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/constance-mail/constance/internal/imapclient"
)

// cyrus is an installation of Debian's Cyrus of the test's own, with the accounts alice and bob and the
// administrator cyrus, whose passwords are "secret".
type cyrus struct {
	*process        // the master, once it was started
	dir      string // all files are below it
	imap     string // addresses
	pop3     string
	sieve    string
	csync    string
}

// newCyrus writes the configuration and makes the directories; nothing runs yet.
func newCyrus(t *testing.T) *cyrus {
	t.Helper()
	if binary == "" {
		t.Skip("-short")
	}
	needs(t, "saslpasswd2", "sasl2-bin")
	needs(t, "cc", "gcc")
	needs(t, "cyrmaster", "cyrus-common")
	needsRoot(t, "Cyrus's services must be started by root, and become the user cyrus")
	// not below the test's own directory: Cyrus's processes, which are not root, must reach it
	dir, err := os.MkdirTemp("", "constance-cyrus")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	c := &cyrus{dir: dir}
	for program, debian := range unpacked {
		c.unpack(t, program, debian)
	}
	replace := []string{"DIR", dir}
	ports := map[string]*string{"IMAP": &c.imap, "POP3": &c.pop3, "SIEVE": &c.sieve, "CSYNC": &c.csync}
	for name, addr := range ports {
		*addr = freeAddress(t)
		replace = append(replace, name, port(t, *addr))
	}
	for _, f := range []string{"imapd.conf", "cyrus.conf"} {
		write(t, c.path(f), strings.NewReplacer(replace...).Replace(readFile(t, "testdata/cyrus/"+f)))
	}
	for _, login := range []string{"cyrus", "alice", "bob"} {
		runProgram(t, dir, "secret", "saslpasswd2", "-p", "-c", "-f", c.path("sasldb2"), "-u", "localhost", login)
	}
	for _, d := range []string{"lib/db", "lib/user", "lib/quota", "lib/sync", "lib/log", "lib/msg", "lib/socket",
		"run/socket", "run/proc", "run/lock", "spool", "sieve"} {
		if err := os.MkdirAll(c.path(d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	shim := absolute(t, "testdata/cyrus/syslog.c")
	runProgram(t, dir, "", "cc", "-shared", "-fPIC", "-o", c.path("syslog.so"), shim)
	write(t, c.path("syslog"), "")
	c.own(t)
	return c
}

// unpacked are the programs, with their packages, that `make peers` only unpacks, for the packages conflict with
// other servers.
var unpacked = map[string]string{"imapd": "cyrus-imapd", "idled": "cyrus-imapd", "squatter": "cyrus-imapd",
	"pop3d": "cyrus-pop3d", "sync_server": "cyrus-replication"}

// unpack copies one of them to where the user cyrus can run it.
func (c *cyrus) unpack(t *testing.T, program, debian string) {
	t.Helper()
	path := filepath.Join("/usr/lib/cyrus/bin", program)
	if _, err := os.Stat(path); err != nil {
		path = absolute(t, filepath.Join("../../bin/peers", path))
	}
	needs(t, path, debian)
	c.copy(t, path, filepath.Join("bin", program))
}

// copy copies a program into the installation.
func (c *cyrus) copy(t *testing.T, from, to string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(c.path(to)), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(c.path(to), []byte(readFile(t, from)), 0o755); err != nil {
		t.Fatal(err)
	}
}

// own gives all files to the user that Cyrus's programs become.
func (c *cyrus) own(t *testing.T) {
	t.Helper()
	runProgram(t, c.dir, "", "chown", "-R", "cyrus:mail", c.dir)
	if err := os.Chmod(c.dir, 0o755); err != nil {
		t.Fatal(err)
	}
}

func (c *cyrus) path(name string) string { return filepath.Join(c.dir, name) }

// start starts a master on the files of the installation and waits until IMAP greets. It ends with the test.
func (c *cyrus) start(t *testing.T, master string, args ...string) {
	t.Helper()
	args = append(args, "-C", c.path("imapd.conf"), "-M", c.path("cyrus.conf"), "-p", c.path("master.pid"), "-D", "-v")
	cmd := exec.Command(master, args...)
	cmd.Dir = c.dir
	cmd.Env = append(os.Environ(), "LD_PRELOAD="+c.path("syslog.so"), "SYSLOG_FILE="+c.path("syslog"))
	c.process = launch(t, cmd)
	t.Cleanup(func() {
		c.Stop(t)
		if t.Failed() {
			t.Logf("the master's log:\n%s\nsyslog:\n%s", c.log, c.syslog(t))
		}
	})
	if err := c.awaitGreeting(c.imap); err != nil {
		t.Fatal(err)
	}
}

// syslog is what the programs have said to syslog so far.
func (c *cyrus) syslog(t *testing.T) string {
	t.Helper()
	return readFile(t, c.path("syslog"))
}

// login is a session of our own client.
func (c *cyrus) login(t *testing.T, user string) *imapclient.Client {
	t.Helper()
	conn, _, err := imapclient.Dial(c.imap)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	do(t, conn, "LOGIN "+user+" secret")
	return conn
}

// deliver delivers a message by LMTP.
func (c *cyrus) deliver(t *testing.T, network, addr, to string) {
	t.Helper()
	d := converse(t, network, addr)
	d.say("", "220 ")
	d.say("LHLO client.example", "250 ")
	d.say("MAIL FROM:<sender@example.org>", "250 ")
	d.say("RCPT TO:<"+to+">", "250 ")
	d.say("DATA", "354 ")
	d.say(strings.ReplaceAll(letter(1), "\n", "\r\n")+".", "250 ")
	d.say("QUIT", "221 ")
	d.conn.Close()
}

// awaitPush delivers to alice, whose session waits in IDLE, until it is told: a message that comes between the
// server's "+" and its waiting may be told only after the next one.
func awaitPush(t *testing.T, c *imapclient.Client, deliver func()) {
	t.Helper()
	if err := c.Send("i IDLE\r\n"); err != nil {
		t.Fatal(err)
	}
	awaitLine(t, c, "+")
	deliver()
	for k := 0; !c.Pending(2 * time.Second); k++ {
		if k == 10 {
			t.Fatal("a session in IDLE is told nothing")
		}
		deliver()
	}
	if got, err := c.Read(); err != nil || !strings.HasSuffix(got, " EXISTS") {
		t.Fatalf("in IDLE: %q, %v", got, err)
	}
	if err := c.Send("DONE\r\n"); err != nil {
		t.Fatal(err)
	}
	awaitLine(t, c, "i OK")
}

// running are the process ids of the master's children that run a program.
func (c *cyrus) running(program string) (pids []int) {
	for _, pid := range c.Workers() {
		argv, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		if name, _, _ := strings.Cut(string(argv), "\x00"); err == nil && filepath.Base(name) == program {
			pids = append(pids, pid)
		}
	}
	slices.Sort(pids)
	return pids
}

// servedBy is the process that serves a user, by the file that Cyrus's services write about themselves.
func (c *cyrus) servedBy(t *testing.T, user string) (pid int) {
	t.Helper()
	awaitTrue(t, "a process says that it serves "+user, func() bool {
		for _, pid = range c.running("imapd") {
			b, err := os.ReadFile(c.path(fmt.Sprintf("run/proc/%d", pid)))
			if err == nil && strings.Contains(string(b), "\t"+user+"\t") {
				return true
			}
		}
		return false
	})
	return pid
}

// lockOf is the file with the lock of the first listener of a service.
func lockOf(name string) string {
	name, _, _ = strings.Cut(name, "/")
	return name + "-0.lock"
}

// lockHolder is the process that holds the lock under which a service's workers wait for a client; 0 = none.
func (c *cyrus) lockHolder(t *testing.T, name string) int {
	t.Helper()
	f, err := os.OpenFile(c.path("lib/socket/"+name), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lock := unix.Flock_t{Type: unix.F_WRLCK}
	if err := unix.FcntlFlock(f.Fd(), unix.F_GETLK, &lock); err != nil {
		t.Fatal(err)
	}
	if lock.Type == unix.F_UNLCK {
		return 0
	}
	return int(lock.Pid)
}

// alive tells whether a process is there and no zombie.
func alive(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !strings.Contains(string(stat), ") Z ") && syscall.Kill(pid, 0) == nil
}

func absolute(t *testing.T, path string) string {
	t.Helper()
	path, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// dialog is the client's side of a protocol of lines. Every wait is bounded.
type dialog struct {
	t    *testing.T
	conn net.Conn
	in   *bufio.Reader
}

func converse(t *testing.T, network, addr string) *dialog {
	t.Helper()
	conn, err := net.Dial(network, addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &dialog{t: t, conn: conn, in: bufio.NewReader(conn)}
}

// say sends a line, unless it is empty, and reads up to a line that begins as want; it returns what it read.
func (d *dialog) say(line, want string) string {
	d.t.Helper()
	if err := d.conn.SetDeadline(time.Now().Add(imapclient.Timeout)); err != nil {
		d.t.Fatal(err)
	}
	if line != "" {
		if _, err := d.conn.Write([]byte(line + "\r\n")); err != nil {
			d.t.Fatal(err)
		}
	}
	var b strings.Builder
	for {
		got, err := d.in.ReadString('\n')
		b.WriteString(got)
		if err != nil {
			d.t.Fatalf("after %q: %v instead of %q: %s", line, err, want, &b)
		}
		if strings.HasPrefix(got, want) {
			return b.String()
		}
	}
}
