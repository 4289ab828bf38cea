package auth

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"sync"
	"time"
)

// recallKey stands for one login, stored hash and password: an HMAC under a key that only this process has,
// so that what is remembered is of no use to anybody else. A changed hash is another key, and so forgotten.
type recallKey [sha256.Size]byte

// recall remembers outcomes of slow checks for a while. Two generations bound it: the older one is dropped
// when the newer is half of the time old or holds half of the entries. Safe for any goroutine.
type recall struct {
	key  [32]byte // immutable
	life time.Duration
	most int

	mu       sync.Mutex // guards what follows
	born     time.Time  // of now
	now, old map[recallKey]bool
	running  map[recallKey]*running
}

// running is a check that somebody is doing.
type running struct {
	done chan struct{} // closed at its end
	ok   bool          // valid after done, as is err
	err  error
}

func newRecall(life time.Duration, most int) *recall {
	r := &recall{life: life, most: most, now: map[recallKey]bool{}, running: map[recallKey]*running{}}
	rand.Read(r.key[:]) // never fails: it ends the process instead
	return r
}

// keyOf is the key of a login with this stored hash and this password.
func (r *recall) keyOf(login, stored, password string) (k recallKey) {
	h := hmac.New(sha256.New, r.key[:])
	var n [4]byte
	for _, s := range [...]string{login, stored, password} {
		binary.BigEndian.PutUint32(n[:], uint32(len(s))) // so that no two triples run together alike
		h.Write(n[:])
		h.Write([]byte(s))
	}
	h.Sum(k[:0])
	return k
}

// lookup is the remembered outcome, known if there is one.
func (r *recall) lookup(k recallKey) (ok, known bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.turnLocked()
	if ok, known = r.now[k]; !known {
		ok, known = r.old[k]
	}
	return ok, known
}

// begin makes the caller the one who checks k (first), or gives it the check that runs.
func (r *recall) begin(k recallKey) (c *running, first bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if c, there := r.running[k]; there {
		return c, false
	}
	c = &running{done: make(chan struct{})}
	r.running[k] = c
	return c, true
}

// end ends a check that begin gave to the caller, and keeps its outcome if wanted.
func (r *recall) end(k recallKey, c *running, keep bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.running, k)
	if keep {
		r.turnLocked()
		r.now[k] = c.ok
	}
	close(c.done)
}

// put remembers an outcome.
func (r *recall) put(k recallKey, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.turnLocked()
	r.now[k] = ok
}

func (r *recall) turnLocked() {
	t := time.Now()
	age := t.Sub(r.born)
	if age < r.life/2 && len(r.now) < max(r.most/2, 1) {
		return
	}
	r.old, r.now, r.born = r.now, map[recallKey]bool{}, t
	if age >= r.life {
		r.old = nil
	}
}
