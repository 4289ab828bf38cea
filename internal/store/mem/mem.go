// Package mem is a mail.Store in memory: the simplest code that keeps every contract of package mail, which other
// stores are compared with and engines are tested on. It is complete, but nothing outlives the process.
//
// New is a store; a Disk holds what several stores share, as processes share a directory.
package mem

import (
	"context"
	"sync"

	"github.com/constance-mail/constance/internal/mail"
)

// Disk is what is stored. Any number of stores can use it at a time and after each other.
type Disk struct {
	opts mail.Options // immutable

	mu       sync.Mutex // guards the fields below; never held together with an account's mutex
	accounts map[mail.AccountID]*account
	watchers map[*watcher]bool
}

// NewDisk is an empty disk.
func NewDisk(o mail.Options) *Disk {
	return &Disk{opts: o, accounts: make(map[mail.AccountID]*account), watchers: make(map[*watcher]bool)}
}

// New is a store with a disk of its own.
func New(o mail.Options) mail.Store { return NewDisk(o).Open() }

// Open is a store on the disk. What is on the disk stays when it is closed.
func (d *Disk) Open() mail.Store { return &store{disk: d} }

// store implements mail.Store.
type store struct {
	disk *Disk // immutable

	mu     sync.Mutex // guards the field below
	closed bool
}

// Account implements mail.Store.
func (s *store) Account(id mail.AccountID) mail.Account { return &handle{store: s, id: id} }

// Create implements mail.Store.
func (s *store) Create(ctx context.Context, id mail.AccountID) error {
	if err := s.usable(ctx, "create account"); err != nil {
		return err
	}
	s.disk.mu.Lock()
	there := s.disk.accounts[id] != nil
	s.disk.mu.Unlock()
	if there {
		return refuse("create account", mail.Exists, string(id))
	}
	_, err := s.disk.account(id)
	return err
}

// Remove implements mail.Store.
func (s *store) Remove(ctx context.Context, id mail.AccountID) error {
	if err := s.usable(ctx, "remove account"); err != nil {
		return err
	}
	s.disk.mu.Lock()
	delete(s.disk.accounts, id)
	s.disk.mu.Unlock()
	s.disk.wake(id)
	return nil
}

// Close implements mail.Store. It waits for the wakes of this store's watchers.
func (s *store) Close() error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	var mine []*watcher
	s.disk.mu.Lock()
	for w := range s.disk.watchers {
		if w.store == s {
			mine = append(mine, w)
		}
	}
	s.disk.mu.Unlock()
	for _, w := range mine {
		w.stop()
	}
	return nil
}

// usable is nil as long as ctx goes on and the store is open.
func (s *store) usable(ctx context.Context, op string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return refuse(op, mail.Unavailable, "the store is closed")
	}
	return nil
}

// account is the account of that id, made if it is not there.
func (d *Disk) account(id mail.AccountID) (*account, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if a := d.accounts[id]; a != nil {
		return a, nil
	}
	if !id.Valid() {
		return nil, refuse("use account", mail.NotFound, string(id))
	}
	a, err := newAccount(d.opts)
	if err != nil {
		return nil, err
	}
	d.accounts[id] = a
	return a, nil
}

// handle implements mail.Account.
type handle struct {
	store *store
	id    mail.AccountID
	who   mail.AccountID // the viewer, see As; "" for the owner
}

// ID implements mail.Account.
func (h *handle) ID() mail.AccountID { return h.id }

// enter is the account with its mutex held, to be unlocked by the caller.
func (h *handle) enter(ctx context.Context, op string) (*account, error) {
	if err := h.store.usable(ctx, op); err != nil {
		return nil, err
	}
	a, err := h.store.disk.account(h.id)
	if err != nil {
		return nil, err
	}
	a.mu.Lock()
	return a, nil
}

// leave unlocks the account and wakes who watches it, if it was changed since it had that ModSeq.
func (h *handle) leave(a *account, since mail.ModSeq) {
	changed := a.modSeq != since
	a.mu.Unlock()
	if changed {
		h.store.disk.wake(h.id)
	}
}

// refuse is the error of a refused call.
func refuse(op string, kind mail.Kind, item string) error {
	return &mail.Error{Op: op, Kind: kind, Item: item}
}
