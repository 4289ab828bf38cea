package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// result is what one call of the program did.
type result struct {
	code   int
	out    string
	errors string
}

// call runs a command line on a data directory, within the test's process.
func call(t *testing.T, data, stdin string, args ...string) result {
	t.Helper()
	var out, errs bytes.Buffer
	p := &program{stdin: strings.NewReader(stdin), stdout: &out, stderr: &errs, getenv: func(key string) string {
		if key == "CONSTANCE_DATA" {
			return data
		}
		return ""
	}}
	code := p.run(context.Background(), args)
	return result{code, out.String(), errs.String()}
}

// ok is call for what must succeed; its standard output.
func ok(t *testing.T, data, stdin string, args ...string) string {
	t.Helper()
	r := call(t, data, stdin, args...)
	if r.code != 0 || r.errors != "" {
		t.Fatalf("%v: exit %d, %q, %q", args, r.code, r.out, r.errors)
	}
	return r.out
}

func TestUsageErrors(t *testing.T) {
	for _, c := range []struct {
		args       []string
		want, hint string
	}{
		{[]string{"usr"}, `there is no command "usr"`, "did you mean user?"},
		{[]string{"user", "ad"}, `there is no command "ad"`, "did you mean add?"},
		{[]string{"user", "add"}, "1 arguments are missing", `see "constance user add --help"`},
		{[]string{"user", "add", "a", "b"}, `"b" is one argument too many`, `see "constance user add --help"`},
		{[]string{"status", "--frob"}, "unknown flag: --frob", `see "constance status --help"`},
		{[]string{"deliver", "x"}, "--to is missing", `see "constance deliver --help"`},
		{[]string{"serve", "--listen", "imap"}, `--listen "imap": write NAME=ADDR`, `see "constance serve --help"`},
		{[]string{"serve", "--listen", "pop3=:110"}, "--listen pop3: not yet", "NAME is imap, imaps, lmtp or http"},
		{[]string{"serve", "--listen", "ftp=:21"}, "--listen ftp: there is no such service", "NAME is imap, imaps, lmtp or http"},
		{[]string{"serve", "--listen", "imap=143"}, `--listen imap: "143" is no address: write "host:port", "unix:/path" or "off"`, `see "constance serve --help"`},
		{[]string{"serve", "--workers", "-1"}, "--workers must be from 0 to 1024", `see "constance serve --help"`},
	} {
		r := call(t, filepath.Join(t.TempDir(), "none"), "", c.args...)
		want := "constance: " + c.want + "\nconstance: hint: " + c.hint + "\n"
		if r.code != exitUsage || r.errors != want || r.out != "" {
			t.Errorf("%v: exit %d, %q, %q; want %q", c.args, r.code, r.out, r.errors, want)
		}
	}
}

