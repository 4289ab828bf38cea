package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// cyradmSession is what an administrator types, and what is in the answer ("|" between several; nothing: it is silent).
// setinfo is refused: the server's shared annotations are settings. So is info, which asks for patterns of entries, that
// RFC 5464 section 3.2 forbids. Its listquota cannot read, and crashes at, an answer with more than one resource.
var cyradmSession = []struct{ command, want string }{
	{"create user/alice/Projects", ""},
	{"create user/alice/Projects/Old", ""},
	{`create --specialuse \\Junk user/alice/Spam`, ""},
	{"listmailbox user/alice/Sp*", `user/alice/Spam (\HasNoChildren`},
	{"create user/alice/Projects", "createmailbox: [ALREADYEXISTS]"},
	{"listmailbox user/alice/Pro*", `user/alice/Projects (\HasChildren)|user/alice/Projects/Old (\HasNoChildren)`},
	{"setacl user/alice/Projects bob lrs", ""},
	{"setacl user/alice/Projects nobody-there lrs", "setaclmailbox: nobody-there:"},
	{"listacl user/alice/Projects", "alice lrswipkxtenacd|bob lrs"},
	{"deleteacl user/alice/Projects bob", ""},
	{"listacl user/alice/Projects", "alice lrswipkxtenacd"},
	{"rename user/alice/Projects/Old user/alice/Older", ""},
	{"delete user/alice/Older", ""},
	{"delete user/alice/Older", "deletemailbox: [NONEXISTENT]"},
	{"mboxcfg INBOX comment mine", ""},
	{"setinfo motd hello", "[NOPERM]"},
	{"info INBOX", "malformed entry name"},
	{"setquota user/alice STORAGE 100", ""},
	{"listquotaroot INBOX", "MAILBOX 6/10000"},
	{"subscribe user/alice/Projects", ""},
	{"version", "name : Constance"},
}

// TestCyradm administers mailboxes of a user with the shell of Cyrus's administrators.
func TestCyradm(t *testing.T) {
	needs(t, "cyradm", "cyrus-admin")
	if binary == "" {
		t.Skip("-short")
	}
	dir, home := t.TempDir(), t.TempDir()
	write(t, filepath.Join(dir, "constance.toml"), "[sharing]\nadmins = [\"admin\"]\n")
	s := StartServer(t, binary, dir, "alice:{PLAIN}wonderland\nbob:{PLAIN}humbug\nadmin:{PLAIN}secret\n")
	c := login(t, s, "alice", "wonderland")
	var typed strings.Builder
	for _, line := range cyradmSession {
		typed.WriteString(line.command + "\n")
	}
	cmd := exec.CommandContext(t.Context(), "cyradm", "--user", "admin", "--password", "secret", "--auth", "PLAIN", "--notls", "--norc",
		"--server", "127.0.0.1", "--port", port(t, s.IMAP))
	cmd.Env = append(os.Environ(), "HOME="+home, "LC_ALL=C.UTF-8", "TERM=dumb")
	cmd.Stdin = strings.NewReader(typed.String())
	out, err := cmd.CombinedOutput()
	if err != nil { // what counts is that it got answers: it frees something twice now and then when it ends
		t.Logf("cyradm: %v\n%s", err, out)
	}
	answers := strings.Split(string(out), "127.0.0.1> ")
	for i, line := range cyradmSession {
		if i+1 >= len(answers) {
			t.Fatalf("%d answers to %d commands", len(answers)-1, len(cyradmSession))
		}
		got := strings.Join(strings.Fields(answers[i+1]), " ")
		for part := range strings.SplitSeq(line.want, "|") {
			if !strings.Contains(got, part) || part == "" && got != "" {
				t.Errorf("%s: got %q, want %q", line.command, got, part)
			}
		}
	}
	if got := do(t, c, "GETQUOTAROOT INBOX")[1]; !strings.Contains(got, "STORAGE 0 100") {
		t.Errorf("alice has %s", got)
	}
	if got := do(t, c, `GETACL Projects`)[0]; got != `* ACL "Projects" alice lrswipkxtenacd` {
		t.Errorf("alice sees %s", got)
	}
}
