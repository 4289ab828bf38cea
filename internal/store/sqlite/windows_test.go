package sqlite

import (
	"os"
	"strings"
	"testing"
	"unsafe"
)

// Each window shows its own file, however many were opened and closed before.
func TestWindows(t *testing.T) {
	var files []*os.File
	for i := range 3 {
		f, err := os.Create(t.TempDir() + "/index")
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		b := make([]byte, 2*indexPart)
		b[0], b[indexPart] = byte(10*i), byte(10*i+1)
		if _, err := f.Write(b); err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	var w windows
	var held []unsafe.Pointer
	most := map[unsafe.Pointer]bool{}
	for i := range 10 * windowsAtOnce {
		f, part := i%len(files), i%2
		p, err := w.open(int(files[f].Fd()), int64(part)*indexPart)
		if err != nil {
			t.Fatal(err)
		}
		if got := *(*byte)(p); got != byte(10*f+part) {
			t.Fatalf("file %d part %d shows %d", f, part, got)
		}
		most[p] = true
		if i%50 == 0 { // some stay
			held = append(held, p)
			*(*byte)(unsafe.Add(p, 100)) = byte(i)
			continue
		}
		w.close(p)
	}
	for i, p := range held {
		f, part := 50*i%len(files), 50*i%2
		if got := *(*byte)(p); got != byte(10*f+part) {
			t.Errorf("window %d, held, shows %d", i, got)
		}
	}
	if len(most) > 4*windowsAtOnce {
		t.Errorf("%d places for never more than %d windows", len(most), len(held)+1)
	}
	b := make([]byte, 1)
	if _, err := files[0].ReadAt(b, 100); err != nil || b[0] == 0 && len(held) > 6 {
		t.Errorf("what was written into a window is not in the file: %v %v", b, err)
	}
}

// After a wipe no window that was given back shows a file any more, those that are held do, and all can be used again.
func TestWindowsWiped(t *testing.T) {
	path := t.TempDir() + "/index"
	if err := os.WriteFile(path, make([]byte, indexPart), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var w windows
	var all []unsafe.Pointer
	for range windowsAtOnce/2 + 1 {
		p, err := w.open(int(f.Fd()), 0)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	for _, p := range all[1:] {
		w.close(p)
	}
	if n := mappings(t, path); n == 0 {
		t.Fatal("no mapping is known of")
	}
	w.wipe()
	if n := mappings(t, path); n != 1 {
		t.Errorf("the file is mapped %d times, held is one window", n)
	}
	for range len(all) {
		if _, err := w.open(int(f.Fd()), 0); err != nil {
			t.Fatal(err)
		}
	}
	w.wipe() // nothing to do
}

// mappings counts how often this process maps the file.
func mappings(t *testing.T, path string) int {
	t.Helper()
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	return strings.Count(string(maps), path+"\n")
}

// A window of a file that cannot be mapped is an error, and is not lost.
func TestWindowsFail(t *testing.T) {
	var w windows
	if _, err := w.open(-1, 0); err == nil {
		t.Fatal("no file was mapped")
	}
	if n := len(w.free) + len(w.stale); n != windowsAtOnce {
		t.Errorf("%d windows are left", n)
	}
}
