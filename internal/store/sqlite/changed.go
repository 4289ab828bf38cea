package sqlite

import (
	"crypto/rand"
	"encoding/binary"
	"hash/fnv"
	"os"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/constance-mail/constance/internal/mail"
	"golang.org/x/sys/unix"
)

// The file `changed`: three native words. The first is the account's ModSeq, with the top bit set (dirty) from
// before a commit until after it: who sees that asks the database. The second says for which life of the file the
// first can be believed (this boot, this inode, this version of the schema): a crash of the machine may bring back
// an old first word, a restored file has one. The third is drawn anew with the second, so that what a process has
// cached of an account's earlier life is not taken for the present one.
const (
	changedSize = 24
	dirtyBit    = 1 << 63
	goneMark    = 1<<64 - 1 // of an account that was removed
)

// changed is a mapped `changed` file.
type changed struct {
	fd    int    // open only for who writes, else -1: see openEvents
	words []byte // mapped
	token uint64 // what the second word must be
}

// openChanged maps the file of that path, which must exist.
func openChanged(path string) (*changed, error) {
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	var st unix.Stat_t
	if err = unix.Fstat(fd, &st); err == nil && st.Size < changedSize {
		err = lengthenChanged(fd)
	}
	var words []byte
	if err == nil {
		words, err = unix.Mmap(fd, 0, changedSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	}
	_ = unix.Close(fd) // the mapping stays
	if err != nil {
		return nil, &os.PathError{Op: "map", Path: path, Err: err}
	}
	return &changed{fd: -1, words: words, token: tokenOf(&st)}, nil
}

// lengthenChanged makes the file long enough, with room for it on the disk: to write to a map where there is none ends the
// process. What is in it, also by others at the same time, stays.
func lengthenChanged(fd int) error {
	for {
		switch err := unix.Fallocate(fd, 0, 0, changedSize); err {
		case unix.EINTR:
		case unix.EOPNOTSUPP, unix.ENOSYS:
			return unix.Ftruncate(fd, changedSize)
		default:
			return err
		}
	}
}

// openEvents opens the file for the writes that raise events. The caller leads the queue and holds the lock, as for
// closeEvents (without the lock), so that the path still is that of the mapped file.
func (c *changed) openEvents(path string) error {
	if c.fd >= 0 {
		return nil
	}
	fd, err := unix.Open(path, unix.O_WRONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return &os.PathError{Op: "open", Path: path, Err: err}
	}
	c.fd = fd
	return nil
}

func (c *changed) closeEvents() {
	if c.fd >= 0 {
		_ = unix.Close(c.fd) // what was written needs no durability
		c.fd = -1
	}
}

func (c *changed) close() {
	c.closeEvents()
	_ = unix.Munmap(c.words) // cannot fail for what Mmap gave
}

func (c *changed) word(i int) *uint64 { return (*uint64)(unsafe.Pointer(&c.words[8*i])) }

// load is the account's ModSeq, and whether that is the truth; if not, the database has it.
func (c *changed) load() (mail.ModSeq, bool) {
	v := atomic.LoadUint64(c.word(0))
	return mail.ModSeq(v), v&dirtyBit == 0 && atomic.LoadUint64(c.word(1)) == c.token
}

// gone tells whether the account was removed.
func (c *changed) gone() bool { return atomic.LoadUint64(c.word(0)) == goneMark }

// trusted tells whether the file belongs to this boot and was not copied, and the schema is the one that this program knows.
func (c *changed) trusted() bool { return atomic.LoadUint64(c.word(1)) == c.token }

// holds tells whether what was opened is the account still: it was not removed, nor migrated by a newer program.
func (c *changed) holds() bool { return !c.gone() && c.trusted() }

// distrust has all open the account anew. The caller holds the account's lock.
func (c *changed) distrust() { atomic.StoreUint64(c.word(1), 0) }

// birth names the life of the account to which cached things belong.
func (c *changed) birth() uint64 { return atomic.LoadUint64(c.word(2)) }

// rebirth has everybody forget what was cached of the account besides snapshots: for changes without a ModSeq.
func (c *changed) rebirth() { atomic.StoreUint64(c.word(2), random64()) }

// dirty announces a commit. The caller holds the account's lock, as for clean and renew. Raises no event.
func (c *changed) dirty() {
	p := c.word(0)
	atomic.StoreUint64(p, atomic.LoadUint64(p)|dirtyBit)
}

// clean publishes the ModSeq after a commit and wakes those who watch. The word is stored as one, then written again
// as it is, because only a write raises an event.
func (c *changed) clean(m mail.ModSeq) {
	atomic.StoreUint64(c.word(0), uint64(m))
	c.event()
}

// restore publishes the ModSeq where nothing changed: no event.
func (c *changed) restore(m mail.ModSeq) { atomic.StoreUint64(c.word(0), uint64(m)) }

// renew makes the file trusted.
func (c *changed) renew(m mail.ModSeq) {
	atomic.StoreUint64(c.word(0), uint64(m)|dirtyBit)
	atomic.StoreUint64(c.word(2), random64())
	atomic.StoreUint64(c.word(1), c.token)
	atomic.StoreUint64(c.word(0), uint64(m))
}

// remove marks the account as removed.
func (c *changed) remove() {
	atomic.StoreUint64(c.word(0), goneMark)
	c.event()
}

func (c *changed) event() {
	if c.fd < 0 {
		return // a repair: nothing is new
	}
	var b [8]byte
	binary.NativeEndian.PutUint64(b[:], atomic.LoadUint64(c.word(0)))
	_, _ = unix.Pwrite(c.fd, b[:], 0) // a lost hint is made up for by polls
}

func random64() uint64 {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return binary.NativeEndian.Uint64(b[:])
}

var bootID = sync.OnceValue(func() []byte {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return binary.NativeEndian.AppendUint64(nil, random64()) // trusts nobody else's file: slow, but right
	}
	return b
})

func tokenOf(st *unix.Stat_t) uint64 {
	h := fnv.New64a()
	var b [16]byte
	binary.NativeEndian.PutUint64(b[:], st.Ino)
	binary.NativeEndian.PutUint64(b[8:], uint64(st.Dev))
	_, _ = h.Write(b[:]) // a hash does not fail
	_, _ = h.Write(bootID())
	_, _ = h.Write([]byte{byte(version())})
	return h.Sum64() | 1 // never the zero of a new file
}

// newChanged is the content of the file of a new account; its first opening makes it trusted.
func newChanged() []byte {
	b := make([]byte, changedSize)
	binary.NativeEndian.PutUint64(b, 1)
	return b
}
