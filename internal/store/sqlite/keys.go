package sqlite

import (
	"encoding/binary"
	"math/bits"
	"unsafe"

	"github.com/constance-mail/constance/internal/mail"
)

// The keys of a content are one blob: the format's number, the thread, Sent and SentDay (zigzag) as varints, the
// texts of Digest.Texts and then the references, each with its length before it.
const keysFormat = 1

// appendKeys appends the blob of d's keys, with that thread.
func appendKeys(b []byte, d *mail.Digest, thread mail.ThreadID) []byte {
	b = append(b, keysFormat)
	b = binary.AppendUvarint(b, uint64(thread))
	b = binary.AppendVarint(b, d.Sent)
	b = binary.AppendVarint(b, int64(d.SentDay))
	for _, s := range d.Texts() {
		b = binary.AppendUvarint(b, uint64(len(*s)))
		b = append(b, *s...)
	}
	b = binary.AppendUvarint(b, uint64(len(d.References)))
	for _, s := range d.References {
		b = binary.AppendUvarint(b, uint64(len(s)))
		b = append(b, s...)
	}
	return b
}

// readKeys fills the wanted keys of d from a blob, of which it keeps nothing. What comes behind the wanted ones is not looked at.
func readKeys(b []byte, d *mail.Digest, want mail.Columns, texts *arena) bool {
	r := keyReader{b: b}
	if r.octet() != keysFormat {
		return false
	}
	d.Thread = mail.ThreadID(r.uvarint())
	d.Sent = r.varint()
	d.SentDay = int32(r.varint())
	d.References = d.References[:0]
	all := d.Texts()
	wanted := all[:]
	if want&mail.ColReferences == 0 {
		wanted = all[:bits.Len32(uint32(want&mail.ColKeys/mail.ColMessageID))]
	}
	for i, t := range wanted {
		if text := r.text(); want&(mail.ColMessageID<<i) != 0 {
			*t = texts.text(text)
		}
	}
	if want&mail.ColReferences == 0 {
		return !r.bad
	}
	for n := r.uvarint(); n > 0 && !r.bad; n-- {
		d.References = append(d.References, texts.text(r.text()))
	}
	return !r.bad && len(r.b) == 0
}

// keyReader reads from b; after an end too early it is bad and all it reads is zero.
type keyReader struct {
	b   []byte
	bad bool
}

func (r *keyReader) octet() byte {
	if len(r.b) == 0 {
		r.bad = true
		return 0
	}
	b := r.b[0]
	r.b = r.b[1:]
	return b
}

func (r *keyReader) uvarint() uint64 {
	var v uint64
	for shift := 0; shift < 70; shift += 7 {
		b := r.octet()
		v |= uint64(b&0x7f) << shift
		if b < 0x80 {
			return v
		}
	}
	r.bad = true
	return 0
}

func (r *keyReader) varint() int64 {
	u := r.uvarint()
	return int64(u>>1) ^ -int64(u&1)
}

func (r *keyReader) text() []byte {
	n := r.uvarint()
	if n > uint64(len(r.b)) {
		r.bad, n = true, 0
	}
	t := r.b[:n]
	r.b = r.b[n:]
	return t
}

// previewFormat is the first octet of a stored preview; behind it is the text. Of another format, or none: it was not made.
const previewFormat = 1

// appendPreview appends a preview as it is stored, nothing if it was not made.
func appendPreview(b, preview []byte) []byte {
	if preview == nil {
		return b
	}
	return append(append(b, previewFormat), preview...)
}

// readPreview is the preview in a stored one, nil if it was not made.
func readPreview(b []byte) []byte {
	if len(b) == 0 || b[0] != previewFormat {
		return nil
	}
	return b[1:]
}

// arena makes strings of octets, many to an allocation.
type arena struct {
	b      []byte
	borrow bool // the strings are the octets themselves
}

// arenaSize is how much an arena allocates at a time.
const arenaSize = 32 << 10

// text is b as a string that may be kept, unless it is borrowed.
func (a *arena) text(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	if a.borrow {
		return unsafe.String(&b[0], len(b))
	}
	if cap(a.b)-len(a.b) < len(b) {
		if len(b) > arenaSize/4 {
			return string(b)
		}
		a.b = make([]byte, 0, arenaSize)
	}
	n := len(a.b)
	a.b = append(a.b, b...)
	return unsafe.String(&a.b[n], len(b)) // these octets are never written again
}
