package sqlite

import (
	"context"
	"errors"
	"io"
	"os"
	"strconv"

	"github.com/constance-mail/constance/internal/mail"
	"golang.org/x/sys/unix"
)

// location is where the octets of a content are: an item of kindContent.
type location struct {
	size    int64
	crc     uint32
	segment int64 // 0: in the item of kindBody
	offset  int64
}

// locate is where a content is, false if it is gone.
func (c *conn) locate(id mail.ContentID) (location, bool, error) {
	s, row, err := c.item(kindContent, int64(id))
	if err != nil || !row {
		return location{}, false, err
	}
	defer s.done()
	return location{s.ColumnInt64(1), uint32(s.ColumnInt64(2)), s.ColumnInt64(3), s.ColumnInt64(4)}, true, nil
}

func contentItem(id mail.ContentID) string { return "content " + strconv.FormatUint(uint64(id), 10) }

// OpenContent implements mail.Messages.
func (a *account) OpenContent(ctx context.Context, id mail.ContentID) (mail.Content, error) {
	one, err := a.OpenContents(ctx, []mail.ContentID{id}, 0)
	switch {
	case err != nil:
		return nil, err
	case one[0] == nil:
		return nil, refuse("open content", mail.NotFound, contentItem(id))
	}
	return one[0], nil
}

// OpenContents implements mail.Messages. It ends with the first one that is in a segment.
func (a *account) OpenContents(ctx context.Context, ids []mail.ContentID, octets int64) ([]mail.Content, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	r := bodyReader{ids: ids, left: octets}
	var dir string
	err := a.view(ctx, "open content", string(a.id), func(f *files, c *conn) error {
		dir = f.dir
		return r.read(c)
	})
	if err != nil || !r.large {
		return r.out, err
	}
	out, err := a.openLarge(ctx, dir, ids[len(r.out)], r.at)
	if err != nil {
		return nil, err
	}
	return append(r.out, out), nil
}

// openLarge opens a content that is in a segment, nil if it was purged meanwhile. It stays from when it is locked on; before,
// Purge may have made a hole of it, or its segment be another one by now. So it is looked for once more.
func (a *account) openLarge(ctx context.Context, dir string, id mail.ContentID, at location) (mail.Content, error) {
	out, err := openRecord(dir, at)
	there, err2 := a.isAt(ctx, id, at)
	switch {
	case err2 == nil && there && err == nil:
		return out, nil
	case err == nil:
		err2 = errors.Join(err2, out.Close())
	case err2 == nil && there && errors.Is(err, os.ErrNotExist):
		return nil, corrupt(contentItem(id), "its segment is missing")
	case err2 == nil && there:
		return nil, fail("open content", contentItem(id), err)
	}
	return nil, err2
}

// isAt tells whether a content is there still.
func (a *account) isAt(ctx context.Context, id mail.ContentID, at location) (there bool, err error) {
	err = a.view(ctx, "open content", string(a.id), func(_ *files, c *conn) error {
		now, found, err := c.locate(id)
		there = found && now == at
		return err
	})
	return there, err
}

// bodyReader reads contents until one is in a segment, or enough is in memory.
type bodyReader struct {
	ids   []mail.ContentID
	left  int64 // octets that may be kept besides the first content
	out   []mail.Content
	large bool // the one after out is at
	at    location
}

// more tells whether another content is to be read.
func (r *bodyReader) more() bool {
	return !r.large && len(r.out) < len(r.ids) && (len(r.out) == 0 || r.left > 0)
}

func (r *bodyReader) read(c *conn) error {
	for r.more() {
		rest, n := r.ids[len(r.out):], 1
		for n < len(rest) && r.left > 0 && rest[n] > rest[n-1] && rest[n]-rest[n-1] <= digestGap {
			n++
		}
		until := len(r.out) + n
		if err := r.run(c, rest[:n]); err != nil {
			return err
		}
		if len(r.out) < until && r.more() {
			if err := r.other(c); err != nil {
				return err
			}
		}
	}
	return nil
}

// bodyRun is the bodies of a run of ids.
const bodyRun = "SELECT id, x FROM item WHERE id BETWEEN ? AND ?"

// run takes those of ids, which ascend with small gaps, that are inline, up to the first that is not.
func (r *bodyReader) run(c *conn, ids []mail.ContentID) error {
	s, err := c.prep(bodyRun)
	if err != nil {
		return err
	}
	defer s.done()
	s.bind(itemKey(kindBody, int64(ids[0])), itemKey(kindBody, int64(ids[len(ids)-1])))
	for len(ids) > 0 && r.more() {
		row, err := s.Step()
		if err != nil || !row {
			return err
		}
		id := mail.ContentID(s.ColumnInt64(0) & keyMask)
		if id > ids[0] {
			return nil
		}
		if id == ids[0] {
			r.keep(s.bytes(1))
			ids = ids[1:]
		}
	}
	return nil
}

func (r *bodyReader) keep(b []byte) {
	r.left -= int64(len(b))
	r.out = append(r.out, &inMemory{append(getBlob(len(b)), b...)})
}

// other deals with the next content, which is not inline.
func (r *bodyReader) other(c *conn) error {
	id := r.ids[len(r.out)]
	loc, there, err := c.locate(id)
	switch {
	case err != nil:
		return err
	case !there:
		r.out = append(r.out, nil)
	case loc.segment == 0:
		return corrupt(contentItem(id), "its body is missing")
	default:
		r.large, r.at = true, loc
	}
	return nil
}

// inMemory is a Content that was read as a whole.
type inMemory struct{ b []byte }

func (m *inMemory) Size() int64 { return int64(len(m.b)) }

// Close ends the use of the octets.
func (m *inMemory) Close() error {
	putBlob(m.b)
	m.b = nil
	return nil
}

func (m *inMemory) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 || off > int64(len(m.b)) {
		return 0, io.EOF
	}
	n := copy(p, m.b[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// record is a Content in a segment. Its read lock keeps Purge away until it is closed.
type record struct {
	io.SectionReader
	file *os.File
}

// openRecord opens a content that is in a segment.
func openRecord(dir string, loc location) (*record, error) {
	file, err := os.Open(segmentPath(dir, loc.segment))
	if err != nil {
		return nil, err
	}
	if err := lockRange(file, unix.F_RDLCK, max(loc.offset, 1)); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return &record{*io.NewSectionReader(file, loc.offset, loc.size), file}, nil
}

func (r *record) Close() error { return r.file.Close() }
