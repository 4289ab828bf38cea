package proc

import (
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
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
	s, err := parseStat([]byte("12 (a) b (c)" + rest))
	if want := (stat{"a) b (c", 'S', 1, 150, 50, 7, 100}); err != nil || s != want {
		t.Errorf("%+v, %v", s, err)
	}
	want := Process{Name: "a) b (c", State: "sleeping", CPU: 2 * time.Second, Threads: 7}
	if p := s.process(); p != want {
		t.Errorf("%+v", p)
	}
	s, err = parseStat([]byte("1 (x) ?" + strings.TrimPrefix(rest, " S")))
	if p := s.process(); err != nil || p.State != "?" {
		t.Errorf("an unknown state is %q, %v", p.State, err)
	}
	for _, bad := range []string{"", "12 (x", ") (", "1 (x) S 1 2", "1 (x) S" + strings.Repeat(" z", 20),
		"1 (x) SS" + strings.TrimPrefix(rest, " S"), "1 (x)" + strings.Replace(rest, "150", "9223372036854775808", 1)} {
		if s, err := parseStat([]byte(bad)); err == nil {
			t.Errorf("%q: %+v", bad, s)
		}
	}
}

// A process is the one that it was for as long as its birth is the same.
func TestBirthOf(t *testing.T) {
	c := sleeper(t)
	first, err := BirthOf(c.Process.Pid)
	if err != nil || first.Parent != os.Getpid() || first.Start <= 0 {
		t.Errorf("%+v, %v", first, err)
	}
	if again, _ := BirthOf(c.Process.Pid); again != first {
		t.Errorf("%+v, then %+v", first, again)
	}
	if own, err := BirthOf(os.Getpid()); err != nil || own.Parent != os.Getppid() || own.Start > first.Start {
		t.Errorf("own: %+v, %v; the child's: %+v", own, err, first)
	}
}

// FuzzFiles: what the kernel writes is read as it was meant, whatever the program calls itself; other octets are refused
// or give what is among them.
func FuzzFiles(f *testing.F) {
	f.Add("a) b (c", byte('S'), int64(1), int64(150), "1 (x) R 1 2", "0 0x3 0x7ffc")
	f.Add("\n) R 9 9 (", byte('Z'), int64(1<<62), int64(-1), ")(", "232 0x5 0xffffffffffffffff 0x1")
	f.Add("", byte('?'), int64(-9), int64(0), "1 (x) S"+strings.Repeat(" 9223372036854775807", 40), "running")
	f.Fuzz(func(t *testing.T, name string, state byte, parent, number int64, octets, call string) {
		if state > ' ' && state < 0x7f && state != ')' {
			in := stat{name, state, parent, number, -number, parent, number}
			line := fmt.Sprintf("7 (%s) %c %d 2 3 4 5 6 7 8 9 10 %d %d 13 14 15 16 %d 18 %d 0 0\n",
				name, state, parent, number, -number, parent, number)
			if out, err := parseStat([]byte(line)); err != nil || out != in {
				t.Errorf("%q: got %+v, %v; want %+v", line, out, err, in)
			}
		}
		s, err := parseStat([]byte(octets))
		if err == nil && !strings.Contains(octets, "("+s.name+")") || err != nil && s != (stat{}) {
			t.Errorf("%q: %+v, %v", octets, s, err)
		}
		if back := strings.Join(zeroes([]byte(octets)), "\x00"); octets != back && octets != back+"\x00" {
			t.Errorf("%q: strings %q", octets, back)
		}
		fuzzSyscall(t, number, parent, call)
	})
}

// fuzzSyscall: a call that has a number has a name, with the descriptor if it is about one.
func fuzzSyscall(t *testing.T, number, fd int64, call string) {
	name := cmp.Or(waits[number], oldWaits[number], "syscall "+strconv.FormatInt(number, 10))
	want := name
	if withFD[name] {
		want = fmt.Sprintf("%s(%d)", name, fd)
	}
	if number < 0 {
		want = ""
	}
	if got := syscallName(fmt.Sprintf("%d %#x 0x0 0x7ffc\n", number, fd)); got != want {
		t.Errorf("call %d of %d: got %q, want %q", number, fd, got, want)
	}
	if got := syscallName(call); got != "" && len(strings.Fields(call)) < 2 || strings.ContainsAny(got, "\x00\r\n") {
		t.Errorf("%q: %q", call, got)
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
