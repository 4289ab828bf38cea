package sqlite

import (
	"unsafe"

	"golang.org/x/sys/unix"
	"modernc.org/libc"
	lib "modernc.org/sqlite/lib"
)

// The functions that SQLite calls for an open database (db..., shm...) and for an open log (log...).
// https://www.sqlite.org/c3ref/io_methods.html

func diskOf(file uintptr) *disk { return at[disk](at[handle](file).disk) }

func span(address uintptr, n int32) []byte { return unsafe.Slice(at[byte](address), n) }

// read fills p from a file. What is behind its end is zero, and reported.
func read(fd int, p []byte, off int64) int32 {
	for len(p) > 0 {
		n, err := unix.Pread(fd, p, off)
		switch {
		case err == unix.EINTR:
		case err != nil:
			return lib.SQLITE_IOERR_READ
		case n == 0:
			clear(p)
			return lib.SQLITE_IOERR_SHORT_READ
		default:
			p, off = p[n:], off+int64(n)
		}
	}
	return lib.SQLITE_OK
}

func write(fd int, p []byte, off int64) int32 {
	for len(p) > 0 {
		n, err := unix.Pwrite(fd, p, off)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return failure(lib.SQLITE_IOERR_WRITE, err)
		}
		p, off = p[n:], off+int64(n)
	}
	return lib.SQLITE_OK
}

func syncFile(fd int) int32 {
	if err := fdatasync(fd); err != nil {
		return failure(lib.SQLITE_IOERR_FSYNC, err)
	}
	return lib.SQLITE_OK
}

func truncate(fd int, size int64) int32 {
	if err := unix.Ftruncate(fd, size); err != nil {
		return failure(lib.SQLITE_IOERR_TRUNCATE, err)
	}
	return lib.SQLITE_OK
}

func fileSize(fd int, out uintptr) int32 {
	size, err := sizeOfFile(fd)
	if err != nil {
		return lib.SQLITE_IOERR_FSTAT
	}
	*at[int64](out) = size
	return lib.SQLITE_OK
}

func dbClose(_ *libc.TLS, file uintptr) int32 {
	d := diskOf(file)
	d.close()
	d.vfs.remove(d)
	return lib.SQLITE_OK
}

func dbRead(_ *libc.TLS, file, p uintptr, n int32, off int64) int32 {
	return diskOf(file).readPage(span(p, n), off)
}

func dbWrite(_ *libc.TLS, file, p uintptr, n int32, off int64) int32 {
	return write(diskOf(file).db, span(p, n), off)
}

func dbTruncate(_ *libc.TLS, file uintptr, size int64) int32 { return truncate(diskOf(file).db, size) }

func dbSync(_ *libc.TLS, file uintptr, _ int32) int32 { return syncFile(diskOf(file).db) }

func dbFileSize(_ *libc.TLS, file, out uintptr) int32 { return fileSize(diskOf(file).db, out) }

// dbLock is xLock. With a log nobody takes more than the shared lock; it stays until the files are closed.
func dbLock(_ *libc.TLS, file uintptr, level int32) int32 {
	if level > lib.SQLITE_LOCK_SHARED {
		return lib.SQLITE_IOERR_LOCK
	}
	ok, err := diskOf(file).share()
	return lockCode(ok, err)
}

func dbUnlock(_ *libc.TLS, file uintptr, level int32) int32 {
	d := diskOf(file)
	if level > lib.SQLITE_LOCK_NONE || !d.shared {
		return lib.SQLITE_OK
	}
	d.shared = false
	if _, err := lockFile(d.db, unix.F_UNLCK, sharedFirst, sharedSize); err != nil {
		return lib.SQLITE_IOERR_UNLOCK
	}
	return lib.SQLITE_OK
}

func lockCode(ok bool, err error) int32 {
	switch {
	case err != nil:
		return lib.SQLITE_IOERR_LOCK
	case !ok:
		return lib.SQLITE_BUSY
	}
	return lib.SQLITE_OK
}

