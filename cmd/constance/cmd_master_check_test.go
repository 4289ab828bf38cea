package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/constance-mail/constance/internal/master/cyrusconf"
)

// P34: all that is wrong and all that is odd is listed with its places, and the exit code is the verdict.
func TestP34_MasterCheck(t *testing.T) {
	dir := t.TempDir()
	file, imapd := filepath.Join(dir, "cyrus.conf"), filepath.Join(dir, "imapd.conf")
	if err := os.WriteFile(imapd, []byte("configdirectory: /var/lib/cyrus\ndebug: perhaps\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		text string
		code int
		want []string
	}{
		{"SERVICES {\n a cmd=/bin/true listen=143 x=1\n}\n", exitDone,
			[]string{`cyrus.conf:2:29: warning: unknown key "x"`, "imapd.conf:2:1: warning: debug: 'perhaps'",
				"cyrus.conf: 0 errors, 2 warnings"}},
		{"SERVICES {\n a cmd=/bin/true }\n}\n", exitConfig, []string{"cyrus.conf:2:18: error: bad character '}'"}},
		{"EVENTS {\n a cmd=/bin/true at=0460\n b cmd=/bin/true cron=x\n}\n", exitConfig,
			[]string{":2:21: error: invalid at=hhmm", ":3:23: error: unable to parse cron spec", "2 errors, 1 warning\n"}},
	} {
		if err := os.WriteFile(file, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		got, code := runMaster(t, "-M", file, "-C", imapd, "--check")
		for _, want := range c.want {
			if !strings.Contains(got, want) {
				t.Errorf("%q: no %q in\n%s", c.text, want, got)
			}
		}
		if code != c.code {
			t.Errorf("%q: code %d, want %d", c.text, code, c.code)
		}
	}
	got, code := runMaster(t, "-M", file+".none", "-C", imapd, "--check")
	if code != exitConfig || !strings.Contains(got, "cyrus.conf.none: error: can't open configuration file: no such file") {
		t.Errorf("no file: code %d, %s", code, got)
	}
	got, code = runMaster(t, "-M", file, "-C", imapd, "--check", "--json")
	var list []cyrusconf.Finding
	if err := json.Unmarshal([]byte(got), &list); err != nil || len(list) != 3 || list[0].Line != 2 || code != exitConfig {
		t.Errorf("code %d, %v, %s", code, err, got)
	}
}

// CYRUS_PREFIX stands before the path of a cyrus.conf that is there, and before no other.
func TestMasterPrefix(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(dir+"/c", []byte("EVENTS {\n a cmd=/bin/true at=0460\n}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("CYRUS_PREFIX", dir)
	if got, code := runMaster(t, "-M", "/c", "--check"); code != exitConfig || !strings.Contains(got, dir+"/c:2:21: error") {
		t.Errorf("code %d, %s", code, got)
	}
	if got, code := runMaster(t, "-M", "/none", "--check"); code != exitConfig || !strings.Contains(got, "\n/none: 1 error") {
		t.Errorf("code %d, %s", code, got)
	}
}

func TestMasterWrongUsage(t *testing.T) {
	for _, args := range [][]string{{"-d", "-D"}, {"-j", "0"}} {
		if _, code := runMaster(t, args...); code != exitConfig {
			t.Errorf("%v: code %d", args, code)
		}
	}
}
