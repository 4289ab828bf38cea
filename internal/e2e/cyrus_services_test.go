package e2e

import (
	"encoding/base64"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/constance-mail/constance/internal/imapclient"
)

// P03: Debian's services of Cyrus, as they are, under our master: a mail's whole way, what they tell the master, and
// what a master is for.
func TestP03_CyrusServices(t *testing.T) {
	c := newCyrus(t)
	c.copy(t, binary, "constance") // where the user cyrus, too, can run it: an upgrade does
	c.start(t, c.path("constance"), "master")
	admin := c.login(t, "cyrus")
	do(t, admin, "CREATE user.alice")
	do(t, admin, "CREATE user.bob")
	do(t, admin, "LOGOUT")

	t.Run("start and events", c.testEvents)
	t.Run("LMTP, IMAP and idled", c.testMail)
	t.Run("POP3", c.testPOP3)
	t.Run("timsieved", c.testSieve)
	t.Run("notifyd", func(t *testing.T) {
		awaitTrue(t, "a notification in the log", func() bool {
			return strings.Contains(c.syslog(t), "MAIL, , alice, INBOX")
		})
	})
	t.Run("sync_server", func(t *testing.T) {
		d := converse(t, "tcp", c.csync)
		d.say("", "* OK localhost Cyrus sync server")
		d.say("EXIT", "OK")
	})
	t.Run("messages", c.testMessages)
	t.Run("processes", c.testProcesses)
	t.Run("kill", c.testKill)
	t.Run("SIGHUP", c.testHangup)
	t.Run("uses", c.testUses)
	t.Run("upgrade", c.testUpgrade)
	t.Run("SIGTERM", c.testTerminate)
}

// testEvents: START and EVENTS run to a good end.
func (c *cyrus) testEvents(t *testing.T) {
	for _, want := range []string{"START name:recover", "START name:delprune", "START name:tlsprune",
		"EVENT name:checkpoint", "EVENT name:expungeprune", "EVENT name:squatter"} {
		ended := regexp.MustCompile("process type:" + want + ` .* (exited|signaled|was killed).*`)
		awaitTrue(t, want+" ends", func() bool { return ended.MatchString(c.Log()) })
		if line := ended.FindString(c.Log()); !strings.Contains(line, "exited normally") {
			t.Error(line)
		}
	}
}

