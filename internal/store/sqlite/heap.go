package sqlite

import (
	"runtime"
	"runtime/debug"
	"sync"
	_ "unsafe" // for linkname

	_ "modernc.org/libc" // has these two
	"modernc.org/memory"
)

// SQLite's memory is in an allocator of modernc's libc, which by itself keeps what a rush once took: hundreds of open
// accounts leave 10 MB behind. Its Trim is not exported; a test checks that these are it.
var (
	//go:linkname libcHeapMu modernc.org/libc.allocatorMu
	libcHeapMu sync.Mutex
	//go:linkname libcHeap modernc.org/libc.allocator
	libcHeap memory.Allocator
)

// giveBack returns memory that is not in use to the system. Each collection halves the stacks that are mostly empty:
// those of a rush's sessions, which wait now.
func giveBack() {
	if v, err := theVFS(); err == nil { // else no database was open
		v.windows.wipe()
	}
	libcHeapMu.Lock()
	_ = libcHeap.Trim() // fails where munmap does: the memory stays
	libcHeapMu.Unlock()
	for range 2 {
		runtime.GC()
	}
	debug.FreeOSMemory()
}
