package sqlite

import (
	"context"
	"errors"
	"os"
	"strconv"
	"syscall"
	"time"

	"github.com/constance-mail/constance/internal/mail"
	"golang.org/x/sys/unix"
	lib "modernc.org/sqlite/lib"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

// The index of an account's text is a database of its own, text.db: derived, made anew whenever something is wrong with
// it, and written by nobody but IndexText and Purge, long after a delivery. It says up to which content it is complete; what
// came later, and what it passed over, is looked into. docs/decisions/015-text-index.md.

const textName = "/text.db"

// textVersion is raised whenever other words are made of the same message: by package trigram, fold or message. An index
// of another version is made anew. TestTextVersion notices.
const textVersion = 2

// textSchema: words are the trigrams of each content; passed are the contents that it has nothing of; sample are the
// last contents of batches, by which a mail.db that was put back to an earlier state is noticed.
const textSchema = `
CREATE TABLE state(id INTEGER PRIMARY KEY, upto);
INSERT INTO state VALUES (1, 0);
CREATE TABLE passed(id INTEGER PRIMARY KEY);
CREATE TABLE sample(id INTEGER PRIMARY KEY, size, crc);
CREATE VIRTUAL TABLE words USING fts5(w, content='', contentless_delete=1, detail=none, tokenize='ascii');
PRAGMA user_version = `

// textDB is a connection to an account's text.db. While it is open the file stays.
type textDB struct {
	*conn
	dir   *os.File // the account's directory, with a lock
	alone bool     // there was no log when it was opened
}

var (
	errTextVersion = errors.New("the index of text is of another version")
	errTextOther   = errors.New("the index of text is not of this mail.db, which was put back")
	errTextBusy    = errors.New("the index of text is in use")
)

// lockText locks the index of the account in dir without waiting: flock(2) of the directory. Who uses it has a shared lock,
// who takes it away an exclusive one.
func lockText(dir string, how int) (*os.File, error) {
	d, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	for {
		switch err := unix.Flock(int(d.Fd()), how|unix.LOCK_NB); err {
		case nil:
			return d, nil
		case unix.EINTR:
		case unix.EWOULDBLOCK:
			busy := &mail.Error{Op: "lock index of text", Kind: mail.Unavailable, Err: errTextBusy}
			return nil, errors.Join(busy, d.Close())
		default:
			return nil, errors.Join(err, d.Close())
		}
	}
}

// openText opens the index of the account in dir. os.ErrNotExist: there is none.
func openText(dir string, flags sqlite.OpenFlags) (*textDB, error) {
	if flags&sqlite.OpenCreate == 0 {
		if _, err := os.Stat(dir + textName); err != nil {
			return nil, err
		}
	}
	lock, err := lockText(dir, unix.LOCK_SH)
	if err != nil {
		return nil, err
	}
	_, err = os.Stat(dir + textName + logSuffix)
	alone := errors.Is(err, os.ErrNotExist)
	c, err := openConn(dir+textName, flags)
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return &textDB{conn: c, dir: lock, alone: alone}, nil
}

// close closes the index. The last one writes its log back and deletes it, but for readers that met one: they need not
// wait for what an indexer left behind.
func (t *textDB) close(wrote bool) {
	if wrote || t.alone {
		_ = t.config(lib.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0) // the log stays
	}
	_ = t.conn.Close() // what is not written back yet is in the log
	_ = t.dir.Close()
}

// openTextWriter opens the index to be written, and makes it if there is none.
func openTextWriter(dir string) (*textDB, error) {
	t, err := openText(dir, sqlite.OpenReadWrite|sqlite.OpenCreate)
	if err != nil {
		return nil, err
	}
	err = os.Chmod(dir+textName, 0o600) // SQLite lets others read it; to open it here would lose SQLite's locks
	for _, pragma := range []string{
		"PRAGMA journal_mode = WAL",   // searches and the indexer do not wait for each other
		"PRAGMA synchronous = NORMAL", // a crash of the machine may take the last batches, and leaves a whole index
	} {
		if err == nil {
			err = t.exec(pragma)
		}
	}
	if err == nil {
		err = t.within(func() error { return t.prepare() })
	}
	if err != nil {
		t.close(false)
		return nil, err
	}
	return t, nil
}

// within runs f in a transaction that writes.
func (t *textDB) within(f func() error) error {
	if err := t.exec("BEGIN IMMEDIATE"); err != nil {
		return err
	}
	err := f()
	if err == nil {
		err = t.exec("COMMIT")
	}
	if err != nil && !t.AutocommitEnabled() {
		err = errors.Join(err, t.exec("ROLLBACK"))
	}
	return err
}

// prepare makes the tables of a new index.
func (t *textDB) prepare() error {
	v, err := t.one("PRAGMA user_version")
	if err != nil || v != 0 {
		return err
	}
	return sqlitex.ExecuteScript(t.Conn, textSchema+strconv.Itoa(textVersion), nil)
}

// removeText takes the index away, once nobody uses it: within seconds, since searches are short.
func removeText(ctx context.Context, dir string) error {
	const tries, pause = 250, 20 * time.Millisecond
	for i := 0; ; i++ {
		lock, err := lockText(dir, unix.LOCK_EX)
		if err == nil {
			return errors.Join(unlinkText(dir), lock.Close())
		}
		if !errors.Is(err, errTextBusy) || i == tries {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
}

// unlinkText deletes the database before its log: without the log it could look whole.
func unlinkText(dir string) error {
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if err := os.Remove(dir + textName + suffix); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}

// upto is the content up to which the index is complete. c reads mail.db. An index that is useless
// gives an error.
func (t *textDB) upto(c *conn) (mail.ContentID, error) {
	v, err := t.one("PRAGMA user_version")
	if err != nil {
		return 0, err
	}
	if v != textVersion {
		return 0, errTextVersion
	}
	n, err := t.one("SELECT upto FROM state")
	if err != nil {
		return 0, err
	}
	last, err := c.one("SELECT content FROM account")
	if err != nil {
		return 0, fail("compare index of text", "", err)
	}
	if n > last {
		return 0, errTextOther
	}
	return mail.ContentID(n), t.compare(c)
}

// compare compares the newest samples that are still there with mail.db.
func (t *textDB) compare(c *conn) error {
	seen := 0
	return t.each("SELECT id, size, crc FROM sample ORDER BY id DESC", func(s stmt) error {
		loc, there, err := c.locate(mail.ContentID(s.ColumnInt64(0)))
		if err != nil || !there || seen == comparedSamples {
			return fail("compare index of text", "", err)
		}
		seen++
		if loc.size != s.ColumnInt64(1) || int64(loc.crc) != s.ColumnInt64(2) {
			return errTextOther
		}
		return nil
	})
}

const (
	keptSamples     = 64
	comparedSamples = 4
)

// isUseless tells whether an index that gave err is to be made anew: damaged, of another version, or not of this mail.
func isUseless(err error) bool {
	var known *mail.Error
	var system syscall.Errno
	switch {
	case err == nil:
		return false
	case errors.Is(err, errTextVersion), errors.Is(err, errTextOther):
		return true
	case errors.As(err, &known), errors.As(err, &system), errors.Is(err, context.Canceled),
		errors.Is(err, context.DeadlineExceeded), errors.Is(err, errTextBusy):
		return false
	}
	switch sqlite.ErrCode(err).ToPrimary() {
	case sqlite.ResultCorrupt, sqlite.ResultNotADB, sqlite.ResultError, sqlite.ResultMismatch, sqlite.ResultFormat:
		return true
	}
	return false
}
