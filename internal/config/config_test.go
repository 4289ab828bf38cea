package config

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestDefaultsAreAConfiguration(t *testing.T) {
	text := AppendDefaults(nil)
	c, err := Parse("defaults", text)
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	if !reflect.DeepEqual(c, Default()) {
		t.Errorf("read back as %+v, want %+v", c, Default())
	}
	if got := c.AppendChanged(nil); got != nil {
		t.Errorf("the defaults differ from themselves: %s", got)
	}
}

// Every field of Config is bound to exactly one key: setting all keys must leave no field at its zero.
func TestEveryFieldHasAKey(t *testing.T) {
	c := new(Config)
	for _, s := range c.sections() {
		for _, f := range s.fields {
			if f.doc == "" || !strings.HasSuffix(strings.TrimSuffix(f.doc, ")"), ".") {
				t.Errorf("%s.%s: the description is no sentence: %q", s.name, f.key, f.doc)
			}
			f.value.set(nonZero(f.value))
		}
	}
	v := reflect.ValueOf(*c)
	for i := range v.NumField() {
		for j := range v.Field(i).NumField() {
			if v.Field(i).Field(j).IsZero() {
				t.Errorf("no key sets %s.%s", v.Type().Field(i).Name, v.Field(i).Type().Field(j).Name)
			}
		}
	}
}

// nonZero is something that v takes and that is not its zero.
func nonZero(v value) any {
	switch v := v.(type) {
	case number:
		return int64(v.max)
	case number64:
		return v.max
	case span:
		return FormatDuration(v.max)
	case size:
		return FormatSize(v.max)
	case choice:
		return v.words[0]
	case address:
		return "off"
	case toggle:
		return true
	case mailboxes:
		return []any{"Sent:sent"}
	case logins:
		return []any{"cyrus"}
	}
	return "x"
}

func TestParse(t *testing.T) {
	c, err := Parse("f", []byte(`
# a comment with imap.workers = 9
[imap]
workers = 5
append_limit = "2 GiB"
message_limit = 1000
message_limit_for = "saving"
"login_time" = '90s'
unauthenticate = false
[store]
mailboxes = [
  "Sent:sent", # ours
  "Lists/go",
]
purge_after = "2d"
index = "all"
[sharing]
others = "Users"
shared = ""
admins = ["cyrus", "root@x"]
[log]
format = "json"
`))
	if err != nil {
		t.Fatal(err)
	}
	want := Default()
	want.IMAP.Workers, want.IMAP.AppendLimit, want.IMAP.LoginTime = 5, 2<<30, 90*time.Second
	want.IMAP.MessageLimit, want.IMAP.MessageLimitFor = 1000, "saving"
	want.Store.Mailboxes, want.Store.PurgeAfter = []Mailbox{{"Sent", "sent"}, {"Lists/go", ""}}, 48*time.Hour
	want.Store.Index = "all"
	want.Sharing = Sharing{Others: "Users", Admins: []string{"cyrus", "root@x"}}
	want.Log.Format, want.IMAP.Unauthenticate = "json", false
	if !reflect.DeepEqual(c, want) {
		t.Errorf("got %+v\nwant %+v", c, want)
	}
	changed := "[imap]\nworkers = 5\nlogin_time = \"1m30s\"\nappend_limit = \"2 GiB\"\nmessage_limit = 1000\nmessage_limit_for = \"saving\"\n" +
		"unauthenticate = false\n" +
		"[store]\nmailboxes = [\"Sent:sent\", \"Lists/go\"]\npurge_after = \"2d\"\nindex = \"all\"\n" +
		"[sharing]\nothers = \"Users\"\nshared = \"\"\nadmins = [\"cyrus\", \"root@x\"]\n[log]\nformat = \"json\"\n"
	if got := string(c.AppendChanged(nil)); got != changed {
		t.Errorf("changed:\n%s\nwant\n%s", got, changed)
	}
	if m := c.Map(); m["imap"]["workers"] != "5" || m["log"]["format"] != "json" {
		t.Errorf("map %v", m)
	}
}

