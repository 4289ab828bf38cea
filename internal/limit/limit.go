// Package limit counts connections per key (a login, a remote address) and refuses those above a bound. The
// counts are what the holders have taken and not given back, so there is nothing to recompute; each process
// counts its own.
package limit

import (
	"hash/maphash"
	"sync"

	"github.com/constance-mail/constance/internal/mail"
)

// shards is how many parts the map of counts has, each with a lock of its own.
const shards = 32

// Counter counts holders per key. Keys without holders take no room, so its size is bounded by the number of
// holders. Safe for any goroutine.
type Counter[K comparable] struct {
	most int // per key, 0 no bound; immutable
	seed maphash.Seed
	part [shards]shard[K]
}

type shard[K comparable] struct {
	mu sync.Mutex // guards n
	n  map[K]int
}

// New is a Counter that lets each key have most holders at a time; 0 or less: any number, which is still
// counted.
func New[K comparable](most int) *Counter[K] {
	c := &Counter[K]{most: most, seed: maphash.MakeSeed()}
	for i := range c.part {
		c.part[i].n = map[K]int{}
	}
	return c
}

func (c *Counter[K]) shard(k K) *shard[K] { return &c.part[maphash.Comparable(c.seed, k)%shards] }

// Acquire makes the caller a holder of k until it calls release, once or more often. Kind Limit: k has as
// many as it may.
func (c *Counter[K]) Acquire(k K) (release func(), err error) {
	s := c.shard(k)
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.most > 0 && s.n[k] >= c.most {
		return nil, &mail.Error{Op: "connect", Kind: mail.Limit}
	}
	s.n[k]++
	return sync.OnceFunc(func() { s.release(k) }), nil
}

func (s *shard[K]) release(k K) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.n[k]--; s.n[k] <= 0 {
		delete(s.n, k)
	}
}

// Count is how many holders k has.
func (c *Counter[K]) Count(k K) int {
	s := c.shard(k)
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.n[k]
}

// All yields every key that has holders, with their number, in no order and without holding a lock: what
// changes meanwhile may be in it or not.
func (c *Counter[K]) All(yield func(k K, n int) bool) {
	type pair struct {
		k K
		n int
	}
	for i := range c.part {
		s := &c.part[i]
		s.mu.Lock()
		pairs := make([]pair, 0, len(s.n))
		for k, n := range s.n {
			pairs = append(pairs, pair{k, n})
		}
		s.mu.Unlock()
		for _, p := range pairs {
			if !yield(p.k, p.n) {
				return
			}
		}
	}
}
