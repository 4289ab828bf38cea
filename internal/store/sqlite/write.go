package sqlite

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/constance-mail/constance/internal/mail"
	"golang.org/x/sys/unix"
)

// queue is the writers of an account in this process. The first one leads: it takes the account's lock, makes the
// changes of all that wait in one transaction, publishes, and passes the lead to who came meanwhile. So one thread
// per account at most waits in the kernel, and a burst of writers shares an fsync.
type queue struct {
	mu      sync.Mutex // guards the fields below
	leading bool
	waiting []*change

	op    string    // what the leader does
	since time.Time // it holds the lock, or waits for it
	holds bool      // the account's lock
}

// change is one change of an account that waits to be made.
type change struct {
	op   string
	run  func(t *tx) error
	done *mail.Progress
	err  error
	turn chan bool // true: you lead now; closed: done. Has room for one.
}

// maxBatch bounds the changes of one transaction.
const maxBatch = 64

// tryLead makes the caller the leader if there is none.
func (q *queue) tryLead() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.leading {
		return false
	}
	q.leading = true
	return true
}

// enter makes the caller the leader, or has it wait as c.
func (q *queue) enter(c *change) (lead bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.leading {
		q.leading = true
		return true
	}
	q.waiting = append(q.waiting, c)
	return false
}

// leave takes c out of those who wait, false if it is no longer there.
func (q *queue) leave(c *change) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	for i, w := range q.waiting {
		if w == c {
			q.waiting = append(q.waiting[:i], q.waiting[i+1:]...)
			return true
		}
	}
	return false
}

// batch takes the changes that wait. Those that want to be alone (run == nil) stay, with all behind them.
func (q *queue) batch(dst []*change) []*change {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := 0
	for n < len(q.waiting) && len(dst)+n < maxBatch && q.waiting[n].run != nil {
		n++
	}
	dst = append(dst, q.waiting[:n]...)
	q.waiting = append(q.waiting[:0], q.waiting[n:]...)
	return dst
}

// pass gives the lead to the first who waits.
func (q *queue) pass() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.op, q.since, q.holds = "", time.Time{}, false
	if len(q.waiting) == 0 {
		q.leading = false
		return
	}
	next := q.waiting[0]
	q.waiting = append(q.waiting[:0], q.waiting[1:]...)
	next.turn <- true
}

// wait waits until c is done (false) or leads (true).
func (q *queue) wait(ctx context.Context, c *change) (lead bool, err error) {
	select {
	case lead = <-c.turn:
		return lead, nil
	case <-ctx.Done():
	}
	if q.leave(c) {
		return false, ctx.Err()
	}
	return <-c.turn, nil // being made, or just appointed
}

