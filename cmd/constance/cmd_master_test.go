package main

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/constance-mail/constance/internal/master"
	"github.com/constance-mail/constance/internal/master/cyrusconf"
)

// runMaster runs the verb alone and returns its output and exit code.
func runMaster(t *testing.T, args ...string) (string, int) {
	t.Helper()
	var out bytes.Buffer
	c := masterCommand(nil)
	c.SetOut(&out)
	c.SetErr(&out)
	c.SilenceErrors, c.SilenceUsage = true, true
	c.SetArgs(args)
	err := c.ExecuteContext(t.Context())
	code := exitDone
	var quiet quietError
	if errors.As(err, &quiet) {
		return out.String(), int(quiet)
	}
	if err != nil {
		code, _ = classify(err)
		out.WriteString(err.Error())
	}
	return out.String(), code
}

// P29: a symbolic link is refused, and what it points to stays as it is.
func TestP29_PIDFile(t *testing.T) {
	dir := t.TempDir()
	target, link := filepath.Join(dir, "target"), filepath.Join(dir, "link")
	os.WriteFile(target, []byte("precious"), 0o600)
	os.Symlink(target, link)
	var e *master.Error
	if _, err := master.OpenPIDFile(link); !errors.As(err, &e) || e.Code != 71 || !errors.Is(err, syscall.ELOOP) {
		t.Errorf("a link: %v", err)
	}
	if got, _ := os.ReadFile(target); string(got) != "precious" {
		t.Errorf("the link's target holds %q", got)
	}
	p, err := master.OpenPIDFile(filepath.Join(dir, "pid"))
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if got, _ := os.ReadFile(filepath.Join(dir, "pid")); !strings.HasSuffix(string(got), "\n") {
		t.Errorf("%q", got)
	}
}

func TestMasterCredential(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can become another user")
	}
	c, err := credential(cyrusconf.Imapd{"cyrus_user": "nobody"}, slog.New(slog.DiscardHandler))
	if err != nil || c == nil || c.Uid == 0 {
		t.Errorf("%+v, %v", c, err)
	}
	if _, err := credential(cyrusconf.Imapd{"cyrus_user": "no such user"}, slog.New(slog.DiscardHandler)); err == nil {
		t.Error("an unknown user is accepted")
	}
}
