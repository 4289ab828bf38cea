package sqlite

import (
	"context"
	"errors"
	"hash/crc32"
	"io"

	"github.com/constance-mail/constance/internal/mail"
)

// upload implements mail.Upload: in memory until it is larger than what is kept inline, then in a segment that is
// this upload's alone as long as it lasts.
type upload struct {
	account *account
	limit   int64
	size    int64
	crc     uint32
	mem     []byte   // all of it while seg is nil
	seg     *segment // nil while in memory
	start   int64    // of the octets in seg
	state   uploadState
}

type uploadState uint8

const (
	uploadOpen uploadState = iota
	uploadTaken
	uploadClosed
)

// NewUpload implements mail.Messages.
func (a *account) NewUpload(ctx context.Context, size int64) (mail.Upload, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	f, err := a.acquire()
	if err != nil {
		return nil, err
	}
	defer f.release()
	u := &upload{account: a, limit: a.store.opts.InlineLimit}
	switch {
	case size > u.limit:
		err = u.spill()
	case size > 0:
		u.mem = getBlob(int(size))
	}
	if err != nil {
		return nil, fail("begin upload", string(a.id), err)
	}
	return u, nil
}

// Write implements io.Writer.
func (u *upload) Write(p []byte) (int, error) {
	if u.state != uploadOpen {
		return 0, refuse("upload", mail.Invalid, "")
	}
	if u.seg == nil && u.size+int64(len(p)) > u.limit {
		if err := u.spill(); err != nil {
			return 0, fail("upload", string(u.account.id), err)
		}
	}
	n := len(p)
	if u.seg == nil {
		u.mem = append(u.mem, p...)
	} else {
		var err error
		if n, err = u.seg.file.WriteAt(p, u.start+u.size); err != nil {
			return n, fail("upload", string(u.account.id), err)
		}
	}
	u.crc = crc32.Update(u.crc, castagnoli, p[:n])
	u.size += int64(n)
	return n, nil
}

// spill moves the upload to a segment.
func (u *upload) spill() error {
	seg, err := u.account.takeSegment()
	if err != nil {
		return err
	}
	u.seg, u.start = seg, seg.end+recordHead
	if err = seg.begin(); err == nil {
		_, err = seg.file.WriteAt(u.mem, u.start)
	}
	if err != nil {
		u.abandon()
		return err
	}
	putBlob(u.mem)
	u.mem = nil
	return nil
}

// ReadAt implements io.ReaderAt.
func (u *upload) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 || u.state == uploadClosed {
		return 0, refuse("read upload", mail.Invalid, "")
	}
	if off >= u.size {
		return 0, io.EOF
	}
	var n int
	var err error
	if u.seg == nil {
		n = copy(p, u.mem[off:])
	} else {
		n, err = u.seg.file.ReadAt(p[:min(int64(len(p)), u.size-off)], u.start+off)
		if errors.Is(err, io.EOF) && int64(n) == u.size-off {
			err = nil
		}
	}
	if err == nil && n < len(p) {
		err = io.EOF
	}
	return n, err
}

// Size implements mail.Upload.
func (u *upload) Size() int64 { return u.size }

// Close implements mail.Upload.
func (u *upload) Close() error {
	if u.state == uploadOpen && u.seg != nil {
		u.abandon()
	}
	putBlob(u.mem)
	u.state, u.mem = uploadClosed, nil
	return nil
}

// abandon gives the segment back as it was before the upload.
func (u *upload) abandon() {
	seg := u.seg
	u.seg = nil
	if seg.fresh || seg.file.Truncate(seg.end) != nil {
		seg.close() // Purge finds what is dead in it
		return
	}
	u.account.giveSegment(seg)
}

// settle makes the octets durable before the row that points to them.
func (u *upload) settle() error {
	if u.seg == nil {
		return nil
	}
	return u.seg.seal(u.start, u.size, u.crc)
}

// take makes the upload's octets those of a content.
func (u *upload) take() {
	u.state = uploadTaken
	if u.seg == nil {
		return
	}
	u.seg.end = u.start + u.size
	u.account.giveSegment(u.seg)
	u.seg = nil
}
