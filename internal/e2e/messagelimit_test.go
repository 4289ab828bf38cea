package e2e

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/constance-mail/constance/internal/imapd"
)

// limitScripts are the directories of the scripts for a limit of three messages, by what it is for.
var limitScripts = map[string]string{"all": "testdata/messagelimit", "saving": "testdata/savelimit"}

// TestMessageLimitInProcess runs the scripts about limits against the engine in this process.
func TestMessageLimitInProcess(t *testing.T) {
	for what, dir := range limitScripts {
		addr := startEngineWith(t, func(o *imapd.Options) { o.MessageLimit, o.LimitSaving = 3, what == "saving" })
		t.Run(what, func(t *testing.T) {
			RunDir(t, dir, users(func() (net.Conn, error) { return net.Dial("tcp", addr) }))
		})
	}
}

// TestMessageLimit runs them against "constance serve" with SQLite.
func TestMessageLimit(t *testing.T) {
	if binary == "" {
		t.Skip("needs the binary")
	}
	var lines strings.Builder
	for i := range 30 {
		fmt.Fprintf(&lines, "u%d:{PLAIN}secret%d\n", i+1, i+1)
	}
	for what, scripts := range limitScripts {
		dir := t.TempDir()
		text := fmt.Sprintf("[imap]\nmessage_limit = 3\nmessage_limit_for = %q\n", what)
		if err := os.WriteFile(filepath.Join(dir, "constance.toml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		s := StartServer(t, binary, dir, lines.String(), "--workers", "1")
		t.Run(what, func(t *testing.T) {
			RunDir(t, scripts, users(func() (net.Conn, error) { return net.Dial("tcp", s.IMAP) }))
		})
	}
}
