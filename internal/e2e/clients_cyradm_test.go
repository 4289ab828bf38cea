package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// cyradmSession is what an administrator types, and what is in the answer ("|" between several; nothing: it is silent).
// Its listquota cannot read, and crashes at, an answer with more than one resource.
var cyradmSession = []struct{ command, want string }{
	{"create user/alice/Projects", ""},
	{"create user/alice/Projects/Old", ""},
	{`create --specialuse \\Junk user/alice/Spam`, ""},
	{"listmailbox user/alice/Sp*", `user/alice/Spam (\HasNoChildren \Junk)`},
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
	{"setquota user/alice STORAGE 100", ""},
	{"listquota user/alice", "STORAGE 0/100 (0%)"},
	{"listquotaroot user/alice/Projects", "user/alice STORAGE 0/100 (0%)"},
	{"listquotaroot INBOX", "MAILBOX 6/10000"},
	{"subscribe user/alice/Projects", ""},
	{"listmailbox --subscribed *", `user/alice/Projects`},
	{"unsubscribe user/alice/Projects", ""},
	{"version", "name : Constance"},

	{"mboxcfg INBOX comment mine", ""},
	{"mboxcfg --private INBOX comment secret", ""},
	{"info INBOX", "{INBOX}: private: comment: secret shared: comment: mine"},
	{"mboxcfg INBOX comment none", ""},
	{"setinfo motd hello", ""},
	{"setinfo comment \"a server\"", ""},
	{"info", "{Server Wide} shared:|comment: a server|motd: hello"},
	{"setinfo motd none", ""},
	{"setinfo admin me", "setinfo: [NOPERM]"},
	{"setinfo shutdown now", "setinfo: [CANNOT] a setting of Cyrus"},
	{"mboxcfg user/alice/Projects comment plans", ""},
	{"info user/alice/Projects", "{user/alice/Projects}: shared: comment: plans"},
	{"getmetadata user/alice/Projects /shared/comment", "comment: plans"},
	{`setmetadata user/alice/Projects specialuse \\Archive`, ""},
	{"mboxcfg user/alice/Projects expire 30", "mboxconfig: [CANNOT] a setting of Cyrus"},
	{"mboxcfg user/nobody comment x", "mboxconfig: [NONEXISTENT]"},
	{"info user/nobody", "[NONEXISTENT]"},

	{"create user/carol", ""},
	{"create user/carol", "createmailbox: [ALREADYEXISTS]"},
	{"create user/carol/Work", ""},
	{"create user/nobody/Work", "createmailbox: [NONEXISTENT]"},
	{"setquota user/carol STORAGE 200", ""},
	{"listmailbox user/carol*", `user/carol (\HasChildren)|user/carol/Work (\HasNoChildren)`},
	{"setacl user/carol admin all", ""},
	{"listacl user/carol", "admin lrswipkxtea"},
	{"rename user/carol user/alice", "renamemailbox: [ALREADYEXISTS]"},
	{"rename user/carol/Work user/alice/Work", "renamemailbox: [CANNOT] a mailbox stays in its account"},
	{"rename user/carol user/dora", ""},
	{"listmailbox user/carol*", ""},
	{"listquota user/dora", "STORAGE 0/200 (0%)"},
	{"reconstruct user/dora", "reconstruct: unknown command"},
	{"xfermailbox user/dora elsewhere", "xfermailbox: unknown command"},
	{"delete user/dora/Work", ""},
	{"setacl user/dora admin c", ""},
	{"delete user/dora", ""},
	{"delete user/dora", "deletemailbox: [NONEXISTENT]"},
	{"listmailbox user/*", `user/alice (\HasChildren)|user/bob (`},
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
