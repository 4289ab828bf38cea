package cyrusconf

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/constance-mail/constance/internal/master"
)

// anywhere finds every program but "missing".
var anywhere = Options{Find: func(word string) string { return "/usr/lib/cyrus/bin/" + word },
	Executable: func(path string) bool { return !strings.HasSuffix(path, "/missing") }}

// goldens are the configurations below testdata.
func goldens(t *testing.T) []string {
	t.Helper()
	names, err := filepath.Glob("testdata/*/*.conf")
	if err != nil || len(names) < 40 {
		t.Fatalf("%d files, %v", len(names), err)
	}
	return names
}

// describe is what a master would run.
func describe(c master.Config) string {
	var b strings.Builder
	for _, e := range c.Start {
		fmt.Fprintf(&b, "start %s %q\n", e.Name, e.Argv)
	}
	for _, s := range c.Services {
		kind := "service"
		if s.Daemon {
			kind = "daemon"
		}
		fmt.Fprintf(&b, "%s %s %.40q %.40q", kind, s.Name, s.Argv, s.Listen)
		for _, n := range []struct {
			name  string
			value int
		}{{"prefork", s.Prefork}, {"maxchild", s.MaxChild}, {"maxforkrate", s.MaxForkRate}, {"maxfds", s.MaxFDs}} {
			if n.value != 0 {
				fmt.Fprintf(&b, " %s=%d", n.name, n.value)
			}
		}
		if s.Proto != "" {
			fmt.Fprint(&b, " proto=", s.Proto)
		}
		if s.Babysit {
			fmt.Fprint(&b, " babysit")
		}
		if s.Wait {
			fmt.Fprint(&b, " wait")
		}
		fmt.Fprintln(&b)
	}
	for _, e := range c.Events {
		when := e.Period.String()
		switch {
		case e.Times != nil:
			when = e.Times.String()
		case e.Period == forever:
			when = "once"
		}
		fmt.Fprintf(&b, "event %s %q %s\n", e.Name, e.Argv, when)
	}
	return b.String()
}

// P34, P35: what is found in configurations of many kinds and what a master makes of them; those below testdata/broken
// are refused, each for what it is named after. TestGolden -update writes the findings anew.
func TestP34_Golden(t *testing.T) {
	for _, name := range goldens(t) {
		var b strings.Builder
		wrong := 0
		o := anywhere
		if strings.HasSuffix(name, "odd.conf") {
			o.ImapdConf = "testdata/imapd.conf"
		}
		for _, f := range Check(name, o) {
			if f.Level == "error" {
				wrong++
			}
			fmt.Fprintln(&b, strings.TrimPrefix(f.String(), filepath.Dir(name)+"/"))
		}
		c, _, err := Load(name, anywhere)
		if err == nil {
			b.WriteString(describe(c))
		}
		broken := strings.Contains(name, "/broken/")
		if (err != nil) != broken || (wrong > 0) != broken {
			t.Errorf("%s: %d errors, %v", name, wrong, err)
		}
		golden := strings.TrimSuffix(name, ".conf") + ".want"
		if *update {
			if err := os.WriteFile(golden, []byte(b.String()), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if b.String() != string(want) {
			t.Errorf("%s:\n%s, want\n%s", name, b.String(), want)
		}
	}
}

// A finding is found by programs too.
func TestFindingsAsJSON(t *testing.T) {
	got, err := json.Marshal(Check("testdata/broken/bad-at.conf", Options{Executable: anywhere.Executable}))
	want := `[{"file":"testdata/broken/bad-at.conf","line":2,"column":37,"level":"error",` +
		`"message":"invalid at=hhmm specification '2500'"}]`
	if err != nil || string(got) != want {
		t.Errorf("%s, want %s, %v", got, want, err)
	}
	got, err = json.Marshal(Check("testdata/conf/small.conf", Options{Executable: anywhere.Executable}))
	if err != nil || string(got) != "[]" {
		t.Errorf("%s, %v", got, err)
	}
}

// A file that cannot be read is a finding without a line.
func TestCheckUnreadable(t *testing.T) {
	for name, want := range map[string]string{
		"testdata/none.conf": "testdata/none.conf: error: can't open configuration file: no such file or directory",
		"testdata":           "testdata: error: can't open configuration file: is a directory",
	} {
		list := Check(name, Options{})
		if len(list) != 1 || list[0].String() != want {
			t.Errorf("%v, want %q", list, want)
		}
	}
	list := Check("testdata/conf/small.conf", Options{Executable: anywhere.Executable, ImapdConf: "testdata"})
	if len(list) == 0 || list[len(list)-1].Level != "error" || list[len(list)-1].File != "testdata" {
		t.Errorf("an imapd.conf that cannot be read: %v", list)
	}
}

// The master's own options in imapd.conf.
func TestCheckImapd(t *testing.T) {
	name := filepath.Join(t.TempDir(), "i")
	for _, c := range []struct{ text, want string }{
		{"configdirectory: /var/lib/cyrus\ndebug: yes\nqosmarking: af31\nunixhierarchysep: perhaps\n", ""},
		{"configdirectory: /var/lib/cyrus\nproc_path: {configdirectory}/proc\n", ""},
		{"", ""},
		{"configdirectory: var/lib\n", "1:1: warning: configdirectory: 'var/lib' is no absolute path"},
		{"proc_path: /\n", "1:1: warning: proc_path: '/' is no absolute path"},
		{"# debug: maybe\n  Debug : maybe\n", "2:3: warning: debug: 'maybe' is neither yes nor no: taken for no"},
		{"qosmarking: cs0\nqosmarking: af99\n", "2:1: warning: qosmarking: 'af99' is none of cs0..cs7, af11..af43, ef; ignored\n" +
			"2:1: warning: qosmarking again: this one counts, not that of line 1"},
		{"master_bind_errors_fatal:\n", "1:1: warning: master_bind_errors_fatal: '' is neither yes nor no: taken for no"},
	} {
		if err := os.WriteFile(name, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, f := range checkImapd(name) {
			got = append(got, strings.TrimPrefix(f.String(), name+":"))
		}
		if all := strings.Join(got, "\n"); all != c.want {
			t.Errorf("%q:\n%s, want\n%s", c.text, all, c.want)
		}
	}
}

// Several faults are one error, which names the first and knows the others.
func TestFaults_Error(t *testing.T) {
	_, _, err := Load("testdata/broken/many-faults.conf", anywhere)
	var faults Faults
	var first *Error
	if !errors.As(err, &faults) || len(faults) < 6 || !errors.As(err, &first) || first != faults[0] {
		t.Fatalf("%T %v", err, err)
	}
	if !strings.Contains(err.Error(), ":2:16: cannot find executable") || !strings.Contains(err.Error(), "more: --check lists them)") {
		t.Error(err)
	}
	if got := (Faults{first}).Error(); got != first.Error() {
		t.Error(got)
	}
	if (Faults{}).err() != nil || (Faults{}).Error() == "" {
		t.Error("no fault is one")
	}
}
