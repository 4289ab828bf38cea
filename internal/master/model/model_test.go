package model

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// needs skips the test if a program is missing, naming its Debian package; with CONSTANCE_REQUIRE_PEERS=1 that is a
// failure.
func needs(t *testing.T, programs ...string) {
	t.Helper()
	for _, p := range programs {
		if _, err := exec.LookPath(p); err == nil {
			continue
		}
		if os.Getenv("CONSTANCE_REQUIRE_PEERS") == "1" {
			t.Fatalf("%s is missing: install the package %s", p, p)
		}
		t.Skipf("%s is not installed (package %s)", p, p)
	}
}

// verifier makes spin's program for the model with some definitions, in a directory of its own.
func verifier(t *testing.T, define ...string) string {
	t.Helper()
	dir := t.TempDir()
	text, err := os.ReadFile("master.pml")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "master.pml"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, dir, "spin", append(define, "-a", "master.pml")...)
	run(t, dir, "gcc", "-O2", "-w", "-DCOLLAPSE", "-DNFAIR=4", "-o", "pan", "pan.c")
	return dir
}

func run(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	c := exec.Command(name, args...)
	c.Dir = dir
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// claim is a formula of the model; fair are those of things that must come about, for which every process that can go on
// is taken to go on at some time.
type claim struct {
	name string
	fair bool
}

var claims = []claim{{"accounting", false}, {"served", true}, {"reaped", true}, {"heard", true}, {"noticed", true}}

var (
	errorsFound = regexp.MustCompile(`errors: (\d+)`)
	states      = regexp.MustCompile(`(\S+) states, stored`)
)

// verify goes through all states that the claim needs. It is false if there is a history that breaks it.
func verify(t *testing.T, dir string, c claim) bool {
	t.Helper()
	args := []string{"-a", "-m500000", "-N", c.name}
	if c.fair {
		args = append(args, "-f")
	}
	out := run(t, dir, "./pan", args...)
	found := errorsFound.FindStringSubmatch(out)
	n := states.FindStringSubmatch(out)
	if found == nil || n == nil || strings.Contains(out, "max search depth too small") ||
		strings.Contains(out, "Search not completed") && found[1] == "0" {
		t.Fatalf("%s: not gone through:\n%s", c.name, out)
	}
	t.Logf("%s: %s states, %s errors", c.name, n[1], found[1])
	return found[1] == "0"
}

// In every state that can be reached the numbers are right, and whatever happens every client is served and every source
// is turned to.
func TestModelHolds(t *testing.T) {
	needs(t, "spin", "gcc")
	if testing.Short() {
		t.Skip("takes half a minute of computing, and the race detector has nothing to look at")
	}
	dir := verifier(t)
	for _, c := range claims {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if !verify(t, dir, c) {
				t.Error("there is a history that breaks it")
			}
		})
	}
}

// With one worker allowed there is a place in the table that must never be filled.
func TestModelHoldsAtTheLimit(t *testing.T) {
	needs(t, "spin", "gcc")
	dir := verifier(t, "-DMAX=1")
	for _, c := range claims {
		if !verify(t, dir, c) {
			t.Errorf("%s: there is a history that breaks it", c.name)
		}
	}
}

// The loop as it once was in the original, which starts again when its wait is interrupted, never reads a message and
// never serves a client while signals come. The books stay right all the while: nothing was read that could be wrong.
func TestModelOfTheOriginal(t *testing.T) {
	needs(t, "spin", "gcc")
	dir := verifier(t, "-DORIGINAL")
	want := map[string]bool{"served": false, "heard": false, "reaped": true}
	for _, c := range claims {
		holds, judged := want[c.name]
		if judged && verify(t, dir, c) != holds {
			t.Errorf("%s: holds is not %v", c.name, holds)
		}
	}
}
