package sqlite

import (
	"errors"
	"strconv"
	"strings"
	"sync"
	"unsafe"

	"modernc.org/libc"
	lib "modernc.org/sqlite/lib"
)

// vfs is the file layer that the databases of accounts have below SQLite. Three things are not as in SQLite's own:
// the files under an idle connection can be exchanged for another account's (see disk), what a commit adds to the log is
// written in one piece, and the index of the log is believed across openings within a boot. On disk and to other
// programs with the same database it is as SQLite has it, locks included.
//
// A disk is known to SQLite by its address, which stays the same: Go moves nothing, and vfs.disks refers to it.
type vfs struct {
	tables  *tables
	frames  sync.Pool // of *[]byte: parts of logs that are not written yet
	windows windows

	mu    sync.Mutex // guards the fields below
	disks map[int]*disk
	last  int // number of a disk
}

// tables is what SQLite keeps the address of: it is in memory of SQLite's kind, and for good.
type tables struct {
	vfs     lib.Tsqlite3_vfs
	db, log lib.Tsqlite3_io_methods
	name    [len(vfsName) + 1]byte
	base    uintptr // the system's own vfs, for temporary files
}

// vfsName is what SQLite knows the vfs by.
const vfsName = "constance"

// logSuffix is what SQLite adds to the name of a database for that of its log.
const logSuffix = "-wal"

// handle is what SQLite allots for an open file. SQLite knows the first field.
type handle struct {
	methods uintptr
	disk    uintptr // of a *disk, which vfs.disks holds
}

// at is what is at that address.
func at[T any](address uintptr) *T { return *(**T)(unsafe.Pointer(&address)) }

// addressOf is the address of something that is referred to elsewhere.
func addressOf[T any](p *T) uintptr { return uintptr(unsafe.Pointer(p)) }

// theVFS is registered once for a process: SQLite keeps a list of them, and only asks for ours by name.
var theVFS = sync.OnceValues(func() (*vfs, error) {
	tls := libc.NewTLS()
	defer tls.Close()
	lib.Xsqlite3_initialize(tls)
	memory := libc.Xcalloc(tls, 1, libc.Tsize_t(unsafe.Sizeof(tables{})))
	base := lib.Xsqlite3_vfs_find(tls, 0)
	if memory == 0 || base == 0 {
		return nil, errors.New("SQLite has no file layer")
	}
	v := &vfs{tables: at[tables](memory), disks: make(map[int]*disk)}
	v.frames.New = func() any { b := make([]byte, 0, framesSize); return &b }
	v.fill(base)
	if rc := lib.Xsqlite3_vfs_register(tls, addressOf(&v.tables.vfs), 0); rc != lib.SQLITE_OK {
		return nil, errors.New("SQLite refuses the file layer: " + strconv.Itoa(int(rc)))
	}
	return v, nil
})

// fill fills the tables. A log has no shared memory.
func (v *vfs) fill(base uintptr) {
	t := v.tables
	copy(t.name[:], vfsName)
	t.base = base
	t.vfs = *at[lib.Tsqlite3_vfs](base)
	t.vfs.FpNext = 0
	t.vfs.FszOsFile = max(t.vfs.FszOsFile, int32(unsafe.Sizeof(handle{})))
	t.vfs.FzName, t.vfs.FpAppData = addressOf(&t.name), addressOf(v)
	t.vfs.FxOpen, t.vfs.FxDelete = cFunction(vfsOpen), cFunction(vfsDelete)
	t.vfs.FxAccess, t.vfs.FxFullPathname = cFunction(vfsAccess), cFunction(vfsFullPathname)
	t.log = lib.Tsqlite3_io_methods{
		FiVersion: 1, FxClose: cFunction(logClose), FxRead: cFunction(logRead), FxWrite: cFunction(logWrite),
		FxTruncate: cFunction(logTruncate), FxSync: cFunction(logSync), FxFileSize: cFunction(logFileSize),
		FxLock: cFunction(noLock), FxUnlock: cFunction(noLock), FxCheckReservedLock: cFunction(noReserved),
		FxFileControl: cFunction(noControl), FxSectorSize: cFunction(sectorSize), FxDeviceCharacteristics: cFunction(characteristics),
	}
	t.db = t.log
	d := &t.db
	d.FiVersion = 2
	d.FxClose, d.FxRead, d.FxWrite = cFunction(dbClose), cFunction(dbRead), cFunction(dbWrite)
	d.FxTruncate, d.FxSync, d.FxFileSize = cFunction(dbTruncate), cFunction(dbSync), cFunction(dbFileSize)
	d.FxLock, d.FxUnlock = cFunction(dbLock), cFunction(dbUnlock)
	d.FxShmMap, d.FxShmLock = cFunction(shmMap), cFunction(shmLock)
	d.FxShmBarrier, d.FxShmUnmap = cFunction(shmBarrier), cFunction(shmUnmap)
}

