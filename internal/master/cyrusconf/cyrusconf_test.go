package cyrusconf

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const good = `
# a comment
START {
  recover cmd="/bin/true -r"
}
Services { ignored
  imap cmd="/bin/true -U 30" listen="127.0.0.1:143" prefork=1 maxchild=10k prefork=7
  lmtp cmd="/bin/true" listen="/run/lmtp" maxfds=99 babysit=yes colour=red
}
SERVICES {
  none cmd=/bin/true listen="[::1]:110" proto=tcp6 maxforkrate=3 maxchild=-1
}
EVENTS {
  often cmd="/bin/true" period=5
}
DAEMON {
  idled cmd="/bin/true"
}
`

func TestConfig(t *testing.T) {
	c, warnings, err := Parse("c", good).Config(Options{})
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Start) != 1 || len(c.Services) != 4 || len(c.Events) != 1 || c.Events[0].Period != 5*time.Minute {
		t.Fatalf("%+v", c)
	}
	imap, lmtp, none, idled := c.Services[0], c.Services[1], c.Services[2], c.Services[3]
	if imap.Prefork != 1 || imap.MaxChild != 10 || len(imap.Argv) != 3 || imap.Listen[0] != "127.0.0.1:143" {
		t.Errorf("%+v", imap)
	}
	if !lmtp.Babysit || lmtp.MaxFDs != 99 || none.MaxForkRate != 3 || none.MaxChild != 0 || !idled.Daemon {
		t.Errorf("%+v %+v %+v", lmtp, none, idled)
	}
	var all []string
	for _, w := range warnings {
		all = append(all, w.String())
	}
	for _, want := range []string{`c:6:12: "ignored"`, "c:7:76: prefork= again", `"k" after the number`,
		`unknown key "colour"`} {
		if !strings.Contains(strings.Join(all, "\n"), want) {
			t.Errorf("no warning %q in %q", want, all)
		}
	}
}

