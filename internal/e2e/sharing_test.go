package e2e

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/constance-mail/constance/internal/auth"
	"github.com/constance-mail/constance/internal/imapd"
)

// The scripts of testdata/share have the users alice, bob and carol, dave who is in the group staff, admin who
// administers, and the shared account team; all with the password "secret".

// sharingNames are they for the n-th script: all but admin are its own.
func sharingNames(n int64) map[string]string {
	out := map[string]string{"admin": "admin"}
	for _, name := range []string{"alice", "bob", "carol", "dave", "team", "staff"} {
		out[name] = fmt.Sprintf("%s%d", name, n)
	}
	return out
}

// sharingScripts is room for as many scripts.
const sharingScripts = 60

func sharingTargets(dial func() (net.Conn, error)) func(t *testing.T) Target {
	var last atomic.Int64
	return func(t *testing.T) Target {
		n := last.Add(1)
		if n > sharingScripts {
			t.Fatal("more scripts than users")
		}
		names := sharingNames(n)
		return Target{Dial: dial, User: names["alice"], Password: "secret", Vars: names}
	}
}

// memoryDirectory has the users of all scripts.
func memoryDirectory(t *testing.T) *auth.Memory {
	d := auth.NewMemory()
	add := func(users ...auth.User) {
		for i := range users {
			users[i].Hash = "{PLAIN}secret"
		}
		if err := d.Add(context.Background(), users, false); err != nil {
			t.Fatal(err)
		}
	}
	add(auth.User{Login: "admin"})
	for n := range int64(sharingScripts) {
		names := sharingNames(n + 1)
		for _, who := range []string{"alice", "bob", "carol", "dave"} {
			add(auth.User{Login: names[who]})
		}
		add(auth.User{Login: names["team"], Shared: true})
		if err := d.SetMember(context.Background(), names["staff"], names["dave"], true); err != nil {
			t.Fatal(err)
		}
	}
	return d
}

// TestSharingInProcess runs the scripts about sharing against the engine in this process.
func TestSharingInProcess(t *testing.T) {
	d := memoryDirectory(t)
	addr := startEngineWith(t, func(o *imapd.Options) {
		o.Auth = auth.New(d, auth.Options{})
		o.Sharing = imapd.Sharing{Directory: d, Others: "Other Users", Shared: "Shared Folders", Admins: []string{"admin"}}
	})
	t.Run("scripts", func(t *testing.T) {
		RunDir(t, "testdata/share", sharingTargets(func() (net.Conn, error) { return net.Dial("tcp", addr) }))
	})
}

// TestSharing runs them against "constance serve" with SQLite and several workers.
func TestSharing(t *testing.T) {
	if binary == "" {
		t.Skip("needs the binary")
	}
	dir := t.TempDir()
	config := filepath.Join(dir, "constance.toml")
	if err := os.WriteFile(config, []byte("[sharing]\nadmins = [\"admin\"]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var lines strings.Builder
	lines.WriteString("admin:{PLAIN}secret\n")
	files, err := filepath.Glob("testdata/share/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for n := range int64(len(files)) {
		for _, who := range []string{"alice", "bob", "carol", "dave"} {
			fmt.Fprintf(&lines, "%s:{PLAIN}secret\n", sharingNames(n + 1)[who])
		}
	}
	s := StartServer(t, binary, dir, lines.String(), "--workers", "2")
	for n := range int64(len(files)) {
		names := sharingNames(n + 1)
		s.Run(t, "", "user", "add", "--shared", names["team"])
		s.Run(t, "", "group", "add", names["staff"], names["dave"])
	}
	t.Run("scripts", func(t *testing.T) {
		RunDir(t, "testdata/share", sharingTargets(func() (net.Conn, error) { return net.Dial("tcp", s.IMAP) }))
	})
	if got := s.Run(t, "", "group", "list"); !strings.Contains(got, "staff1") || !strings.Contains(got, "dave1") {
		t.Errorf("groups: %s", got)
	}
}