func TestExitCodes(t *testing.T) {
	dir := t.TempDir()
	none := filepath.Join(dir, "none")
	if r := call(t, none, "", "user", "list"); r.code != exitFailed || !strings.Contains(r.errors, "there is no data directory") {
		t.Errorf("no data directory: %+v", r)
	}
	if _, err := os.Stat(none); err == nil {
		t.Error("a verb that only reads made the data directory")
	}
	if r := call(t, none, "", "status"); r.code != exitFailed || !strings.Contains(r.errors, "no server runs on") {
		t.Errorf("status without a server: %+v", r)
	}
	conf := filepath.Join(dir, "c.toml")
	if err := os.WriteFile(conf, []byte("[imap]\nworkerz = 3\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := call(t, dir, "", "config", "--config", conf)
	if r.code != exitConfig || r.errors != "constance: "+conf+":2: imap.workerz: unknown key\nconstance: hint: did you mean imap.workers?\n" {
		t.Errorf("a wrong configuration: %+v", r)
	}
}

func TestConfig(t *testing.T) {
	dir := t.TempDir()
	defaults := ok(t, dir, "", "config", "--defaults")
	if out := ok(t, dir, "", "config"); out != "" {
		t.Errorf("without a file something differs: %q", out)
	}
	// the file of the data directory counts without being named
	text := strings.Replace(defaults, "workers = 0", "workers = 7", 1)
	if err := os.WriteFile(filepath.Join(dir, "constance.toml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if out := ok(t, dir, "", "config"); out != "[imap]\nworkers = 7\n" {
		t.Errorf("got %q", out)
	}
	var all map[string]map[string]string
	if err := json.Unmarshal([]byte(ok(t, dir, "", "config", "--json")), &all); err != nil || all["imap"]["workers"] != "7" {
		t.Errorf("json: %v, %v", all, err)
	}
}

func TestUsers(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	ok(t, dir, "secret\n", "user", "add", "Carol")
	file := filepath.Join(t.TempDir(), "pw")
	if err := os.WriteFile(file, []byte("other\r\nsecond line\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	ok(t, dir, "", "user", "add", "dave@example.org", "--password-file", file)
	ok(t, dir, "new\n", "user", "passwd", "carol")
	var users []userRow
	if err := json.Unmarshal([]byte(ok(t, dir, "", "user", "list", "--json")), &users); err != nil {
		t.Fatal(err)
	}
	if len(users) != 2 || users[0].Login != "carol" || users[1].Login != "dave@example.org" || users[0].Account == users[1].Account {
		t.Errorf("users %+v", users)
	}
	for _, c := range []struct {
		stdin, want string
		args        []string
	}{
		{"x\n", "constance: there is a user carol already\nconstance: hint: `constance user passwd` changes a password\n", []string{"user", "add", "carol"}},
		{"", "constance: read the password: EOF\n", []string{"user", "passwd", "carol"}},
		{"\n", "constance: the password is empty\n", []string{"user", "passwd", "carol"}},
		{strings.Repeat("x", 600) + "\n", "constance: the password is longer than 512 octets\n", []string{"user", "passwd", "carol"}},
		{"x\n", "constance: there is no user eve\nconstance: hint: `constance user list` lists all users\n", []string{"user", "passwd", "eve"}},
		{"", "constance: there is no user eve\nconstance: hint: `constance user list` lists all users\n", []string{"user", "remove", "eve"}},
	} {
		if r := call(t, dir, c.stdin, c.args...); r.code != exitFailed || r.errors != c.want {
			t.Errorf("%v: %+v, want %q", c.args, r, c.want)
		}
	}
	ok(t, dir, "", "user", "remove", "carol", "--mail")
	if out := ok(t, dir, "", "user", "list"); strings.Contains(out, "carol") || !strings.HasPrefix(out, "LOGIN") {
		t.Errorf("list %q", out)
	}
}

// RFC 9208 section 5.
func TestUserQuota(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	ok(t, dir, "secret\n", "user", "add", "carol")
	quota := func(args ...string) (out []quotaRow) {
		t.Helper()
		args = append([]string{"user", "quota", "carol", "--json"}, args...)
		if err := json.Unmarshal([]byte(ok(t, dir, "", args...)), &out); err != nil {
			t.Fatal(err)
		}
		return out
	}
	boxes := quota()[2].Usage
	for _, c := range []struct {
		args                        []string
		storage, messages, maxBoxes int64
	}{
		{nil, 0, 0, 0},
		{[]string{"--storage", "5 GiB", "--mailboxes", "9"}, 5 << 30, 0, 9},
		{[]string{"--messages", "1000"}, 5 << 30, 1000, 9},
		{[]string{"--storage", "0"}, 0, 1000, 9},
	} {
		want := []quotaRow{{"storage", 0, c.storage}, {"messages", 0, c.messages}, {"mailboxes", boxes, c.maxBoxes}}
		if got := quota(c.args...); !slices.Equal(got, want) {
			t.Errorf("%v: got %+v, want %+v", c.args, got, want)
		}
	}
	for _, args := range [][]string{{"--storage", "much"}, {"--messages", "-1"}, {"--mailboxes", "x"}} {
		if r := call(t, dir, "", append([]string{"user", "quota", "carol"}, args...)...); r.code != exitFailed {
			t.Errorf("%v: %+v", args, r)
		}
	}
	if out := ok(t, dir, "", "user", "quota", "carol"); !strings.Contains(out, "storage    0 B    none") {
		t.Errorf("table %q", out)
	}
}

func TestImport(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	var b strings.Builder
	b.WriteString("# a comment\n\n")
	for i := range 20000 {
		fmt.Fprintf(&b, "user%05d:{PLAIN}pw:1000:1000::/home/x::\n", i)
	}
	if out := ok(t, dir, b.String(), "user", "import"); out != "IMPORTED\n20000\n" {
		t.Errorf("got %q", out)
	}
	if r := call(t, dir, "user00007:{PLAIN}x\nnew:{PLAIN}x\n", "user", "import"); r.code != exitFailed ||
		r.errors != "constance: there is a user user00007 already; nobody was added\nconstance: hint: --replace gives existing users the new hash\n" {
		t.Errorf("an existing user: %+v", r)
	}
	ok(t, dir, "user00007:{PLAIN}x\nnew:{PLAIN}x\n", "user", "import", "--replace", "-")
	if n := strings.Count(ok(t, dir, "", "user", "list"), "\n"); n != 20002 {
		t.Errorf("%d lines", n)
	}
	r := call(t, dir, "good:{PLAIN}x\nbad:{MD4}x\n", "user", "import")
	if r.code != exitFailed || !strings.HasPrefix(r.errors, "constance: standard input: line 2") {
		t.Errorf("a bad line: %+v", r)
	}
	if strings.Contains(ok(t, dir, "", "user", "list"), "\ngood ") {
		t.Error("half an import was done")
	}
}

func TestDeliver(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	ok(t, dir, "alice:{PLAIN}x\n", "user", "import")
	file := filepath.Join(t.TempDir(), "m.eml")
	if err := os.WriteFile(file, []byte("Subject: one\n\nlf\r\ncrlf\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	ok(t, dir, "", "deliver", "--to", "alice", file)
	ok(t, dir, "Subject: two\n\nx\n", "deliver", "--to", "alice+Sent@example.org", "-")
	ok(t, dir, "Subject: three\n\nx\n", "deliver", "--to", "alice", "--mailbox", "Archive", "-")
	for _, box := range []string{"INBOX", "Sent", "Archive"} {
		var rows []messageRow
		if err := json.Unmarshal([]byte(ok(t, dir, "", "mailbox", "dump", "alice", box, "--json")), &rows); err != nil || len(rows) != 1 || rows[0].UID != 1 {
			t.Errorf("%s: %+v, %v", box, rows, err)
		}
	}
	var boxes []mailboxRow
	if err := json.Unmarshal([]byte(ok(t, dir, "", "mailbox", "list", "alice", "--json")), &boxes); err != nil || len(boxes) != 6 {
		t.Errorf("mailboxes %+v, %v", boxes, err)
	}
	r := call(t, dir, "", "deliver", "--to", "alice", filepath.Join(dir, "none"), file)
	if r.code != exitFailed || !strings.Contains(r.errors, "none: no such file or directory") || !strings.Contains(r.out, file) {
		t.Errorf("a missing file beside a good one: %+v", r)
	}
	if r := call(t, dir, "x", "deliver", "--to", "bob", "-"); r.code != exitFailed || !strings.Contains(r.errors, "there is no user bob") {
		t.Errorf("no user: %+v", r)
	}
	if r := call(t, dir, "x", "deliver", "--to", "alice", "--mailbox", "No", "-"); r.code != exitFailed || !strings.Contains(r.errors, "not found") {
		t.Errorf("no mailbox: %+v", r)
	}
	if out := ok(t, dir, "", "verify"); out != "1 accounts, no problem\n" {
		t.Errorf("verify: %q", out)
	}
	if out := ok(t, dir, "", "purge", "alice", "--after", "0s", "--json"); !strings.Contains(out, `"accounts": 1`) {
		t.Errorf("purge: %q", out)
	}
	if r := call(t, dir, "", "purge", "--after", "soon"); r.code != exitUsage {
		t.Errorf("purge --after soon: %+v", r)
	}
}

func TestDeliverTooLarge(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	ok(t, dir, "alice:{PLAIN}x\n", "user", "import")
	if err := os.WriteFile(filepath.Join(dir, "constance.toml"), []byte("[lmtp]\nsize_limit = \"1 KiB\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := call(t, dir, strings.Repeat("x\n", 600), "deliver", "--to", "alice", "-")
	if r.code != exitFailed || !strings.Contains(r.errors, "larger than 1 KiB (lmtp.size_limit)") {
		t.Errorf("got %+v", r)
	}
}

func TestCopyCRLF(t *testing.T) {
	long := strings.Repeat("x", 64<<10)
	for in, want := range map[string]string{
		"": "", "a": "a", "a\nb\n": "a\r\nb\r\n", "a\r\nb\n": "a\r\nb\r\n", "\n\n": "\r\n\r\n", "\r\n": "\r\n", "a\rb\n": "a\rb\r\n",
		long + "\n": long + "\r\n", long[1:] + "\r\nx\n": long[1:] + "\r\nx\r\n",
	} {
		var b bytes.Buffer
		if err := copyCRLF(&b, strings.NewReader(in)); err != nil || b.String() != want {
			t.Errorf("%.20q (%d): got %d octets, want %d, %v", in, len(in), b.Len(), len(want), err)
		}
	}
}

func TestDemo(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	p := &program{stdout: &bytes.Buffer{}, stderr: &bytes.Buffer{}, data: dir, getenv: func(string) string { return "" }}
	for range 2 { // the second time changes nothing
		b, err := p.open()
		if err != nil {
			t.Fatal(err)
		}
		if err := b.addDemo(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
	}
	var boxes []mailboxRow
	if err := json.Unmarshal([]byte(ok(t, dir, "", "mailbox", "list", "alice", "--json")), &boxes); err != nil {
		t.Fatal(err)
	}
	total := uint32(0)
	for _, m := range boxes {
		total += m.Messages
	}
	if total < 30 || total > 60 {
		t.Errorf("alice has %d messages", total)
	}
	if out := ok(t, dir, "", "verify"); out != "2 accounts, no problem\n" {
		t.Errorf("verify: %q", out)
	}
}

// The man pages in the repository are those of the help texts.
func TestManPagesAreCurrent(t *testing.T) {
	pages := manPages((&program{}).root())
	dir := filepath.Join("..", "..", "docs", "man")
	for name, want := range pages {
		got, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || string(got) != want {
			t.Errorf("%s is stale (%v): run `make docs`", name, err)
		}
	}
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range list {
		if _, ok := pages[f.Name()]; !ok {
			t.Errorf("%s is the page of no command", f.Name())
		}
	}
}

// Every command has a text, an example, and a short line that is no sentence.
func TestHelp(t *testing.T) {
	for _, c := range (&program{}).root().Commands() {
		for _, c := range append(c.Commands(), c) {
			if c.Hidden {
				continue
			}
			if len(c.Long) < 30 || !strings.Contains(c.Long, ".") || strings.HasSuffix(c.Short, ".") || c.Example == "" && !c.HasSubCommands() {
				t.Errorf("%s: long %q, short %q, example %q", c.CommandPath(), c.Long, c.Short, c.Example)
			}
			for _, l := range strings.Split(c.Long, "\n") {
				if len(l) > 100 {
					t.Errorf("%s: a line of %d columns: %q", c.CommandPath(), len(l), l)
				}
			}
		}
	}
	if out := ok(t, t.TempDir(), "", "completion", "bash"); !strings.Contains(out, "__complete") {
		t.Error("no completion")
	}
}
