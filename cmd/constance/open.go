package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/constance-mail/constance/internal/auth"
	"github.com/constance-mail/constance/internal/config"
	"github.com/constance-mail/constance/internal/mail"
	"github.com/constance-mail/constance/internal/store/sqlite"
)

// dataDir is the data directory as it was named.
func (p *program) dataDir() string {
	if p.data != "" {
		return p.data
	}
	if d := p.getenv("CONSTANCE_DATA"); d != "" {
		return d
	}
	return "data"
}

// configPath is the configuration file, "" if there is none.
func (p *program) configPath() string {
	if p.configFile != "" {
		return p.configFile
	}
	path := filepath.Join(p.dataDir(), "constance.toml")
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return "" // any other trouble is for whoever reads it: no server runs on defaults because its file is unreadable
	}
	return path
}

// backend is the data directory in use by one command.
type backend struct {
	dir   string
	conf  *config.Config
	store mail.Store
	users auth.Directory
}

// verbHandles is how many accounts a verb keeps open: it visits them one after another.
const verbHandles = 8

// open opens the data directory, which it makes if it is missing, as a verb needs it.
func (p *program) open() (*backend, error) {
	return p.openWith(func(o *sqlite.Options) { o.Handles = min(o.Handles, verbHandles) })
}

// openWith is open with options of the store that set changes.
func (p *program) openWith(set func(*sqlite.Options)) (*backend, error) {
	conf, err := p.load()
	if err != nil {
		return nil, err
	}
	o := storeOptions(conf)
	set(&o)
	b := &backend{dir: p.dataDir(), conf: conf}
	if err := os.MkdirAll(b.dir, 0o700); err != nil {
		return nil, err
	}
	if b.store, err = sqlite.Open(b.dir, o); err != nil {
		return nil, err
	}
	if b.users, err = sqlite.OpenDirectory(b.dir); err != nil {
		return nil, errors.Join(err, b.store.Close())
	}
	return b, nil
}

// openExisting is open for verbs that make no sense on a data directory that is not there.
func (p *program) openExisting() (*backend, error) {
	if _, err := os.Stat(p.dataDir()); errors.Is(err, fs.ErrNotExist) {
		return nil, hinted(fmt.Errorf("there is no data directory %s", p.dataDir()),
			"name it with --data or CONSTANCE_DATA; `constance serve` and `constance user add` make one")
	}
	return p.open()
}

// with opens the existing data directory for f.
func (p *program) with(f func(b *backend) error) error {
	b, err := p.openExisting()
	if err != nil {
		return err
	}
	return errors.Join(f(b), b.Close())
}

// Close ends all use.
func (b *backend) Close() error { return errors.Join(b.users.Close(), b.store.Close()) }

// user is the user of a login name, or of one by auth.DeletedLogin, with an error for people.
func (b *backend) user(ctx context.Context, login string) (auth.User, error) {
	clean := login
	if _, _, deleted := auth.Deleted(login); !deleted {
		var err error
		if clean, err = auth.CleanLogin(login); err != nil {
			return auth.User{}, err
		}
	}
	u, err := b.users.Lookup(ctx, clean)
	if mail.KindOf(err) == mail.NotFound && err != nil {
		return u, hinted(fmt.Errorf("there is no user %s", clean), "`constance user list` lists all users")
	}
	return u, err
}

// storeOptions are the options of the store.
func storeOptions(c *config.Config) sqlite.Options {
	o := mail.Options{Quota: mail.Quota{Storage: c.Store.Quota, Messages: c.Store.QuotaMessages}}
	for _, m := range c.Store.Mailboxes {
		n := mail.NewMailbox{Name: m.Name, Subscribed: true}
		if m.Use != "" {
			n.Use = mail.SpecialUse(`\` + strings.ToUpper(m.Use[:1]) + m.Use[1:])
		}
		o.Mailboxes = append(o.Mailboxes, n)
	}
	return sqlite.Options{Options: o, InlineLimit: c.Store.InlineLimit, Handles: c.Store.Handles}
}
