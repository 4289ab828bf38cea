package main

import (
	"runtime"
	"slices"
	"testing"

	"github.com/constance-mail/constance/internal/config"
	"github.com/constance-mail/constance/internal/master"
)

// TestProcessorsOf: workers share the processors, and each has one at least.
func TestProcessorsOf(t *testing.T) {
	for _, c := range []struct{ workers, all, want int }{
		{1, 1, 1}, {2, 1, 1}, {2, 2, 1}, {1, 2, 2}, {4, 16, 4}, {16, 16, 1}, {3, 16, 6}, {1024, 16, 1},
	} {
		if got := processorsOf(c.workers, c.all); got != c.want {
			t.Errorf("%d workers, %d processors: %d for each, want %d", c.workers, c.all, got, c.want)
		}
	}
}

// TestProcessorsOfWorkers: the workers of both IMAP services are told how many to work on.
func TestProcessorsOfWorkers(t *testing.T) {
	c := config.Default()
	c.IMAP.Workers = runtime.GOMAXPROCS(0) + 1
	s := server{dir: t.TempDir(), exe: "constance"}
	mc := s.masterConfig(c)
	for _, name := range []string{"imap", "imaps"} {
		i := slices.IndexFunc(mc.Services, func(s master.Service) bool { return s.Name == name })
		argv := mc.Services[i].Argv
		if at := slices.Index(argv, "--processors"); at < 0 || argv[at+1] != "1" {
			t.Errorf("%s: %q", name, argv)
		}
	}
}

// TestWorkOn: a process works on fewer processors if it is told so, never on more.
func TestWorkOn(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(2))
	for _, c := range []struct{ asked, want int }{{0, 2}, {3, 2}, {1, 1}} {
		runtime.GOMAXPROCS(2)
		if all := workOn(c.asked); all != 2 || runtime.GOMAXPROCS(0) != c.want {
			t.Errorf("asked for %d of %d: works on %d, want %d", c.asked, all, runtime.GOMAXPROCS(0), c.want)
		}
	}
}
