package sqlite

import (
	"bytes"
	"os"
	"testing"

	"zombiezen.com/go/sqlite"
)

func readLog(t *testing.T, dir string) []byte {
	t.Helper()
	b, err := os.ReadFile(dir + logName)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// A log grows by large steps of zeros, which commits then fill.
func TestLogGrowsInSteps(t *testing.T) {
	dir := newAccountDir(t)
	c := openDisk(t, dir, true)
	if n := len(readLog(t, dir)); n != logHead {
		t.Fatalf("a new log has %d octets, want %d", n, logHead)
	}
	steps, last := 0, logHead
	for i := range int64(200) {
		setLimit(t, c, i+1)
		n := len(readLog(t, dir))
		if n%lengthenUnit != 0 {
			t.Fatalf("after commit %d the log has %d octets, no multiple of %d", i, n, lengthenUnit)
		}
		if n != last {
			steps, last = steps+1, n
		}
	}
	if steps < 2 || steps > 10 {
		t.Errorf("200 commits changed the length %d times, want a few", steps)
	}
}

// What follows the frames in a log counts for nothing, for our layer and for SQLite's own, with and without an index.
func TestLogEndsInZeros(t *testing.T) {
	dir := newAccountDir(t)
	c := openDisk(t, dir, true)
	setLimit(t, c, 1)
	setLimit(t, c, 2)
	log := readLog(t, dir)
	used := logHead + 2*(frameHead+4096)
	if len(bytes.Trim(log[used:], "\x00")) != 0 {
		t.Fatal("something else than zeros follows two frames")
	}
	crashed := t.TempDir()
	copyFile(t, dir+dbName, crashed+dbName)
	copyFile(t, dir+logName, crashed+logName)
	own, err := openConn(crashed+dbName, sqlite.OpenReadWrite)
	if err != nil {
		t.Fatal(err)
	}
	wantLimit(t, own, 2)
	setLimit(t, own, 3)
	if err := own.Close(); err != nil {
		t.Fatal(err)
	}
	again := openDisk(t, crashed, true)
	wantLimit(t, again, 3)
	setLimit(t, again, 4)
	checkWhole(t, again)
	_ = again.Close()
	wantLimit(t, openDisk(t, crashed, false), 4)
}

// Whoever has another idea of the length than the file has writes zeros over nothing.
func TestLogLengthenedByOthers(t *testing.T) {
	dir := newAccountDir(t)
	a, b := openDisk(t, dir, true), openDisk(t, dir, false)
	for i := range int64(100) { // both grow, in turns, one of them with what the other has made longer
		setLimit(t, a, 2*i)
		wantLimit(t, b, 2*i)
		if i%3 == 0 {
			setLimit(t, b, 2*i+1)
			wantLimit(t, a, 2*i+1)
		}
		if i%40 == 39 {
			if err := b.exec("PRAGMA wal_checkpoint(TRUNCATE)"); err != nil {
				t.Fatal(err)
			}
			if n := len(readLog(t, dir)); n != 0 {
				t.Errorf("an emptied log has %d octets", n)
			}
		}
	}
	fresh := t.TempDir()
	copyFile(t, dir+dbName, fresh+dbName)
	copyFile(t, dir+logName, fresh+logName)
	c := openDisk(t, fresh, true)
	wantLimit(t, c, 199)
	checkWhole(t, c)
}
