package sqlite

import "golang.org/x/sys/unix"

const (
	// checkEvery is after how many commits the log's length is looked at.
	checkEvery = 32
	// longLog is the length of the log in octets from which the janitor writes it back while the account is in use.
	longLog = 1 << 20
	// idleLog is the length of the log in octets that a closed account may keep.
	idleLog = 256 << 10
)

// kickLong has the janitor look at an account with a long log.
func (a *account) kickLong(f *files) {
	if walSize(f.dir+dbName) < longLog {
		return
	}
	select {
	case a.store.kick <- a:
	default: // the janitor is busy; autoCheckpoint bounds the log
	}
}

// checkpoint writes the log of an open account back.
func (a *account) checkpoint() {
	if f := a.opened(); f != nil {
		f.writeBack(false)
	}
}

// enter counts a user of the files, false if they are closed or about to be.
func (f *files) enter() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.dead && f.users == 0 {
		return false
	}
	f.users++
	return true
}

// writeBack writes the log back into the database, as far as nobody is in the way; what it cannot do now is done the
// next time, or by a committing writer. A log in use keeps its blocks, which makes the next commits cheaper; the log of
// an account that is closed (last) is emptied, so that opening it is cheap.
func (f *files) writeBack(last bool) {
	if !f.enter() {
		return
	}
	defer f.release()
	if f.changed.gone() || walSize(f.dir+dbName) <= idleLog {
		return
	}
	c, err := f.aside()
	if err != nil {
		return // who needs a connection meets the same error
	}
	defer f.keep(c, true)
	_ = c.exec("PRAGMA wal_checkpoint(PASSIVE)") // most of the work, in nobody's way
	if !f.account.queue.tryLead() {
		return
	}
	defer f.account.queue.pass()
	if f.flock(unix.LOCK_EX|unix.LOCK_NB) != nil {
		return
	}
	defer f.unlock()
	if !last {
		_ = c.exec("PRAGMA wal_checkpoint(PASSIVE)") // the rest: the next writer begins the log anew
		return
	}
	c.SetBusyTimeout(0) // readers are not waited for
	_ = c.exec("PRAGMA wal_checkpoint(TRUNCATE)")
	c.SetBusyTimeout(busyTimeout)
}

// evict closes the account's connections. A long log is left to the janitor.
func (a *account) evict() {
	f := a.opened()
	if f == nil {
		return
	}
	if walSize(f.dir+dbName) > idleLog {
		select {
		case a.store.evicted <- f:
			return
		default: // rather a slow opening than waiting for the disk here
		}
	}
	f.cool()
}

// opened is the account's files, nil if they are closed.
func (a *account) opened() *files {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.files
}

// cool closes what is expensive to keep: connections, segments, descriptors. What is in use is closed when given back.
func (f *files) cool() {
	if !f.enter() {
		return
	}
	defer f.release()
	f.mu.Lock()
	idle, spare := f.idle, f.spare
	f.idle, f.spare, f.hot, f.boxes = nil, nil, false, nil
	f.mu.Unlock()
	for _, c := range idle {
		f.account.store.spare.keep(c)
	}
	for _, s := range spare {
		s.close()
	}
	f.recent.close()
	if !f.account.queue.tryLead() {
		return // in use: a few descriptors stay until the next time
	}
	defer f.account.queue.pass()
	f.closeLock()
}

// closeLock closes what writers need. The caller leads the queue.
func (f *files) closeLock() {
	f.changed.closeEvents()
	if f.lock >= 0 {
		_ = unix.Close(f.lock) // nothing is written to it
		f.lock = -1
	}
}

// forget closes the account's files altogether.
func (a *account) forget() {
	if f := a.detach(); f != nil {
		f.retire()
	}
}

// shut is forget, with a short log.
func (a *account) shut() {
	if f := a.detach(); f != nil {
		f.writeBack(true)
		f.retire()
	}
}

// detach takes the files away from the account, nil if they are closed.
func (a *account) detach() *files {
	a.mu.Lock()
	defer a.mu.Unlock()
	f := a.files
	a.files = nil
	return f
}
