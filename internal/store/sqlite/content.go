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
	var loc location
	var mem *inMemory
	var dir string
	err := a.view(ctx, "open content", string(a.id), func(f *files, c *conn) error {
		var ok bool
		var err error
		dir = f.dir
		if loc, ok, err = c.locate(id); err != nil {
			return err
		}
		if !ok {
			return refuse("open content", mail.NotFound, contentItem(id))
		}
		if loc.segment == 0 {
			mem, err = c.loadBody(id, loc.size)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if mem != nil {
		return mem, nil
	}
	out, err := openRecord(dir, loc)
	if errors.Is(err, os.ErrNotExist) {
		err = a.missing(ctx, id)
	}
	if err != nil {
		return nil, fail("open content", contentItem(id), err)
	}
	return out, nil
}

// missing is the error for a content whose segment is not there: was it purged meanwhile, or is it lost?
func (a *account) missing(ctx context.Context, id mail.ContentID) error {
	return a.view(ctx, "open content", string(a.id), func(_ *files, c *conn) error {
		_, there, err := c.locate(id)
		if err != nil {
			return err
		}
		if there {
			return corrupt(contentItem(id), "its segment is missing")
		}
		return refuse("open content", mail.NotFound, contentItem(id))
	})
}

// loadBody is a content that is inline.
func (c *conn) loadBody(id mail.ContentID, size int64) (*inMemory, error) {
	s, row, err := c.item(kindBody, int64(id))
	if err != nil {
		return nil, err
	}
	defer s.done()
	if !row || int64(s.ColumnLen(1)) != size {
		return nil, corrupt(contentItem(id), "its body is missing or has another size")
	}
	return &inMemory{append([]byte(nil), s.bytes(1)...)}, nil
}

// inMemory is a Content that was read as a whole.
type inMemory struct{ b []byte }

func (m *inMemory) Size() int64 { return int64(len(m.b)) }

func (m *inMemory) Close() error { return nil }

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
