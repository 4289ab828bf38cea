package sqlite

import (
	"errors"
	"io"
	"os"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
	lib "modernc.org/sqlite/lib"
)

// disk is the three files that a connection works with: a database, its log, the shared index of the log. It belongs to
// its connection's goroutine.
//
// While the connection does nothing it can let go of one account's files and take another's: databases of accounts have
// one schema, so what SQLite parsed and prepared for one is right for all, and the cache of pages is dropped in between.
// SQLite compares the number of the schema before each use; a database with another one than the last gets everything
// anew.
type disk struct {
	vfs *vfs
	no  int    // by which SQLite asks for it
	dir string // of the account whose files these are

	db, log, index int // descriptors, -1 while not open
	shared         bool
	renewed        bool // the index is not believed: it may be from before the last boot

	maps    []unsafe.Pointer // the parts of the index, in order
	ready   bool             // the first part is at hand for writing
	empty   bool             // the log had no octet when it was opened: its name may not be durable
	unused  bool             // the log was as it is made with an account when it was opened: it had no frame
	pending *[]byte          // what was written to the log but not to its file, from start on; nil: nothing
	start   int64
	end     int64 // of what was written to the log last
	size    int64 // that the log had, when this was looked at
	writing bool  // the lock of who writes to the log is held
	passing passing
	barrier atomic.Uint32
}

// https://www.sqlite.org/src/doc/trunk/src/os_unix.c and https://www.sqlite.org/walformat.html: where locks are, and
// what an index consists of.
const (
	sharedFirst = 0x40000000 + 2
	sharedSize  = 510
	indexLocks  = 120 // of 8 octets
	writeLock   = 0   // the first of them
	indexInUse  = 128 // read lock: somebody uses the index
	indexPart   = 32 << 10

	framesSize = 64 << 10 // what of a log is collected before it is written

	lengthenUnit = 64 << 10  // a log that grows is made so much longer that its length is a multiple of this
	maxLengthen  = 256 << 10 // and by a quarter, but not by more
)

// The files in an account's directory.
const (
	dbName    = "/mail.db"
	logName   = dbName + logSuffix
	indexName = dbName + "-shm"
)

// openDB opens the database.
func (d *disk) openDB() (err error) {
	d.db, err = open(d.dir+dbName, unix.O_RDWR)
	return err
}

// openLog opens the log, which comes into being if need be (and create).
func (d *disk) openLog(create bool) (err error) {
	flags := unix.O_RDWR
	if create {
		flags |= unix.O_CREAT
	}
	if d.log, err = open(d.dir+logName, flags); err != nil {
		return err
	}
	size, err := sizeOfFile(d.log)
	d.empty, d.unused = size == 0, size == logHead
	d.end, d.size = 0, size
	return err
}

// open is unix.Open of a file that only we may read.
func open(path string, flags int) (int, error) {
	for {
		fd, err := unix.Open(path, flags|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0o600)
		if err == nil {
			return fd, nil
		}
		if err != unix.EINTR {
			return -1, &os.PathError{Op: "open", Path: path, Err: err}
		}
	}
}

func sizeOfFile(fd int) (int64, error) {
	var st unix.Stat_t
	err := unix.Fstat(fd, &st)
	return st.Size, err
}

// lockFile sets a lock of an open file (of the file, not of the process: connections of one process keep apart, too),
// without waiting. False: somebody has another one.
func lockFile(fd int, kind int16, start, length int64) (bool, error) {
	l := unix.Flock_t{Type: kind, Whence: io.SeekStart, Start: start, Len: length}
	for {
		switch err := unix.FcntlFlock(uintptr(fd), unix.F_OFD_SETLK, &l); err {
		case nil:
			return true, nil
		case unix.EAGAIN, unix.EACCES:
			return false, nil
		case unix.EINTR:
		default:
			return false, err
		}
	}
}

// share takes the lock that keeps others from deleting the log.
func (d *disk) share() (bool, error) {
	if d.shared {
		return true, nil
	}
	var err error
	d.shared, err = lockFile(d.db, unix.F_RDLCK, sharedFirst, sharedSize)
	return d.shared, err
}

