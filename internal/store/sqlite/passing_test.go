package sqlite

import (
	"errors"
	"fmt"
	"testing"
)

// put600 makes each of 600 items a page of the octet.
func put600(t *testing.T, c *conn, octet byte) {
	t.Helper()
	err := errors.Join(
		c.exec(fmt.Sprintf("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < 600) "+
			"INSERT OR REPLACE INTO item(id, x) SELECT i, replace(hex(zeroblob(1900)), '00', '%c%c') FROM n", octet, octet)),
		c.exec("PRAGMA wal_checkpoint(PASSIVE)"))
	if err != nil {
		t.Fatal(err)
	}
}

// wantOctet reads the items from..to.
func wantOctet(t *testing.T, c *conn, from, to int64, octet byte) {
	t.Helper()
	same := fmt.Sprintf("SELECT count(*) FROM item WHERE id BETWEEN ? AND ? AND x = replace(hex(zeroblob(1900)), '00', '%c%c')",
		octet, octet)
	if n, err := c.one(same, from, to); n != to-from+1 || err != nil {
		t.Errorf("%d to %d: %d are %c (%v)", from, to, n, octet, err)
	}
}

// Who passes over a database reads it in large parts, sees it as it was until its transaction ends, and keeps nothing.
func TestPassing(t *testing.T) {
	dir := newAccountDir(t)
	writer, reader := openDisk(t, dir, true), openDisk(t, dir, false)
	if err := reader.exec("PRAGMA cache_size = 10"); err != nil {
		t.Fatal(err)
	}
	put600(t, writer, 'A')
	err := reader.read(func() error {
		wantOctet(t, reader, 1, 300, 'A')
		p := &reader.disk.passing
		if p.part == nil || len(*p.part) != framesSize {
			t.Errorf("no part is at hand")
		}
		put600(t, writer, 'B')
		wantOctet(t, reader, 301, 600, 'A')
		wantOctet(t, reader, 1, 600, 'A')
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if reader.disk.passing.part != nil {
		t.Errorf("a part is left over")
	}
	wantOctet(t, reader, 1, 600, 'B')
	put600(t, writer, 'C') // the reader is not in the way: it is in the database now
	wantOctet(t, reader, 1, 600, 'C')
}

// What is behind the end of the database is read as ever: nothing, and reported.
func TestPassingEnd(t *testing.T) {
	dir := newAccountDir(t)
	c := openDisk(t, dir, true)
	put600(t, c, 'A')
	size, err := sizeOfFile(c.disk.db)
	if err != nil {
		t.Fatal(err)
	}
	page := make([]byte, pageSize)
	for off := size - 3*pageSize; off < size; off += pageSize {
		if rc := c.disk.readPage(page, off); rc != 0 {
			t.Errorf("at %d of %d: code %d", off, size, rc)
		}
	}
	page[0] = 1
	if rc := c.disk.readPage(page, size); rc == 0 || page[0] != 0 {
		t.Errorf("behind the end: code %d, octet %d", rc, page[0])
	}
}
