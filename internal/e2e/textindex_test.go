package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// An account whose user searches its text gets an index, by a process of the lowest priority, and finds the same as before.
func TestTextIndex(t *testing.T) {
	if binary == "" {
		t.Skip("-short")
	}
	dir := t.TempDir()
	s := StartServer(t, binary, dir, "alice:{PLAIN}secret\n", "--workers", "2")
	letters := t.TempDir()
	args := []string{"deliver", "--to", "alice"}
	for i := range 300 {
		name := filepath.Join(letters, strconv.Itoa(i))
		if err := os.WriteFile(name, fmt.Appendf(nil, "Subject: letter\n\nthis is word%d.\n", i), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, name)
	}
	s.Run(t, "", args...)
	c := login(t, s, "alice", "secret")
	do(t, c, "SELECT INBOX")
	before := do(t, c, "UID SEARCH BODY \"word77.\"")
	awaitTrue(t, "an index of 300 messages", func() bool { return strings.Contains(s.Log(), "messages=300 of=300") })
	for range 2 {
		if after := do(t, c, "UID SEARCH BODY \"word77.\""); !slices.Equal(after, before) || len(after) == 0 {
			t.Errorf("indexed: %q, before %q", after, before)
		}
		s.Run(t, "Subject: one more\n\nword77. again\n", "deliver", "--to", "alice", "-")
		do(t, c, "NOOP")
		before = do(t, c, "UID SEARCH BODY \"word77.\"")
		if want := "* SEARCH 78 301"; !strings.HasPrefix(before[0], want) {
			t.Errorf("the message that just arrived is not found: %q", before)
		}
	}
	if out := s.Run(t, "", "verify"); !strings.Contains(out, "no problem") {
		t.Error(out)
	}
	if n := lowest(t, s.Workers()); n != 1 {
		t.Errorf("%d indexers", n)
	}
}

// lowest checks that all threads of those processes that index have the lowest priority, and counts the processes.
func lowest(t *testing.T, pids []int) (n int) {
	t.Helper()
	for _, pid := range pids {
		command, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid)) // of one that has ended it is empty
		threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
		if err != nil || !strings.Contains(string(command), "--follow") {
			continue
		}
		n++
		for _, name := range threads {
			b, _ := os.ReadFile(name)
			_, rest, _ := strings.Cut(string(b), ") ")
			if fields := strings.Fields(rest); len(fields) > 17 && fields[16] != "19" { // proc_pid_stat(5): field 19
				t.Errorf("a thread of the indexer: %s", b)
			}
		}
	}
	return n
}
