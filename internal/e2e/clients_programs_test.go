package e2e

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

func TestCurl(t *testing.T) {
	needs(t, "curl", "curl")
	s := clientServer(t)
	home := t.TempDir()
	ca := filepath.Join(s.Dir, "tls", "cert.pem")
	curl := func(args ...string) string {
		return runProgram(t, home, "", "curl", append([]string{"--silent", "--show-error", "--max-time", "30", "--user", "alice:wonderland", "--cacert", ca}, args...)...)
	}
	text := strings.ReplaceAll(letter(3), "\n", "\r\n")
	file := write(t, filepath.Join(home, "m.eml"), text)
	plainURL, tlsURL := "imap://"+s.IMAP+"/", "imaps://localhost:"+port(t, s.IMAPS)+"/"

	curl(plainURL+"INBOX", "--upload-file", file)
	if got := curl(tlsURL + "INBOX;MAILINDEX=1"); got != text {
		t.Errorf("got %q, want %q", got, text)
	}
	// STARTTLS, with the certificate checked
	if got := curl("imap://localhost:"+port(t, s.IMAP)+"/INBOX;MAILINDEX=1;SECTION=HEADER.FIELDS%20(SUBJECT)", "--ssl-reqd"); !strings.Contains(got, "Subject: Message 3\r\n") {
		t.Errorf("got %q", got)
	}
	if got := curl(tlsURL+"INBOX", "--request", "SEARCH SUBJECT \"Message 3\""); got != "* SEARCH 1\r\n" {
		t.Errorf("got %q", got)
	}
	if got := curl(tlsURL, "--request", `LIST "" *`); !strings.Contains(got, `"Sent"`) && !strings.Contains(got, " Sent") {
		t.Errorf("got %q", got)
	}
}

func TestPythonImaplib(t *testing.T) {
	needs(t, "python3", "python3")
	s := clientServer(t)
	home := t.TempDir()
	script := write(t, filepath.Join(home, "t.py"), `
import imaplib, ssl, sys, time
host, port, tlsport, ca = "localhost", int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
context = ssl.create_default_context(cafile=ca)

def ok(answer):
    assert answer[0] == "OK", answer
    return answer[1]

with imaplib.IMAP4(host, port) as c:
    ok(c.starttls(context))
    ok(c.login("alice", "wonderland"))
    ok(c.enable("CONDSTORE")) if "ENABLE" in c.capabilities else None
    ok(c.create('"Entw&APw-rfe"'))
    for i in range(5):
        ok(c.append("INBOX", r"(\Seen)", imaplib.Time2Internaldate(time.time()), b"Subject: %d\r\n\r\nBody %d\r\n" % (i, i)))
    assert ok(c.select("INBOX")) == [b"5"]
    assert ok(c.search(None, "SUBJECT", "3")) == [b"4"]
    ok(c.store("2:3", "+FLAGS", r"(\Flagged $Work)"))
    data = ok(c.fetch("1:5", "(FLAGS BODY.PEEK[TEXT])"))
    assert [d[1] for d in data if isinstance(d, tuple)] == [b"Body %d\r\n" % i for i in range(5)], data
    ok(c.copy("1:2", '"Entw&APw-rfe"'))
    ok(c.uid("MOVE", "3", '"Entw&APw-rfe"'))
    assert ok(c.status('"Entw&APw-rfe"', "(MESSAGES)"))[0].endswith(b"(MESSAGES 3)")
    ok(c.store("1", "+FLAGS", r"(\Deleted)"))
    assert ok(c.expunge())[-1] == b"1" # after that of MOVE
    typ, _ = c.select("nothing")
    assert typ == "NO", typ

with imaplib.IMAP4_SSL(host, tlsport, ssl_context=context) as c:
    def auth(challenge): return b"\0alice\0wonderland"
    ok(c.authenticate("PLAIN", auth))
    names = b" ".join(ok(c.list()))
    assert b"Entw&APw-rfe" in names, names
    assert ok(c.select("INBOX", readonly=True)) == [b"3"]

try:
    imaplib.IMAP4(host, port).login("alice", "wrong")
    raise SystemExit("a wrong password lets in")
except imaplib.IMAP4.error:
    pass
print("done")
`)
	if got := runProgram(t, home, "", "python3", script, port(t, s.IMAP), port(t, s.IMAPS), filepath.Join(s.Dir, "tls", "cert.pem")); got != "done\n" {
		t.Errorf("got %q", got)
	}
}