func noLock(*libc.TLS, uintptr, int32) int32 { return lib.SQLITE_OK }

func noReserved(_ *libc.TLS, _, out uintptr) int32 {
	*at[int32](out) = 0
	return lib.SQLITE_OK
}

func noControl(*libc.TLS, uintptr, int32, uintptr) int32 { return lib.SQLITE_NOTFOUND }

func sectorSize(*libc.TLS, uintptr) int32 { return 4096 }

// characteristics are those that SQLite assumes of every file by default.
func characteristics(*libc.TLS, uintptr) int32 {
	return lib.SQLITE_IOCAP_POWERSAFE_OVERWRITE | lib.SQLITE_IOCAP_SUBPAGE_READ
}

// shmMap is xShmMap. The first call opens the index, with the shared lock of the database held.
func shmMap(_ *libc.TLS, file uintptr, part, _, extend int32, out uintptr) int32 {
	*at[uintptr](out) = 0
	d := diskOf(file)
	if d.index < 0 {
		ok, err := d.openIndex()
		if err != nil {
			return failure(lib.SQLITE_IOERR_SHMOPEN, err)
		}
		if !ok {
			return lib.SQLITE_BUSY
		}
	}
	p, err := d.mapPart(int(part), extend != 0)
	if err != nil {
		return failure(lib.SQLITE_IOERR_SHMMAP, err)
	}
	*at[uintptr](out) = uintptr(p)
	return lib.SQLITE_OK
}

// shmLock is xShmLock. Nothing is left to be written when others may write.
func shmLock(_ *libc.TLS, file uintptr, first, n, flags int32) int32 {
	d := diskOf(file)
	kind := int16(unix.F_RDLCK)
	switch {
	case flags&lib.SQLITE_SHM_UNLOCK != 0:
		kind = unix.F_UNLCK
	case flags&lib.SQLITE_SHM_EXCLUSIVE != 0:
		kind = unix.F_WRLCK
	}
	if rc := d.flush(); rc != lib.SQLITE_OK && kind != unix.F_UNLCK { // what is not synced by then was undone
		return rc
	}
	d.passing.forget(d.vfs)
	if kind == unix.F_WRLCK && first == writeLock {
		d.populate()
	}
	ok, err := lockFile(d.index, kind, indexLocks+int64(first), int64(n))
	if ok && first == writeLock {
		d.writing = kind == unix.F_WRLCK
	}
	return lockCode(ok, err)
}

// populate has the first part of the index at hand for writing: most pages of it are about to be written, and one call
// costs less than a fault for each.
func (d *disk) populate() {
	if d.ready || len(d.maps) == 0 {
		return
	}
	d.ready = true
	_ = unix.Madvise(unsafe.Slice((*byte)(d.maps[0]), indexPart), unix.MADV_POPULATE_WRITE) // else they are met one by one
}

// shmBarrier is xShmBarrier. Each access of the index by Go's atomics, as in a lock, orders the memory.
func shmBarrier(_ *libc.TLS, file uintptr) { diskOf(file).barrier.Add(1) }

// shmUnmap is xShmUnmap. SQLite deletes an index only together with the log, which it never does here.
func shmUnmap(_ *libc.TLS, file uintptr, _ int32) int32 {
	diskOf(file).closeIndex()
	return lib.SQLITE_OK
}

func logClose(_ *libc.TLS, file uintptr) int32 {
	d := diskOf(file)
	d.drop()
	if d.log >= 0 {
		_ = unix.Close(d.log) // what matters was synced
		d.log = -1
	}
	return lib.SQLITE_OK
}

func logRead(_ *libc.TLS, file, p uintptr, n int32, off int64) int32 {
	d := diskOf(file)
	if rc := d.flush(); rc != lib.SQLITE_OK {
		return rc
	}
	return read(d.log, span(p, n), off)
}

