package sqlite

import (
	"bytes"
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// indexHead is the beginning of an index: twice a header of 48 octets, then how far the log is written back.
// https://www.sqlite.org/walformat.html section 2.1.
type indexHead [indexLocks]byte

const (
	logHead   = 32 // octets of a log before its first frame
	frameHead = 24 // octets of a frame before the page
)

// made tells whether somebody has filled the index.
func (h *indexHead) made() bool { return h[12] != 0 }

// pageSize is the size of a page, octets.
func (h *indexHead) pageSize() int64 {
	n := int64(binary.NativeEndian.Uint16(h[14:]))
	return n&0xff00 | n&1<<16
}

// frames is how many frames of the log count, pages how large the database is after them (0: as large as its file).
func (h *indexHead) frames() int64 { return int64(binary.NativeEndian.Uint32(h[16:])) }
func (h *indexHead) pages() int64  { return int64(binary.NativeEndian.Uint32(h[20:])) }

// salt is what each frame that counts has, and the head of the log.
func (h *indexHead) salt() []byte { return h[32:40] }

// written is how many frames are in the database, too.
func (h *indexHead) written() int64 { return int64(binary.NativeEndian.Uint32(h[96:])) }

// fits tells whether the index is of these files: a log or a database that was put in the place of another one has
// another salt or size. While somebody else changes them it may say no for no reason.
func (h *indexHead) fits(d *disk) bool {
	n := h.frames()
	if n > 0 {
		var head [logHead]byte
		size, err := sizeOfFile(d.log)
		if err != nil || size < logHead+n*(frameHead+h.pageSize()) {
			return false
		}
		if _, err := unix.Pread(d.log, head[:], 0); err != nil || !bytes.Equal(head[16:24], h.salt()) {
			return false
		}
	}
	if n > h.written() || h.pages() == 0 {
		return true
	}
	size, err := sizeOfFile(d.db)
	return err == nil && size == h.pages()*h.pageSize()
}