// P34, P35: verdicts, with their places.
func TestFaults(t *testing.T) {
	in := func(s string) string { return "SERVICES {\n" + s + "\n}\n" }
	svc := `a cmd="/bin/true" listen="143"`
	for _, c := range []struct{ name, text, want string }{
		{"comment in quotes", in(`a cmd="x #y" listen="1"`), `:2:7: missing " on line 2`},
		{"brace after entry", in(svc + " }"), "bad character '}' in argument on line 2"},
		{"name with _", in("a_b cmd=x"), "bad character '_' in name on line 2"},
		{"blank before =", in("a cmd =x"), "bad character ' ' in argument"},
		{"65 arguments", in("a" + strings.Repeat(" k=1", 65)), "too many arguments on line 2"},
		{"64 arguments", in(svc + strings.Repeat(" k=1", 62)), ""},
		{"lower-case section", "services {\n nonsense!\n}\n", ""},
		{"brace on the next line", "SERVICES\n{\n a_b\n}\n", ""},
		{"no listen", in("a cmd=/bin/true"), "unable to find command or port for service 'a'"},
		{"no cmd", in("a listen=1"), "unable to find command or port for service 'a'"},
		{"no executable", in("a cmd=/nonexistent listen=1"), "cannot find executable"},
		{"double name", in(svc + "\n" + svc), "c:3:1: multiple entries for service 'a'"},
		{"port above 65535", in(`a cmd=/bin/true listen=99999`), "invalid port"},
		{"address without port", in(`a cmd=/bin/true listen="[127.0.0.1]"`), "an address without a port"},
		{"bare address", in(`a cmd=/bin/true listen=127.0.0.1`), "an address without a port"},
		{"no host", in(`a cmd=/bin/true listen=":143"`), "no host"},
		{"proto", in(svc + " proto=TCP"), "invalid proto 'TCP'"},
		{"unix path", in(`a cmd=/bin/true listen=/` + strings.Repeat("x", 107)), "too long"},
		{"at", "EVENTS {\n e cmd=/bin/true at=0400\n}\n", ""},
		{"bad at", "EVENTS {\n e cmd=/bin/true at=2500\n}\n", "c:2:21: invalid at=hhmm specification '2500'"},
		{"cron", "EVENTS {\n e cmd=/bin/true cron=\"0 4 * * *\"\n}\n", ""},
		{"bad cron", "EVENTS {\n e cmd=/bin/true cron=\"0 */0 * * *\"\n}\n", "c:2:28: unable to parse cron spec"},
		{"wait", "DAEMON {\n d cmd=/bin/true wait=y\n}\n", ""},
		{"long line", in("a " + strings.Repeat("x", 5000)), "line longer"},
		{"CRLF", strings.ReplaceAll(in(svc), "\n", "\r\n"), ""},
	} {
		_, _, err := Parse("c", c.text).Config(Options{})
		var e *Error
		switch {
		case err == nil && c.want != "":
			t.Errorf("%s: accepted", c.name)
		case err != nil && (c.want == "" || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		case err != nil && (!errors.As(err, &e) || e.Pos.Line == 0):
			t.Errorf("%s: no place in %v", c.name, err)
		}
	}
}

// P35: what Cyrus's master would misread, or leave a service out for, is a fault at the value. What follows is the
// same with a port, which is right.
func TestP35_ListenTraps(t *testing.T) {
	for _, c := range []struct{ trap, right string }{
		{"127.0.0.1", "127.0.0.1:143"}, {"[127.0.0.1]", "[127.0.0.1]:143"}, {"[::1]", "[::1]:143"}, {"::1", "[::1]:143"},
		{"99999", "9999"}, {"65536", "65535"}, {"-1", "1"}, {"localhost:", "localhost:143"}, {":143", "*:143"},
		{"localhost:99999", "localhost:9999"}, {"nosuchport", "imap"}, {"/" + strings.Repeat("x", 107), "/x"},
	} {
		text := "SERVICES {\n a cmd=/bin/true listen=\"%s\"\n}\n"
		_, _, err := Parse("c", strings.Replace(text, "%s", c.trap, 1)).Config(Options{})
		if err == nil || !strings.HasPrefix(err.Error(), "configuration file c:2:26: service 'a': invalid listen") {
			t.Errorf("%s: %v", c.trap, err)
		}
		conf, _, err := Parse("c", strings.Replace(text, "%s", c.right, 1)).Config(Options{})
		if err != nil || len(conf.Services) != 1 || conf.Services[0].Listen[0] != c.right {
			t.Errorf("%s: %v", c.right, err)
		}
	}
}

func TestLoad(t *testing.T) {
	_, _, err := Load("/nonexistent", Options{})
	if err == nil || !strings.Contains(err.Error(), "can't open configuration file") {
		t.Error(err)
	}
	name := filepath.Join(t.TempDir(), "c")
	os.WriteFile(name, []byte("SERVICES {\n a cmd=\"true x\" listen=1\n}\n"), 0o600)
	c, _, err := Load(name, Options{Find: Dirs("/nonexistent", "/bin")})
	if err != nil || c.Services[0].Path != "/bin/true" || c.Services[0].Argv[0] != "true" {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestImapd(t *testing.T) {
	o := ParseImapd("# no\nconfigdirectory: /var/lib/imap\nQosMarking: af31\ndebug: yes\nbad line\nx y: z\n")
	if o["configdirectory"] != "/var/lib/imap" || !o.Switch("debug") || o.Switch("none") || len(o) != 3 {
		t.Errorf("%v", o)
	}
	for v, want := range map[string]int{"": 0, "ef": 184, "cs5": 160, "af31": 104, "af99": 0, "cs9": 0, "x": 0} {
		if got := (Imapd{"qosmarking": v}).TOS(); got != want {
			t.Errorf("qosmarking %q: %d, want %d", v, got, want)
		}
	}
}

// FuzzParse: any text is read or refused, the same way twice, each place that is named lies within it, and what a
// master is given is within bounds.
func FuzzParse(f *testing.F) {
	f.Add(good)
	f.Add("SERVICES {\n a cmd=\"true\" listen=\"[::1]:1\" babysit=o maxchild=-9k }\n}\nEVENTS {\n e cmd=x period=1 at=1\n")
	f.Fuzz(func(t *testing.T, text string) {
		lines := strings.Split(text, "\n")
		inside := func(what any, p Pos) {
			if p.Line < 1 || p.Line > len(lines) || p.Col < 1 || p.Col > len(lines[p.Line-1])+1 {
				t.Errorf("%v: outside of a text of %d lines", what, len(lines))
			}
		}
		file := Parse("c", text)
		c, warnings, err := file.Config(Options{Find: func(string) string { return "/bin/true" }})
		for _, w := range warnings {
			inside(w, w.Pos)
		}
		var faults Faults
		if errors.As(err, &faults) == (err == nil) {
			t.Fatalf("%T", err)
		}
		for _, e := range faults {
			inside(e, e.Pos)
		}
		for _, s := range c.Services {
			if min(s.Prefork, s.MaxChild, s.MaxForkRate, s.MaxFDs) < 0 || err == nil && len(s.Argv) == 0 {
				t.Errorf("%+v", s)
			}
		}
		for _, ev := range c.Events {
			if err == nil && ev.Period <= 0 && ev.Times == nil {
				t.Errorf("%+v", ev)
			}
		}
		_, again, err2 := file.Config(Options{Find: func(string) string { return "/bin/true" }})
		if len(again) != len(warnings) || (err == nil) != (err2 == nil) {
			t.Errorf("%v and %v, then %v and %v", warnings, err, again, err2)
		}
	})
}

// FuzzImapd: no text crashes it, names are in lower case and values without blanks around them.
func FuzzImapd(f *testing.F) {
	f.Add("configdirectory: /var/lib/imap\nqosmarking: af31\n")
	f.Fuzz(func(t *testing.T, text string) {
		o := ParseImapd(text)
		for name, value := range o {
			if name != strings.ToLower(name) || value != strings.TrimSpace(value) {
				t.Errorf("%q: %q", name, value)
			}
			if tos := (Imapd{"qosmarking": value}).TOS(); tos < 0 || tos > 0xff {
				t.Errorf("%q: type of service %d", value, tos)
			}
		}
	})
}

func TestImapdLines(t *testing.T) {
	for _, c := range []struct{ text, name, want string }{
		{"a: b", "a", "b"}, {"A:b", "a", "b"}, {"  a :b", "a", ""}, {"a: b: c", "a", "b: c"}, {"# a: b", "a", ""},
		{"#a: b", "#a", ""}, {"a: b\na: c", "a", "c"}, {"a:\tb\r\n", "a", "b"}, {"a b: c", "a b", ""}, {"a", "a", ""},
		{"a: b # c", "a", "b # c"}, {"", "", ""}, {":", "a", ""}, {"a:", "a", ""},
	} {
		if got := ParseImapd(c.text)[c.name]; got != c.want {
			t.Errorf("%q: %s is %q, want %q", c.text, c.name, got, c.want)
		}
	}
	for v, want := range map[string]bool{"1": true, "Y": true, "yes": true, "T": true, "TRUE": true, "on": true, "0": false,
		"no": false, "off": false, "false": false, "": false, "2": false, "yess": false} {
		if got := (Imapd{"x": v}).Switch("x"); got != want {
			t.Errorf("%q: %v", v, got)
		}
	}
}

// Dirs takes the first directory that has an executable of the name, and names the last where there is none.
func TestDirs(t *testing.T) {
	a, b := t.TempDir(), t.TempDir()
	for name, mode := range map[string]os.FileMode{a + "/plain": 0o600, b + "/plain": 0o700, a + "/both": 0o700,
		b + "/both": 0o700, b + "/others": 0o011} {
		if err := os.WriteFile(name, nil, mode); err != nil {
			t.Fatal(err)
		}
	}
	os.Mkdir(a+"/dir", 0o700)
	find := Dirs(a, b)
	for word, want := range map[string]string{"plain": b + "/plain", "both": a + "/both", "none": b + "/none",
		"dir": b + "/dir", "others": b + "/others"} {
		if got := find(word); got != want {
			t.Errorf("%s: %s, want %s", word, got, want)
		}
	}
	if executable(a+"/dir") || executable(b+"/others") || executable(a+"/plain") {
		t.Error("a directory, or a file that its owner may not run, is taken for a program")
	}
}

func TestTooManyLines(t *testing.T) {
	if f := Parse("c", strings.Repeat("\n", maxLines)); len(f.Faults) != 0 {
		t.Error(f.Faults)
	}
	f := Parse("c", strings.Repeat("\n", maxLines+1))
	if len(f.Faults) != 1 || !strings.Contains(f.Faults.Error(), "too many lines") {
		t.Error(f.Faults)
	}
}

// What Cyrus's master does not know and skips: how long a worker of ours may give no sign of life, and how much memory a
// worker may have.
func TestHealthOptions(t *testing.T) {
	f := Parse("x", `SERVICES {
  a cmd="/bin/true" listen="127.0.0.1:1" silence=30 maxmemory=512
  b cmd="/bin/true" listen="127.0.0.1:2"
}
`)
	c, warnings, err := f.Config(Options{})
	if err != nil || len(warnings) != 0 {
		t.Fatal(err, warnings)
	}
	a, b := c.Services[0], c.Services[1]
	if a.Silence != 30*time.Second || a.Life != 5*time.Second || a.MaxMemory != 512<<20 {
		t.Errorf("%+v", a)
	}
	if b.Silence != 0 || b.Life != 0 || b.MaxMemory != 0 {
		t.Errorf("%+v", b)
	}
}
