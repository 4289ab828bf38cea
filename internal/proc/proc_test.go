package proc

import (
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// sleeper is a process that waits in a read of its standard input until the test ends.
func sleeper(t *testing.T, env ...string) *exec.Cmd {
	t.Helper()
	c := exec.Command("cat", "-", "/nothing here")
	c.Env = env
	c.Dir = t.TempDir()
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Skip("no cat:", err)
	}
	t.Cleanup(func() {
		in.Close()
		c.Wait() //nolint:errcheck // cat complains of the file
	})
	return c
}

func TestLook(t *testing.T) {
	c := sleeper(t, "A=1", "B=x y")
	var p Process
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); runtime.Gosched() {
		var err error // until it has got as far as to wait
		if p, err = Look(c.Process.Pid); err != nil {
			t.Fatal(err)
		}
		if p.State == "sleeping" && p.Name == "cat" {
			break
		}
	}
	if p.Name != "cat" || p.Threads != 1 || p.Syscall != "read(0)" && p.Syscall != "" {
		t.Errorf("%+v", p)
	}
	argv, env, dir := Command(c.Process.Pid)
	if want := []string{"cat", "-", "/nothing here"}; !slices.Equal(argv, want) {
		t.Errorf("command line %q", argv)
	}
	if want := []string{"A=1", "B=x y"}; !slices.Equal(env, want) || dir != c.Dir {
		t.Errorf("environment %q, directory %s", env, dir)
	}
	if !slices.Contains(Children(os.Getpid()), c.Process.Pid) {
		t.Errorf("%d is not among the children %v", c.Process.Pid, Children(os.Getpid()))
	}
}

func TestMemory(t *testing.T) {
	rss, pss := Memory(os.Getpid())
	if rss < 1<<20 || pss <= 0 || pss > rss+4<<20 {
		t.Errorf("rss %d, pss %d", rss, pss)
	}
}

// A process that is not there is an error or unknown, never a guess.
func TestNoProcess(t *testing.T) {
	const pid = 1 << 23 // above the kernel's bound
	if p, err := Look(pid); err == nil {
		t.Errorf("%+v", p)
	}
	rss, pss := Memory(pid)
	argv, env, dir := Command(pid)
	if rss != 0 || pss != 0 || argv != nil || env != nil || dir != "" || Children(pid) != nil {
		t.Error("something is known of a process that is not there")
	}
}

func TestParseStat(t *testing.T) {
	rest := " S 1 2 3 4 5 6 7 8 9 10 150 50 0 0 20 0 7 0 100 0 0\n"
	p, err := parseStat([]byte("12 (a) b (c)" + rest))
	want := Process{Name: "a) b (c", State: "sleeping", CPU: 2 * time.Second, Threads: 7}
	if err != nil || p != want {
		t.Errorf("%+v, %v", p, err)
	}
	if p, _ := parseStat([]byte("1 (x) ?" + strings.TrimPrefix(rest, " S"))); p.State != "?" {
		t.Errorf("an unknown state is %q", p.State)
	}
	for _, bad := range []string{"", "12 (x", ") (", "1 (x) S 1 2", "1 (x) S" + strings.Repeat(" z", 20)} {
		if p, err := parseStat([]byte(bad)); err == nil {
			t.Errorf("%q: %+v", bad, p)
		}
	}
}

func TestSyscallName(t *testing.T) {
	for text, want := range map[string]string{
		"running\n": "", "": "", "-1 0x7ffc 0x7f": "", "99999 0x1 0x2": "syscall 99999",
	} {
		if got := syscallName(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
