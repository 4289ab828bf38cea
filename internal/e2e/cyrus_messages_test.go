package e2e

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/constance-mail/constance/internal/master"
)

// counters is what our master counts of a service, on its first listener.
func (c *cyrus) counters(t *testing.T, name string) master.ServiceStatus {
	t.Helper()
	var look struct{ Status master.Status }
	args := []string{"master", "status", "--json", "-p", c.path("master.pid")}
	if err := json.Unmarshal([]byte(runProgram(t, c.dir, "", binary, args...)), &look); err != nil {
		t.Fatal(err)
	}
	k := slices.IndexFunc(look.Status.Services, func(s master.ServiceStatus) bool { return s.Name == name })
	if k < 0 {
		t.Fatalf("no service %s in %+v", name, look.Status.Services)
	}
	return look.Status.Services[k]
}

// testMessages: a connection makes a worker BUSY and is counted (the messages 2 and 3), its end makes the worker READY
// (1). Meanwhile another worker, or none, holds the lock of the listener; then one that is READY holds it.
func (c *cyrus) testMessages(t *testing.T) {
	for _, s := range []struct{ name, network, addr, greeting, bye, answer string }{
		{"imap/ipv4", "tcp", c.imap, "* OK", "a LOGOUT", "a OK"},
		{"pop3/ipv4", "tcp", c.pop3, "+OK", "QUIT", "+OK"},
		{"lmtpunix/unix", "unix", c.path("run/socket/lmtp"), "220", "QUIT", "221"},
		{"csync/ipv4", "tcp", c.csync, "* OK", "EXIT", "OK"},
	} {
		before := c.counters(t, s.name)
		d := converse(t, s.network, s.addr)
		d.say("", s.greeting)
		var during master.ServiceStatus
		awaitTrue(t, "a busy worker and one more connection of "+s.name, func() bool {
			during = c.counters(t, s.name)
			return during.Busy == 1 && during.Conns == before.Conns+1
		})
		busy := workersIn(during, "busy")
		if holder := c.lockHolder(t, lockOf(s.name)); slices.Contains(busy, holder) {
			t.Errorf("%s: %d serves a client and holds the lock", s.name, holder)
		}
		d.say(s.bye, s.answer)
		awaitTrue(t, "a ready worker of "+s.name, func() bool {
			after := c.counters(t, s.name)
			return after.Busy == 0 && slices.Contains(workersIn(after, "ready"), busy[0])
		})
		awaitTrue(t, "the lock of "+s.name, func() bool {
			return slices.Contains(workersIn(c.counters(t, s.name), "ready"), c.lockHolder(t, lockOf(s.name)))
		})
	}
	// timsieved has ended after each client, and notifyd serves for ever from the first datagram on: it never says 1
	if s := c.counters(t, "sieve/ipv4"); s.Conns != 1 || s.Busy != 0 || s.Forks != 1 || s.Fails != 0 {
		t.Errorf("timsieved: %+v", s)
	}
	if s := c.counters(t, "notify/unix"); s.Conns != 1 || s.Busy != 1 || s.Forks != 1 || s.Fails != 0 {
		t.Errorf("notifyd: %+v", s)
	}
}

// testUses: a worker that has served as many clients as its -U says leaves, and nobody notices.
func (c *cyrus) testUses(t *testing.T) {
	before := c.counters(t, "pop3/ipv4")
	for range 65 { // -U 30
		d := converse(t, "tcp", c.pop3)
		d.say("", "+OK")
		d.say("QUIT", "+OK")
		d.conn.Close()
	}
	awaitTrue(t, "all counted", func() bool { return c.counters(t, "pop3/ipv4").Conns == before.Conns+65 })
	if now := c.counters(t, "pop3/ipv4"); now.Fails != before.Fails || now.Forks < before.Forks+2 || now.PausedFor > 0 {
		t.Errorf("before %+v, after %+v", before, now)
	}
}

// testUpgrade: another program goes on in the master's process; a client stays with its worker, whose parent is the
// same as before.
func (c *cyrus) testUpgrade(t *testing.T) {
	alice := c.login(t, "alice")
	serving := c.servedBy(t, "alice")
	runProgram(t, c.dir, "", binary, "master", "upgrade", "-p", c.path("master.pid"))
	awaitTrue(t, "the idle ones go", func() bool { return slices.Equal(c.running("imapd"), []int{serving}) })
	do(t, c.login(t, "bob"), "LOGOUT")
	do(t, alice, "LOGOUT")
	awaitTrue(t, "the old worker goes with its last client", func() bool { return !alive(serving) })
	awaitTrue(t, "true counters", func() bool {
		s := c.counters(t, "imap/ipv4")
		return s.Busy == 0 && s.Draining == 0 && s.Ready == 1
	})
}

// workersIn are the process ids of the workers in a state.
func workersIn(s master.ServiceStatus, state string) (pids []int) {
	for _, w := range s.Workers {
		if w.State == state {
			pids = append(pids, w.PID)
		}
	}
	return pids
}
