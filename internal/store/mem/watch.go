package mem

import (
	"sync"

	"github.com/constance-mail/constance/internal/mail"
)

// watcher calls wake from a goroutine of its own, so that a caller of the store who holds a lock that wake takes
// too is safe.
type watcher struct {
	store *store
	id    mail.AccountID
	hint  chan struct{} // length 1
	done  chan struct{} // closed by stop
	ended chan struct{} // closed when wake no longer runs
	once  sync.Once
}

// Watch implements mail.Account.
func (h *handle) Watch(wake func()) (stop func()) {
	w := &watcher{
		store: h.store, id: h.id,
		hint: make(chan struct{}, 1), done: make(chan struct{}), ended: make(chan struct{}),
	}
	d := h.store.disk
	d.mu.Lock()
	d.watchers[w] = true
	d.mu.Unlock()
	go w.run(wake)
	return w.stop
}

func (w *watcher) run(wake func()) {
	defer close(w.ended)
	for {
		select {
		case <-w.done:
			return
		case <-w.hint:
			wake()
		}
	}
}

func (w *watcher) stop() {
	w.once.Do(func() {
		d := w.store.disk
		d.mu.Lock()
		delete(d.watchers, w)
		d.mu.Unlock()
		close(w.done)
	})
	<-w.ended
}

// wake hints to the watchers of an account.
func (d *Disk) wake(id mail.AccountID) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for w := range d.watchers {
		if w.id != id {
			continue
		}
		select {
		case w.hint <- struct{}{}:
		default: // one is waiting already
		}
	}
}
