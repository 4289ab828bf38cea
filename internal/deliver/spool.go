package deliver

import (
	"errors"
	"io"
	"io/fs"
	"os"

	"github.com/constance-mail/constance/internal/mail"
)

// Spool holds a message while it is received and delivered: in memory up to Options.Memory octets, beyond
// that in a file without a name, which ends with the process. One goroutine writes; when that is over, any
// may deliver.
type Spool struct {
	d    *Deliverer
	mem  *[]byte  // what was written, while file is nil
	file *os.File // all of it, once it was too much for mem
	size int64
	err  error // the first failure, which stays
}

// NewSpool is an empty spool, to be closed after the deliveries.
func (d *Deliverer) NewSpool() *Spool {
	mem := d.spools.Get().(*[]byte)
	*mem = (*mem)[:0]
	return &Spool{d: d, mem: mem}
}

// Write implements io.Writer. Kind Unavailable: the disk is full or fails.
func (s *Spool) Write(p []byte) (int, error) {
	if s.err != nil {
		return 0, s.err
	}
	if s.file == nil && s.size+int64(len(p)) <= int64(s.d.opts.Memory) {
		*s.mem = append(*s.mem, p...)
		s.size += int64(len(p))
		return len(p), nil
	}
	if s.file == nil {
		s.err = s.spill()
	}
	n := 0
	if s.err == nil {
		n, s.err = s.file.Write(p)
	}
	s.size += int64(n)
	if s.err != nil {
		s.err = &mail.Error{Op: "spool", Kind: mail.Unavailable, Err: s.err}
	}
	return n, s.err
}

// spill moves what is in memory to a file.
func (s *Spool) spill() error {
	dir := s.d.opts.SpoolDir
	f, err := os.CreateTemp(dir, "spool-*")
	if errors.Is(err, fs.ErrNotExist) && os.MkdirAll(dir, 0o700) == nil {
		f, err = os.CreateTemp(dir, "spool-*")
	}
	if err != nil {
		return err
	}
	if err = os.Remove(f.Name()); err == nil {
		_, err = f.Write(*s.mem)
	}
	if err != nil {
		return errors.Join(err, f.Close())
	}
	s.file = f
	*s.mem = (*s.mem)[:0]
	return nil
}

// Size is how many octets were written.
func (s *Spool) Size() int64 { return s.size }

// ReadAt implements io.ReaderAt over what was written.
func (s *Spool) ReadAt(p []byte, off int64) (int, error) {
	if s.file != nil {
		return s.file.ReadAt(p, off)
	}
	if off < 0 || off > s.size {
		return 0, io.EOF
	}
	n := copy(p, (*s.mem)[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// copyTo writes all to w. Several may at a time.
func (s *Spool) copyTo(w io.Writer) error {
	if s.err != nil {
		return s.err
	}
	if s.file == nil {
		_, err := w.Write(*s.mem)
		return err
	}
	bp := s.d.spools.Get().(*[]byte)
	defer s.d.spools.Put(bp)
	buf := (*bp)[:cap(*bp)]
	n, err := io.CopyBuffer(onlyWriter{w}, io.NewSectionReader(s.file, 0, s.size), buf)
	if err == nil && n != s.size {
		err = &mail.Error{Op: "spool", Kind: mail.Unavailable, Err: io.ErrUnexpectedEOF}
	}
	return err
}

// onlyWriter hides other methods, so that the pooled buffer is used.
type onlyWriter struct{ io.Writer }

// Close gives memory and file back. The spool is of no use afterwards.
func (s *Spool) Close() error {
	if s.mem != nil {
		s.d.spools.Put(s.mem)
		s.mem = nil
	}
	if s.file == nil {
		return nil
	}
	err := s.file.Close()
	s.file, s.size = nil, 0
	return err
}
