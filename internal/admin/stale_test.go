package admin

import (
	"net"
	"os"
	"path/filepath"
	"strconv"
	"testing"
)

// A dead process's socket goes even if its pid is somebody else's now, and names that are not ours do no harm.
func TestStaleSocketOfAReusedPID(t *testing.T) {
	dir := t.TempDir()
	stale := filepath.Join(dir, "old."+strconv.Itoa(os.Getpid())+".sock")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: stale, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
	for _, odd := range []string{"1.sock", ".1.sock", "x.-1.sock"} {
		if err := os.WriteFile(filepath.Join(dir, odd), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	serve(t, dir, Options{Service: "new"})
	if ps := Processes(dir); len(ps) != 1 || ps[0].Service != "new" {
		t.Errorf("got %+v", ps)
	}
	for _, name := range []string{"", "a/b"} {
		if s, err := Listen(dir, Options{Service: name}); err == nil {
			t.Errorf("service %q: no error", name)
			s.Close()
		}
	}
}
