package sqlite

import (
	"slices"
	"sync"
)

// spareConns are connections of no account at present. What a connection costs is not the files but what SQLite parses
// and prepares for it, the same for every account.
type spareConns struct {
	mu     sync.Mutex // guards the fields below
	conns  []*conn    // detached; the last was used last
	closed bool
}

// maxSpare bounds the spare connections of a process: as many as work at a time on accounts that were not open.
const maxSpare = 16

// keepSpare is how many stay spare when nothing happens.
const keepSpare = 2

// attach is a spare connection that now is one to the account in that directory, nil if there is none.
func (s *spareConns) attach(dir string) *conn {
	s.mu.Lock()
	n := len(s.conns)
	if n == 0 {
		s.mu.Unlock()
		return nil
	}
	c := s.conns[n-1]
	s.conns = s.conns[:n-1]
	s.mu.Unlock()
	if c.attach(dir) != nil { // a connection that is opened for it meets the same error, or cures it
		s.keep(c)
		return nil
	}
	return c
}

// keep takes a connection that its account does not need any more. What is under way in it ends.
func (s *spareConns) keep(c *conn) {
	if !c.detach() || !s.put(c) {
		_ = c.Close() // a broken connection has reported before
	}
}

// put makes c spare, false if there are enough.
func (s *spareConns) put(c *conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || len(s.conns) >= maxSpare {
		return false
	}
	s.conns = append(s.conns, c)
	return true
}

// shed closes all but keepSpare, when a rush is over: each takes 100 KB and more.
func (s *spareConns) shed() {
	s.mu.Lock()
	n := max(len(s.conns)-keepSpare, 0)
	over := slices.Clone(s.conns[:n]) // those that were used longest ago
	s.conns = slices.Delete(s.conns, 0, n)
	s.mu.Unlock()
	for _, c := range over {
		_ = c.Close() // nothing is under way in it
	}
}

func (s *spareConns) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.conns {
		_ = c.Close() // nothing is under way in it
	}
	s.conns, s.closed = nil, true
}
