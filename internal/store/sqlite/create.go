package sqlite

import (
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/constance-mail/constance/internal/mail"
	"golang.org/x/sys/unix"
)

// maker makes the databases of new accounts, in memory from a template.
type maker struct {
	mu sync.Mutex // guards the field below
	c  *conn      // nil before the first account
}

func (m *maker) close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.c != nil {
		_ = m.c.Close() // it is memory
		m.c = nil
	}
}

// make makes an account: a new one, or `changed` of one that was put back without it.
func (s *store) make(id mail.AccountID, dir string) error {
	if _, err := os.Stat(dir + dbName); errors.Is(err, os.ErrNotExist) {
		return s.create(id, dir)
	}
	fd, err := open(dir+"/changed", unix.O_WRONLY|unix.O_CREAT)
	if err != nil {
		return err
	}
	return unix.Close(fd)
}

// create makes a new account: beside its place, then by one rename, so that nobody sees half of it. If another
// process was first, theirs stands.
func (s *store) create(id mail.AccountID, dir string) error {
	image, err := s.maker.image(s.opts.Options)
	if err != nil {
		return err
	}
	tmp := s.tmpName("new")
	if err := os.Mkdir(tmp, 0o700); err != nil {
		return err
	}
	err = errors.Join(
		writeSynced(tmp+dbName, image),
		os.WriteFile(tmp+logName, make([]byte, logHead), 0o600),
		os.WriteFile(tmp+"/changed", newChanged(), 0o600),
		os.WriteFile(tmp+"/lock", nil, 0o600),
		syncDir(tmp),
	)
	if err == nil {
		err = place(tmp, dir)
	}
	if err != nil {
		_ = os.RemoveAll(tmp) // sweep takes what stays
	}
	return err
}

// place renames tmp to dir, whose parents come into being with it.
func place(tmp, dir string) error {
	parent := filepath.Dir(dir)
	_, err := os.Stat(parent)
	fresh := errors.Is(err, os.ErrNotExist)
	if err := os.MkdirAll(parent, 0o700); err != nil {
		return err
	}
	if err := os.Rename(tmp, dir); err != nil {
		if _, there := os.Stat(dir + dbName); there == nil {
			return os.RemoveAll(tmp)
		}
		return err
	}
	if err := syncDir(parent); err != nil || !fresh {
		return err
	}
	grand := filepath.Dir(parent)
	return errors.Join(syncDir(grand), syncDir(filepath.Dir(grand)))
}

// image is the database file of a new account.
func (m *maker) image(o mail.Options) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.c == nil {
		c, err := template()
		if err != nil {
			return nil, err
		}
		m.c = c
	}
	if err := fill(m.c, o); err != nil {
		return nil, err
	}
	b, err := m.c.Serialize("main")
	if err == nil {
		// https://www.sqlite.org/fileformat.html sections 1.3.3 and 1.3.11: WAL; the size of caches in pages, of which we
		// want few since hot data is in the kernel's cache, and snapshots are ours
		b[18], b[19] = 2, 2
		binary.BigEndian.PutUint32(b[48:], cachePages)
	}
	return b, err
}

// fill makes c the database of a new account.
func fill(c *conn, o mail.Options) error {
	for _, q := range []string{"DELETE FROM account", "DELETE FROM mailbox", "DELETE FROM subscription"} {
		if err := c.exec(q); err != nil {
			return err
		}
	}
	t := &tx{c: c, now: time.Now().Unix()}
	t.st = state{modseq: 1, usage: mail.Usage{Limit: o.Quota}}
	if err := t.seed(o.Mailboxes); err != nil {
		return err
	}
	s, err := c.prep("INSERT INTO account(id) VALUES (1)")
	if err != nil {
		return err
	}
	if err := s.run(); err != nil {
		return err
	}
	return t.storeState()
}

// seed adds the mailboxes of a new account. One that is named twice gets the uses of both.
func (t *tx) seed(boxes []mail.NewMailbox) error {
	have := make(tree)
	for _, n := range append([]mail.NewMailbox{{Name: mail.Inbox}}, boxes...) {
		name, err := mail.CleanName(n.Name)
		if err != nil {
			return err
		}
		if err := t.addAbove(have, name, 1); err != nil {
			return err
		}
		if have[name] == nil {
			b, err := t.addMailbox(name, nil, have.over(name), 1)
			if err != nil {
				return err
			}
			have[name] = &b
		}
		if n.Use != "" {
			if err := t.seedUse(have, name, n.Use); err != nil {
				return err
			}
		}
		if n.Subscribed {
			if err := t.subscribe(name, true); err != nil {
				return err
			}
		}
	}
	return nil
}

func (t *tx) seedUse(have tree, name string, use mail.SpecialUse) error {
	if !knownUse(use) {
		return refuse("create account", mail.Invalid, string(use))
	}
	if err := t.takeUses(have, []mail.SpecialUse{use}); err != nil {
		return err
	}
	b := have[name]
	b.Uses = append(b.Uses, use)
	slices.Sort(b.Uses)
	return t.storeBox(b)
}

// above are the names of the mailboxes above name, from the top.
func above(name string) []string {
	var out []string
	for i := strings.LastIndexByte(name, mail.Separator); i > 0; i = strings.LastIndexByte(name[:i], mail.Separator) {
		out = append(out, name[:i])
	}
	slices.Reverse(out)
	return out
}

// cachePages bounds the page cache of a connection: 256 KiB.
const cachePages = 64

// writeSynced writes a new file and makes it durable.
func writeSynced(path string, b []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	return errors.Join(err, f.Sync(), f.Close())
}

// syncDir makes the names in a directory durable.
func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
