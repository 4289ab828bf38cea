package master

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// anonymous is how many octets of memory a process has that no file holds.
func anonymous(t *testing.T, pid int) (octets int) {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if kib := 0; strings.HasPrefix(line, "RssAnon:") {
			fmt.Sscanf(line, "RssAnon: %d kB", &kib)
			return kib << 10
		}
	}
	t.Fatal("no RssAnon in\n", string(text))
	return 0
}

// openIn is how many descriptors a process has.
func openIn(t *testing.T, pid int) int {
	t.Helper()
	list, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

// P41: a thousand forks and deaths, each with a channel and a listener, leave the memory of the process that forks as
// it was, all that the kernel counts as its own and no file holds, and its descriptors.
func TestP41_MemoryOfManyForks(t *testing.T) {
	if testing.Short() {
		t.Skip("forks a thousand times")
	}
	const (
		atOnce = 24
		warm   = 12      // rounds until everything has its size
		rounds = 40      // of atOnce forks each
		most   = 5 << 19 // octets: less than a goroutine left behind by each takes
	)
	nap := Service{Name: "nap", Argv: []string{"sleep", "1000"}, Path: "/bin/sleep", Listen: []string{"127.0.0.1:0"},
		Prefork: atOnce}
	p := launch(t, "", nap)
	settled := func(forks int) {
		p.eventually(fmt.Sprint(forks, " forks"), func() bool {
			s := p.service(0)
			return s.Forks == forks && s.Starting+s.Draining == 0
		})
	}
	settled(atOnce)
	var before, fds int
	for n := range warm + rounds {
		if n == warm {
			before, fds = anonymous(t, p.cmd.Process.Pid), openIn(t, p.cmd.Process.Pid)
		}
		if _, err := p.ask("drain nap"); err != nil {
			t.Fatal(err)
		}
		settled(atOnce * (n + 2))
	}
	after := anonymous(t, p.cmd.Process.Pid)
	t.Logf("%d forks: %d octets before, %d after", atOnce*rounds, before, after)
	if after > before+most {
		t.Errorf("%d forks: %d octets before, %d after", atOnce*rounds, before, after)
	}
	p.eventually("as many descriptors as before", func() bool { return openIn(t, p.cmd.Process.Pid) <= fds })
	if s := p.service(0); s.Fails != 0 {
		t.Errorf("%d failures", s.Fails)
	}
}
