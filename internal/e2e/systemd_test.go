package e2e

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// systemd's own program for it hands over sockets: the service takes the one where it listens, keeps it over an upgrade, and
// one that nobody wants is told of. A full systemd cannot be run everywhere; this is the same protocol.
func TestSocketActivation(t *testing.T) {
	if binary == "" {
		t.Skip("-short")
	}
	activate, err := exec.LookPath("systemd-socket-activate")
	if err != nil {
		t.Skip("systemd-socket-activate is not installed (Debian package systemd)")
	}
	dir, imap, idle := t.TempDir(), freeAddress(t), freeAddress(t)
	conf := write(t, filepath.Join(dir, "cyrus.conf"), fmt.Sprintf(
		"SERVICES {\n imap cmd=\"%s imapd --data %s/data\" listen=%s prefork=1\n}\n", binary, dir, imap))
	runProgram(t, dir, "alice:{PLAIN}secret\n", binary, "user", "import", "--data", filepath.Join(dir, "data"))
	pidFile := filepath.Join(dir, "m.pid")
	p := launch(t, exec.Command(activate, "-l", imap, "-l", idle, "--fdname=imap:idle", "-E", "CYRUS_USER=root",
		binary, "master", "-C", filepath.Join(dir, "none"), "-M", conf, "-p", pidFile, "-D"))
	t.Cleanup(func() {
		p.Stop(t)
		if t.Failed() {
			t.Log(p.Log())
		}
	})
	if err := p.awaitGreeting(imap); err != nil { // the first client is what starts the master
		t.Fatal(err)
	}
	if want := "socket=\"idle stream " + idle + "\""; !strings.Contains(p.Log(), want) {
		t.Errorf("no %q", want)
	}
	constance(t, false, "master", "upgrade", "-p", pidFile)
	if !greets(imap) {
		t.Error("after an upgrade nobody greets")
	}
	if err := syscall.Kill(p.PID, syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	if !greets(imap) {
		t.Error("after a reload nobody greets")
	}
}
