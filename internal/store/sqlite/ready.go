package sqlite

import (
	"errors"
	"os"
	"runtime"
)

// ready makes a spare connection before the first account is asked for: so that the first client of a process does not
// wait for what SQLite parses and prepares, nor for the parts of the program that do it. It reads an account in a directory
// of its own, which is deleted then.
func (s *store) ready() error {
	touchHeap()
	dir := s.tmpName("ready")
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	return errors.Join(s.rehearse(dir), os.RemoveAll(dir))
}

func (s *store) rehearse(dir string) error {
	image, err := s.maker.image(s.opts.Options)
	if err == nil {
		err = os.WriteFile(dir+dbName, image, 0o600)
	}
	if err != nil {
		return err
	}
	c, err := openAccountConn(dir, false)
	if err != nil {
		return err
	}
	defer s.spare.keep(c)
	return c.read(c.tryReading)
}

// tryReading does what SELECT and FETCH do.
func (c *conn) tryReading() error {
	l, err := c.loadList(moment{})
	if err != nil {
		return err
	}
	b, _, err := c.boxFor(l.list[0].ID, l)
	if err != nil {
		return err
	}
	if _, err := c.loadPages(b.ID, nil, 0); err != nil {
		return err
	}
	if err := c.loadFixed(pageKey(b.ID, 0), new(fixed)); err != nil {
		return err
	}
	for _, q := range [...]string{keysRun, digestRun, structureRun, bothRun, bodyRun} {
		if _, err := c.prep(q); err != nil {
			return err
		}
	}
	return nil
}

// heapAtHand is how many octets of the heap have memory behind them before the first client comes. The first 4 MiB are not
// collected anyway; in a virtual machine the first touch of a page can cost 20 us, and a snapshot of 20,000 messages has 250.
const heapAtHand = 2 << 20

// touchHeap has the system give memory to the heap, which the runtime keeps.
func touchHeap() {
	var pages [heapAtHand / pageSize][]byte
	for i := range pages {
		pages[i] = make([]byte, pageSize)
	}
	runtime.KeepAlive(&pages)
	clear(pages[:])
	runtime.GC()
}
