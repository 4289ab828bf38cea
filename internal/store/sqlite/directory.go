package sqlite

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"

	"github.com/constance-mail/constance/internal/auth"
	"github.com/constance-mail/constance/internal/mail"
	"golang.org/x/sys/unix"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

// directoryMigrations[i] brings directory.db from version i to version i+1. docs/storage.md explains the columns.
var directoryMigrations = []string{
	`CREATE TABLE user(login TEXT PRIMARY KEY, account TEXT, hash TEXT, disabled INTEGER) WITHOUT ROWID`,
	`ALTER TABLE user ADD COLUMN shared INTEGER NOT NULL DEFAULT 0;
	CREATE INDEX user_account ON user(account);
	CREATE TABLE member(login TEXT, grp TEXT, PRIMARY KEY(login, grp)) WITHOUT ROWID;
	CREATE TABLE share(identifier TEXT, account TEXT, PRIMARY KEY(identifier, account)) WITHOUT ROWID;
	CREATE INDEX share_account ON share(account)`,
}

// directory implements auth.Directory on one database. Readers each have a connection with its statement prepared, so
// that a lookup is one walk down a tree, and sees what other processes have committed.
type directory struct {
	path    string
	readers chan *conn // idle ones; nil stands for one that is not open
	done    chan struct{}
	once    sync.Once

	mu     sync.Mutex // guards the fields below; held by the writer of this process
	writer *conn
	lock   int // descriptor of the lock file
}

// OpenDirectory opens DIR/directory.db, which comes into being if it is not there.
func OpenDirectory(dir string) (auth.Directory, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fail("open directory", dir, err)
	}
	d := &directory{path: filepath.Join(dir, "directory.db"), done: make(chan struct{})}
	var err error
	if d.lock, err = unix.Open(d.path+"-lock", unix.O_RDWR|unix.O_CREAT|unix.O_CLOEXEC, 0o600); err != nil {
		return nil, fail("open directory", dir, err)
	}
	err = d.locked(func() (err error) {
		d.writer, err = openConn(d.path, sqlite.OpenReadWrite|sqlite.OpenCreate)
		if err != nil {
			return err
		}
		if err := d.writer.exec("PRAGMA journal_mode = WAL"); err != nil {
			return err
		}
		return d.writer.migrateDirectory()
	})
	d.readers = make(chan *conn, max(4, 2*runtime.GOMAXPROCS(0)))
	for range cap(d.readers) {
		d.readers <- nil
	}
	if err != nil {
		return nil, errors.Join(fail("open directory", dir, err), d.Close())
	}
	return d, nil
}

// migrateDirectory brings the database up to date.
func (c *conn) migrateDirectory() error {
	v, err := c.one("PRAGMA user_version")
	if err != nil {
		return err
	}
	if v > int64(len(directoryMigrations)) {
		return fmt.Errorf("version %d, this program knows up to %d", v, len(directoryMigrations))
	}
	for ; v < int64(len(directoryMigrations)); v++ {
		script := directoryMigrations[v] + "; PRAGMA user_version = " + strconv.FormatInt(v+1, 10)
		if err := sqlitex.ExecuteScript(c.Conn, script, nil); err != nil { // a script is one savepoint
			return err
		}
	}
	return nil
}

// locked calls f with the lock that keeps the writers of all processes apart.
func (d *directory) locked(f func() error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	for {
		err := unix.Flock(d.lock, unix.LOCK_EX)
		if err == nil {
			break
		}
		if err != unix.EINTR {
			return err
		}
	}
	defer func() { _ = unix.Flock(d.lock, unix.LOCK_UN) }() // fails only for a wrong descriptor
	return f()
}

// read calls f with a connection.
func (d *directory) read(ctx context.Context, f func(c *conn) error) error {
	var c *conn
	select {
	case <-d.done:
		return errClosed
	case <-ctx.Done():
		return ctx.Err()
	case c = <-d.readers:
	}
	defer func() { d.readers <- c }()
	if c == nil {
		var err error
		if c, err = openConn(d.path, sqlite.OpenReadWrite); err != nil {
			return err
		}
	}
	return f(c)
}

