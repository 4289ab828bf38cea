package sqlite

import (
	"context"
	"sync"

	"github.com/constance-mail/constance/internal/mail"
)

// The queries of Digests by what is wanted: a run of ids in one go. Each has the columns id, header_size, envelope,
// keys, parts, body, headers, preview, with NULL for what its tables lack; keysRun, which searches go through all of a
// mailbox with, has only id and keys.
const (
	keysRun      = "SELECT id, y FROM item WHERE id BETWEEN ? AND ?"
	digestRun    = "SELECT id, 0, x, y, NULL, NULL, NULL, NULL FROM item WHERE id BETWEEN ? AND ?"
	structureRun = "SELECT id, n, NULL, NULL, x, y, z, w FROM item WHERE id BETWEEN ? AND ?"
	// kindStructure is the kind after kindDigest
	bothRun = `SELECT d.id, s.n, d.x, d.y, s.x, s.y, s.z, s.w
		FROM item d CROSS JOIN item s ON s.id = d.id + (1 << 56) WHERE d.id BETWEEN ? AND ?`
)

// digestGap is how many unwanted rows are passed over rather than looking for the next one anew.
const digestGap = 4

// Digests implements mail.Messages.
func (a *account) Digests(ctx context.Context, ids []mail.ContentID, want mail.Columns,
	yield func(i int, d *mail.Digest) error) error {
	r, _ := readers.Get().(*digestReader)
	defer r.recycle()
	r.want, r.yield, r.texts.borrow = want&^mail.ColBorrowed, yield, want&mail.ColBorrowed != 0
	return a.view(ctx, "read digests", string(a.id), func(_ *files, c *conn) error {
		for i := 0; i < len(ids); {
			j := i + 1
			for j < len(ids) && ids[j] > ids[j-1] && ids[j]-ids[j-1] <= digestGap {
				j++
			}
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := r.run(c, ids[i:j], i); err != nil {
				return err
			}
			i = j
		}
		return nil
	})
}

// digestReader reads digests into one Digest.
type digestReader struct {
	want  mail.Columns
	yield func(i int, d *mail.Digest) error
	keys  int // the column of the keys
	d     mail.Digest
	texts arena
}

// readers are digestReaders that have done their work, for the room that they have left for texts.
var readers = sync.Pool{New: func() any { return new(digestReader) }}

// recycle makes r ready for another read.
func (r *digestReader) recycle() {
	*r = digestReader{texts: r.texts}
	readers.Put(r)
}

func (r *digestReader) query() (query string, kind int64) {
	const digest, structure = mail.ColEnvelope | mail.ColKeys, mail.ColBodyStructure | mail.ColParts |
		mail.ColHeaders | mail.ColPreview
	r.keys = 3
	switch {
	case r.want&^mail.ColKeys == 0:
		r.keys = 1
		return keysRun, kindDigest
	case r.want&structure == 0:
		return digestRun, kindDigest
	case r.want&digest == 0:
		return structureRun, kindStructure
	}
	return bothRun, kindDigest
}

// run yields the contents ids, which ascend with small gaps; base is the index of the first.
func (r *digestReader) run(c *conn, ids []mail.ContentID, base int) error {
	query, kind := r.query()
	s, err := c.prep(query)
	if err != nil {
		return err
	}
	defer s.done()
	s.bind(itemKey(kind, int64(ids[0])), itemKey(kind, int64(ids[len(ids)-1])))
	i := 0
	for {
		row, err := s.Step()
		if err != nil || !row {
			return err
		}
		id := mail.ContentID(s.ColumnInt64(0) & keyMask)
		for i < len(ids) && ids[i] < id {
			i++
		}
		if i == len(ids) || ids[i] != id {
			continue
		}
		if err := r.fill(s, id); err != nil {
			return err
		}
		if err := r.yield(base+i, &r.d); err != nil {
			return err
		}
	}
}

// fill reads the wanted columns of the row.
func (r *digestReader) fill(s stmt, id mail.ContentID) error {
	d := &r.d
	*d = mail.Digest{References: d.References[:0]}
	if r.want&mail.ColEnvelope != 0 {
		d.Envelope = s.bytes(2)
	}
	if r.want&mail.ColKeys != 0 && !readKeys(s.bytes(r.keys), d, r.want, &r.texts) {
		return corrupt(contentItem(id), "damaged keys")
	}
	if r.want&mail.ColParts != 0 {
		d.HeaderSize, d.Parts = s.ColumnInt64(1), s.bytes(4)
	}
	if r.want&mail.ColBodyStructure != 0 {
		d.BodyStructure = s.bytes(5)
	}
	if r.want&mail.ColHeaders != 0 {
		d.Headers = s.bytes(6)
	}
	if r.want&mail.ColPreview != 0 {
		d.Preview = readPreview(s.bytes(7))
	}
	return nil
}
