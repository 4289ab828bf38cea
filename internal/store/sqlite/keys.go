package sqlite

import (
	"encoding/binary"
	"unsafe"

	"github.com/constance-mail/constance/internal/mail"
)

// The keys of a content are one blob: the format's number, the thread, Sent and SentDay (zigzag) as varints, the
// texts of texts() and then the references, each with its length before it.
const keysFormat = 1

// keyTexts is how many texts a digest has besides its references.
const keyTexts = 12

// texts are the texts of a digest in the order of the blob.
func texts(d *mail.Digest) [keyTexts]*string {
	return [...]*string{&d.MessageID, &d.Subject, &d.From, &d.To, &d.Cc, &d.Bcc, &d.BaseSubject, &d.FromSort, &d.ToSort,
		&d.CcSort, &d.FromDisplay, &d.ToDisplay}
}

// appendKeys appends the blob of d's keys, with that thread.
func appendKeys(b []byte, d *mail.Digest, thread mail.ThreadID) []byte {
	b = append(b, keysFormat)
	b = binary.AppendUvarint(b, uint64(thread))
	b = binary.AppendVarint(b, d.Sent)
	b = binary.AppendVarint(b, int64(d.SentDay))
	for _, s := range texts(d) {
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

// readKeys fills the keys of d from a blob, of which the texts are substrings: it is for keeps.
func readKeys(s string, d *mail.Digest) bool {
	r := keyReader{s: s}
	if r.octet() != keysFormat {
		return false
	}
	d.Thread = mail.ThreadID(r.uvarint())
	d.Sent = r.varint()
	d.SentDay = int32(r.varint())
	for _, t := range texts(d) {
		*t = r.text()
	}
	n := r.uvarint()
	d.References = d.References[:0]
	for ; n > 0 && !r.bad; n-- {
		d.References = append(d.References, r.text())
	}
	return !r.bad && r.s == ""
}

// keyReader reads from s; after an end too early it is bad and all it reads is zero.
type keyReader struct {
	s   string
	bad bool
}

func (r *keyReader) octet() byte {
	if r.s == "" {
		r.bad = true
		return 0
	}
	b := r.s[0]
	r.s = r.s[1:]
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

func (r *keyReader) text() string {
	n := r.uvarint()
	if n > uint64(len(r.s)) {
		r.bad, n = true, 0
	}
	t := r.s[:n]
	r.s = r.s[n:]
	return t
}

// arena makes strings of octets, many to an allocation.
type arena struct{ b []byte }

// arenaSize is how much an arena allocates at a time.
const arenaSize = 32 << 10

// text is b as a string that may be kept.
func (a *arena) text(b []byte) string {
	if len(b) == 0 {
		return ""
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