// write calls f in a transaction.
func (d *directory) write(ctx context.Context, op, item string, f func(c *conn) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	err := d.locked(func() error {
		if d.writer == nil {
			return errClosed
		}
		if err := d.writer.exec("BEGIN IMMEDIATE"); err != nil {
			return err
		}
		err := f(d.writer)
		if err == nil {
			err = d.writer.exec("COMMIT")
		}
		if err != nil && !d.writer.AutocommitEnabled() {
			err = errors.Join(err, d.writer.exec("ROLLBACK"))
		}
		return err
	})
	return failDirectory(op, item, err)
}

func failDirectory(op, item string, err error) error {
	if errors.Is(err, errClosed) {
		return &mail.Error{Op: op, Kind: mail.Unavailable, Item: item, Err: err}
	}
	return fail(op, item, err)
}

const userColumns = "login, account, hash, disabled, shared"

func scanUser(s stmt) auth.User {
	return auth.User{
		Login: s.ColumnText(0), Account: mail.AccountID(s.ColumnText(1)), Hash: s.ColumnText(2), Disabled: s.ColumnBool(3),
		Shared: s.ColumnBool(4),
	}
}

// user is the user of a login name, false if there is none.
func (c *conn) user(login string) (auth.User, bool, error) {
	s, err := c.prep("SELECT " + userColumns + " FROM user WHERE login = ?")
	if err != nil {
		return auth.User{}, false, err
	}
	defer s.done()
	row, err := s.text(1, login).first()
	if err != nil || !row {
		return auth.User{}, false, err
	}
	return scanUser(s), true, nil
}

// Lookup implements auth.Directory.
func (d *directory) Lookup(ctx context.Context, login string) (auth.User, error) {
	var u auth.User
	var ok bool
	err := d.read(ctx, func(c *conn) (err error) {
		u, ok, err = c.user(login)
		return err
	})
	if err == nil && !ok {
		err = refuse("look up", mail.NotFound, login)
	}
	return u, failDirectory("look up", login, err)
}

// Add implements auth.Directory.
func (d *directory) Add(ctx context.Context, users []auth.User, replace bool) error {
	for _, u := range users {
		if u.Login == "" || len(u.Login) > 255 || strings.ContainsAny(u.Login, "\x00\r\n") ||
			u.Account != "" && !u.Account.Valid() {
			return refuse("add user", mail.Invalid, u.Login)
		}
	}
	return d.write(ctx, "add user", "", func(c *conn) error {
		for i := range users {
			if err := c.addUser(users[i], replace); err != nil {
				return err
			}
		}
		return nil
	})
}

// addUser adds a user. Kind Exists unless replace.
func (c *conn) addUser(u auth.User, replace bool) error {
	old, ok, err := c.user(u.Login)
	switch {
	case err != nil:
		return err
	case ok && !replace:
		return refuse("add user", mail.Exists, u.Login)
	case ok:
		u.Account = old.Account
	case u.Account == "":
		if u.Account, err = newAccountID(); err != nil {
			return err
		}
	}
	s, err := c.prep("INSERT OR REPLACE INTO user(" + userColumns + ") VALUES (?, ?, ?, ?, ?)")
	if err != nil {
		return err
	}
	s.text(1, u.Login).text(2, string(u.Account)).text(3, u.Hash).BindBool(4, u.Disabled)
	s.BindBool(5, u.Shared)
	return s.run()
}

// newAccountID is an identifier that nobody else has.
func newAccountID() (mail.AccountID, error) {
	n, err := rand.Int(rand.Reader, new(big.Int).Exp(big.NewInt(36), big.NewInt(16), nil))
	if err != nil {
		return "", err
	}
	s := n.Text(36)
	return mail.AccountID(strings.Repeat("0", 16-len(s)) + s), nil
}

// change runs an UPDATE or DELETE of one user. Kind NotFound.
func (d *directory) change(ctx context.Context, op, login, query string, bind func(s stmt)) error {
	return d.write(ctx, op, login, func(c *conn) error {
		s, err := c.prep(query)
		if err != nil {
			return err
		}
		bind(s.text(1, login))
		if err := s.run(); err != nil {
			return err
		}
		if c.Changes() == 0 {
			return refuse(op, mail.NotFound, login)
		}
		return nil
	})
}

