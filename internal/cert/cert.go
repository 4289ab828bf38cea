// Package cert keeps what a server needs for TLS in its data directory: a self-signed certificate for a start without
// any, and the keys of session tickets, which all workers share so that a client that comes back can resume with any
// of them.
//
// Open reads them; Run, one goroutine per process, takes over a renewed certificate and turns the ticket keys.
package cert

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// Options say where certificate and keys are.
type Options struct {
	Dir               string // for the self-signed certificate and the ticket keys; created if it is missing
	Certificate, Key  string // files (PEM); both empty for the self-signed one
	Hostname          string // for the self-signed certificate
	MinVersion        uint16 // 0 for TLS 1.2. RFC 8996
	Log               *slog.Logger
	Now               func() time.Time // nil for time.Now
	RotateAfter, Look time.Duration    // of ticket keys, default 12 h; how often Run looks, default 1 min
}

// Keeper holds the TLS configuration of a process. Safe for any goroutine.
type Keeper struct {
	opts Options
	conf *tls.Config

	leaf    atomic.Pointer[tls.Certificate]
	changed time.Time // of the certificate file; owned by Open and then Run
}

// Open reads certificate and ticket keys and makes what is missing.
func Open(o Options) (*Keeper, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.RotateAfter <= 0 {
		o.RotateAfter = 12 * time.Hour
	}
	if o.Look <= 0 {
		o.Look = time.Minute
	}
	if o.MinVersion == 0 {
		o.MinVersion = tls.VersionTLS12
	}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, err
	}
	if o.Certificate == "" {
		o.Certificate, o.Key = filepath.Join(o.Dir, "cert.pem"), filepath.Join(o.Dir, "key.pem")
		if err := ensureSelfSigned(o); err != nil {
			return nil, fmt.Errorf("self-signed certificate: %w", err)
		}
	}
	k := &Keeper{opts: o}
	k.conf = &tls.Config{
		MinVersion:     o.MinVersion,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return k.leaf.Load(), nil },
	}
	return k, errors.Join(k.readCertificate(), k.readTickets())
}

// TLS is the configuration for servers. It is shared and kept up to date: use it, do not clone it.
func (k *Keeper) TLS() *tls.Config { return k.conf }

// Run looks for a renewed certificate and turns the ticket keys until ctx ends.
func (k *Keeper) Run(ctx context.Context) {
	t := time.NewTicker(k.opts.Look)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		if err := errors.Join(k.readCertificate(), k.readTickets()); err != nil {
			k.opts.Log.Error("tls: going on with what there was", "err", err)
		}
	}
}

// readCertificate reads the certificate if its file is another than last time.
func (k *Keeper) readCertificate() error {
	st, err := os.Stat(k.opts.Certificate)
	if err != nil {
		return err
	}
	if st.ModTime().Equal(k.changed) {
		return nil
	}
	c, err := tls.LoadX509KeyPair(k.opts.Certificate, k.opts.Key)
	if err != nil {
		return fmt.Errorf("certificate %s: %w", k.opts.Certificate, err)
	}
	if k.leaf.Swap(&c) != nil {
		k.opts.Log.Info("tls: new certificate", "file", k.opts.Certificate)
	}
	k.changed = st.ModTime()
	return nil
}

// locked runs f while no other process of the server is in here.
func locked(dir string, f func() error) error {
	l, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer l.Close()
	if err := unix.Flock(int(l.Fd()), unix.LOCK_EX); err != nil {
		return err
	}
	return f()
}

// writeFile replaces a file as a whole, durably.
func writeFile(path string, b []byte) error {
	tmp := path + ".new"
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(tmp, path)
}