func TestParseErrors(t *testing.T) {
	for _, c := range []struct {
		text, want, hint string
	}{
		{"[imap]\nworker = 3\n", "f:2: imap.worker: unknown key", "did you mean imap.workers?"},
		{"[imap]\nworkers = 3\n[lmpt]\nworkers = 3\n", "f:3: lmpt: unknown table", "did you mean [lmtp]?"},
		{"[imap]\nsize_limit = \"1 MiB\"\n", "f:2: imap.size_limit: unknown key", "did you mean lmtp.size_limit?"},
		{"[imap]\nzzzzzzzzzzzzzzzz = 1\n", "f:2: imap.zzzzzzzzzzzzzzzz: unknown key", "`constance config --defaults` lists all keys"},
		{"workers = 3\n", "f:1: workers: stands in no table or is none", "did you mean imap.workers?"},
		{"imap = 3\n", "f:1: imap: stands in no table or is none", "keys stand below a table, as [imap]"},
		{"imap.workers = \"3\"\n", "f:1: imap.workers: needs a number, not a string", ""},
		{"[imap]\n\n\nworkers = 3.5\n", "f:4: imap.workers: needs a number, not a number with a fraction", ""},
		{"[imap]\nworkers = -1\n", "f:2: imap.workers: -1 is not within 0 to 1024", ""},
		{"[imap]\nunauthenticate = \"no\"\n", "f:2: imap.unauthenticate: needs true or false, not a string", ""},
		{"[imap]\nidle_time = 30\n", `f:2: imap.idle_time: needs a duration in quotes, as "30m", not a number`, ""},
		{"[imap]\nidle_time = \"30 min\"\n", `f:2: imap.idle_time: "30 min" is no duration: write a number and its unit, as "90s", "30m", "12h", "14d"`, ""},
		{"[imap]\nidle_time = \"0s\"\n", "f:2: imap.idle_time: 0s is not within 1s to 7d", ""},
		{"[imap]\nappend_limit = \"50 MB\"\n", `f:2: imap.append_limit: "50 MB" is no size: write a number and its unit, as "100 B", "32 KiB", "50 MiB", "2 GiB"`, ""},
		{"[imap]\nappend_limit = \"1 B\"\n", "f:2: imap.append_limit: 1 B is not within 1 KiB to 4294967295 B", ""},
		{"[imap.workers]\nx = 1\n", "f:1: imap.workers: needs a number, not a table", ""},
		{"[[imap]]\nworkers = 1\n", "f:1: imap: stands in no table or is none", "keys stand below a table, as [imap]"},
		{"[listen]\nimap = \"1143\"\n", `f:2: listen.imap: "1143" is no address: write "host:port", "unix:/path" or "off"`, ""},
		{"[listen]\nimap = \":99999\"\n", `f:2: listen.imap: ":99999": the port must be a number from 1 to 65535`, ""},
		{"[listen]\nlmtp = \"unix:x\"\n", `f:2: listen.lmtp: "unix:x": a unix socket needs an absolute path of at most 107 octets`, ""},
		{"[store]\nmailboxes = [\"Sent:send\"]\n", `f:2: store.mailboxes: "Sent:send": "send" is none of archive, drafts, junk, sent, trash`, ""},
		{"[store]\nmailboxes = [\"A\", \"A\"]\n", `f:2: store.mailboxes: "A": the name or its use stands there twice`, ""},
		{"[sharing]\nothers = \"a/b\"\n", `f:2: sharing.others: "a/b" is not one level of names, or INBOX`, ""},
		{"[sharing]\nothers = \"inbox\"\n", `f:2: sharing.others: "inbox" is not one level of names, or INBOX`, ""},
		{"[sharing]\nshared = \"a*\"\n", "f:2: sharing.shared: name a*: invalid: the name holds a wildcard", ""},
		{"[sharing]\nadmins = [\"Root\"]\n", `f:2: sharing.admins: "Root" is no login name as they are kept: in lower case`, ""},
		{"[sharing]\nadmins = \"root\"\n", "f:2: sharing.admins: needs a list of strings, not a string", ""},
		{"[store]\nmailboxes = [3]\n", "f:2: store.mailboxes: needs a list of strings, not a number", ""},
		{"[auth]\nscheme = \"MD5\"\n", `f:2: auth.scheme: "MD5" is none of ARGON2ID, BLF-CRYPT, SHA512-CRYPT, SHA256-CRYPT, PBKDF2, PLAIN`, ""},
		{"[server]\nhostname = \"a\\nb\"\n", "f:2: server.hostname: holds a control character", ""},
		{"[tls]\nkey = \"x\"\n", "f:1: tls: certificate and key belong together: set both or none", ""},
	} {
		_, err := Parse("f", []byte(c.text))
		var e *Error
		if !errors.As(err, &e) || err.Error() != c.want || e.Hint != c.hint {
			t.Errorf("%q:\ngot  %v\nwant %s (%s)", c.text, err, c.want, c.hint)
			if e != nil {
				t.Errorf("hint %q", e.Hint)
			}
		}
	}
}

