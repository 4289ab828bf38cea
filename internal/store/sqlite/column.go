package sqlite

import (
	"encoding/binary"
	"hash/crc32"
	"math/bits"

	"github.com/constance-mail/constance/internal/mail"
)

// A page blob is: the format's number, a bitmap of the UIDs there are (bit i of octet i/8 is UID no*PageSize+i), some
// columns, the CRC-32C of all before, little endian. A column is its least value (8 octets), the width of what comes
// (0, 1, 2, 4 or 8) and for each message its difference to the least value.
const (
	pageFormat = 1
	bitmapSize = mail.PageSize / 8
	pageHead   = 1 + bitmapSize
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

type bitmap [bitmapSize]byte

func (m *bitmap) has(i int) bool { return m[i/8]&(1<<(i%8)) != 0 }

func (m *bitmap) set(i int) { m[i/8] |= 1 << (i % 8) }

func (m *bitmap) len() int {
	n := 0
	for i := 0; i < bitmapSize; i += 8 {
		n += bits.OnesCount64(binary.LittleEndian.Uint64(m[i:]))
	}
	return n
}

// number is what a column holds.
type number interface{ ~uint32 | ~uint64 | ~int64 }

// appendColumn appends the column of these values.
func appendColumn[T number](b []byte, values []T) []byte {
	var least, most T
	for i, v := range values {
		if i == 0 {
			least, most = v, v
		}
		least, most = min(least, v), max(most, v)
	}
	b = binary.LittleEndian.AppendUint64(b, uint64(least))
	width := widthOf(uint64(most) - uint64(least))
	b = append(b, byte(width))
	switch width {
	case 1:
		for _, v := range values {
			b = append(b, byte(v-least))
		}
	case 2:
		for _, v := range values {
			b = binary.LittleEndian.AppendUint16(b, uint16(v-least))
		}
	case 4:
		for _, v := range values {
			b = binary.LittleEndian.AppendUint32(b, uint32(v-least))
		}
	case 8:
		for _, v := range values {
			b = binary.LittleEndian.AppendUint64(b, uint64(v)-uint64(least))
		}
	}
	return b
}

func widthOf(spread uint64) int {
	switch n := bits.Len64(spread); {
	case n == 0:
		return 0
	case n <= 8:
		return 1
	case n <= 16:
		return 2
	case n <= 32:
		return 4
	}
	return 8
}

// readColumn fills out from b and returns what follows the column; false if b is too short or has no such width.
func readColumn[T number](b []byte, out []T) ([]byte, bool) {
	if len(b) < 9 {
		return nil, false
	}
	least, width := binary.LittleEndian.Uint64(b), int(b[8])
	b = b[9:]
	if len(b) < width*len(out) {
		return nil, false
	}
	switch width {
	case 0:
		for i := range out {
			out[i] = T(least)
		}
	case 1:
		for i := range out {
			out[i] = T(least + uint64(b[i]))
		}
	case 2:
		for i := range out {
			out[i] = T(least + uint64(binary.LittleEndian.Uint16(b[2*i:])))
		}
	case 4:
		for i := range out {
			out[i] = T(least + uint64(binary.LittleEndian.Uint32(b[4*i:])))
		}
	case 8:
		for i := range out {
			out[i] = T(least + binary.LittleEndian.Uint64(b[8*i:]))
		}
	default:
		return nil, false
	}
	return b[width*len(out):], true
}

// beginPage appends the head of a page of these UIDs, which are ascending and of one page.
func beginPage(b []byte, uids []mail.UID) []byte {
	var m bitmap
	for _, u := range uids {
		m.set(int(u % mail.PageSize))
	}
	return append(append(b, pageFormat), m[:]...)
}

// endPage appends the checksum of b, which is one page.
func endPage(b []byte) []byte {
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

// openPage checks a blob and returns its bitmap and columns.
func openPage(b []byte) (m bitmap, columns []byte, ok bool) {
	if len(b) < pageHead+4 || b[0] != pageFormat {
		return m, nil, false
	}
	body := b[:len(b)-4]
	if crc32.Checksum(body, castagnoli) != binary.LittleEndian.Uint32(b[len(body):]) {
		return m, nil, false
	}
	copy(m[:], b[1:pageHead])
	return m, body[pageHead:], true
}

// uidsOf fills out, of m.len() places, with the UIDs of page no.
func (m *bitmap) uidsOf(no int64, out []mail.UID) {
	n := 0
	for i := range mail.PageSize {
		if m.has(i) {
			out[n] = mail.UID(no*mail.PageSize + int64(i))
			n++
		}
	}
}
