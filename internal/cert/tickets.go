package cert

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// keysKept is how many ticket keys are known at a time: the newest makes tickets, all open them.
const keysKept = 3

// ticketKey is a key and when it was made. In the file: 8 octets seconds since 1970, big endian, then the key.
type ticketKey struct {
	made time.Time
	key  [32]byte
}

const ticketKeySize = 8 + 32

// readTickets reads the keys of session tickets, after making a new one if the newest is too old. RFC 8446 section
// 4.6.1, RFC 5077 section 5.5.
func (k *Keeper) readTickets() error {
	path := filepath.Join(k.opts.Dir, "tickets")
	keys, err := loadTickets(path)
	if err != nil || k.stale(keys) {
		err = locked(k.opts.Dir, func() error {
			keys, err = loadTickets(path) // another worker may have been faster
			if err != nil || !k.stale(keys) {
				return err
			}
			keys = append([]ticketKey{{made: k.opts.Now()}}, keys...)
			if _, err := rand.Read(keys[0].key[:]); err != nil {
				return err
			}
			keys = keys[:min(len(keys), keysKept)]
			return writeFile(path, formatTickets(keys))
		})
	}
	if err != nil {
		return fmt.Errorf("session ticket keys: %w", err)
	}
	raw := make([][32]byte, len(keys))
	for i := range keys {
		raw[i] = keys[i].key
	}
	k.conf.SetSessionTicketKeys(raw)
	return nil
}

func (k *Keeper) stale(keys []ticketKey) bool {
	return len(keys) == 0 || k.opts.Now().Sub(keys[0].made) >= k.opts.RotateAfter
}

// loadTickets reads the file; none if it is missing or damaged: tickets are worth nothing that a new handshake does not
// give.
func loadTickets(path string) ([]ticketKey, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil || len(b)%ticketKeySize != 0 || len(b) > keysKept*ticketKeySize {
		return nil, err
	}
	var keys []ticketKey
	for ; len(b) > 0; b = b[ticketKeySize:] {
		t := ticketKey{made: time.Unix(int64(binary.BigEndian.Uint64(b)), 0)}
		copy(t.key[:], b[8:])
		keys = append(keys, t)
	}
	return keys, nil
}

func formatTickets(keys []ticketKey) []byte {
	var b []byte
	for _, k := range keys {
		b = binary.BigEndian.AppendUint64(b, uint64(k.made.Unix()))
		b = append(b, k.key[:]...)
	}
	return b
}
