package master

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"

	"github.com/constance-mail/constance/internal/master/roster"
)

// watcher waits for connections at listening sockets and for the ends of children, each reported once until it is armed
// again. The descriptors are the kernel's truth: nothing is lost while nobody looks. Listeners stay out of Go's own
// poller, for that would make them non-blocking.
type watcher struct {
	ep   int
	quit int // eventfd
	in   *inbox
	done chan struct{}
}

func newWatcher(in *inbox) (*watcher, error) {
	ep, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	quit, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		unix.Close(ep) //nolint:errcheck // fresh
		return nil, os.NewSyscallError("eventfd", err)
	}
	w := &watcher{ep: ep, quit: quit, in: in, done: make(chan struct{})}
	if err := unix.EpollCtl(ep, unix.EPOLL_CTL_ADD, quit, tagged(tagQuit, 0)); err != nil {
		unix.Close(ep)   //nolint:errcheck // fresh
		unix.Close(quit) //nolint:errcheck // fresh
		return nil, os.NewSyscallError("epoll_ctl", err)
	}
	go w.run()
	return w, nil
}

// What an epoll event is about: the low two bits of its data; the rest is an id.
const (
	tagQuit = iota
	tagChild
	tagListener
)

func tagged(tag, id uint64) *unix.EpollEvent {
	v := id<<2 | tag
	return &unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLONESHOT, Fd: int32(uint32(v)), Pad: int32(uint32(v >> 32))}
}

func untag(e *unix.EpollEvent) (tag, id uint64) {
	v := uint64(uint32(e.Fd)) | uint64(uint32(e.Pad))<<32
	return v & 3, v >> 2
}

// child reports the end of a child once.
func (w *watcher) child(id roster.ChildID, pidfd int) error {
	return unix.EpollCtl(w.ep, unix.EPOLL_CTL_ADD, pidfd, tagged(tagChild, uint64(id)))
}

// listener reports once that a connection waits. A socket that two instances share (while one takes over from the
// other) belongs to the one that asked last.
func (w *watcher) listener(id roster.InstID, fd int) error {
	e := tagged(tagListener, uint64(id))
	err := unix.EpollCtl(w.ep, unix.EPOLL_CTL_MOD, fd, e)
	if errors.Is(err, unix.ENOENT) {
		return unix.EpollCtl(w.ep, unix.EPOLL_CTL_ADD, fd, e)
	}
	return err
}

// forget must come before fd is closed: a worker may still hold the socket, which would keep it in the set.
func (w *watcher) forget(fd int) {
	unix.EpollCtl(w.ep, unix.EPOLL_CTL_DEL, fd, nil) //nolint:errcheck // it may never have been armed
}

func (w *watcher) run() {
	defer close(w.done)
	var events [64]unix.EpollEvent
	for {
		n, err := unix.EpollWait(w.ep, events[:], -1)
		if err != nil && !errors.Is(err, unix.EINTR) {
			panic("epoll_wait: " + err.Error()) // only a closed or foreign descriptor
		}
		quit := false
		if n > 0 {
			w.in.put(func() { quit = w.sort(events[:n]) })
		}
		if quit {
			return
		}
	}
}

// sort files what happened; in.mu is held.
func (w *watcher) sort(events []unix.EpollEvent) (quit bool) {
	for k := range events {
		switch tag, id := untag(&events[k]); tag {
		case tagChild:
			w.in.life.Put(lifeEvent{child: roster.ChildID(id)})
		case tagListener:
			w.in.listen.Put(roster.InstID(id))
		default:
			quit = true
		}
	}
	return quit
}

func (w *watcher) close() {
	unix.Write(w.quit, []byte{1, 0, 0, 0, 0, 0, 0, 0}) //nolint:errcheck // an eventfd takes it
	<-w.done
	unix.Close(w.ep)   //nolint:errcheck // nothing can be done
	unix.Close(w.quit) //nolint:errcheck // nothing can be done
}