// SetHash implements auth.Directory.
func (d *directory) SetHash(ctx context.Context, login, hash string) error {
	return d.change(ctx, "set password", login, "UPDATE user SET hash = ?2 WHERE login = ?1",
		func(s stmt) { s.text(2, hash) })
}

// SetDisabled implements auth.Directory.
func (d *directory) SetDisabled(ctx context.Context, login string, disabled bool) error {
	return d.change(ctx, "set state of user", login, "UPDATE user SET disabled = ?2 WHERE login = ?1",
		func(s stmt) { s.BindBool(2, disabled) })
}

// Remove implements auth.Directory.
func (d *directory) Remove(ctx context.Context, login string) error {
	return d.write(ctx, "remove user", login, func(c *conn) error {
		s, err := c.prep("DELETE FROM user WHERE login = ?")
		if err != nil {
			return err
		}
		if err := s.text(1, login).run(); err != nil {
			return err
		}
		if c.Changes() == 0 {
			return refuse("remove user", mail.NotFound, login)
		}
		if s, err = c.prep("DELETE FROM member WHERE login = ?"); err != nil {
			return err
		}
		return s.text(1, login).run()
	})
}

// Rename implements auth.Directory.
func (d *directory) Rename(ctx context.Context, from, to string) error {
	if err := auth.CheckRenamed(to); err != nil {
		return err
	}
	return d.write(ctx, "rename user", from, func(c *conn) error {
		_, there, err := c.user(to)
		if err == nil && there {
			err = refuse("rename user", mail.Exists, to)
		}
		if err != nil {
			return err
		}
		s, err := c.prep("UPDATE user SET login = ?2 WHERE login = ?1")
		if err != nil {
			return err
		}
		if err := s.text(1, from).text(2, to).run(); err != nil {
			return err
		}
		if c.Changes() == 0 {
			return refuse("rename user", mail.NotFound, from)
		}
		if s, err = c.prep("UPDATE OR REPLACE member SET login = ?2 WHERE login = ?1"); err != nil {
			return err
		}
		return s.text(1, from).text(2, to).run()
	})
}

// Logins implements auth.Directory.
func (d *directory) Logins(ctx context.Context, account mail.AccountID) ([]string, error) {
	var out []string
	err := d.read(ctx, func(c *conn) error {
		s, err := c.prep("SELECT login FROM user WHERE account = ? ORDER BY login")
		if err != nil {
			return err
		}
		return s.text(1, string(account)).each(func() error {
			out = append(out, s.ColumnText(0))
			return nil
		})
	})
	return out, failDirectory("look up login names", string(account), err)
}

// listChunk is how many users List reads in one go: none of its yields runs in a transaction.
const listChunk = 256

// List implements auth.Directory.
func (d *directory) List(ctx context.Context, yield func(auth.User) error) error {
	for last, more := "", true; more; {
		var users []auth.User
		err := d.read(ctx, func(c *conn) (err error) {
			users, err = c.usersAfter(last)
			return err
		})
		if err != nil {
			return failDirectory("list users", "", err)
		}
		for _, u := range users {
			if err := yield(u); err != nil {
				return err
			}
			last = u.Login
		}
		more = len(users) == listChunk
	}
	return nil
}

// usersAfter is the next users in the order of their names.
func (c *conn) usersAfter(login string) ([]auth.User, error) {
	s, err := c.prep("SELECT " + userColumns + " FROM user WHERE login > ? ORDER BY login LIMIT 256")
	if err != nil {
		return nil, err
	}
	defer s.done()
	s.text(1, login)
	var out []auth.User
	for {
		row, err := s.Step()
		if err != nil || !row {
			return out, err
		}
		out = append(out, scanUser(s))
	}
}

// Close implements auth.Directory.
func (d *directory) Close() error {
	var err error
	d.once.Do(func() {
		close(d.done)
		for range cap(d.readers) {
			if c := <-d.readers; c != nil {
				err = errors.Join(err, c.Close())
			}
		}
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.writer != nil {
			err = errors.Join(err, d.writer.exec("PRAGMA wal_checkpoint(PASSIVE)"), d.writer.Close())
			d.writer = nil
		}
		err = errors.Join(err, unix.Close(d.lock))
	})
	return fail("close directory", d.path, err)
}
