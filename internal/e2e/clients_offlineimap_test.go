package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// offlineIMAP writes a configuration that mirrors INBOX, Sent and a mailbox with a name beyond ASCII below home/mail.
// more are lines for the account (first) and for its far side (second).
func offlineIMAP(t *testing.T, s *Server, home string, more ...string) string {
	t.Helper()
	more = append(more, "", "")
	return write(t, filepath.Join(home, "offlineimaprc"), fmt.Sprintf(`[general]
metadata = %[2]s/metadata
accounts = constance
ui = basic
[Account constance]
localrepository = near
remoterepository = far
%[3]s
[Repository near]
type = Maildir
localfolders = %[2]s/mail
[Repository far]
type = IMAP
remotehost = 127.0.0.1
remoteport = %[1]s
remoteuser = alice
remotepass = wonderland
ssl = no
starttls = no
folderfilter = lambda name: name != 'Trash'
%[4]s
`, port(t, s.IMAP), home, more[0], more[1]))
}

// TestOfflineIMAP: OfflineIMAP mirrors mailboxes both ways; a run after that transfers nothing.
func TestOfflineIMAP(t *testing.T) {
	needs(t, "offlineimap", "offlineimap3")
	s := clientServer(t)
	home := t.TempDir()
	deliverMany(t, s, "alice", 0, 200)
	c := login(t, s, "alice", "wonderland")
	do(t, c, `CREATE "Entw&APw-rfe"`)
	rc := offlineIMAP(t, s, home)
	sync := func() { runProgram(t, home, "", "offlineimap", "-o", "-c", rc) }

	sync()
	compare(t, "after the first run", far(t, s), near(t, home))
	for _, box := range []string{"Sent", "Entw&APw-rfe"} {
		if _, err := os.Stat(filepath.Join(home, "mail", box, "cur")); err != nil {
			t.Errorf("%s has no maildir: %v", box, err)
		}
	}

	// changes on both sides: flags, new messages, deleted messages, a message in another mailbox
	do(t, c, "SELECT INBOX")
	do(t, c, `STORE 1:10 +FLAGS.SILENT (\Seen \Answered)`)
	do(t, c, `STORE 151:160 +FLAGS.SILENT (\Deleted)`)
	do(t, c, "EXPUNGE")
	deliverMany(t, s, "alice", 200, 205)
	inbox := filepath.Join(home, "mail", "INBOX")
	editMaildir(t, inbox, 200)
	for _, id := range []string{"m20", "m21", "m22", "m23", "m24"} { // of Trashed it makes \Deleted, and expunges what is gone
		if err := os.Remove(maildirFiles(t, inbox)[id]); err != nil {
			t.Fatal(err)
		}
	}
	write(t, filepath.Join(home, "mail", "Entw&APw-rfe", "new", "1.0.test"), letter(4000))
	sync()
	got, want := far(t, s), near(t, home)
	compare(t, "after changes on both sides", got, want)
	if n := len(got.flags); n != 200-10-5+5+2 {
		t.Errorf("%d messages at the end", n)
	}
	if got := do(t, c, `STATUS "Entw&APw-rfe" (MESSAGES)`)[0]; !strings.HasSuffix(got, "(MESSAGES 1)") {
		t.Error(got)
	}

	before, files := modSeq(t, s), names(t, home)
	sync()
	if after := names(t, home); !slices.Equal(after, files) {
		t.Errorf("the last run changed the maildir: %d files, before %d", len(after), len(files))
	}
	if after := modSeq(t, s); after != before {
		t.Errorf("the last run changed the mailbox: %s, before %s", after, before)
	}
}

// TestOfflineIMAPIdles leaves OfflineIMAP running, which waits in IDLE and fetches what is delivered.
func TestOfflineIMAPIdles(t *testing.T) {
	needs(t, "offlineimap", "offlineimap3")
	s := clientServer(t)
	home := t.TempDir()
	deliverMany(t, s, "alice", 0, 1)
	rc := offlineIMAP(t, s, home, "autorefresh = 10", "idlefolders = ['INBOX']\nkeepalive = 60\nmaxconnections = 2")
	cmd := exec.Command("offlineimap", "-c", rc)
	cmd.Env = append(os.Environ(), "HOME="+home, "LC_ALL=C.UTF-8")
	p := launch(t, cmd)
	defer p.Kill(t)
	awaitTrue(t, "it waits in IDLE", func() bool {
		for _, session := range status(t, s).Sessions {
			if session.Command == "IDLE" {
				return true
			}
		}
		return false
	})
	deliverMany(t, s, "alice", 1, 2)
	awaitTrue(t, "it fetches what came", func() bool { return len(names(t, home)) == 2 })
}
