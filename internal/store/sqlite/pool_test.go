package sqlite

import "testing"

func TestBlobs(t *testing.T) {
	for _, n := range []int{0, 1, minBlob - 1, minBlob, minBlob + 1, 32 << 10, 127 << 10, 128 << 10, 128<<10 + 1, 1 << 20} {
		for range 3 {
			b := getBlob(n)
			if len(b) != 0 || cap(b) < n {
				t.Errorf("%d octets are wanted: length %d, room %d", n, len(b), cap(b))
			}
			putBlob(append(b, make([]byte, n)...))
			putBlob(make([]byte, n)) // of a size that is none of ours
		}
	}
	putBlob(nil)
}
