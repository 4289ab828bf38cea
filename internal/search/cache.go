package search

import (
	"container/list"
	"sync"

	"github.com/constance-mail/constance/internal/fold"
	"github.com/constance-mail/constance/internal/mail"
)

// columnCacheSize is how much the columns of a process may take, octets.
const columnCacheSize = 16 << 20

// columnKey names a column. It is true for ever: of a mailbox with that UIDVALIDITY a UID stands for one
// message, and what its digest holds never changes.
type columnKey struct {
	account   mail.AccountID
	mailbox   mail.MailboxID
	validity  mail.UIDValidity
	kind      uint8 // an imap.SortKey, linksKind, or textsKind and the number of the text
	collation fold.Collation
}

// columnKey.kind of what is no column to sort by.
const (
	textsKind = 128
	linksKind = 255
)

func (q *Query) columnKey(kind uint8) columnKey {
	m := &q.in.Snapshot.Mailbox
	return columnKey{q.in.Account.ID(), m.ID, m.UIDValidity, kind, q.in.Collation}
}

// sized is what a columnCache keeps: a *column, *links or *keptTexts. Immutable.
type sized interface {
	size() int // octets
}

// columnCache keeps the columns that were used last, for all sessions of a process. It holds nothing that
// could become wrong: messages that arrive are added by whoever misses them.
type columnCache struct {
	limit int // octets

	mu    sync.Mutex // guards the fields below
	used  list.List  // of *cachedColumn, that used last first
	byKey map[columnKey]*list.Element
	total int // octets
}

type cachedColumn struct {
	key  columnKey
	data sized
}

func newColumnCache(limit int) *columnCache {
	return &columnCache{limit: limit, byKey: make(map[columnKey]*list.Element)}
}

// get is the column of that name, nil if it is not kept.
func (c *columnCache) get(k columnKey) sized {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.byKey[k]
	if e == nil {
		return nil
	}
	c.used.MoveToFront(e)
	return e.Value.(*cachedColumn).data
}

// put keeps a column, in the place of one with its name; those not used for long make room. One that is
// larger than half of what all may take is not kept.
func (c *columnCache) put(k columnKey, data sized) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.byKey[k]; e != nil {
		c.removeLocked(e)
	}
	if data.size() > c.most() {
		return
	}
	c.byKey[k] = c.used.PushFront(&cachedColumn{k, data})
	c.total += data.size()
	for c.total > c.limit {
		c.removeLocked(c.used.Back())
	}
}

// most is the size of the largest column that is kept.
func (c *columnCache) most() int { return c.limit / 2 }

func (c *columnCache) removeLocked(e *list.Element) {
	old := c.used.Remove(e).(*cachedColumn)
	delete(c.byKey, old.key)
	c.total -= old.data.size()
}
