package sqlite

import (
	"bytes"
	"fmt"
	"os"
	"testing"
	"unsafe"

	"modernc.org/libc"
)

// What SQLite took and no longer needs leaves the process: the address of a large block that was freed is no longer
// mapped. This also shows that the names in heap.go are those of libc's own allocator.
func TestGiveBack(t *testing.T) {
	tls := libc.NewTLS()
	defer tls.Close()
	const size = 3 << 20
	p := libc.Xmalloc(tls, size)
	clear(unsafe.Slice(*(**byte)(unsafe.Pointer(&p)), size))
	if !mapped(t, p+size/2) {
		t.Fatal("a block that is in use is not mapped")
	}
	libc.Xfree(tls, p)
	giveBack()
	if mapped(t, p+size/2) {
		t.Error("a block that was freed stays mapped")
	}
}

// mapped tells whether an address is mapped, by /proc/self/maps.
func mapped(t *testing.T, p uintptr) bool {
	t.Helper()
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Skip(err)
	}
	for line := range bytes.Lines(maps) {
		var from, to uintptr
		if _, err := fmt.Sscanf(string(line), "%x-%x ", &from, &to); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if from <= p && p < to {
			return true
		}
	}
	return false
}