// update makes a change. It is durable and published when update returns without an error; with one, nothing changed.
// run may be called by another goroutine, and sees the account as its own.
func (a *account) update(ctx context.Context, op, item string, run func(t *tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	c := &change{op: op, run: run, done: mail.ProgressOf(ctx), turn: make(chan bool, 1)}
	if !a.queue.enter(c) {
		lead, err := a.queue.wait(ctx, c)
		if err != nil {
			return err
		}
		if !lead {
			return fail(op, item, c.err)
		}
	}
	a.lead(c)
	return fail(op, item, c.err)
}

// lead makes c and the changes that wait, and passes the lead.
func (a *account) lead(c *change) {
	batch := []*change{c}
	defer a.queue.pass()
	f, err := a.lockFiles(c.op)
	if err == nil {
		batch = a.queue.batch(batch)
		err = f.commit(batch)
		f.unlock()
		if err == nil && f.commits.Add(1)%checkEvery == 0 {
			a.kickLong(f)
		}
		f.release()
	}
	for i, w := range batch {
		if err != nil && w.err == nil {
			w.err = err
		}
		if i > 0 {
			close(w.turn)
		}
	}
}

// lockFiles acquires the account's files and lock. An account that was removed or migrated while it waited is opened anew.
func (a *account) lockFiles(op string) (*files, error) {
	a.queue.begins(op, false)
	for {
		f, err := a.acquire()
		if err != nil {
			return nil, err
		}
		if err := f.flock(unix.LOCK_EX); err != nil {
			f.release()
			return nil, err
		}
		if f.changed.holds() {
			if err = f.changed.openEvents(f.dir + "/changed"); err == nil {
				a.queue.begins(op, true)
				return f, nil
			}
		}
		f.unlock()
		f.release()
		if err != nil {
			return nil, err
		}
	}
}

// exclusive calls f with the account's lock held and no transaction.
func (a *account) exclusive(ctx context.Context, run func(f *files) error) error {
	c := &change{turn: make(chan bool, 1)}
	if !a.queue.enter(c) {
		if _, err := a.queue.wait(ctx, c); err != nil {
			return err
		}
	}
	defer a.queue.pass()
	f, err := a.lockFiles("remove account")
	if err != nil {
		return err
	}
	defer f.release()
	defer f.unlock()
	return run(f)
}

// commit makes the changes in one transaction and publishes it. A change that fails is undone alone. The error is of
// the whole.
func (f *files) commit(batch []*change) (err error) {
	c, err := f.take()
	if err != nil {
		return err
	}
	defer f.give(c)
	if err := c.exec("BEGIN IMMEDIATE"); err != nil {
		return err
	}
	now := time.Now()
	t := txs.Get().(*tx)
	defer t.recycle()
	t.c, t.files, t.now, t.at = c, f, now.Unix(), now.UnixNano()
	if err := t.begin(); err != nil {
		return errors.Join(err, c.exec("ROLLBACK"))
	}
	before := t.st
	for _, w := range batch {
		if err = t.apply(w, len(batch) > 1); err != nil {
			return errors.Join(err, c.exec("ROLLBACK"))
		}
	}
	if !t.wrote {
		return c.exec("ROLLBACK")
	}
	if t.st != before {
		if err := t.storeState(); err != nil {
			return errors.Join(err, c.exec("ROLLBACK"))
		}
	}
	f.changed.dirty()
	if err := c.exec("COMMIT"); err != nil {
		if !c.AutocommitEnabled() {
			err = errors.Join(err, c.exec("ROLLBACK"))
		}
		return err // `changed` stays dirty: whoever looks next asks the database
	}
	if t.st.modseq == before.modseq {
		f.changed.rebirth()
		f.changed.restore(t.st.modseq)
	} else {
		f.changed.clean(t.st.modseq)
	}
	f.remember(t)
	return nil
}

// remember keeps what a commit has made of the mailboxes and of the use. The caller still holds the account's lock.
func (f *files) remember(t *tx) {
	asOf := moment{t.st.modseq, f.changed.birth()}
	var l *boxes
	if t.base != nil {
		l = t.base.with(t.boxes, asOf)
	}
	if l != nil {
		t.renewals.keep(f.account.store.snaps, l)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.last = stateAt{asOf, t.st}
	if l != nil {
		f.boxes = l
	}
}

// box is the mailbox of that id. Kind NotFound.
func (t *tx) box(id mail.MailboxID) (box, error) {
	for i := len(t.boxes) - 1; i >= 0; i-- {
		switch b := &t.boxes[i]; {
		case b.ID != id:
		case b.gone != 0: // by a change of this transaction: what was before it counts no more
			return box{}, refuse("look at mailbox", mail.NotFound, "")
		default:
			return *b, nil
		}
	}
	if t.base != nil {
		if b, ok := t.base.box(id); ok {
			return b, nil
		}
	}
	return t.c.loadBox(id)
}

// apply makes one change of a transaction, shared with others or not. Its error is of the transaction, w.err is the
// change's own.
func (t *tx) apply(w *change, shared bool) error {
	t.done = w.done
	if !shared {
		w.err = t.guard(w.run)
		return w.err
	}
	if err := t.c.exec("SAVEPOINT change"); err != nil {
		return err
	}
	saved, wrote, stored := t.st, t.wrote, len(t.boxes)
	if w.err = t.guard(w.run); w.err != nil {
		t.st, t.wrote, t.boxes, t.renewals.off = saved, wrote, t.boxes[:min(stored, len(t.boxes))], true
		if err := t.c.exec("ROLLBACK TO change"); err != nil {
			return err
		}
	}
	return t.c.exec("RELEASE change")
}

// guard turns a panic of a change into its error: the goroutine may be another caller's.
func (t *tx) guard(run func(*tx) error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	return run(t)
}

// tx is a write transaction.
type tx struct {
	c     *conn
	files *files
	st    state
	now   int64          // seconds since 1970
	at    int64          // the same in nanoseconds
	wrote bool           // something is to be committed
	done  *mail.Progress // of the change
	base  *boxes         // the mailboxes before, nil if they are not at hand or more than counters change
	boxes []box          // what was stored of them

	renewals renewals

	marks marks // for whoever works on a page
	fixed fixed
	buf   []byte
}

// next is the ModSeq of a change.
func (t *tx) next() mail.ModSeq {
	t.st.modseq++
	t.wrote = true
	return t.st.modseq
}

// storePage writes the page in t.marks. The highest ModSeq is that of the change: an expunge counts too.
func (t *tx) storePage(mailbox mail.MailboxID, highest mail.ModSeq) error {
	t.buf = t.marks.encode(t.buf[:0])
	key := pageKey(mailbox, t.marks.no)
	s, err := t.c.put(kindPage, key)
	if err != nil {
		return err
	}
	if err := s.bind(itemKey(kindPage, key), int64(highest)).blob(3, t.buf).run(); err != nil {
		return err
	}
	t.note(mailbox)
	return nil
}

// storeFixed writes the fixed page of that number in t.fixed.
func (t *tx) storeFixed(mailbox mail.MailboxID, no int64) error {
	t.buf = t.fixed.encode(t.buf[:0])
	s, err := t.c.put(kindFixed, pageKey(mailbox, no))
	if err != nil {
		return err
	}
	return s.blob(3, t.buf).run()
}
