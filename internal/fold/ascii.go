package fold

import (
	"encoding/binary"
	"unicode/utf8"
)

// Eight octets in a word.
const (
	each    = 0x0101010101010101
	notTop  = utf8.RuneSelf - 1
	caseBit = 'a' - 'A'
)

// upper makes the ASCII that b begins with upper case, and returns how much that is.
func upper(b []byte) int {
	n := 0
	for ; len(b)-n >= 8; n += 8 {
		w := binary.LittleEndian.Uint64(b[n:])
		if w&(utf8.RuneSelf*each) != 0 {
			break
		}
		// an addition sets the top bit of the octets from 'a' on, another one that of those beyond 'z'; none overflows
		lower := (w + (notTop-'a'+1)*each) &^ (w + (notTop-'z')*each) & (utf8.RuneSelf * each)
		binary.LittleEndian.PutUint64(b[n:], w-lower/utf8.RuneSelf*caseBit)
	}
	for ; n < len(b) && b[n] < utf8.RuneSelf; n++ {
		if 'a' <= b[n] && b[n] <= 'z' {
			b[n] -= caseBit
		}
	}
	return n
}
