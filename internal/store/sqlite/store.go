package sqlite

import (
	"container/list"
	"context"
	"encoding/hex"
	"errors"
	"hash/fnv"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
	"weak"

	"github.com/constance-mail/constance/internal/mail"
	"github.com/constance-mail/constance/internal/notify"
)

// store implements mail.Store.
type store struct {
	dir     string
	opts    Options
	snaps   *snapshots
	hints   *notify.Notifier
	maker   maker
	spare   spareConns
	kick    chan *account // accounts whose log is long
	evicted chan *files   // to be closed, whose log is long
	stop    chan struct{}
	worker  sync.WaitGroup // the janitor
	closed  atomic.Bool    // set with mu held

	mu       sync.Mutex
	accounts map[mail.AccountID]weak.Pointer[account]
	known    list.List // of *account with files, most recently used first
	hot      list.List // those of them with connections
}

// Open opens the store in that directory, which it creates if it is not there. Close waits for the goroutines that
// Open starts.
func Open(dir string, o Options) (mail.Store, error) {
	o = o.withDefaults()
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, fail("open store", dir, err)
	}
	s := &store{
		dir: abs, opts: o, snaps: newSnapshots(o.SnapshotCache),
		kick: make(chan *account, 64), evicted: make(chan *files, 64), stop: make(chan struct{}),
		accounts: make(map[mail.AccountID]weak.Pointer[account]),
	}
	for _, d := range []string{"accounts", "tmp", unindexedDir} {
		if err := os.MkdirAll(filepath.Join(abs, d), 0o700); err != nil {
			return nil, fail("open store", dir, err)
		}
	}
	if s.hints, err = notify.New(notify.Options{
		Path: s.changedPath, Poll: o.Poll, NoHints: o.NoHints, Log: o.Log,
	}); err != nil {
		return nil, fail("open store", dir, err)
	}
	s.sweep()
	s.worker.Go(s.janitor)
	return s, nil
}

// accountDir is the directory of an account: two levels spread many accounts.
func (s *store) accountDir(id mail.AccountID) string {
	h := fnv.New32a()
	_, _ = h.Write([]byte(id)) // a hash does not fail
	x := hex.EncodeToString(h.Sum(nil)[2:])
	return s.dir + "/accounts/" + x[:2] + "/" + x[2:] + "/" + string(id)
}

func (s *store) changedPath(id string) string { return s.accountDir(mail.AccountID(id)) + "/changed" }

// Exists tells whether there is an account: using one that is not there makes it.
func (s *store) Exists(id mail.AccountID) bool {
	_, err := os.Stat(s.accountDir(id) + dbName)
	return err == nil
}

// Account implements mail.Store. All handles of a process to an account are one.
func (s *store) Account(id mail.AccountID) mail.Account {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a := s.accounts[id].Value(); a != nil {
		return a
	}
	if len(s.accounts) > 2*s.opts.Handles+1024 && len(s.accounts)&1023 == 0 {
		s.forgetLocked()
	}
	a := &account{store: s, id: id}
	s.accounts[id] = weak.Make(a)
	return a
}

// forgetLocked drops the accounts that nobody has a handle to.
func (s *store) forgetLocked() {
	for id, w := range s.accounts {
		if w.Value() == nil {
			delete(s.accounts, id)
		}
	}
}

// Create implements mail.Store.
func (s *store) Create(ctx context.Context, id mail.AccountID) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if id.Valid() && !s.closed.Load() && s.Exists(id) {
		return refuse("create account", mail.Exists, string(id))
	}
	f, err := s.Account(id).(*account).acquire()
	if err == nil {
		f.release()
	}
	return err
}

// Remove implements mail.Store. The account's directory leaves its place at once, its files are deleted then.
func (s *store) Remove(ctx context.Context, id mail.AccountID) error {
	if !id.Valid() {
		return nil
	}
	dir := s.accountDir(id)
	if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	a := s.Account(id).(*account)
	err := a.exclusive(ctx, func(f *files) error {
		grave := s.tmpName("gone")
		if err := os.Rename(dir, grave); err != nil {
			return err
		}
		f.changed.remove()
		return errors.Join(syncDir(filepath.Dir(dir)), os.RemoveAll(grave))
	})
	return fail("remove account", string(id), err)
}

