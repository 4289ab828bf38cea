// Package notify says "look again": it calls back when an account's `changed` file was written, by whichever process.
//
// A hint comes from inotify (one instance and one goroutine for any number of watchers); all accounts that are
// watched are also looked at from time to time, so that a lost hint, or a system without them, delays a session but
// never leaves it behind. A call carries no data.
package notify

import (
	"encoding/binary"
	"errors"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Options of a Notifier.
type Options struct {
	Path    func(key string) string // the file whose first 8 octets change with what key names
	Poll    time.Duration           // how often all are looked at; default 30 s
	Fast    time.Duration           // how often those are that inotify has no room for; default 1 s
	NoHints bool                    // no inotify
	Log     *slog.Logger            // default: none
}

// slices of a poll's period: the files are looked at a part at a time.
const pollParts = 16

// Notifier watches files. Safe for any goroutine.
type Notifier struct {
	opts   Options
	file   *os.File // inotify, nil if there is none
	fd     int      // of file
	stop   chan struct{}
	worker sync.WaitGroup
	full   atomic.Bool // inotify's limits were met, and logged

	mu    sync.Mutex // guards the fields below; wake runs with it held
	keys  map[string]*entry
	wds   map[int32]*entry
	order []*entry // for the polls
	next  int      // index in order of the next to be polled
}

// entry is a watched file.
type entry struct {
	key   string
	last  uint64 // the first 8 octets when last seen
	wd    int32  // -1: without inotify
	place int32  // index in Notifier.order
	first *Watcher
}

// Watcher is one who waits for a file.
type Watcher struct {
	wake       func()
	entry      *entry
	prev, next *Watcher
}

// New starts a Notifier. Close it.
func New(o Options) (*Notifier, error) {
	if o.Poll <= 0 {
		o.Poll = 30 * time.Second
	}
	if o.Fast <= 0 {
		o.Fast = min(time.Second, o.Poll)
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	n := &Notifier{opts: o, fd: -1, stop: make(chan struct{}), keys: make(map[string]*entry), wds: make(map[int32]*entry)}
	if !o.NoHints {
		fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
		if err == nil {
			n.fd, n.file = fd, os.NewFile(uintptr(fd), "inotify")
			n.worker.Go(n.listen)
		} else {
			n.limit(err)
		}
	}
	n.worker.Go(n.poll)
	return n, nil
}

// limit reports, once, that inotify cannot be had.
func (n *Notifier) limit(err error) {
	if n.full.CompareAndSwap(false, true) {
		n.opts.Log.Warn("inotify is exhausted; changes of other processes are found by polling",
			"error", err, "every", n.opts.Fast)
	}
}

// Close ends all watching and waits for the goroutines.
func (n *Notifier) Close() error {
	close(n.stop)
	var err error
	if n.file != nil {
		err = n.file.Close()
	}
	n.worker.Wait()
	return err
}

// Watch has wake called after each change of what key names; changes may share a call, and a call may come without a
// change. wake must not block and must not call the Notifier. stop ends it and returns when wake no longer runs.
func (n *Notifier) Watch(key string, wake func()) (stop func()) {
	w := &Watcher{wake: wake}
	n.mu.Lock()
	defer n.mu.Unlock()
	e := n.keys[key]
	if e == nil {
		e = &entry{key: key, wd: -1, place: int32(len(n.order))}
		n.keys[key] = e
		n.order = append(n.order, e)
		n.addLocked(e)
		e.last, _ = n.read(e.key)
	}
	w.entry, w.next = e, e.first
	if e.first != nil {
		e.first.prev = w
	}
	e.first = w
	return func() { n.leave(w) }
}

// addLocked asks for hints about e.
func (n *Notifier) addLocked(e *entry) {
	if n.fd < 0 || e.wd >= 0 {
		return
	}
	wd, err := unix.InotifyAddWatch(n.fd, n.opts.Path(e.key), unix.IN_MODIFY|unix.IN_DELETE_SELF|unix.IN_MOVE_SELF)
	switch {
	case err == nil:
		e.wd = int32(wd)
		n.wds[e.wd] = e
	case errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.ENOMEM):
		n.limit(err)
	}
}

// leave ends a watcher.
func (n *Notifier) leave(w *Watcher) {
	n.mu.Lock()
	defer n.mu.Unlock()
	e := w.entry
	if e == nil {
		return
	}
	w.entry = nil
	if w.prev != nil {
		w.prev.next = w.next
	} else {
		e.first = w.next
	}
	if w.next != nil {
		w.next.prev = w.prev
	}
	if e.first == nil {
		n.dropLocked(e)
	}
}

// dropLocked forgets a file that nobody waits for.
func (n *Notifier) dropLocked(e *entry) {
	delete(n.keys, e.key)
	if e.wd >= 0 {
		delete(n.wds, e.wd)
		_, _ = unix.InotifyRmWatch(n.fd, uint32(e.wd)) // it may be gone with its file
	}
	last := n.order[len(n.order)-1]
	n.order[e.place], last.place = last, e.place
	n.order[len(n.order)-1] = nil
	n.order = n.order[:len(n.order)-1]
}

func (e *entry) wake() {
	for w := e.first; w != nil; w = w.next {
		w.wake()
	}
}

// listen turns inotify's events into calls.
func (n *Notifier) listen() {
	buf := make([]byte, 64<<10)
	for {
		k, err := n.file.Read(buf)
		if err != nil {
			return // closed
		}
		n.mu.Lock()
		for b := buf[:k]; len(b) >= unix.SizeofInotifyEvent; {
			ev := (*unix.InotifyEvent)(unsafe.Pointer(&b[0]))
			n.eventLocked(ev.Wd, ev.Mask)
			b = b[unix.SizeofInotifyEvent+int(ev.Len):]
		}
		n.mu.Unlock()
	}
}

func (n *Notifier) eventLocked(wd int32, mask uint32) {
	if mask&unix.IN_Q_OVERFLOW != 0 {
		for _, e := range n.order {
			e.wake()
		}
		return
	}
	e := n.wds[wd]
	if e == nil {
		return
	}
	switch {
	case mask&unix.IN_IGNORED != 0:
		delete(n.wds, wd)
		e.wd = -1
	case mask&unix.IN_MOVE_SELF != 0: // the polls find what takes its place
		delete(n.wds, wd)
		e.wd = -1
		_, _ = unix.InotifyRmWatch(n.fd, uint32(wd)) // gone is gone
	}
	e.wake()
}

// poll looks at the watched files, those without hints often.
func (n *Notifier) poll() {
	period := max(n.opts.Poll/pollParts, time.Millisecond)
	slow, fast := time.NewTicker(period), time.NewTicker(max(n.opts.Fast, time.Millisecond))
	defer slow.Stop()
	defer fast.Stop()
	for {
		select {
		case <-n.stop:
			return
		case <-slow.C:
			n.pollPart()
		case <-fast.C:
			n.pollBlind()
		}
	}
}

// pollPart looks at the next part of all files.
func (n *Notifier) pollPart() {
	n.mu.Lock()
	count := (len(n.order) + pollParts - 1) / pollParts
	n.mu.Unlock()
	for range count {
		n.mu.Lock()
		if len(n.order) > 0 {
			n.next %= len(n.order)
			n.lookLocked(n.order[n.next])
			n.next++
		}
		n.mu.Unlock()
	}
}

// pollBlind looks at the files without hints.
func (n *Notifier) pollBlind() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.wds) == len(n.order) {
		return
	}
	for _, e := range n.order {
		if e.wd < 0 {
			n.lookLocked(e)
		}
	}
}

// lookLocked wakes who waits for e if it changed.
func (n *Notifier) lookLocked(e *entry) {
	n.addLocked(e)
	if v, ok := n.read(e.key); ok && v != e.last {
		e.last = v
		e.wake()
	}
}

// read is the first 8 octets of the file.
func (n *Notifier) read(key string) (uint64, bool) {
	fd, err := unix.Open(n.opts.Path(key), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0, false
	}
	var b [8]byte
	k, err := unix.Pread(fd, b[:], 0)
	_ = unix.Close(fd) // nothing was written
	return binary.NativeEndian.Uint64(b[:]), err == nil && k == len(b)
}
