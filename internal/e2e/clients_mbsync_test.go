package e2e

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// mirror is a mailbox as one side sees it: message id to flags (of those both sides can express) and to a text.
type mirror struct{ flags, text map[string]string }

// TestMbsync: mbsync mirrors a mailbox of 2,000 messages both ways; a run after that transfers nothing.
func TestMbsync(t *testing.T) {
	needs(t, "mbsync", "isync")
	s := clientServer(t)
	home := t.TempDir()
	deliverMany(t, s, "alice", 0, 2000)
	rc := write(t, filepath.Join(home, "mbsyncrc"), fmt.Sprintf(`IMAPAccount constance
Host 127.0.0.1
Port %s
User alice
Pass wonderland
SSLType None
AuthMechs LOGIN
Timeout 120

IMAPStore far
Account constance

MaildirStore near
Path %[2]s/mail/
Inbox %[2]s/mail/INBOX
SubFolders Verbatim

Channel all
Far :far:
Near :near:
Patterns INBOX Sent
Create Both
Expunge Both
SyncState *
`, port(t, s.IMAP), home))
	write(t, filepath.Join(home, "mail", "keep"), "")
	sync := func() { runProgram(t, home, "", "mbsync", "-c", rc, "all") }

	sync()
	compare(t, "after the first run", far(t, s), near(t, home))
	if !compressed(t, s) {
		t.Error("mbsync did not compress")
	}

	// changes on both sides: flags, new messages, deleted messages
	c := login(t, s, "alice", "wonderland")
	do(t, c, "SELECT INBOX")
	do(t, c, `STORE 1:100 +FLAGS.SILENT (\Seen \Answered)`)
	do(t, c, `STORE 1501:1600 +FLAGS.SILENT (\Deleted)`)
	do(t, c, "EXPUNGE")
	do(t, c, "LOGOUT")
	deliverMany(t, s, "alice", 2000, 2050)
	editMaildir(t, filepath.Join(home, "mail", "INBOX"), 2000)
	sync()
	got, want := far(t, s), near(t, home)
	compare(t, "after changes on both sides", got, want)
	if n := len(got.flags); n != 2000-100-50+50+25 {
		t.Errorf("%d messages at the end", n)
	}

	before, files := modSeq(t, s), names(t, home)
	sync()
	if after := names(t, home); !slices.Equal(after, files) {
		t.Errorf("the last run changed the maildir: %d files, before %d", len(after), len(files))
	}
	if after := modSeq(t, s); after != before {
		t.Errorf("the last run changed the mailbox: %s, before %s", after, before)
	}
	if out := s.Run(t, "", "verify"); !strings.Contains(out, "no problem") {
		t.Errorf("verify: %s", out)
	}
}

// names are the files of the maildir, whose names change with the flags.
func names(t *testing.T, home string) (out []string) {
	t.Helper()
	for _, sub := range []string{"cur", "new"} {
		list, err := os.ReadDir(filepath.Join(home, "mail", "INBOX", sub))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range list {
			out = append(out, f.Name())
		}
	}
	return out
}

// modSeq is the answer to STATUS with all that changes when something changes.
func modSeq(t *testing.T, s *Server) string {
	c := login(t, s, "alice", "wonderland")
	return do(t, c, "STATUS INBOX (MESSAGES UIDNEXT UIDVALIDITY UNSEEN HIGHESTMODSEQ)")[0]
}

// maildirFiles are the paths of a maildir's messages by their message ids.
func maildirFiles(t *testing.T, dir string) map[string]string {
	t.Helper()
	byID := map[string]string{}
	for _, sub := range []string{"cur", "new"} {
		list, err := os.ReadDir(filepath.Join(dir, sub))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range list {
			path := filepath.Join(dir, sub, f.Name())
			byID[idOf(readFile(t, path))] = path
		}
	}
	return byID
}

