package sqlite

import (
	"cmp"
	"slices"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
)

// windows are places in the address space, each for one part of an index. To unmap one makes all processors of the
// process stop for a moment; so what was given back stays mapped, unused, until there is much of it, and goes at once.
type windows struct {
	mu    sync.Mutex // guards the fields below
	free  []unsafe.Pointer
	stale []unsafe.Pointer // given back, still mapped
}

// windowsAtOnce is how many windows are unmapped, or reserved, at a time.
const windowsAtOnce = 64

// open maps a part of a file.
func (w *windows) open(fd int, off int64) (unsafe.Pointer, error) {
	p, err := w.take()
	if err != nil {
		return nil, err
	}
	_, err = unix.MmapPtr(fd, off, p, indexPart, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_FIXED)
	if err != nil {
		w.close(p)
		return nil, err
	}
	return p, nil
}

// close gives a window back. Nothing looks through it any more.
func (w *windows) close(p unsafe.Pointer) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stale = append(w.stale, p)
}

func (w *windows) take() (unsafe.Pointer, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.free) == 0 {
		if err := w.refillLocked(); err != nil {
			return nil, err
		}
	}
	p := w.free[len(w.free)-1]
	w.free = w.free[:len(w.free)-1]
	return p, nil
}

func (w *windows) refillLocked() error {
	if len(w.stale) >= windowsAtOnce {
		return w.wipeLocked()
	}
	p, err := reserve(nil, windowsAtOnce)
	if err != nil {
		return err
	}
	w.addLocked(p, windowsAtOnce)
	return nil
}

// wipe unmaps what was given back.
func (w *windows) wipe() {
	w.mu.Lock()
	defer w.mu.Unlock()
	_ = w.wipeLocked() // the rest stays stale
}

// wipeLocked unmaps the stale windows: neighbours in one call.
func (w *windows) wipeLocked() error {
	slices.SortFunc(w.stale, func(a, b unsafe.Pointer) int { return cmp.Compare(uintptr(a), uintptr(b)) })
	for len(w.stale) > 0 {
		n := 1
		for n < len(w.stale) && w.stale[n] == unsafe.Add(w.stale[0], n*indexPart) {
			n++
		}
		p, err := reserve(w.stale[0], n)
		if err != nil {
			return err
		}
		w.addLocked(p, n)
		w.stale = w.stale[n:]
	}
	w.stale = nil
	return nil
}

// addLocked makes n windows free, of which the first is taken next.
func (w *windows) addLocked(p unsafe.Pointer, n int) {
	for i := n - 1; i >= 0; i-- {
		w.free = append(w.free, unsafe.Add(p, i*indexPart))
	}
}

// reserve maps nothing to n neighbouring windows, new ones or those at p.
func reserve(p unsafe.Pointer, n int) (unsafe.Pointer, error) {
	flags := unix.MAP_PRIVATE | unix.MAP_ANON | unix.MAP_NORESERVE
	if p != nil {
		flags |= unix.MAP_FIXED
	}
	return unix.MmapPtr(-1, 0, p, uintptr(n)*indexPart, unix.PROT_NONE, flags)
}
