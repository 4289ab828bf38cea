package e2e

import (
	"bytes"
	"fmt"
	"net"
	"net/smtp"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// Mail goes through Postfix and LMTP, and a session that waits in IDLE in another process is told. The time from
// Postfix's 250 to the EXISTS is printed, not judged.
func TestPostfix(t *testing.T) {
	needs(t, "postfix", "postfix")
	needsRoot(t, "Postfix's master must be started by root")
	s := clientServer(t)
	addr := startPostfix(t, s)
	c := login(t, s, "alice", "wonderland")
	do(t, c, "SELECT INBOX")
	if err := c.Send("i IDLE\r\n"); err != nil {
		t.Fatal(err)
	}
	if r, err := c.Read(); err != nil || !strings.HasPrefix(r, "+") {
		t.Fatalf("IDLE: %q, %v", r, err)
	}
	var took []time.Duration
	for i := range 20 {
		body := fmt.Sprintf("From: bob@example.org\r\nTo: alice@constance.test\r\nSubject: Number %d\r\n\r\nBody\r\n", i)
		if err := smtp.SendMail(addr, nil, "bob@example.org", []string{"alice@constance.test"}, []byte(body)); err != nil {
			t.Fatalf("message %d: %v", i, err)
		}
		sent := time.Now()
		for {
			r, err := c.Read()
			if err != nil {
				t.Fatalf("message %d: %v", i, err)
			}
			if r == fmt.Sprintf("* %d EXISTS", i+1) {
				break
			}
		}
		took = append(took, time.Since(sent))
	}
	slices.Sort(took)
	t.Logf("Postfix's 250 to EXISTS in another process: median %v, longest %v", took[len(took)/2], took[len(took)-1])
	if err := c.Send("DONE\r\n"); err != nil {
		t.Fatal(err)
	}
}

// startPostfix starts an instance of its own, with its configuration and queue in a directory of the test, that hands mail
// for constance.test to the server by LMTP. It returns where it listens.
func startPostfix(t *testing.T, s *Server) string {
	t.Helper()
	// not below the test's own directory: Postfix's processes, which are not root, must reach it
	dir, err := os.MkdirTemp("", "constance-postfix")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	conf, addr := filepath.Join(dir, "conf"), freeAddress(t)
	for _, d := range []string{"conf", "queue", "data"} {
		if err := os.Mkdir(filepath.Join(dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	runProgram(t, dir, "", "chown", "postfix", filepath.Join(dir, "data"))
	write(t, filepath.Join(conf, "main.cf"), fmt.Sprintf(`compatibility_level = 3.6
queue_directory = %[1]s/queue
data_directory = %[1]s/data
multi_instance_enable = yes
multi_instance_name = postfix-constance-test
myhostname = mx.constance.test
mynetworks = 127.0.0.0/8
inet_interfaces = loopback-only
inet_protocols = ipv4
mydestination =
local_recipient_maps =
alias_maps =
virtual_mailbox_domains = constance.test
virtual_transport = lmtp:inet:%[2]s
maillog_file = %[1]s/log
maillog_file_prefixes = %[1]s
smtpd_relay_restrictions = permit_mynetworks, reject
`, dir, s.LMTP))
	write(t, filepath.Join(conf, "master.cf"), strings.ReplaceAll(fmt.Sprintf(`%s inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
error unix - - n - - error
retry unix - - n - - error
lmtp unix - - n - - lmtp
smtp unix - - n - - smtp
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
`, addr), " ", "\t"))
	for _, f := range []string{"main.cf", "master.cf"} {
		if err := os.Chmod(filepath.Join(conf, f), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		if t.Failed() {
			log, _ := os.ReadFile(filepath.Join(dir, "log")) // nothing to show is no further failure
			t.Logf("Postfix's log:\n%s", log)
		}
		var out bytes.Buffer
		cmd := exec.Command("postfix", "-c", conf, "stop")
		cmd.Stdout, cmd.Stderr = &out, &out
		if err := cmd.Run(); err != nil {
			t.Errorf("stop Postfix: %v: %s", err, &out)
		}
	})
	runProgram(t, dir, "", "postfix", "-c", conf, "start")
	deadline, tick := time.After(startTimeout), time.NewTicker(20*time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-deadline:
			t.Fatal("Postfix does not listen")
		case <-tick.C:
			if c, err := net.Dial("tcp", addr); err == nil {
				c.Close()
				return addr
			}
		}
	}
}
