package sqlite

import (
	"context"
	"os"
	"testing"
)

// The first account that a process opens gets the connection that was made ready, and nothing else is left of that.
func TestReady(t *testing.T) {
	dir := t.TempDir()
	a := openTest(t, dir, Options{}).Account("alice")
	deliver(t, a, 1, "text")
	s := openTest(t, dir, Options{})
	if err := s.ready(); err != nil {
		t.Fatal(err)
	}
	if len(s.spare.conns) != 1 {
		t.Fatalf("%d spare connections", len(s.spare.conns))
	}
	ready := s.spare.conns[0]
	if names, err := os.ReadDir(dir + "/tmp"); err != nil || len(names) > 0 {
		t.Errorf("left behind: %v, %v", names, err)
	}
	again := s.Account("alice").(*account)
	snap, err := again.Snapshot(context.Background(), 1)
	if err != nil || snap.Len() != 1 {
		t.Fatalf("the account has %v, %v", snap, err)
	}
	if len(again.files.idle) != 1 || again.files.idle[0] != ready {
		t.Error("the account was not read by the connection that was ready")
	}
}

// A store whose directory takes no more files serves all the same.
func TestReadyFails(t *testing.T) {
	s := openTest(t, t.TempDir(), Options{})
	if err := os.RemoveAll(s.dir + "/tmp"); err != nil {
		t.Fatal(err)
	}
	if err := s.ready(); err == nil || len(s.spare.conns) > 0 {
		t.Errorf("without a directory: %v, %d connections", err, len(s.spare.conns))
	}
}
