package sqlite

import (
	"math/bits"
	"sync"
)

// blobs are buffers for octets that pass through memory as a whole: contents that are inline. Pool i has those with room
// for minBlob << i and more.
var blobs [8]sync.Pool

const minBlob = 1 << 10

// blobClass is the pool with room for n octets; it may be one that there is not.
func blobClass(n int) int { return bits.Len(uint(max(n-1, 0) / minBlob)) }

// getBlob is an empty buffer with room for n octets.
func getBlob(n int) []byte {
	i := blobClass(n)
	if i >= len(blobs) {
		return make([]byte, 0, n)
	}
	if b, ok := blobs[i].Get().(*[]byte); ok {
		return (*b)[:0]
	}
	return make([]byte, 0, minBlob<<i)
}

// putBlob gives a buffer back; nil is fine. Nobody may look at it any more.
func putBlob(b []byte) {
	if cap(b) < minBlob {
		return
	}
	if i := bits.Len(uint(cap(b)/minBlob)) - 1; i < len(blobs) {
		blobs[i].Put(&b)
	}
}

// txs are transactions that are over, for what they have room for.
var txs = sync.Pool{New: func() any { return new(tx) }}

// recycle makes t the room for another transaction.
func (t *tx) recycle() {
	*t = tx{marks: t.marks, fixed: t.fixed, buf: t.buf[:0]}
	t.fixed.key = 0 // what is in it is old
	txs.Put(t)
}