// logWrite is xWrite: it collects. All else that SQLite does with a log, and its sync, comes after a flush.
func logWrite(_ *libc.TLS, file, p uintptr, n int32, off int64) int32 {
	d := diskOf(file)
	if d.pending != nil && (off != d.start+int64(len(*d.pending)) || len(*d.pending)+int(n) > framesSize) {
		if rc := d.flush(); rc != lib.SQLITE_OK {
			return rc
		}
	}
	if d.pending == nil {
		d.pending, d.start = d.vfs.frames.Get().(*[]byte), off
	}
	*d.pending = append(*d.pending, span(p, n)...)
	return lib.SQLITE_OK
}

func logTruncate(_ *libc.TLS, file uintptr, size int64) int32 {
	d := diskOf(file)
	if rc := d.flush(); rc != lib.SQLITE_OK {
		return rc
	}
	return truncate(d.log, size)
}

// logSync is xSync. SQLite syncs the head of a log before its frames, so that frames from before are not taken for new
// ones; where there never were any it is for nothing.
func logSync(_ *libc.TLS, file uintptr, _ int32) int32 {
	d := diskOf(file)
	if d.onlyHead() {
		return lib.SQLITE_OK
	}
	if rc := d.flush(); rc != lib.SQLITE_OK {
		return rc
	}
	d.lengthen()
	return syncFile(d.log)
}

// onlyHead tells whether a head is all that is to be synced of a log without frames. Others may have written some since it was
// opened.
func (d *disk) onlyHead() bool {
	if !d.unused || d.pending == nil || d.start != 0 || len(*d.pending) != logHead {
		return false
	}
	size, err := sizeOfFile(d.log)
	return err == nil && size == logHead
}

// lengthen has a log that just grew end in zeros, which count for nothing: the next commits overwrite them, and to sync what
// was overwritten costs a fraction of syncing a file that grew, since its metadata stay. On a full disk there are no
// zeros. Who writes the log back syncs it, too, while others may append to it: only the one who may write does this.
func (d *disk) lengthen() {
	if !d.writing || d.end <= d.size {
		return
	}
	size, err := sizeOfFile(d.log)
	if err != nil {
		return // the sync meets the same error
	}
	d.size = size
	if size > d.end {
		return // others made it longer
	}
	more := min(size/4, maxLengthen)
	more += (lengthenUnit - (size+more)%lengthenUnit) % lengthenUnit
	p := d.vfs.frames.Get().(*[]byte)
	defer d.vfs.frames.Put(p)
	zeros := (*p)[:min(more, framesSize)]
	clear(zeros)
	for ; more > 0; more -= int64(len(zeros)) {
		zeros = zeros[:min(more, int64(len(zeros)))]
		if write(d.log, zeros, d.size) != lib.SQLITE_OK {
			return
		}
		d.size += int64(len(zeros))
	}
}

func logFileSize(_ *libc.TLS, file, out uintptr) int32 {
	d := diskOf(file)
	if rc := d.flush(); rc != lib.SQLITE_OK {
		return rc
	}
	return fileSize(d.log, out)
}

// flush writes what was collected. If the log's name may not be durable, it is made so before the first octet: a log
// with an octet in it has a name that stays.
func (d *disk) flush() int32 {
	if d.pending == nil {
		return lib.SQLITE_OK
	}
	rc := int32(lib.SQLITE_OK)
	if d.empty {
		if err := syncDir(d.dir); err != nil {
			rc = failure(lib.SQLITE_IOERR_DIR_FSYNC, err)
		}
	}
	if rc == lib.SQLITE_OK {
		d.empty, d.unused = false, false
		rc = write(d.log, *d.pending, d.start)
		d.end = d.start + int64(len(*d.pending))
	}
	d.drop()
	return rc
}

// drop forgets what was collected.
func (d *disk) drop() {
	if d.pending == nil {
		return
	}
	*d.pending = (*d.pending)[:0]
	d.vfs.frames.Put(d.pending)
	d.pending = nil
}
