package sqlite

import (
	"container/list"
	"context"
	"errors"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/constance-mail/constance/internal/mail"
	"golang.org/x/sys/unix"
)

// account implements mail.Account. One per account and process, however many handles.
type account struct {
	store *store
	id    mail.AccountID
	queue queue
	used  atomic.Int64 // nanoseconds since 1970

	place    *list.Element // in store.known, guarded by store.mu as is the next
	hotPlace *list.Element // in store.hot

	mu    sync.Mutex // guards the fields below; store.mu is never taken with it held
	files *files     // nil while closed
}

// files is what a process has of an account: cheap to keep (the map of `changed`, what was read), and, while it is hot,
// connections and descriptors.
type files struct {
	account *account
	dir     string
	changed *changed
	birth   uint64
	commits atomic.Int32 // since the log's length was looked at
	lock    int          // descriptor of the lock file, -1 before a write; the queue's leader's
	recent  recent

	mu    sync.Mutex // guards the fields below
	users int        // calls that use the files now
	dead  bool       // to be closed by the last user
	hot   bool       // connections may be kept
	idle  []*conn
	spare []*segment // open segments that no upload is writing to
	boxes *boxes     // the mailboxes as they were
	last  stateAt    // as it was
}

// keepConns is how many connections of an account stay open: one to read while the other one waits for the disk.
const keepConns = 2

// ID implements mail.Account.
func (a *account) ID() mail.AccountID { return a.id }

// acquire is the account's open files; release them. It opens or creates the account if need be.
func (a *account) acquire() (*files, error) {
	if a.store.closed.Load() {
		return nil, a.closedError()
	}
	if !a.id.Valid() {
		return nil, refuse("use account", mail.NotFound, string(a.id))
	}
	a.used.Store(time.Now().UnixNano())
	f, err := a.use()
	if err != nil {
		return nil, fail("open account", string(a.id), err)
	}
	if !a.store.touch(a) { // closed meanwhile
		f.release()
		a.forget()
		return nil, a.closedError()
	}
	st := a.store
	for victim := st.oldest(&st.known, st.opts.Accounts); victim != nil; victim = st.oldest(&st.known, st.opts.Accounts) {
		victim.forget()
	}
	return f, nil
}

func (a *account) closedError() error {
	return &mail.Error{Op: "use account", Kind: mail.Unavailable, Item: string(a.id), Err: errClosed}
}

// use counts one more user of the account's files, which it opens if need be.
func (a *account) use() (*files, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.files != nil && !a.files.changed.holds() {
		a.files.retire()
		a.files = nil
	}
	if a.files == nil {
		f, err := a.openFiles()
		if err != nil {
			return nil, err
		}
		a.files = f
	}
	a.files.mu.Lock()
	a.files.users++
	a.files.mu.Unlock()
	return a.files, nil
}

// release ends the use of what acquire gave.
func (f *files) release() {
	f.mu.Lock()
	f.users--
	last := f.dead && f.users == 0
	f.mu.Unlock()
	if last {
		f.close()
	}
}

// retire closes the files when their last user is gone.
func (f *files) retire() {
	f.mu.Lock()
	f.dead = true
	last := f.users == 0
	f.mu.Unlock()
	if last {
		f.close()
	}
}

// openFiles opens the account, created if it is not there. The account's mutex is held.
func (a *account) openFiles() (*files, error) {
	f := &files{account: a, dir: a.store.accountDir(a.id), lock: -1, recent: recent{fd: -1}}
	var err error
	f.changed, err = openChanged(f.dir + "/changed")
	if errors.Is(err, os.ErrNotExist) {
		if err = a.store.make(a.id, f.dir); err == nil {
			f.changed, err = openChanged(f.dir + "/changed")
		}
	}
	if err != nil {
		return nil, err
	}
	if !f.changed.trusted() {
		if err := f.renew(); err != nil {
			f.close()
			return nil, err
		}
	}
	f.birth = f.changed.birth()
	return f, nil
}

// renew makes a `changed` file trusted that is new, was copied or is from before the last boot.
func (f *files) renew() error {
	if err := f.flock(unix.LOCK_EX); err != nil {
		return err
	}
	defer f.unlock()
	if f.changed.trusted() {
		return nil
	}
	c, err := openAccountConn(f.dir, true)
	if err != nil {
		return err
	}
	defer f.give(c)
	if err := f.migrate(c); err != nil {
		return err
	}
	m, err := c.one("SELECT modseq FROM account")
	if err == nil {
		f.changed.renew(mail.ModSeq(m))
	}
	return err
}

// migrate brings the database up to date. Programs that have it open as it was open it anew.
func (f *files) migrate(c *conn) error {
	v, err := c.one("PRAGMA user_version")
	if err != nil {
		return err
	}
	if v < version() {
		f.changed.distrust()
	}
	return migrate(c)
}

// close closes everything. Nobody uses the files any more.
func (f *files) close() {
	for _, c := range f.idle {
		f.account.store.spare.keep(c)
	}
	for _, s := range f.spare {
		s.close()
	}
	f.recent.close()
	f.closeLock()
	f.changed.close()
}