// testMail: a delivery wakes a session in IDLE, by lmtpd, idled and imapd.
func (c *cyrus) testMail(t *testing.T) {
	alice := c.login(t, "alice")
	do(t, alice, "SELECT INBOX")
	awaitPush(t, alice, func() { c.deliver(t, "unix", c.path("run/socket/lmtp"), "alice") })
	got := do(t, alice, "FETCH 1 (UID BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
	if !strings.Contains(got[0], "Subject: Message 1\r\n") {
		t.Errorf("fetched %q", got)
	}
	do(t, alice, "LOGOUT")
}

func (c *cyrus) testPOP3(t *testing.T) {
	d := converse(t, "tcp", c.pop3)
	d.say("", "+OK")
	d.say("USER alice", "+OK")
	d.say("PASS secret", "+OK")
	if got := d.say("RETR 1", "."); !strings.Contains(got, "\r\nSubject: Message 1\r\n") {
		t.Errorf("retrieved %q", got)
	}
	d.say("QUIT", "+OK")
}

// testSieve: a script that timsieved takes sorts the next delivery.
func (c *cyrus) testSieve(t *testing.T) {
	alice := c.login(t, "alice")
	do(t, alice, "CREATE INBOX.sorted")
	d := converse(t, "tcp", c.sieve)
	d.say("", "OK")
	plain := base64.StdEncoding.EncodeToString([]byte("\x00alice\x00secret"))
	d.say(fmt.Sprintf("AUTHENTICATE \"PLAIN\" %q", plain), "OK")
	script := "require \"fileinto\";\r\nfileinto \"INBOX.sorted\";\r\n"
	d.say(fmt.Sprintf("PUTSCRIPT \"sort\" {%d+}\r\n%s", len(script), script), "OK")
	d.say(`SETACTIVE "sort"`, "OK")
	d.say("LOGOUT", "OK")
	c.deliver(t, "unix", c.path("run/socket/lmtp"), "alice")
	if got := do(t, alice, "STATUS INBOX.sorted (MESSAGES)")[0]; !strings.Contains(got, "MESSAGES 1") {
		t.Errorf("the script did nothing: %s", got)
	}
	do(t, alice, "LOGOUT")
}

// testProcesses: clients at once have a process each, and who comes later gets one of those. The one that waits for
// a client holds the service's lock.
func (c *cyrus) testProcesses(t *testing.T) {
	var conns []*imapclient.Client
	for range 3 {
		conns = append(conns, c.login(t, "alice"))
	}
	pids := c.running("imapd")
	if len(pids) < 3 {
		t.Errorf("3 clients, and processes %v", pids)
	}
	for _, conn := range conns {
		do(t, conn, "LOGOUT")
	}
	awaitTrue(t, "one of them waits for a client", func() bool {
		return slices.Contains(pids, c.lockHolder(t, lockOf("imap/ipv4")))
	})
	last := c.login(t, "alice")
	if now := c.running("imapd"); !slices.Equal(now, pids) {
		t.Errorf("processes %v, then %v", pids, now)
	}
	do(t, last, "LOGOUT")
}

// testKill: kill -9 of a worker takes its own client along and no other.
func (c *cyrus) testKill(t *testing.T) {
	alice, bob := c.login(t, "alice"), c.login(t, "bob")
	victim := c.servedBy(t, "bob")
	if err := syscall.Kill(victim, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if got, err := bob.Read(); err == nil {
		t.Errorf("the killed worker says %q", got)
	}
	do(t, c.login(t, "bob"), "LOGOUT")
	do(t, alice, "LOGOUT")
	awaitTrue(t, "a line about it", func() bool {
		return strings.Contains(c.Log(), fmt.Sprintf("pid:%d signaled to death by signal 9", victim))
	})
}

// testHangup: idle workers are replaced, a client is served to its end by the worker that it has.
func (c *cyrus) testHangup(t *testing.T) {
	alice := c.login(t, "alice")
	serving, before := c.servedBy(t, "alice"), c.running("imapd")
	if err := syscall.Kill(c.PID, syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	awaitTrue(t, "the idle ones go", func() bool { return slices.Equal(c.running("imapd"), []int{serving}) })
	do(t, alice, "SELECT INBOX")
	do(t, c.login(t, "bob"), "LOGOUT")
	if by := c.running("imapd"); len(by) != 2 || slices.Contains(before, by[0]) && slices.Contains(before, by[1]) {
		t.Errorf("processes %v before, %v after SIGHUP", before, by)
	}
	do(t, alice, "LOGOUT")
	awaitTrue(t, "the old worker goes with its last client", func() bool { return !alive(serving) })
}

// testTerminate: the workers hear it from their parent, and the master ends after the last of them.
func (c *cyrus) testTerminate(t *testing.T) {
	alice := c.login(t, "alice")
	pids := c.Workers()
	serving := c.servedBy(t, "alice")
	if err := syscall.Kill(c.PID, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := alice.Read(); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	awaitClosed(t, "the master's end", c.done)
	if c.err != nil {
		t.Errorf("exit: %v", c.err)
	}
	for _, pid := range pids {
		if alive(pid) {
			t.Errorf("%d lives on", pid)
		}
	}
	log := c.syslog(t)
	if want := fmt.Sprintf("cyrus/imap[%d]: graceful shutdown\n", serving); !strings.Contains(log, want) {
		t.Errorf("no line %q", want)
	}
	for _, bad := range []string{"unexpected process", "unable to tell master", "locking disabled"} {
		if strings.Contains(log, bad) {
			t.Errorf("a service says %q", bad)
		}
	}
	if !strings.HasSuffix(strings.TrimSpace(c.Log()), `"All children have exited, closing down"`) {
		t.Error("the last line is another")
	}
}