// neomutt at a terminal of its own opens the mailbox, moves and flags what matches patterns, and syncs.
func TestNeomutt(t *testing.T) {
	needs(t, "neomutt", "neomutt")
	s := clientServer(t)
	home := t.TempDir()
	deliverMany(t, s, "alice", 0, 20)
	rc := write(t, filepath.Join(home, "rc"), fmt.Sprintf(`set imap_user=alice
set imap_pass=wonderland
set ssl_starttls=no
set ssl_force_tls=no
set folder="imap://127.0.0.1:%[1]s/"
set spoolfile="imap://127.0.0.1:%[1]s/INBOX"
set confirmappend=no
set confirmcreate=no
set delete=yes
set quit=yes
set sort=mailbox-order
set header_cache=""
set imap_qresync=yes
push "<tag-pattern>~s 'Message 1[0-4]'<enter><tag-prefix><save-message>=Archive<enter><limit>all<enter><tag-pattern>~s 'Message [5-7]$'<enter><tag-prefix><set-flag>!<untag-pattern>.<enter><sync-mailbox><quit>"
`, port(t, s.IMAP)))
	shown := runTerminal(t, home, "neomutt", "-n", "-F", rc)
	c := login(t, s, "alice", "wonderland")
	status := func(box string) string {
		_, counts, _ := strings.Cut(do(t, c, "STATUS "+box+" (MESSAGES)")[0], "(")
		return strings.TrimSuffix(counts, ")")
	}
	if a, i := status("Archive"), status("INBOX"); a != "MESSAGES 5" || i != "MESSAGES 15" {
		t.Errorf("Archive has %s, INBOX has %s; want 5 and 15; neomutt showed:\n%q", a, i, shown)
	}
	do(t, c, "SELECT INBOX")
	if got := do(t, c, "SEARCH FLAGGED")[0]; got != "* SEARCH 6 7 8" {
		t.Errorf("flagged: %s", got)
	}
}

// fetchmail says how much there is, leaves it there when told so, and takes all mail away, to a program and to bob by
// LMTP.
func TestFetchmail(t *testing.T) {
	needs(t, "fetchmail", "fetchmail")
	s := clientServer(t)
	home := t.TempDir()
	deliverMany(t, s, "alice", 0, 10)
	fetch := func(to string, options ...string) string {
		rc := write(t, filepath.Join(home, "rc"), fmt.Sprintf("set no bouncemail\npoll 127.0.0.1 service %s protocol imap\n"+
			"  user alice password wonderland is bob here\n  sslproto ''\n  %s\n", port(t, s.IMAP), to))
		return runProgram(t, home, "", "fetchmail", append([]string{"--nodetach", "--fetchmailrc", rc, "--pidfile", filepath.Join(home, "pid")}, options...)...)
	}
	messages := func(user, password string) string {
		return do(t, login(t, s, user, password), "STATUS INBOX (MESSAGES UNSEEN)")[0]
	}

	if got := fetch("keep", "--check"); !strings.Contains(got, "10 messages for alice at 127.0.0.1") {
		t.Errorf("--check: %q", got)
	}
	file := filepath.Join(home, "mbox")
	fetch(fmt.Sprintf("keep mda \"cat >> %s; echo >> %[1]s\"", file))
	if got := messages("alice", "wonderland"); !strings.HasSuffix(got, "(MESSAGES 10 UNSEEN 0)") {
		t.Errorf("kept: %s", got)
	}
	text := readFile(t, file)
	for i := range 10 {
		_, body, _ := strings.Cut(letter(i), "\n\n")
		if !strings.Contains(text, fmt.Sprintf("\nMessage-ID: <m%d@example.org>\n", i)) || !strings.Contains(text, "\n\n"+body) {
			t.Errorf("message %d is not in the file, or not whole", i)
		}
	}
	deliverMany(t, s, "alice", 10, 12)
	if got := fetch("keep", "--check"); !strings.Contains(got, "12 messages (10 seen) for alice") {
		t.Errorf("--check: %q", got)
	}
	fetch(fmt.Sprintf("fetchall nokeep smtphost 127.0.0.1/%s lmtp", port(t, s.LMTP)))
	if got := messages("alice", "wonderland"); !strings.HasSuffix(got, "(MESSAGES 0 UNSEEN 0)") {
		t.Errorf("alice: %s", got)
	}
	if got := messages("bob", "humbug"); !strings.HasSuffix(got, "(MESSAGES 12 UNSEEN 12)") {
		t.Errorf("bob: %s", got)
	}
}

func TestSwaks(t *testing.T) {
	needs(t, "swaks", "swaks")
	s := clientServer(t)
	home := t.TempDir()
	attachment := write(t, filepath.Join(home, "a.txt"), "attached\n")
	runProgram(t, home, "", "swaks", "--protocol", "LMTP", "--server", s.LMTP, "--from", "x@example.org", "--to", "alice@example.org,bob+Sent@example.org",
		"--h-Subject", "from swaks", "--attach", "@"+attachment)
	for user, box := range map[string]string{"alice wonderland": "INBOX", "bob humbug": "Sent"} {
		name, password, _ := strings.Cut(user, " ")
		c := login(t, s, name, password)
		do(t, c, "SELECT "+box)
		if got := do(t, c, `SEARCH SUBJECT "from swaks"`)[0]; got != "* SEARCH 1" {
			t.Errorf("%s: %s", name, got)
		}
	}
}