func (f *files) isHot() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.hot
}

// take is a connection for the caller alone, to be given back. The account is hot from then on.
func (f *files) take() (*conn, error) {
	c, err := f.connect()
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	f.hot = true
	f.mu.Unlock()
	f.account.store.heat(f.account)
	return c, nil
}

// connect is a connection, which may be kept afterwards only if the account is hot.
func (f *files) connect() (*conn, error) {
	f.mu.Lock()
	if n := len(f.idle); n > 0 {
		c := f.idle[n-1]
		f.idle = f.idle[:n-1]
		f.mu.Unlock()
		return c, nil
	}
	f.mu.Unlock()
	return f.another()
}

// another is one more connection.
func (f *files) another() (*conn, error) {
	if c := f.account.store.spare.attach(f.dir); c != nil {
		return c, nil
	}
	return openAccountConn(f.dir, false)
}

// aside is a connection for who works beside the account's users: the one that they took last, with what it has in its
// cache, is left to them.
func (f *files) aside() (*conn, error) {
	f.mu.Lock()
	if len(f.idle) > 1 {
		c := f.idle[0]
		f.idle = append(f.idle[:0], f.idle[1:]...)
		f.mu.Unlock()
		return c, nil
	}
	f.mu.Unlock()
	return f.another()
}

// give returns a connection, to be taken next. One with an open transaction would hold the log: it is closed.
func (f *files) give(c *conn) { f.keep(c, false) }

// keep is give, or (last) returns a connection to be taken last.
func (f *files) keep(c *conn, last bool) {
	f.mu.Lock()
	if f.hot && !f.dead && len(f.idle) < keepConns && c.AutocommitEnabled() {
		at := len(f.idle)
		if last {
			at = 0
		}
		f.idle = slices.Insert(f.idle, at, c)
		c = nil
	}
	f.mu.Unlock()
	if c != nil {
		f.account.store.spare.keep(c)
	}
}

// flock takes the lock that a writer needs, how is LOCK_EX with or without LOCK_NB. Only the head of the queue of
// this process may ask for it (or who opens the files): in a process the lock does not count.
func (f *files) flock(how int) error {
	if f.lock < 0 {
		fd, err := unix.Open(f.dir+"/lock", unix.O_RDWR|unix.O_CREAT|unix.O_CLOEXEC, 0o600)
		if err != nil {
			return &os.PathError{Op: "open", Path: f.dir + "/lock", Err: err}
		}
		f.lock = fd
	}
	return flock(f.lock, how)
}

// flock is flock(2).
func flock(fd, how int) error {
	for {
		if err := unix.Flock(fd, how); err != unix.EINTR {
			return err
		}
	}
}

func (f *files) unlock() { _ = unix.Flock(f.lock, unix.LOCK_UN) } // fails only for a wrong descriptor

// view calls read with a connection in a read transaction.
func (a *account) view(ctx context.Context, op, item string, read func(f *files, c *conn) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	f, err := a.acquire()
	if err != nil {
		return err
	}
	defer f.release()
	c, err := f.take()
	if err != nil {
		return fail(op, item, err)
	}
	defer f.give(c)
	return fail(op, item, c.read(func() error { return read(f, c) }))
}

// ModSeq implements mail.Account.
func (a *account) ModSeq(ctx context.Context) (mail.ModSeq, error) {
	f, err := a.acquire()
	if err != nil {
		return 0, err
	}
	defer f.release()
	if m, ok := a.current(f); ok {
		return m, nil
	}
	c, err := f.take()
	if err != nil {
		return 0, fail("look at account", string(a.id), err)
	}
	defer f.give(c)
	m, err := c.one("SELECT modseq FROM account")
	return mail.ModSeq(m), fail("look at account", string(a.id), err)
}

// current is the account's ModSeq as `changed` has it, false if only the database can tell now.
func (a *account) current(f *files) (mail.ModSeq, bool) {
	if m, ok := f.changed.load(); ok {
		return m, true
	}
	a.heal(f)
	return f.changed.load()
}

// heal cleans a `changed` file that a writer left dirty when it died. While a writer is at work it does nothing.
func (a *account) heal(f *files) {
	if !a.queue.tryLead() {
		return
	}
	defer a.queue.pass()
	if f.flock(unix.LOCK_EX|unix.LOCK_NB) != nil {
		return
	}
	defer f.unlock()
	if _, ok := f.changed.load(); ok || f.changed.gone() || !f.changed.trusted() {
		return
	}
	c, err := f.take()
	if err != nil {
		return // the reader meets the same error
	}
	defer f.give(c)
	if m, err := c.one("SELECT modseq FROM account"); err == nil {
		_ = f.changed.openEvents(f.dir + "/changed") // else who watches is told by polls
		f.changed.rebirth()                          // it died before its own, if it had one
		f.changed.clean(mail.ModSeq(m))
	}
}

// Watch implements mail.Account.
func (a *account) Watch(wake func()) (stop func()) { return a.store.hints.Watch(string(a.id), wake) }