// tmpName is a new name for something that is about to come or go.
func (s *store) tmpName(what string) string {
	return filepath.Join(s.dir, "tmp", what+"-"+strconv.FormatUint(random64(), 36))
}

// sweep deletes what crashes left in tmp. What is young may belong to another process.
func (s *store) sweep() {
	names, err := os.ReadDir(filepath.Join(s.dir, "tmp"))
	if err != nil {
		return // the next Open tries again
	}
	for _, n := range names {
		if fi, err := n.Info(); err == nil && time.Since(fi.ModTime()) > time.Hour {
			_ = os.RemoveAll(filepath.Join(s.dir, "tmp", n.Name())) // the next Open tries again
		}
	}
}

// Close implements mail.Store.
func (s *store) Close() error {
	s.mu.Lock()
	again := s.closed.Swap(true)
	s.mu.Unlock()
	if again {
		return nil
	}
	close(s.stop)
	s.worker.Wait()
	for len(s.evicted) > 0 {
		(<-s.evicted).cool()
	}
	for a := s.oldest(&s.known, 0); a != nil; a = s.oldest(&s.known, 0) {
		a.shut()
	}
	s.spare.close()
	s.maker.close()
	return fail("close store", s.dir, s.hints.Close())
}

// oldest takes the least recently used account from a list if there are more than keep.
func (s *store) oldest(l *list.List, keep int) *account {
	s.mu.Lock()
	defer s.mu.Unlock()
	if l.Len() <= keep {
		return nil
	}
	return s.takeLocked(l, l.Back())
}

// takeLocked takes an account out of a list.
func (s *store) takeLocked(l *list.List, e *list.Element) *account {
	a := l.Remove(e).(*account)
	if l == &s.hot {
		a.hotPlace = nil
	} else {
		a.place = nil
	}
	return a
}

// touch makes a the most recently used of the known accounts, false if the store is closed.
func (s *store) touch(a *account) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed.Load():
		return false
	case a.place != nil:
		s.known.MoveToFront(a.place)
	default:
		a.place = s.known.PushFront(a)
	}
	return true
}

// heat makes a the most recently used of the accounts with connections, and closes those of others beyond the limit.
func (s *store) heat(a *account) {
	s.mu.Lock()
	if a.hotPlace != nil {
		s.hot.MoveToFront(a.hotPlace)
	} else {
		a.hotPlace = s.hot.PushFront(a)
	}
	s.mu.Unlock()
	for victim := s.oldest(&s.hot, s.opts.Handles); victim != nil; victim = s.oldest(&s.hot, s.opts.Handles) {
		victim.evict()
	}
}

var errClosed = errors.New("the store is closed")

// freeAfter is how many accounts are closed before the memory they took is given back to the system: the runtime by
// itself would keep it as long as nothing happens.
const freeAfter = 128

// janitor closes idle accounts and shortens long logs.
func (s *store) janitor() {
	if s.opts.Ready {
		if err := s.ready(); err != nil {
			s.opts.Log.Warn("no connection is ready for the first client", "error", err)
		}
	}
	closed := 0
	tick := time.NewTicker(max(s.opts.Idle/4, time.Second))
	defer tick.Stop()
	for {
		select {
		case <-s.stop:
			return
		case a := <-s.kick:
			a.checkpoint()
		case f := <-s.evicted:
			f.writeBack(true)
			f.cool()
		case now := <-tick.C:
			n := s.closeIdle(now.Add(-s.opts.Idle).UnixNano())
			if closed += n; n == 0 && closed >= freeAfter { // not before the rush is over
				s.spare.shed()
				giveBack()
				closed = 0
			}
		}
	}
}

// closeIdle closes the connections of the accounts that were not used since then (nanoseconds since 1970), and counts
// them.
func (s *store) closeIdle(then int64) (closed int) {
	for ; ; closed++ {
		s.mu.Lock()
		back := s.hot.Back()
		if back == nil || back.Value.(*account).used.Load() > then {
			s.mu.Unlock()
			return closed
		}
		a := s.takeLocked(&s.hot, back)
		s.mu.Unlock()
		if f := a.opened(); f != nil {
			f.writeBack(true)
			f.cool()
		}
	}
}
