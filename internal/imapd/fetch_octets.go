package imapd

import (
	"bytes"
	"context"
	"io"
	"strconv"

	"github.com/constance-mail/constance/internal/imap"
	"github.com/constance-mail/constance/internal/imap/wire"
	"github.com/constance-mail/constance/internal/mail"
	"github.com/constance-mail/constance/internal/message"
)

// fetchHole is a place in fetcher.buf where octets of the content belong. They are read when it is written to the client.
type fetchHole struct {
	at           int // in buf
	row          int // in rows
	item         *imap.FetchItem
	parts, until int // Digest.Parts, in text
}

// sectionColumns are the columns that BODY[section] is answered from, or found with.
func sectionColumns(it *imap.FetchItem) mail.Columns {
	switch {
	case it.Section.What == message.Whole && len(it.Section.Path) == 0:
		return 0
	case listed(it):
		return mail.ColHeaders | mail.ColParts
	}
	return mail.ColParts
}

// listed tells whether a section is header fields that the digest has, as a rule.
func listed(it *imap.FetchItem) bool {
	return it.Attr == imap.FetchSection && it.Section.What == message.HeaderFields && len(it.Section.Path) == 0 &&
		message.Cached(it.Section.Fields)
}

// appendOctets appends what comes from the message's octets, if the digest has it, or leaves a hole.
func (f *fetcher) appendOctets(b []byte, r *fetchRow, d *mail.Digest, it *imap.FetchItem) []byte {
	if it.Attr == imap.FetchBody {
		return message.AppendBody(b, d.BodyStructure)
	}
	if d != nil && len(d.Headers) > 0 && listed(it) {
		f.name = message.FilterHeader(f.name[:0], d.Headers, it.Section.Fields, false)
		return appendLiteral(b, cutPartial(f.name, it))
	}
	return f.leaveHole(b, r, d, it)
}

// leaveHole notes that what comes next belongs to the message's octets.
func (f *fetcher) leaveHole(b []byte, r *fetchRow, d *mail.Digest, it *imap.FetchItem) []byte {
	h := fetchHole{at: len(b), row: f.index(r), item: it, parts: len(f.text)}
	if n := len(f.hole); n > 0 && f.hole[n-1].row == h.row { // of the same message
		h.parts = f.hole[n-1].parts
	} else if d != nil {
		f.text = append(f.text, d.Parts...)
	}
	h.until = len(f.text)
	f.hole = append(f.hole, h)
	return b
}

// index is the place of r in the chunk.
func (f *fetcher) index(r *fetchRow) int {
	i := int(r.seq - f.rows[0].seq) // right where the chunk has no gaps
	if i < len(f.rows) && &f.rows[i] == r {
		return i
	}
	for i = range f.rows {
		if &f.rows[i] == r {
			break
		}
	}
	return i
}

func appendLiteral(b, octets []byte) []byte {
	b = append(wire.AppendLiteralHeader(b, int64(len(octets))), octets...)
	replaceNUL(b[len(b)-len(octets):])
	return b
}

// replaceNUL replaces NUL, which no literal can hold, by an octet that means nothing in any common charset either; so
// that offsets and sizes stay. BINARY gives the octets as they are. RFC 9051 section 9 (CHAR8).
func replaceNUL(b []byte) {
	for {
		i := bytes.IndexByte(b, 0)
		if i < 0 {
			return
		}
		b[i] = 0x80
		b = b[i+1:]
	}
}

// withoutNUL reads with NUL replaced.
type withoutNUL struct{ io.Reader }

func (r withoutNUL) Read(b []byte) (int, error) {
	n, err := r.Reader.Read(b)
	replaceNUL(b[:n])
	return n, err
}

// cutPartial is what <offset.length> lets through. RFC 9051 section 6.4.5.
func cutPartial(octets []byte, it *imap.FetchItem) []byte {
	e := partial(message.Extent{Length: int64(len(octets))}, it)
	return octets[e.Offset:e.End()]
}

// partial is what <offset.length> leaves of an extent; beyond the end it is empty.
func partial(e message.Extent, it *imap.FetchItem) message.Extent {
	if !it.Partial {
		return e
	}
	skip := min(it.Offset, e.Length)
	return message.Extent{Offset: e.Offset + skip, Length: min(it.Length, e.Length-skip)}
}

// write writes the answers of the chunk to the client and fills the holes on the way.
func (f *fetcher) write(ctx context.Context) error {
	done, open := 0, openMessage{row: -1}
	ahead := f.ahead()
	defer func() { open.close(); ahead.Close() }()
	for i := range f.hole {
		h := &f.hole[i]
		if err := f.s.out.write(f.buf[done:h.at]); err != nil {
			return err
		}
		done = h.at
		if open.row != h.row {
			open.close()
			content, err := ahead.Next(ctx)
			if err != nil {
				return &brokenError{err} // we are in the middle of an answer
			}
			open = openMessage{row: h.row, content: content}
		}
		if err := f.fill(h, &open); err != nil {
			return &brokenError{err}
		}
	}
	return f.s.out.write(f.buf[done:])
}

