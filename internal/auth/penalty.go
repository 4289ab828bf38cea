package auth

import (
	"net/netip"
	"sync"
	"time"
)

// The growth of penalties: the first failure costs penaltyFirst, each further one twice as much.
const (
	penaltyFirst  = 250 * time.Millisecond
	penaltyForget = 15 * time.Minute // without a failure
	penaltyCount  = 16               // more failures cost no more
)

// penalties counts failures per address or login in a bounded table. Two generations: the older one is
// dropped when the newer is penaltyForget old or full, so that a flood of addresses can only make it forget.
// Safe for any goroutine.
type penalties[K comparable] struct {
	most  int
	worst time.Duration

	mu       sync.Mutex // guards what follows
	born     time.Time
	now, old map[K]failures
}

type failures struct {
	n    int
	last time.Time
}

func newPenalties[K comparable](most int, worst time.Duration) *penalties[K] {
	return &penalties[K]{most: most, worst: worst, now: map[K]failures{}}
}

// delay is what the next attempt of k costs now.
func (p *penalties[K]) delay(k K) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.delayOf(p.countLocked(k, time.Now()))
}

func (p *penalties[K]) delayOf(n int) time.Duration {
	if n == 0 {
		return 0
	}
	return min(penaltyFirst<<(n-1), p.worst)
}

// fail counts a failure and is the delay that it costs.
func (p *penalties[K]) fail(k K) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	t := time.Now()
	n := min(p.countLocked(k, t)+1, penaltyCount)
	p.putLocked(k, failures{n: n, last: t})
	return p.delayOf(n)
}

// succeed forgives half of the failures of k.
func (p *penalties[K]) succeed(k K) {
	p.mu.Lock()
	defer p.mu.Unlock()
	t := time.Now()
	if n := p.countLocked(k, t); n > 0 {
		p.putLocked(k, failures{n: n / 2, last: t})
	}
}

func (p *penalties[K]) putLocked(k K, f failures) {
	_, there := p.now[k]
	if age := f.last.Sub(p.born); age >= penaltyForget || !there && len(p.now) >= max(p.most/2, 1) {
		p.old, p.now, p.born = p.now, map[K]failures{}, f.last
	}
	p.now[k] = f
}

func (p *penalties[K]) countLocked(k K, t time.Time) int {
	f, ok := p.now[k]
	if !ok {
		f = p.old[k]
	}
	if t.Sub(f.last) >= penaltyForget {
		return 0
	}
	return f.n
}

// network is who a remote address stands for: itself, or its /64, of which a host has 2^64 addresses.
func network(a netip.Addr) netip.Addr {
	a = a.Unmap().WithZone("")
	if !a.Is6() {
		return a
	}
	p, err := a.Prefix(64)
	if err != nil {
		return a
	}
	return p.Addr()
}
