package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What is refused leaves no data directory behind.
func TestRefusedLeavesNothing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	for _, c := range []struct {
		stdin string
		code  int
		args  []string
	}{
		{"", exitFailed, []string{"user", "add", "carol"}},
		{"x\n", exitFailed, []string{"user", "add", "a:b"}},
		{"x\n", exitFailed, []string{"user", "add", "carol", "--password-file", "/nowhere"}},
		{"bad\n", exitFailed, []string{"user", "import"}},
		{"", exitUsage, []string{"purge", "--after", "-1h"}},
	} {
		if r := call(t, dir, c.stdin, c.args...); r.code != c.code || !strings.HasPrefix(r.errors, "constance: ") {
			t.Errorf("%v: %+v, want exit %d", c.args, r, c.code)
		}
		if _, err := os.Stat(dir); err == nil {
			t.Fatalf("%v made the data directory", c.args)
		}
	}
}

// Each of several errors is a line of its own.
func TestJoinedErrors(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	ok(t, dir, "x\n", "user", "add", "alice")
	r := call(t, dir, "", "deliver", "--to", "alice", "/nowhere/1", "/nowhere/2")
	for line := range strings.Lines(r.errors) {
		if !strings.HasPrefix(line, "constance: /nowhere/") {
			t.Errorf("line %q", line)
		}
	}
	if r.code != exitFailed || strings.Count(r.errors, "\n") != 2 {
		t.Errorf("got %+v", r)
	}
}
