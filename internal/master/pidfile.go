package master

import (
	"errors"
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// PIDFile is a locked pid file. The lock lasts as long as the process; the file is never removed, so that two masters
// cannot lock two files of one name.
type PIDFile struct{ f *os.File }

// OpenPIDFile takes the exclusive lock and writes the process id. A symbolic link is refused; so is a file that
// another master holds, which stays as it is. The error is an *Error with exit code 71.
func OpenPIDFile(path string) (*PIDFile, error) {
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_CREAT|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o644)
	if err != nil {
		return nil, &Error{ExitOS, fmt.Errorf("can't open pidfile %s: %w", path, err)}
	}
	f := os.NewFile(uintptr(fd), path)
	lock := unix.Flock_t{Type: unix.F_WRLCK}
	if err := unix.FcntlFlock(uintptr(fd), unix.F_SETLK, &lock); err != nil {
		f.Close() //nolint:errcheck // nothing was written
		if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EACCES) {
			err = errors.New("is another master still running?")
		}
		return nil, &Error{ExitOS, fmt.Errorf("cannot get exclusive lock on pidfile %s: %w", path, err)}
	}
	if err = f.Truncate(0); err == nil {
		if _, err = f.WriteString(strconv.Itoa(os.Getpid()) + "\n"); err == nil {
			err = f.Sync()
		}
	}
	if err != nil {
		f.Close() //nolint:errcheck // the first error counts
		return nil, &Error{ExitOS, fmt.Errorf("unable to write to pidfile %s: %w", path, err)}
	}
	return &PIDFile{f}, nil
}

// HeldPIDFile is a pid file that the program before in this process has locked.
func HeldPIDFile(f *os.File) *PIDFile { return &PIDFile{f} }

// File is the open file, for a successor.
func (p *PIDFile) File() *os.File { return p.f }

// Close gives up the lock.
func (p *PIDFile) Close() error { return p.f.Close() }

// StartLock is held while a master in the background is being started.
type StartLock struct{ f *os.File }

// LockStart locks the file beside a pid file. The error is an *Error with exit code 71, or 75 if another master is being
// started.
func LockStart(pidFile string) (*StartLock, error) {
	path := pidFile + ".lock"
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_CREAT|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o644)
	if err != nil {
		return nil, &Error{ExitOS, fmt.Errorf("can't open pidfile lock: %s (%w)", path, err)}
	}
	if err := unix.FcntlFlock(uintptr(fd), unix.F_SETLK, &unix.Flock_t{Type: unix.F_WRLCK}); err != nil {
		unix.Close(fd) //nolint:errcheck // nothing was written
		return nil, &Error{ExitTempFail, fmt.Errorf("can't get exclusive lock on %s: %w", path, err)}
	}
	return &StartLock{os.NewFile(uintptr(fd), path)}, nil
}

// Release removes the file and gives up the lock.
func (l *StartLock) Release() {
	os.Remove(l.f.Name()) //nolint:errcheck // the next start takes it over
	l.f.Close()           //nolint:errcheck // as before
}
