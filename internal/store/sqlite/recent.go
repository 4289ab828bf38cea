package sqlite

import (
	"context"
	"encoding/binary"
	"os"
	"sync"

	"github.com/constance-mail/constance/internal/mail"
	"golang.org/x/sys/unix"
)

// recent is what a process has of an account's file `recent`: 4 octets per mailbox, the first UID that no session was
// told of as \Recent. All processes share it, and it is never synced: after a crash messages count as recent again, as
// RFC 3501 section 2.3.2 has it when in doubt.
type recent struct {
	mu      sync.Mutex                  // guards the fields below, and is held while the file is locked
	fd      int                         // -1 while the file is closed
	claimed map[mail.MailboxID]mail.UID // what the file has at least
}

// ClaimRecent implements mail.Messages.
func (a *account) ClaimRecent(ctx context.Context, mailbox mail.MailboxID) (mail.UID, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	l, err := a.boxes(ctx)
	if err != nil {
		return 0, err
	}
	m := l.find(mailbox)
	if m == nil {
		return 0, refuse("claim recent", mail.NotFound, string(a.id))
	}
	f, err := a.acquire()
	if err != nil {
		return 0, err
	}
	defer f.release()
	first, err := f.claim(mailbox, m.UIDNext)
	return first, fail("claim recent", string(a.id), err)
}

// claim raises the number of the mailbox to next, and returns what it was. The file stays open while the account is hot.
func (f *files) claim(mailbox mail.MailboxID, next mail.UID) (first mail.UID, err error) {
	r := &f.recent
	r.mu.Lock()
	defer r.mu.Unlock()
	if claimed := r.claimed[mailbox]; claimed >= next {
		return claimed, nil
	}
	path := f.dir + "/recent"
	if r.fd < 0 {
		if r.fd, err = open(path, unix.O_RDWR|unix.O_CREAT); err != nil {
			return 0, err
		}
	}
	if !f.isHot() {
		defer r.closeLocked()
	}
	if first, err = raise(r.fd, 4*int64(mailbox), next); err != nil {
		return 0, &os.PathError{Op: "claim", Path: path, Err: err}
	}
	if r.claimed == nil {
		r.claimed = make(map[mail.MailboxID]mail.UID)
	}
	r.claimed[mailbox] = max(first, next)
	return first, nil
}

// raise raises the number at that offset of a file to next, and returns what it was, at least 1.
func raise(fd int, off int64, next mail.UID) (mail.UID, error) {
	if err := flock(fd, unix.LOCK_EX); err != nil {
		return 0, err
	}
	defer func() { _ = unix.Flock(fd, unix.LOCK_UN) }() // fails only for a wrong descriptor
	var b [4]byte
	if _, err := unix.Pread(fd, b[:], off); err != nil { // behind the end it is 0
		return 0, err
	}
	was := max(1, mail.UID(binary.NativeEndian.Uint32(b[:])))
	if was >= next {
		return was, nil
	}
	binary.NativeEndian.PutUint32(b[:], uint32(next))
	_, err := unix.Pwrite(fd, b[:], off)
	return was, err
}

// close closes the file until it is used again.
func (r *recent) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closeLocked()
}

func (r *recent) closeLocked() {
	if r.fd >= 0 {
		_ = unix.Close(r.fd) // what was written needs no durability
		r.fd = -1
	}
}