// add makes a disk with the files of the account in dir; SQLite asks for it by its number. With renewed the index of the
// log is not believed.
func (v *vfs) add(dir string, renewed bool) *disk {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.last++
	d := &disk{vfs: v, no: v.last, dir: dir, renewed: renewed, db: -1, log: -1, index: -1}
	v.disks[d.no] = d
	return d
}

func (v *vfs) remove(d *disk) {
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.disks, d.no)
}

// find is the disk that has the number, nil if there is none.
func (v *vfs) find(no string) *disk {
	n, err := strconv.Atoi(no)
	if err != nil {
		return nil
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.disks[n]
}

// vfsOpen is xOpen. What is neither a database nor its log is temporary, and the base's.
func vfsOpen(tls *libc.TLS, self, name, file uintptr, flags int32, outFlags uintptr) int32 {
	v := at[vfs](at[lib.Tsqlite3_vfs](self).FpAppData)
	if flags&(lib.SQLITE_OPEN_MAIN_DB|lib.SQLITE_OPEN_WAL|lib.SQLITE_OPEN_MAIN_JOURNAL) == 0 {
		base := v.tables.base
		open := at[lib.Tsqlite3_vfs](base).FxOpen
		call := *(*func(*libc.TLS, uintptr, uintptr, uintptr, int32, uintptr) int32)(unsafe.Pointer(&open))
		return call(tls, base, name, file, flags, outFlags)
	}
	h := at[handle](file)
	*h = handle{}
	no := libc.GoString(name)
	isLog := flags&lib.SQLITE_OPEN_WAL != 0
	d := v.find(strings.TrimSuffix(no, logSuffix))
	if d == nil || flags&lib.SQLITE_OPEN_MAIN_JOURNAL != 0 { // accounts have logs, nothing else
		return lib.SQLITE_CANTOPEN
	}
	h.methods, h.disk = addressOf(&v.tables.db), addressOf(d)
	var err error
	if isLog {
		h.methods, err = addressOf(&v.tables.log), d.openLog(true)
	} else {
		err = d.openDB()
	}
	if err != nil {
		h.methods = 0 // SQLite must not close what is not open
		return failure(lib.SQLITE_CANTOPEN, err)
	}
	if outFlags != 0 {
		*at[int32](outFlags) = flags
	}
	return lib.SQLITE_OK
}

// vfsDelete is xDelete: SQLite has no file of an account to delete.
func vfsDelete(*libc.TLS, uintptr, uintptr, int32) int32 { return lib.SQLITE_OK }

// vfsAccess is xAccess: of the files that SQLite asks for, there is only the log, at the latest when it is opened.
func vfsAccess(_ *libc.TLS, _, name uintptr, _ int32, result uintptr) int32 {
	*at[int32](result) = 0
	if strings.HasSuffix(libc.GoString(name), logSuffix) {
		*at[int32](result) = 1
	}
	return lib.SQLITE_OK
}

// vfsFullPathname is xFullPathname: numbers are what they are.
func vfsFullPathname(_ *libc.TLS, _, name uintptr, size int32, out uintptr) int32 {
	s := libc.GoString(name)
	if len(s)+1 > int(size) {
		return lib.SQLITE_CANTOPEN
	}
	b := unsafe.Slice(at[byte](out), len(s)+1)
	b[copy(b, s)] = 0
	return lib.SQLITE_OK
}
