package e2e

import (
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
)

// binary is the program, built by TestMain; "" with -short.
var binary string

func TestMain(m *testing.M) {
	os.Exit(buildAndRun(m))
}

func buildAndRun(m *testing.M) int {
	for _, a := range os.Args {
		if strings.HasPrefix(a, "-test.short") {
			return m.Run()
		}
	}
	dir, err := os.MkdirTemp("", "constance-e2e")
	if err == nil {
		defer os.RemoveAll(dir)
		binary, err = Build(dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// TestBinary runs the scripts against "constance serve" with SQLite and several workers.
func TestBinary(t *testing.T) {
	if binary == "" {
		t.Skip("-short")
	}
	var lines strings.Builder
	for i := range 300 {
		fmt.Fprintf(&lines, "u%d:{PLAIN}secret%d\n", i+1, i+1)
	}
	s := StartServer(t, binary, t.TempDir(), lines.String(), "--workers", "2")
	t.Run("scripts", func(t *testing.T) {
		RunDir(t, "testdata", users(func() (net.Conn, error) { return net.Dial("tcp", s.IMAP) }))
	})
}
