package e2e

import (
	"slices"
	"syscall"
	"testing"
	"time"
)

// P42 with Cyrus's own services, which notice nothing until they are told: the master is killed and started again. Who is
// logged in stays so, with the same process; the idle ones and the daemons are replaced; newcomers are served.
func TestP42_CyrusKilled(t *testing.T) {
	c := newCyrus(t)
	c.start(t, binary, "master")
	alice := c.login(t, "alice")
	server, before := c.servedBy(t, "alice"), c.Workers()
	if err := syscall.Kill(c.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	c.start(t, binary, "master")
	if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("it greets after %v", took)
	}
	awaitTrue(t, "the end of those that serve nobody", func() bool {
		return !slices.ContainsFunc(before, func(pid int) bool { return pid != server && alive(pid) })
	})
	bob := c.login(t, "bob")
	if pid := c.servedBy(t, "bob"); slices.Contains(before, pid) {
		t.Errorf("served by %d, of the master before", pid)
	}
	if !alive(server) {
		t.Fatal("the process of a client has gone")
	}
	do(t, alice, "NOOP")
	do(t, alice, "LOGOUT")
	awaitTrue(t, "the end of the last", func() bool { return !alive(server) })
	do(t, bob, "LOGOUT")
}
