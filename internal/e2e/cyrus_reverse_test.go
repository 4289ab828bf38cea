package e2e

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// Our services under Cyrus's own master: they are good citizens of a contract that we did not write.
func TestConstanceUnderCyrusMaster(t *testing.T) {
	c := newCyrus(t)
	c.install(t)
	c.start(t, "cyrmaster")
	awaitTrue(t, "all workers", func() bool { return len(c.running("constance")) == 3 })

	t.Run("LMTP, IMAP and IDLE", func(t *testing.T) {
		alice := c.login(t, "alice")
		do(t, alice, "SELECT INBOX")
		awaitPush(t, alice, func() { c.deliver(t, "unix", c.path("run/socket/lmtp"), "alice") })
		got := do(t, alice, "FETCH 1 (UID BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
		if !strings.Contains(got[0], "Subject: Message 1\r\n") {
			t.Errorf("fetched %q", got)
		}
		do(t, alice, "LOGOUT")
	})
	t.Run("SIGHUP", c.testHangupOfOurs)
	t.Run("SIGTERM", c.testTerminateOurs)
}

// install puts our program, where the user cyrus can run it, and its data into the installation.
func (c *cyrus) install(t *testing.T) {
	t.Helper()
	c.copy(t, binary, "constance")
	conf := strings.NewReplacer("DIR", c.dir, "IMAP", port(t, c.imap)).Replace(readFile(t, "testdata/cyrus/ours.conf"))
	write(t, c.path("cyrus.conf"), conf)
	users := "alice:{PLAIN}secret\nbob:{PLAIN}secret\n"
	runProgram(t, c.dir, users, c.path("constance"), "user", "import", "--data", c.path("data"))
	c.own(t)
}

// testHangupOfOurs: all workers are replaced, and a client stays with the one that it has.
func (c *cyrus) testHangupOfOurs(t *testing.T) {
	alice := c.login(t, "alice")
	do(t, alice, "SELECT INBOX")
	before := c.running("constance")
	if err := syscall.Kill(c.PID, syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	left := func() (n int) { return len(before) - len(without(before, c.running("constance"))) }
	awaitTrue(t, "the idle ones go", func() bool { return left() == 1 })
	awaitTrue(t, "three new ones", func() bool { return len(c.running("constance")) == 4 })
	do(t, c.login(t, "bob"), "LOGOUT")
	do(t, alice, "FETCH 1 FLAGS")
	do(t, alice, "LOGOUT")
	awaitTrue(t, "the old worker goes with its last client", func() bool { return left() == 0 })
}

// without are the elements of a that are not in b.
func without(a, b []int) []int {
	return slices.DeleteFunc(slices.Clone(a), func(n int) bool { return slices.Contains(b, n) })
}

// testTerminateOurs: the client is told, all end, and Cyrus's master has not found anything odd.
func (c *cyrus) testTerminateOurs(t *testing.T) {
	alice := c.login(t, "alice")
	pids := c.running("constance") // a worker that has ended may still wait to be taken note of
	for _, pid := range pids {     // one that Cyrus's master has only just started hears no signal yet, but dies of it
		awaitTrue(t, "a worker answers for itself", func() bool {
			at, err := filepath.Glob(c.path(fmt.Sprintf("data/run/*.%d.sock", pid)))
			return err == nil && len(at) == 1
		})
	}
	if err := syscall.Kill(c.PID, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if got, err := alice.Read(); err != nil || !strings.HasPrefix(got, "* BYE") {
		t.Errorf("the end is told as %q, %v", got, err)
	}
	awaitClosed(t, "the master's end", c.done)
	if c.err != nil {
		t.Errorf("exit: %v", c.err)
	}
	if slices.ContainsFunc(pids, alive) {
		t.Errorf("of %v some live on", pids)
	}
	log := c.syslog(t)
	if !strings.Contains(log, "All children have exited, closing down") {
		t.Error("Cyrus's master has not ended in order")
	}
	for line := range strings.Lines(log) {
		if strings.Contains(line, ">cyrus/master[") && line < "<5>" { // a warning or worse
			t.Errorf("Cyrus's master says %s", line)
		}
	}
}