// openIndex opens the index. It is emptied if it cannot be believed and nobody uses it: SQLite makes it anew from the
// log then.
func (d *disk) openIndex() (bool, error) {
	fd, err := open(d.dir+indexName, unix.O_RDWR|unix.O_CREAT)
	if err != nil {
		return false, err
	}
	ok, err := d.enterIndex(fd)
	if !ok || err != nil {
		_ = unix.Close(fd) // nothing was written to it
		return false, err
	}
	d.index = fd
	return true, nil
}

func (d *disk) enterIndex(fd int) (bool, error) {
	if d.renewed || !d.fits(fd) {
		alone, err := lockFile(fd, unix.F_WRLCK, indexInUse, 1)
		if err != nil {
			return false, err
		}
		if alone {
			if err := unix.Ftruncate(fd, 0); err != nil {
				return false, err
			}
		}
	}
	return lockFile(fd, unix.F_RDLCK, indexInUse, 1)
}

// mapPart maps a part of the index, which is made longer if it is too short, or nil if that was not asked for.
func (d *disk) mapPart(i int, extend bool) (unsafe.Pointer, error) {
	if i < len(d.maps) {
		return d.maps[i], nil
	}
	size, err := sizeOfFile(d.index)
	if err != nil {
		return nil, err
	}
	for n := int64(len(d.maps)); n <= int64(i); n++ {
		if size < (n+1)*indexPart {
			if !extend {
				return nil, nil
			}
			// written, not only lengthened: a full disk is to be met here
			if _, err := unix.Pwrite(d.index, make([]byte, (n+1)*indexPart-size), size); err != nil {
				return nil, err
			}
			size = (n + 1) * indexPart
		}
		p, err := d.vfs.windows.open(d.index, n*indexPart)
		if err != nil {
			return nil, err
		}
		d.maps = append(d.maps, p)
	}
	return d.maps[i], nil
}

// fits tells whether an index is of these files: not left behind when others were put in their place.
func (d *disk) fits(fd int) bool {
	var h indexHead
	if n, err := unix.Pread(fd, h[:], 0); err != nil || n < len(h) {
		return true // there is none yet
	}
	return !h.made() || h.fits(d)
}

// close closes all files.
func (d *disk) close() {
	d.closeIndex()
	for _, fd := range []*int{&d.log, &d.db} {
		if *fd >= 0 {
			_ = unix.Close(*fd) // what matters was synced; unlocks, too
			*fd = -1
		}
	}
	d.shared = false
	d.drop()
	d.passing.forget(d.vfs)
}

// closeIndex closes the index. SQLite has no address of it any more. Its locks would last as long as it stays mapped.
func (d *disk) closeIndex() {
	for _, p := range d.maps {
		d.vfs.windows.close(p)
	}
	d.maps, d.ready, d.writing = nil, false, false
	if d.index >= 0 {
		_, _ = lockFile(d.index, unix.F_UNLCK, indexLocks, indexInUse+1-indexLocks) // fails only for a wrong descriptor
		_ = unix.Close(d.index)                                                     // nothing was written to it
		d.index = -1
	}
}

// errUnfit is of an account that needs a connection of its own: its log or index has to be made.
var errUnfit = errors.New("no log, or no index of it")

// attach takes the files of the account in dir, whose index is to be believed, in place of those that were closed.
func (d *disk) attach(dir string) error {
	d.dir, d.renewed = dir, false
	err := d.openAll()
	if err != nil {
		d.close()
	}
	return err
}

func (d *disk) openAll() error {
	if err := d.openDB(); err != nil {
		return err
	}
	if ok, err := d.share(); err != nil || !ok {
		return errors.Join(errUnfit, err)
	}
	if err := d.openLog(false); err != nil {
		return errors.Join(errUnfit, err)
	}
	fd, err := open(d.dir+indexName, unix.O_RDWR)
	if err != nil {
		return errors.Join(errUnfit, err)
	}
	d.index = fd
	if ok, err := lockFile(fd, unix.F_RDLCK, indexInUse, 1); err != nil || !ok {
		return errors.Join(errUnfit, err)
	}
	p, err := d.mapPart(0, false)
	if err != nil {
		return err
	}
	if h := (*indexHead)(p); p == nil || !h.made() || !h.fits(d) {
		return errUnfit
	}
	return nil
}

// failure is the code for an error.
func failure(code int32, err error) int32 {
	if errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) {
		return lib.SQLITE_FULL
	}
	return code
}
