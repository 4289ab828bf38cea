package sqlite

import (
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"strconv"
	"sync"
	"time"
	"unsafe"

	"modernc.org/libc"
	lib "modernc.org/sqlite/lib"
	"zombiezen.com/go/sqlite"
)

// busyTimeout is how long SQLite itself waits for a lock. Writers queue before (see write.go), so that it is only
// met while another process recovers or resets the log.
const busyTimeout = 10 * time.Second

// autoCheckpoint is the length of the log in pages at which a committing writer checkpoints by itself. It is the
// bound that holds under any load; usually the janitor is there first, see Store.checkpoint.
const autoCheckpoint = 4096

// conn is a connection to one database. For one goroutine at a time.
type conn struct {
	*sqlite.Conn
	tls  *libc.TLS
	db   uintptr // sqlite3*
	disk *disk   // of an account's database, else nil
	rows capture
}

// insides is where the private fields of zombiezen's types are that the fast paths need; its public methods copy each
// blob byte by byte and cannot configure closing.
type insides struct {
	tls, db, stmt uintptr // offsets
	err           error
}

var insidesOnce = sync.OnceValue(func() insides {
	c, s := reflect.TypeFor[sqlite.Conn](), reflect.TypeFor[sqlite.Stmt]()
	tls, ok1 := c.FieldByName("tls")
	db, ok2 := c.FieldByName("conn")
	stmt, ok3 := s.FieldByName("stmt")
	if !ok1 || !ok2 || !ok3 || tls.Type != reflect.TypeFor[*libc.TLS]() ||
		db.Type != reflect.TypeFor[uintptr]() || stmt.Type != reflect.TypeFor[uintptr]() {
		return insides{err: errors.New("zombiezen.com/go/sqlite has other insides than this build knows")}
	}
	return insides{tls: tls.Offset, db: db.Offset, stmt: stmt.Offset}
})

// openConn opens the database of that path, which must exist. Closing it leaves the log as it is: checkpointing there
// would cost each short use two fsyncs.
func openConn(path string, flags sqlite.OpenFlags) (*conn, error) {
	in := insidesOnce()
	if in.err != nil {
		return nil, in.err
	}
	z, err := sqlite.OpenConn(path, flags)
	if err != nil {
		return nil, err
	}
	c := &conn{Conn: z}
	c.tls = *(**libc.TLS)(unsafe.Add(unsafe.Pointer(z), in.tls))
	c.db = *(*uintptr)(unsafe.Add(unsafe.Pointer(z), in.db))
	z.SetBusyTimeout(busyTimeout)
	if err := c.config(lib.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1); err != nil {
		return nil, errors.Join(err, z.Close())
	}
	if err := c.noLookaside(); err != nil {
		return nil, errors.Join(err, z.Close())
	}
	lib.Xsqlite3_wal_autocheckpoint(c.tls, c.db, autoCheckpoint)
	return c, nil
}