func TestParseSyntaxErrors(t *testing.T) {
	for text, line := range map[string]int{
		"[imap": 1, "[imap]\nworkers =\n": 2, "[imap]\nworkers = 1\nworkers = 2\n": 3, "\x00": 0,
	} {
		_, err := Parse("f", []byte(text))
		var e *Error
		if !errors.As(err, &e) || line > 0 && e.Line != line || e.Text == "" {
			t.Errorf("%q: got %#v, want line %d", text, err, line)
		}
	}
	if _, err := Parse("f", make([]byte, MaxFile+1)); err == nil || !strings.Contains(err.Error(), "larger than") {
		t.Errorf("too large a file: %v", err)
	}
}

func TestLoad(t *testing.T) {
	if c, err := Load(""); err != nil || !reflect.DeepEqual(c, Default()) {
		t.Errorf("no file: %v, %v", c, err)
	}
	dir := t.TempDir()
	if _, err := Load(filepath.Join(dir, "none")); err == nil || !strings.HasSuffix(err.Error(), "none: no such file or directory") {
		t.Errorf("a missing file: %v", err)
	}
	path := filepath.Join(dir, "c.toml")
	if err := os.WriteFile(path, []byte("[server]\nhostname = \"mail.example\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if c, err := Load(path); err != nil || c.Server.Hostname != "mail.example" {
		t.Errorf("got %v, %v", c, err)
	}
}

func TestSizes(t *testing.T) {
	for text, n := range map[string]int64{"0": 0, "1 B": 1, "32 KiB": 32 << 10, "32KiB": 32 << 10, "3 PiB": 3 << 50} {
		got, err := ParseSize(text)
		if err != nil || got != n {
			t.Errorf("%q: got %d %v, want %d", text, got, err, n)
		}
		if back, err := ParseSize(FormatSize(n)); err != nil || back != n {
			t.Errorf("%d: written %q, read %d %v", n, FormatSize(n), back, err)
		}
	}
	for _, text := range []string{"", "5", "-1 B", "MiB", "9999999 PiB", "1.5 MiB", "1 KB"} {
		if n, err := ParseSize(text); err == nil {
			t.Errorf("%q: got %d, want an error", text, n)
		}
	}
}

func TestDurations(t *testing.T) {
	for text, d := range map[string]time.Duration{"0s": 0, "90s": 90 * time.Second, "14d": 14 * day, "36h": 36 * time.Hour, "1m30s": 90 * time.Second} {
		got, err := ParseDuration(text)
		if err != nil || got != d {
			t.Errorf("%q: got %v %v, want %v", text, got, err, d)
		}
		if back, err := ParseDuration(FormatDuration(d)); err != nil || back != d {
			t.Errorf("%v: written %q, read %v %v", d, FormatDuration(d), back, err)
		}
	}
	for _, text := range []string{"", "5", "d", "-1d", "99999999d", "1 day"} {
		if d, err := ParseDuration(text); err == nil {
			t.Errorf("%q: got %v, want an error", text, d)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(string(AppendDefaults(nil)))
	f.Add("[imap]\nworkers = 3\n")
	f.Add("a.b.c = { x = [1, 2] }")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := Parse("f", []byte(text))
		if err != nil {
			return
		}
		again, err := Parse("f", c.AppendChanged(nil))
		if err != nil || !reflect.DeepEqual(again, c) {
			t.Errorf("%q changes when written and read again: %v", text, err)
		}
	})
}
