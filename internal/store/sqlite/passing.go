package sqlite

import (
	"golang.org/x/sys/unix"
	lib "modernc.org/sqlite/lib"
)

// passing is a part of a database that was read in one go, because pages not far behind each other were asked for: a
// scan passes over the file. A call of the system costs more than the few pages that nobody asks for.
//
// It lasts as long as the locks of the log stay as they are, at most a transaction: what a reader takes from the database
// does not change under it, since a checkpoint writes only what every reader finds in the log, or nobody looks at.
// https://www.sqlite.org/wal.html, "Concurrency"
type passing struct {
	part  *[]byte // of vfs.frames; nil: nothing
	start int64
	until int64 // the end of what was asked for last
}

// pageSize is that of a database.
const pageSize = 4096

// readPage reads a page, or less, of the database.
func (d *disk) readPage(p []byte, off int64) int32 {
	at := &d.passing
	gap := off - at.until
	at.until = off + int64(len(p))
	if at.take(p, off) {
		return lib.SQLITE_OK
	}
	if d.index < 0 || len(p) != pageSize || gap < 0 || gap >= framesSize {
		return read(d.db, p, off)
	}
	if at.part == nil {
		at.part = d.vfs.frames.Get().(*[]byte)
	}
	n, err := unix.Pread(d.db, (*at.part)[:framesSize], off)
	*at.part, at.start = (*at.part)[:max(n, 0)], off
	if err != nil || !at.take(p, off) {
		return read(d.db, p, off) // meets the error, or the end of the file
	}
	return lib.SQLITE_OK
}

// take copies what is at hand, false if it is not.
func (a *passing) take(p []byte, off int64) bool {
	if a.part == nil || off < a.start || off+int64(len(p)) > a.start+int64(len(*a.part)) {
		return false
	}
	copy(p, (*a.part)[off-a.start:])
	return true
}

// forget gives the part back.
func (a *passing) forget(v *vfs) {
	if a.part != nil {
		*a.part = (*a.part)[:0]
		v.frames.Put(a.part)
	}
	*a = passing{until: a.until}
}