// openAccountConn opens the database of the account in that directory. With renewed the index of its log is made anew,
// unless somebody is using it.
func openAccountConn(dir string, renewed bool) (*conn, error) {
	v, err := theVFS()
	if err != nil {
		return nil, err
	}
	d := v.add(dir, renewed)
	c, err := openConn("file:"+strconv.Itoa(d.no)+"?vfs="+vfsName, sqlite.OpenReadWrite|sqlite.OpenURI)
	if err != nil {
		v.remove(d)
		return nil, fmt.Errorf("open %s%s: %w", dir, dbName, err)
	}
	c.disk = d
	if err := c.exec(keepChanges); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// keepChanges has SQLite keep up to 8 MB of what a transaction changes, rather than the 2 MB of its cache: what it
// writes to the log in between has to be read again for the checksums that follow. The memory is free after the commit.
const keepChanges = "PRAGMA cache_spill = 2048"

// detach closes the files under an idle connection, so that attach can put others there. False: it is of no further use.
func (c *conn) detach() bool {
	if c.disk == nil || lib.Xsqlite3_txn_state(c.tls, c.db, 0) != lib.SQLITE_TXN_NONE || !c.forgetIndex() {
		return false
	}
	if rc := lib.Xsqlite3_file_control(c.tls, c.db, 0, lib.SQLITE_FCNTL_RESET_CACHE, 0); rc != lib.SQLITE_OK {
		return false
	}
	c.disk.close()
	return true
}

// forgetIndex takes away what SQLite knows of a log: the addresses of its index, which it asks for when it next needs
// them, and what it last read there. It is as in a new connection then. False: it has not opened the log yet.
func (c *conn) forgetIndex() bool {
	tree := at[lib.TBtree](at[lib.TDb](at[lib.Tsqlite3](c.db).FaDb).FpBt)
	pager := at[lib.TPager](at[lib.TBtShared](tree.FpBt).FpPager)
	if pager.FpWal == 0 {
		return false
	}
	wal := at[lib.TWal](pager.FpWal)
	clear(unsafe.Slice(at[uintptr](wal.FapWiData), wal.FnWiData))
	wal.Fhdr, wal.FnCkpt = lib.TWalIndexHdr{}, 0 // without the latter it would not draw the salt of a first log
	return true
}

// attach makes a detached connection one to the database of the account in that directory.
func (c *conn) attach(dir string) error { return c.disk.attach(dir) }

// config sets a boolean option of the connection.
func (c *conn) config(option, value int32) error {
	args := libc.NewVaList(value, uintptr(0))
	if args == 0 {
		return errors.New("out of memory")
	}
	defer libc.Xfree(c.tls, args)
	return sqlite.ResultCode(lib.Xsqlite3_db_config(c.tls, c.db, option, args)).ToError()
}

// noLookaside takes the connection's own pool of small allocations away: 12 to 55 KB a handle, and no slower without
// it.
func (c *conn) noLookaside() error {
	args := libc.NewVaList(uintptr(0), int32(0), int32(0))
	if args == 0 {
		return errors.New("out of memory")
	}
	defer libc.Xfree(c.tls, args)
	return sqlite.ResultCode(lib.Xsqlite3_db_config(c.tls, c.db, lib.SQLITE_DBCONFIG_LOOKASIDE, args)).ToError()
}

// stmt is a prepared statement of a conn, kept by it.
type stmt struct {
	*sqlite.Stmt
	c *conn
}

// prep is the statement of that text, reset and ready to be bound. Statements are prepared when they are first used.
func (c *conn) prep(query string) (stmt, error) {
	s, err := c.Prepare(query)
	return stmt{s, c}, err
}

func (s stmt) handle() uintptr {
	return *(*uintptr)(unsafe.Add(unsafe.Pointer(s.Stmt), insidesOnce().stmt))
}

// bind binds the arguments from the first on.
func (s stmt) bind(args ...int64) stmt {
	for i, a := range args {
		s.BindInt64(i+1, a)
	}
	return s
}

// blob binds b. Unlike BindBytes it copies it as a whole.
func (s stmt) blob(param int, b []byte) stmt {
	if len(b) == 0 {
		s.BindBytes(param, nil)
		return s
	}
	p := libc.Xmalloc(s.c.tls, libc.Tsize_t(len(b)))
	if p == 0 {
		s.BindBytes(param, b) // reports the lack of memory at Step
		return s
	}
	copy(libc.GoBytes(p, len(b)), b)
	lib.Xsqlite3_bind_blob(s.c.tls, s.handle(), int32(param), p, int32(len(b)), cFunction(libc.Xfree))
	return s
}

// text binds a string.
func (s stmt) text(param int, v string) stmt {
	s.BindText(param, v)
	return s
}

// cFunction is a function as SQLite calls it.
func cFunction[F any](f F) uintptr { return *(*uintptr)(unsafe.Pointer(&f)) }

// capture is a Writer that keeps the slice it is handed: the one way to see a column's memory.
type capture struct{ b []byte }

func (c *capture) Write(p []byte) (int, error) {
	c.b = p
	return len(p), nil
}

// bytes is the column as SQLite holds it, valid until the statement moves.
func (s stmt) bytes(col int) []byte {
	c := &s.c.rows
	c.b = nil
	if _, err := s.ColumnReader(col).WriteTo(c); err != nil && !errors.Is(err, io.EOF) {
		return nil // capture never fails
	}
	return c.b
}

// run steps a statement that has no rows.
func (s stmt) run() error {
	for {
		row, err := s.Step()
		if err != nil || !row {
			return err
		}
	}
}

// first steps to the one row of a statement; the caller resets it.
func (s stmt) first() (bool, error) { return s.Step() }

// done ends the reading of a statement. What it reports was reported by Step.
func (s stmt) done() { _ = s.Reset() }

// exec runs a statement without arguments and rows.
func (c *conn) exec(query string) error {
	s, err := c.prep(query)
	if err != nil {
		return err
	}
	return s.run()
}

// one is the first column of the first row of a query, 0 without a row.
func (c *conn) one(query string, args ...int64) (int64, error) {
	s, err := c.prep(query)
	if err != nil {
		return 0, err
	}
	defer s.done()
	row, err := s.bind(args...).first()
	if err != nil || !row {
		return 0, err
	}
	return s.ColumnInt64(0), nil
}

// read runs f in one read transaction.
func (c *conn) read(f func() error) error {
	if err := c.exec("BEGIN"); err != nil {
		return err
	}
	err := f()
	return errors.Join(err, c.exec("ROLLBACK"))
}

// walSize is the length of the log beside the database of that path, octets.
func walSize(path string) int64 {
	fi, err := os.Stat(path + "-wal")
	if err != nil {
		return 0
	}
	return fi.Size()
}
