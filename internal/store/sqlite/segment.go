package sqlite

import (
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// A segment is a file of records: recordHead octets (the mark, the CRC-32C of the body, its length, little endian)
// and the body. Who appends owns the whole file by a lock of its first octet; who reads a body holds a read lock of
// its first octet, so that Purge leaves it alone. The locks are of the open file, not of the process.
const (
	recordMark = "CMS1"
	recordHead = 16
	segmentExt = ".seg"
)

// segment is an open segment that belongs to this process.
type segment struct {
	file  *os.File
	no    int64
	end   int64 // what is behind is no record
	fresh bool  // its name may not be durable yet: nobody has written to it
}

func (s *segment) close() {
	_ = s.file.Close() // what matters was synced
}

// in tells whether it is a segment of the account in that directory still: not of one that was removed, and made anew.
func (s *segment) in(dir string) bool {
	var own, there unix.Stat_t
	err := errors.Join(unix.Fstat(int(s.file.Fd()), &own), unix.Stat(segmentPath(dir, s.no), &there))
	return err == nil && own.Ino == there.Ino && own.Dev == there.Dev
}

// segmentPath is the path of a segment.
func segmentPath(dir string, no int64) string {
	return dir + "/segments/" + strconv.FormatInt(no, 10) + segmentExt
}

// takeSegment is a segment for the caller alone, with room.
func (a *account) takeSegment() (*segment, error) {
	f, err := a.acquire()
	if err != nil {
		return nil, err
	}
	defer f.release()
	f.mu.Lock()
	if n := len(f.spare); n > 0 {
		s := f.spare[n-1]
		f.spare = f.spare[:n-1]
		f.mu.Unlock()
		return s, nil
	}
	f.mu.Unlock()
	return f.openSegment(a.store.opts.SegmentLimit)
}

// giveSegment returns a segment. A full one is closed.
func (a *account) giveSegment(s *segment) {
	a.mu.Lock()
	defer a.mu.Unlock()
	f := a.files
	if f == nil || s.end >= a.store.opts.SegmentLimit || !s.in(f.dir) {
		s.close()
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.spare) >= keepConns || f.dead || !f.hot {
		s.close()
		return
	}
	f.spare = append(f.spare, s)
}

// openSegment opens the last segment if it has room and nobody owns it, else a new one.
func (f *files) openSegment(limit int64) (*segment, error) {
	nos, err := segmentNumbers(f.dir)
	if err != nil {
		return nil, err
	}
	last := int64(0)
	if len(nos) > 0 {
		last = nos[len(nos)-1]
		s, err := ownSegment(f.dir, last, os.O_RDWR)
		if err == nil && s.end < limit {
			return s, nil
		}
		if err == nil {
			s.close()
		}
	} else if err := os.Mkdir(f.dir+"/segments", 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return nil, err
	} else if err := syncDir(f.dir); err != nil { // whoever made it may have died before
		return nil, err
	}
	for {
		last++
		s, err := ownSegment(f.dir, last, os.O_RDWR|os.O_CREATE|os.O_EXCL)
		if err == nil {
			return s, nil
		}
		if !errors.Is(err, os.ErrExist) && !errors.Is(err, errOwned) {
			return nil, err
		}
	}
}

// segmentNumbers are the numbers of the segments, ascending.
func segmentNumbers(dir string) ([]int64, error) {
	names, err := os.ReadDir(dir + "/segments")
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	var out []int64
	for _, n := range names {
		no, err := strconv.ParseInt(strings.TrimSuffix(n.Name(), segmentExt), 10, 64)
		if err == nil && no > 0 {
			out = append(out, no)
		}
	}
	slices.Sort(out)
	return out, nil
}

var errOwned = errors.New("another process appends to it")

// ownSegment opens a segment and takes its ownership. errOwned if another one has it.
func ownSegment(dir string, no int64, flags int) (*segment, error) {
	file, err := os.OpenFile(segmentPath(dir, no), flags, 0o600)
	if err != nil {
		return nil, err
	}
	var st unix.Stat_t
	err = lockRange(file, unix.F_WRLCK, 0)
	if err == nil {
		err = unix.Fstat(int(file.Fd()), &st)
	}
	if err != nil || st.Nlink == 0 {
		return nil, errors.Join(errOwned, err, file.Close())
	}
	return &segment{file: file, no: no, end: max(st.Size, 1), fresh: st.Size == 0}, nil // octet 0 is the lock's
}

// lockRange locks an octet of a segment without waiting.
func lockRange(file *os.File, kind int16, at int64) error {
	l := unix.Flock_t{Type: kind, Whence: io.SeekStart, Start: at, Len: 1}
	return unix.FcntlFlock(file.Fd(), unix.F_OFD_SETLK, &l)
}

// begin makes the name durable before the first octet: a segment with an octet in it has a name that stays, whoever made it
// and whatever became of that.
func (s *segment) begin() error {
	if !s.fresh {
		return nil
	}
	if err := syncDir(filepath.Dir(s.file.Name())); err != nil {
		return err
	}
	s.fresh = false
	return nil
}

// seal writes the head of a record whose body is at start and makes both durable.
func (s *segment) seal(start, size int64, crc uint32) error {
	var h [recordHead]byte
	copy(h[:], recordMark)
	binary.LittleEndian.PutUint32(h[4:], crc)
	binary.LittleEndian.PutUint64(h[8:], uint64(size))
	if _, err := s.file.WriteAt(h[:], start-recordHead); err != nil {
		return err
	}
	return fdatasync(int(s.file.Fd()))
}
