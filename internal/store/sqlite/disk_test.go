package sqlite

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	lib "modernc.org/sqlite/lib"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

// newAccountDir is the directory of a new account.
func newAccountDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	var m maker
	defer m.close()
	image, err := m.image(benchOptions().Options)
	if err != nil {
		t.Fatal(err)
	}
	err = errors.Join(os.WriteFile(dir+dbName, image, 0o600), os.WriteFile(dir+logName, make([]byte, logHead), 0o600))
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func openDisk(t *testing.T, dir string, renewed bool) *conn {
	t.Helper()
	c, err := openAccountConn(dir, renewed)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// limits stores a number in an account, and reads it.
func setLimit(t *testing.T, c *conn, n int64) {
	t.Helper()
	if err := c.exec(fmt.Sprintf("UPDATE account SET storage_limit = %d", n)); err != nil {
		t.Fatal(err)
	}
}

func wantLimit(t *testing.T, c *conn, want int64) {
	t.Helper()
	if got, err := c.one("SELECT storage_limit FROM account"); got != want || err != nil {
		t.Errorf("got %d (%v), want %d", got, err, want)
	}
}

// prepared counts how often SQLite had to prepare the statement of wantLimit again.
func prepared(t *testing.T, c *conn) int32 {
	t.Helper()
	s, err := c.prep("SELECT storage_limit FROM account")
	if err != nil {
		t.Fatal(err)
	}
	return lib.Xsqlite3_stmt_status(c.tls, s.handle(), lib.SQLITE_STMTSTATUS_REPREPARE, 0)
}

func move(t *testing.T, c *conn, dir string) {
	t.Helper()
	if !c.detach() {
		t.Fatal("not reusable")
	}
	if err := c.attach(dir); err != nil {
		t.Fatal(err)
	}
}

// A connection goes from account to account, sees what is there, with nothing prepared again.
func TestDiskMoves(t *testing.T) {
	var dirs []string
	for i := range 3 {
		dir := newAccountDir(t)
		dirs = append(dirs, dir)
		c := openDisk(t, dir, true)
		setLimit(t, c, int64(i))
		_ = c.Close()
	}
	c := openDisk(t, dirs[0], false)
	wantLimit(t, c, 0)
	before := prepared(t, c)
	for round := range int64(5) {
		for i, dir := range dirs {
			move(t, c, dir)
			wantLimit(t, c, round*100+int64(i))
			setLimit(t, c, (round+1)*100+int64(i))
		}
	}
	if n := prepared(t, c); n != before {
		t.Errorf("prepared again %d times", n-before)
	}
	for i, dir := range dirs { // as SQLite's own file layer sees it
		wantOther(t, dir, int64(500+i))
	}
}

// wantOther reads the number with SQLite's own file layer.
func wantOther(t *testing.T, dir string, want int64) {
	t.Helper()
	c, err := sqlite.OpenConn(dir+dbName, sqlite.OpenReadWrite)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	got := int64(-1)
	err = sqlitex.Execute(c, "SELECT storage_limit FROM account", &sqlitex.ExecOptions{
		ResultFunc: func(s *sqlite.Stmt) error { got = s.ColumnInt64(0); return nil },
	})
	if got != want || err != nil {
		t.Errorf("SQLite's own layer: got %d (%v), want %d", got, err, want)
	}
}

// A database with another schema gets its statements prepared anew, and so does the next one.
func TestDiskSchemas(t *testing.T) {
	one, two := newAccountDir(t), newAccountDir(t)
	for _, dir := range []string{one, two} {
		c := openDisk(t, dir, true)
		setLimit(t, c, 1)
		if dir == two { // the table moves to another root
			err := sqlitex.ExecuteScript(c.Conn, `CREATE TABLE more(a); CREATE TABLE account2 AS SELECT * FROM account;
				DROP TABLE account; ALTER TABLE account2 RENAME TO account; UPDATE account SET storage_limit = 2`, nil)
			if err != nil {
				t.Fatal(err)
			}
		}
		_ = c.Close()
	}
	c := openDisk(t, one, false)
	for range 3 {
		wantLimit(t, c, 1)
		move(t, c, two)
		wantLimit(t, c, 2)
		move(t, c, one)
	}
}

// Locks hold between connections of one process, and against SQLite's own layer.
func TestDiskLocks(t *testing.T) {
	dir := newAccountDir(t)
	a, b := openDisk(t, dir, true), openDisk(t, dir, false)
	stock, err := sqlite.OpenConn(dir+dbName, sqlite.OpenReadWrite)
	if err != nil {
		t.Fatal(err)
	}
	defer stock.Close()
	stock.SetBusyTimeout(0)
	b.SetBusyTimeout(0)
	setLimit(t, a, 7)
	if err := a.exec("BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	setLimit(t, a, 8)
	for name, c := range map[string]*sqlite.Conn{"ours": b.Conn, "stock": stock} {
		err := sqlitex.ExecuteTransient(c, "BEGIN IMMEDIATE", nil)
		if sqlite.ErrCode(err).ToPrimary() != sqlite.ResultBusy {
			t.Errorf("%s: a second writer gets %v", name, err)
		}
	}
	wantLimit(t, b, 7)
	wantOther(t, dir, 7)
	if err := a.exec("COMMIT"); err != nil {
		t.Fatal(err)
	}
	wantLimit(t, b, 8)
	if err := sqlitex.ExecuteTransient(stock, "UPDATE account SET storage_limit = 9", nil); err != nil {
		t.Fatal(err)
	}
	wantLimit(t, a, 9)
	wantOther(t, dir, 9) // it is not the last, and deletes nothing
	if _, err := os.Stat(dir + logName); err != nil {
		t.Error(err)
	}
}

// When SQLite's own layer is the last that closes, it deletes log and index. A spare connection refuses such an account,
// and a new one makes what is missing.
func TestDiskWithoutLog(t *testing.T) {
	dir, other := newAccountDir(t), newAccountDir(t)
	c := openDisk(t, dir, true)
	setLimit(t, c, 3)
	_ = c.Close()
	wantOther(t, dir, 3)
	if _, err := os.Stat(dir + logName); !errors.Is(err, os.ErrNotExist) {
		t.Fatal("the log is still there", err)
	}
	c = openDisk(t, other, true)
	setLimit(t, c, 4)
	if !c.detach() {
		t.Fatal("not reusable")
	}
	if err := c.attach(dir); !errors.Is(err, errUnfit) {
		t.Errorf("got %v", err)
	}
	if err := c.attach(other); err != nil {
		t.Error(err)
	}
	wantLimit(t, c, 4)
	fresh := openDisk(t, dir, false)
	wantLimit(t, fresh, 3)
	setLimit(t, fresh, 5)
	_ = fresh.Close()
	wantOther(t, dir, 5)
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	b, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// An index that belongs to other files than those beside it is not believed.
func TestDiskForeignIndex(t *testing.T) {
	for name, change := range map[string]func(t *testing.T, dir, old string) int64{
		"an old database without a log": func(t *testing.T, dir, old string) int64 {
			copyFile(t, old+dbName, dir+dbName)
			if err := os.Remove(dir + logName); err != nil {
				t.Fatal(err)
			}
			return 0
		},
		"a log of another time": func(t *testing.T, dir, old string) int64 {
			copyFile(t, old+dbName, dir+dbName)
			copyFile(t, old+logName, dir+logName)
			return 1
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir, old := newAccountDir(t), t.TempDir()
			copyFile(t, dir+dbName, old+dbName)
			c := openDisk(t, dir, true)
			if name != "an old database without a log" {
				setLimit(t, c, 1)
				copyFile(t, dir+logName, old+logName)
			}
			spoil(t, c)
			_ = c.Close()
			want := change(t, dir, old)
			wantLimit(t, openDisk(t, dir, false), want)
		})
	}
}

// spoil fills the account and begins its log anew.
func spoil(t *testing.T, c *conn) {
	t.Helper()
	for _, q := range []string{
		"INSERT INTO item(x) VALUES (zeroblob(300000))", "PRAGMA wal_checkpoint(TRUNCATE)",
		"UPDATE account SET storage_limit = 2", "PRAGMA wal_checkpoint(TRUNCATE)",
	} {
		if err := c.exec(q); err != nil {
			t.Fatal(err)
		}
	}
}

// After a boot the index is made anew, even if it looks as if it belonged to the log: it may be older than that.
func TestDiskRenewed(t *testing.T) {
	dir := newAccountDir(t)
	c := openDisk(t, dir, true)
	setLimit(t, c, 1)
	copyFile(t, dir+indexName, dir+"/old")
	setLimit(t, c, 2)
	_ = c.Close()
	copyFile(t, dir+"/old", dir+indexName)
	c = openDisk(t, dir, true)
	wantLimit(t, c, 2)
	// while it is in use nobody empties it
	again := openDisk(t, dir, true)
	wantLimit(t, again, 2)
	setLimit(t, again, 3)
	wantLimit(t, c, 3)
}

// A transaction that is larger than the cache writes to the log before its end. Undone, it leaves nothing that
// overwrites what others write then.
func TestDiskSpill(t *testing.T) {
	dir := newAccountDir(t)
	a, b := openDisk(t, dir, true), openDisk(t, dir, false)
	for _, c := range []*conn{a, b} {
		if err := errors.Join(c.exec("PRAGMA cache_size = 10"), c.exec("PRAGMA cache_spill = 10")); err != nil {
			t.Fatal(err)
		}
	}
	fill := func(c *conn, value string) error {
		return errors.Join(c.exec("BEGIN IMMEDIATE"), c.exec("DELETE FROM item"), c.exec("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL "+
			"SELECT i+1 FROM n WHERE i < 300) INSERT INTO item(id, x) SELECT i, "+value+" FROM n"))
	}
	for round := range 3 {
		if err := errors.Join(fill(a, "randomblob(3000)"), a.exec("ROLLBACK")); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(fill(b, fmt.Sprintf("zeroblob(%d)", 2000+round)), b.exec("COMMIT")); err != nil {
			t.Fatal(err)
		}
		for _, c := range []*conn{a, b} {
			if n, err := c.one("SELECT count(*) FROM item WHERE x = zeroblob(?)", int64(2000+round)); n != 300 || err != nil {
				t.Fatal(n, err)
			}
			checkWhole(t, c)
		}
	}
	_ = a.Close()
	_ = b.Close()
	checkWhole(t, openDisk(t, dir, true)) // from the log alone
}

func checkWhole(t *testing.T, c *conn) {
	t.Helper()
	s, err := c.prep("PRAGMA integrity_check")
	if err != nil {
		t.Fatal(err)
	}
	defer s.done()
	if ok, err := s.first(); err != nil || !ok || s.ColumnText(0) != "ok" {
		t.Error(s.ColumnText(0), err)
	}
}

// An index of several parts is exchanged like one of one.
func TestDiskLongLog(t *testing.T) {
	dir := newAccountDir(t)
	c := openDisk(t, dir, true)
	lib.Xsqlite3_wal_autocheckpoint(c.tls, c.db, 0)
	err := c.exec("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < 5000) " +
		"INSERT INTO item(id, x) SELECT i, zeroblob(3900) FROM n")
	if err != nil {
		t.Fatal(err)
	}
	short := newAccountDir(t)
	other := openDisk(t, short, true)
	setLimit(t, other, 1)
	for range 3 {
		move(t, other, dir)
		if n, err := other.one("SELECT count(*) FROM item"); n != 5000 || err != nil {
			t.Error(n, err)
		}
		checkWhole(t, c)
		checkWhole(t, other)
		move(t, other, short)
		wantLimit(t, other, 1)
	}
}

// The first log of an account gets a salt that is drawn, whatever the connection did before.
func TestDiskSalt(t *testing.T) {
	dir, old := newAccountDir(t), newAccountDir(t)
	c := openDisk(t, dir, true)
	wantLimit(t, c, 0) // makes the index, writes nothing
	c = openDisk(t, old, true)
	for i := range int64(3) { // begins logs anew
		setLimit(t, c, i)
		if err := c.exec("PRAGMA wal_checkpoint(TRUNCATE)"); err != nil {
			t.Fatal(err)
		}
	}
	move(t, c, dir)
	setLimit(t, c, 5)
	b, err := os.ReadFile(dir + logName)
	if err != nil || len(b) < logHead {
		t.Fatal(len(b), err)
	}
	if string(b[16:24]) == "\x00\x00\x00\x00\x00\x00\x00\x00" {
		t.Error("the salt is not drawn")
	}
}

// A connection in a transaction is not for others.
func TestDiskBusy(t *testing.T) {
	c := openDisk(t, newAccountDir(t), true)
	if c.detach() {
		t.Error("one that never read, and has not opened the log, was detached")
	}
	wantLimit(t, c, 0)
	if err := c.exec("BEGIN"); err != nil {
		t.Fatal(err)
	}
	wantLimit(t, c, 0)
	if c.detach() {
		t.Error("detached in a transaction")
	}
	if err := c.exec("COMMIT"); err != nil || !c.detach() {
		t.Error("not detached", err)
	}
}

// What SQLite keeps in temporary files goes to the system's own layer.
func TestDiskTemporary(t *testing.T) {
	c := openDisk(t, newAccountDir(t), true)
	if err := errors.Join(c.exec("PRAGMA temp_store = FILE"), c.exec("PRAGMA cache_size = 10")); err != nil {
		t.Fatal(err)
	}
	n, err := c.one("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < 30000) " +
		"SELECT count(*) FROM (SELECT DISTINCT hex(randomblob(40)) AS h FROM n ORDER BY h)")
	if n != 30000 || err != nil {
		t.Error(n, err)
	}
}

// Files that cannot be opened are an error, and leave nothing open.
func TestDiskMissing(t *testing.T) {
	dir := t.TempDir()
	count := func() int {
		names, err := filepath.Glob("/proc/self/fd/*")
		if err != nil {
			t.Fatal(err)
		}
		return len(names)
	}
	if _, err := openAccountConn(dir, false); err == nil || !strings.Contains(err.Error(), dir) {
		t.Error(err)
	}
	c := openDisk(t, newAccountDir(t), true)
	wantLimit(t, c, 0)
	before := count()
	if !c.detach() {
		t.Fatal("not detached")
	}
	if err := c.attach(dir); err == nil {
		t.Error("attached to nothing")
	}
	if got := count(); got != before-3 {
		t.Errorf("%d descriptors, then %d: three belonged to the account", before, got)
	}
}

// Spare connections are few, and closed with the store.
func TestSpareConns(t *testing.T) {
	var s spareConns
	dir := newAccountDir(t)
	var all []*conn
	for range maxSpare + 2 {
		c := openDisk(t, dir, true)
		wantLimit(t, c, 0)
		all = append(all, c)
	}
	for _, c := range all {
		s.keep(c)
	}
	if len(s.conns) != maxSpare {
		t.Errorf("%d are kept", len(s.conns))
	}
	s.shed()
	if len(s.conns) != keepSpare {
		t.Errorf("%d are left when the rush is over", len(s.conns))
	}
	c := s.attach(dir)
	if c == nil {
		t.Fatal("none is spare")
	}
	wantLimit(t, c, 0)
	if s.attach(t.TempDir()) != nil || len(s.conns) != keepSpare-1 {
		t.Errorf("an account without files; %d are left", len(s.conns))
	}
	s.close()
	s.keep(c)
	if len(s.conns) != 0 || s.attach(dir) != nil {
		t.Error("used when closed")
	}
}
