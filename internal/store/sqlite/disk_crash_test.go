package sqlite

import (
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// TestHeadSynced: the head of a log is synced before new frames, but for a log that never had any. Else a crash of the machine
// could leave some of the new frames and the old head, by which the old frames before them would be written back again.
func TestHeadSynced(t *testing.T) {
	dir := newAccountDir(t)
	a, b := openDisk(t, dir, true), openDisk(t, dir, false)
	wantLimit(t, a, 0)
	wantLimit(t, b, 0)
	file := handle{disk: addressOf(b.disk)}
	head := readLog(t, dir)[:logHead]
	synced := func() bool {
		b.disk.drop()
		logWrite(nil, addressOf(&file), uintptr(unsafe.Pointer(&head[0])), logHead, 0)
		logSync(nil, addressOf(&file), 0)
		return b.disk.pending == nil
	}
	if synced() {
		t.Error("the head of a log without frames was written for itself")
	}
	setLimit(t, a, 1)
	if err := a.exec("PRAGMA wal_checkpoint(PASSIVE)"); err != nil {
		t.Fatal(err)
	}
	if !synced() {
		t.Error("another connection has written frames, and the head is not synced")
	}
}

// TestUnlockOnFullDisk: a transaction that is undone leaves its lock, even if there is no room for what it wanted to write.
func TestUnlockOnFullDisk(t *testing.T) {
	dir := newAccountDir(t)
	a, b := openDisk(t, dir, true), openDisk(t, dir, false)
	b.SetBusyTimeout(0)
	wantLimit(t, b, 0)
	for _, q := range []string{ // more than the cache holds
		"PRAGMA cache_size = 10", "PRAGMA cache_spill = 10", "BEGIN IMMEDIATE",
		`INSERT INTO item(x) SELECT zeroblob(3000) FROM (WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n
			WHERE i < 200) SELECT i FROM n)`,
	} {
		if err := a.exec(q); err != nil {
			t.Fatal(err)
		}
	}
	if a.disk.pending == nil {
		t.Fatal("nothing is to be written")
	}
	full, err := open("/dev/full", unix.O_RDWR)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(full)
	log := a.disk.log
	a.disk.log = full
	err = a.exec("ROLLBACK")
	a.disk.log = log
	if err != nil {
		t.Error(err)
	}
	setLimit(t, b, 1)
	wantLimit(t, a, 1)
	checkWhole(t, a)
}