// editMaildir is what a mail program does to its copy of n messages: it sets flags on a twentieth of them, deletes a
// fortieth and files an eightieth of new ones.
func editMaildir(t *testing.T, dir string, n int) {
	t.Helper()
	byID := maildirFiles(t, dir)
	flag := func(i int, flags string) {
		from := byID[fmt.Sprintf("m%d", i)]
		name, _, _ := strings.Cut(filepath.Base(from), ":")
		if err := os.Rename(from, filepath.Join(dir, "cur", name+":2,"+flags)); err != nil {
			t.Fatal(err)
		}
	}
	for i := range n / 20 {
		flag(n/2+i, "FS")
	}
	for i := range n / 40 {
		flag(n*3/5+i, "T") // Trashed: \Deleted, which is expunged then
	}
	for i := range n / 80 {
		write(t, filepath.Join(dir, "new", fmt.Sprintf("1.%d.test", i)), letter(3000+i))
	}
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

var messageID = regexp.MustCompile(`(?i)\nMessage-ID: <([^@]*)@`)

func idOf(text string) string {
	if m := messageID.FindStringSubmatch(text); m != nil {
		return m[1]
	}
	return ""
}

// plain is a message without what a copy may differ in: line ends and mbsync's own field.
func plain(text string) string {
	text = strings.ReplaceAll(text, "\r\n", "\n")
	return regexp.MustCompile(`(?m)^X-TUID: .*\n`).ReplaceAllString(text, "")
}

// near is the maildir.
func near(t *testing.T, home string) mirror {
	t.Helper()
	m := mirror{map[string]string{}, map[string]string{}}
	for _, sub := range []string{"cur", "new"} {
		dir := filepath.Join(home, "mail", "INBOX", sub)
		list, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range list {
			text := readFile(t, filepath.Join(dir, f.Name()))
			_, info, _ := strings.Cut(f.Name(), ":2,")
			m.flags[idOf(text)], m.text[idOf(text)] = info, plain(text)
		}
	}
	return m
}

var (
	fetched    = regexp.MustCompile(`(?s)^\* \d+ FETCH \(UID \d+ FLAGS \(([^)]*)\) BODY\[\] \{\d+\}\r\n(.*)\)$`)
	maildirFor = map[string]string{`\Answered`: "R", `\Flagged`: "F", `\Seen`: "S", `\Draft`: "D", `\Deleted`: "T"}
)

// far is the server's INBOX.
func far(t *testing.T, s *Server) mirror {
	t.Helper()
	m := mirror{map[string]string{}, map[string]string{}}
	c := login(t, s, "alice", "wonderland")
	do(t, c, "EXAMINE INBOX")
	for _, r := range do(t, c, "UID FETCH 1:* (UID FLAGS BODY.PEEK[])") {
		f := fetched.FindStringSubmatch(r)
		if f == nil {
			continue
		}
		var flags []string
		for _, w := range strings.Fields(f[1]) {
			if l, ok := maildirFor[w]; ok {
				flags = append(flags, l)
			}
		}
		slices.Sort(flags)
		m.flags[idOf(f[2])], m.text[idOf(f[2])] = strings.Join(flags, ""), plain(f[2])
	}
	return m
}

func compare(t *testing.T, when string, far, near mirror) {
	t.Helper()
	if len(far.flags) == 0 || !maps.Equal(far.flags, near.flags) {
		t.Errorf("%s: %d messages on the server, %d here; flags differ for %v", when, len(far.flags), len(near.flags), differ(far.flags, near.flags))
	}
	if !maps.Equal(far.text, near.text) {
		t.Errorf("%s: texts differ for %v", when, differ(far.text, near.text))
	}
}

// differ are some keys that differ.
func differ(a, b map[string]string) (out []string) {
	for k := range a {
		if b[k] != a[k] && len(out) < 10 {
			out = append(out, k)
		}
	}
	for k := range b {
		if _, ok := a[k]; !ok && len(out) < 20 {
			out = append(out, k)
		}
	}
	return out
}
