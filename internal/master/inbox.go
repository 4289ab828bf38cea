package master

import (
	"os"
	"sync"
	"time"

	"github.com/constance-mail/constance/internal/master/roster"
)

// lifeEvent is the start or the end of a child: one queue for both, so that no end overtakes its start. There are at
// most a few for each child, and the roster bounds the children being started.
type lifeEvent struct {
	child roster.ChildID
	start *started // nil: its pidfd says that it has ended
}

// inbox holds what the outside reported and the owner has not looked at yet. Each source has its own place, which is
// bounded by what it is: children, listeners, one flag per signal; a status channel holds a bounded number and then its
// reader waits, and with it the child.
type inbox struct {
	wake chan struct{}
	ask  chan func() // admin requests, run by the owner; who asks waits

	mu      sync.Mutex
	since   time.Time // when something came that the owner has not looked at yet; zero: nothing did
	life    roster.Queue[lifeEvent]
	listen  roster.Queue[roster.InstID] // a connection waits
	probe   roster.Queue[roster.InstID] // roster wants a look
	talk    roster.Queue[*channel]      // status channels with something to take, each once
	found   roster.Queue[roster.Event]  // what helpers found out, at most as many as children
	hangup  bool                        // SIGHUP
	stop    os.Signal                   // SIGTERM and the like
	stacks  bool                        // SIGUSR1
	plan    *plan                       // a configuration that was loaded
	succeed bool                        // SIGUSR2
	upgrade *upgrade                    // that was prepared
}

func newInbox() *inbox {
	return &inbox{wake: make(chan struct{}, 1), ask: make(chan func(), 16)}
}

// put changes the inbox under its lock and wakes the owner.
func (b *inbox) put(f func()) {
	b.mu.Lock()
	if b.since.IsZero() {
		b.since = time.Now()
	}
	f()
	b.mu.Unlock()
	select {
	case b.wake <- struct{}{}:
	default: // woken already
	}
}

// waited is how long something has been there that the owner, who comes to look now, has not seen.
func (b *inbox) waited() time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	since := b.since
	b.since = time.Time{}
	if since.IsZero() {
		return 0
	}
	return time.Since(since)
}

// take takes a turn's share of a place, into to.
func take[T any](b *inbox, q *roster.Queue[T], share int, to []T) []T {
	b.mu.Lock()
	defer b.mu.Unlock()
	return q.Take(share, to)
}

// more is whether something is left for another round.
func (b *inbox) more() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.life.Len()+b.listen.Len()+b.probe.Len()+b.talk.Len()+b.found.Len() > 0 || b.hangup || b.stop != nil ||
		b.stacks || b.plan != nil || b.succeed || b.upgrade != nil
}
