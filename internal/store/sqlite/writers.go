package sqlite

import (
	"time"

	"github.com/constance-mail/constance/internal/mail"
)

// Writer is the head of the writers of an account in this process.
type Writer struct {
	Account mail.AccountID
	Op      string    // of its change, "" for tidying up
	Since   time.Time // it holds the lock, or waits for it
	Holds   bool      // the account's lock; else it waits for another process
	Waiting int       // changes of this process behind it
	Lock    string    // path of the lock file: the kernel knows which process holds it
}

// Writers are the writers of all accounts in this process, in no order. It waits for nobody.
func (s *store) Writers() []Writer {
	s.mu.Lock()
	var list []*account
	for e := s.known.Front(); e != nil; e = e.Next() {
		list = append(list, e.Value.(*account))
	}
	s.mu.Unlock()
	var out []Writer
	for _, a := range list {
		if w, ok := a.queue.head(); ok {
			w.Account, w.Lock = a.id, s.accountDir(a.id)+"/lock"
			out = append(out, w)
		}
	}
	return out
}

// head is who leads, for those who ask why it takes so long.
func (q *queue) head() (Writer, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return Writer{Op: q.op, Since: q.since, Holds: q.holds, Waiting: len(q.waiting)}, q.leading
}

// begins notes what the leader does, and that it has the lock or waits for it.
func (q *queue) begins(op string, holds bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.op, q.holds, q.since = op, holds, time.Now()
}