// ahead is the contents of the messages with holes.
func (f *fetcher) ahead() mail.Ahead {
	f.ids = f.ids[:0]
	for i := range f.hole {
		if r := &f.rows[f.hole[i].row]; i == 0 || f.hole[i].row != f.hole[i-1].row {
			f.ids = append(f.ids, r.page.Contents[r.row])
		}
	}
	return mail.Ahead{Account: f.s.sel.acct, IDs: f.ids}
}

// openMessage is the message whose holes are being filled.
type openMessage struct {
	row     int
	content mail.Content // nil if it is gone
	root    *message.Part
}

func (o *openMessage) close() {
	if o.content != nil {
		_ = o.content.Close() // read only: what was read was right
		o.content = nil
	}
}

// fill writes what belongs into a hole.
func (f *fetcher) fill(h *fetchHole, o *openMessage) error {
	if o.content == nil {
		return f.none(h)
	}
	whole := h.item.Attr == imap.FetchRFC822 ||
		h.item.Attr == imap.FetchSection && h.item.Section.What == message.Whole && len(h.item.Section.Path) == 0
	switch {
	case whole:
		return f.extent(o, message.Extent{Length: o.content.Size()}, h.item)
	case h.item.Attr == imap.FetchPreview:
		return f.makePreview(o)
	}
	if o.root == nil {
		root, err := message.DecodeParts(f.text[h.parts:h.until])
		if err != nil {
			return err
		}
		o.root = root
	}
	switch h.item.Attr {
	case imap.FetchBinary, imap.FetchBinarySize:
		return f.binary(h, o)
	case imap.FetchRFC822Header:
		return f.extent(o, o.root.Header, h.item)
	case imap.FetchRFC822Text:
		return f.extent(o, o.root.Body, h.item)
	}
	e, ok := o.root.Locate(h.item.Section)
	if !ok {
		return f.none(h)
	}
	if w := h.item.Section.What; w == message.HeaderFields || w == message.HeaderFieldsNot {
		return f.filtered(o, e, h.item)
	}
	return f.extent(o, e, h.item)
}

// none is the answer for what is not there.
func (f *fetcher) none(h *fetchHole) error {
	switch h.item.Attr {
	case imap.FetchBinarySize:
		return f.s.out.writeString("0")
	case imap.FetchPreview:
		return f.s.out.writeString(`""`)
	}
	return f.s.out.writeString("NIL")
}

// extent writes a range of the octets as a literal.
func (f *fetcher) extent(o *openMessage, e message.Extent, it *imap.FetchItem) error {
	e = partial(e, it)
	f.name = wire.AppendLiteralHeader(f.name[:0], e.Length)
	if err := f.s.out.write(f.name); err != nil {
		return err
	}
	return f.s.out.copyN(withoutNUL{io.NewSectionReader(o.content, e.Offset, e.Length)}, e.Length)
}

// filtered writes header fields; how long a header can be is bounded by package message.
func (f *fetcher) filtered(o *openMessage, e message.Extent, it *imap.FetchItem) error {
	header := make([]byte, e.Length)
	if n, err := o.content.ReadAt(header, e.Offset); n < len(header) {
		return err
	}
	f.name = message.FilterHeader(f.name[:0], header, it.Section.Fields, it.Section.What == message.HeaderFieldsNot)
	return f.s.out.write(appendLiteral(nil, cutPartial(f.name, it)))
}

// binary writes BINARY and BINARY.SIZE. RFC 3516 sections 4.2 and 4.3.
func (f *fetcher) binary(h *fetchHole, o *openMessage) error {
	size, err := o.root.DecodedSize(o.content, h.item.Section.Path)
	switch mail.KindOf(err) {
	case mail.NotFound:
		return f.none(h)
	case mail.Invalid:
		f.unknownEncoding = true
		return f.none(h)
	}
	if err != nil {
		return err
	}
	if h.item.Attr == imap.FetchBinarySize {
		f.name = strconv.AppendInt(f.name[:0], size, 10)
		return f.s.out.write(f.name)
	}
	r, err := o.root.DecodedReader(o.content, h.item.Section.Path)
	if err != nil {
		return err
	}
	e := partial(message.Extent{Length: size}, h.item)
	if _, err := io.CopyN(io.Discard, r, e.Offset); err != nil {
		return err
	}
	f.name = wire.AppendLiteral8Header(f.name[:0], e.Length)
	if err := f.s.out.write(f.name); err != nil {
		return err
	}
	return f.s.out.copyN(r, e.Length)
}
