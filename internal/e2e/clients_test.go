package e2e

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/constance-mail/constance/internal/imapclient"
)

// clientTimeout bounds each run of a foreign program.
const clientTimeout = 3 * time.Minute

// needs skips the test if a program is missing, naming its Debian package; with CONSTANCE_REQUIRE_PEERS=1, as `make
// test` sets it, that is a failure.
func needs(t *testing.T, program, debian string) {
	t.Helper()
	if _, err := exec.LookPath(program); err == nil {
		return
	}
	if os.Getenv("CONSTANCE_REQUIRE_PEERS") == "1" {
		t.Fatalf("%s is missing: install the package %s", program, debian)
	}
	t.Skipf("%s is missing: install the package %s", program, debian)
}

// needsRoot skips the test without root, saying why; with CONSTANCE_REQUIRE_PEERS=1 that is a failure.
func needsRoot(t *testing.T, why string) {
	t.Helper()
	switch {
	case os.Geteuid() == 0:
	case os.Getenv("CONSTANCE_REQUIRE_PEERS") == "1":
		t.Fatal(why)
	default:
		t.Skip(why)
	}
}

// clientServer is a server with the users alice and bob for foreign programs.
func clientServer(t *testing.T, args ...string) *Server {
	t.Helper()
	if binary == "" {
		t.Skip("-short")
	}
	return StartServer(t, binary, t.TempDir(), "alice:{PLAIN}wonderland\nbob:{PLAIN}humbug\n", append([]string{"--workers", "2"}, args...)...)
}

// runProgram runs a foreign program and returns its standard output; failing is fatal.
func runProgram(t *testing.T, dir, stdin, program string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), clientTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "HOME="+dir, "LC_ALL=C.UTF-8")
	cmd.Stdin = strings.NewReader(stdin)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s %s: %v\n%s%s", program, strings.Join(args, " "), err, &out, &errs)
	}
	return out.String()
}

// write writes a file for a foreign program.
func write(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// port is the port of "host:port".
func port(t *testing.T, addr string) string {
	t.Helper()
	_, p, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// login is a session of our own client.
func login(t testing.TB, s *Server, user, password string) *imapclient.Client {
	t.Helper()
	c, _, err := imapclient.Dial(s.IMAP)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	do(t, c, "LOGIN "+user+" "+password)
	return c
}

// do is a command that must be answered OK; the untagged responses.
func do(t testing.TB, c *imapclient.Client, command string) []string {
	t.Helper()
	got, err := c.MustOK(command)
	if err != nil {
		t.Fatalf("%s: %v", command, err)
	}
	return got
}

// letter is a message of some size and shape: every third one has 8-bit text.
func letter(i int) string {
	text := strings.Repeat(fmt.Sprintf("Line of message %d.\n", i), 1+i%40)
	if i%3 == 0 {
		text += "Grüße aus Köln: 日本 и так далее\n"
	}
	return fmt.Sprintf("From: Sender %d <s%d@example.org>\nTo: alice@example.org\nSubject: Message %d\nMessage-ID: <m%d@example.org>\n"+
		"Date: Mon, 05 Oct 2026 10:%02d:%02d +0200\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n%s",
		i, i, i, i, i/60%60, i%60, text)
}

// deliverMany delivers messages number from to below to by `constance deliver`.
func deliverMany(t *testing.T, s *Server, user string, from, to int) {
	t.Helper()
	dir := t.TempDir()
	args := []string{"deliver", "--to", user}
	for i := from; i < to; i++ {
		args = append(args, write(t, filepath.Join(dir, fmt.Sprintf("%d.eml", i)), letter(i)))
	}
	s.Run(t, "", args...)
}

// awaitTrue looks until something is so; it fails the test after a while.
func awaitTrue(t testing.TB, what string, so func() bool) {
	t.Helper()
	deadline, tick := time.After(startTimeout), time.NewTicker(20*time.Millisecond)
	defer tick.Stop()
	for !so() {
		select {
		case <-deadline:
			t.Fatalf("in vain: %s", what)
		case <-tick.C:
		}
	}
}
