package cert

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func open(t *testing.T, o Options) *Keeper {
	t.Helper()
	k, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// handshake is one connection of a client to a server, over a pipe; it tells whether the session was resumed.
func handshake(t *testing.T, server, client *tls.Config) bool {
	t.Helper()
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	var wg sync.WaitGroup
	wg.Go(func() {
		s := tls.Server(a, server)
		s.Write([]byte("hello")) // the ticket of TLS 1.3 comes with the first octets
	})
	c := tls.Client(b, client)
	buf := make([]byte, 5)
	if _, err := c.Read(buf); err != nil {
		t.Fatal(err)
	}
	wg.Wait()
	return c.ConnectionState().DidResume
}

// trust is a client that trusts the keeper's certificate.
func trust(t *testing.T, dir, name string) *tls.Config {
	t.Helper()
	pem, err := os.ReadFile(filepath.Join(dir, "cert.pem"))
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	return &tls.Config{RootCAs: pool, ServerName: name, ClientSessionCache: tls.NewLRUClientSessionCache(4)}
}

func TestSelfSigned(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "tls")
	k := open(t, Options{Dir: dir, Hostname: "mail.example"})
	for _, name := range []string{"localhost", "127.0.0.1", "::1", "mail.example"} {
		handshake(t, k.TLS(), trust(t, dir, name))
	}
	for _, f := range []string{"cert.pem", "key.pem", "tickets"} {
		if st, err := os.Stat(filepath.Join(dir, f)); err != nil || st.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v", f, st, err)
		}
	}
	before, _ := os.ReadFile(filepath.Join(dir, "cert.pem"))
	open(t, Options{Dir: dir, Hostname: "other.example"})
	if after, _ := os.ReadFile(filepath.Join(dir, "cert.pem")); !bytes.Equal(before, after) {
		t.Error("a second start made another certificate")
	}
}

// A client that got its ticket from one worker resumes with another.
func TestTicketsAreShared(t *testing.T) {
	dir := t.TempDir()
	one, two := open(t, Options{Dir: dir}), open(t, Options{Dir: dir})
	client := trust(t, dir, "localhost")
	if handshake(t, one.TLS(), client) {
		t.Error("the first connection resumed something")
	}
	if !handshake(t, two.TLS(), client) {
		t.Error("the second worker did not know the first one's ticket")
	}
}

func TestTicketsRotate(t *testing.T) {
	dir := t.TempDir()
	now := time.Now()
	clock := func() time.Time { return now }
	k := open(t, Options{Dir: dir, Now: clock})
	path := filepath.Join(dir, "tickets")
	var last [32]byte
	for i, want := range []int{1, 2, 3, 3} {
		keys, err := loadTickets(path)
		if err != nil || len(keys) != want || keys[0].key == last {
			t.Fatalf("rotation %d: %d keys, want %d, a new one first (%v)", i, len(keys), want, err)
		}
		last = keys[0].key
		now = now.Add(13 * time.Hour)
		if err := k.readTickets(); err != nil {
			t.Fatal(err)
		}
	}
	now = now.Add(time.Hour)
	before, _ := os.ReadFile(path)
	if err := k.readTickets(); err != nil {
		t.Fatal(err)
	}
	if after, _ := os.ReadFile(path); !bytes.Equal(before, after) {
		t.Error("rotated though the newest key is young")
	}
}

func TestDamagedTicketsAreReplaced(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "tickets")
	for _, b := range [][]byte{{1, 2, 3}, make([]byte, ticketKeySize*(keysKept+1)), {}} {
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		open(t, Options{Dir: dir})
		if keys, err := loadTickets(path); err != nil || len(keys) != 1 {
			t.Errorf("%d octets of rubbish: %d keys, %v", len(b), len(keys), err)
		}
	}
}

func TestRenewedCertificateIsTaken(t *testing.T) {
	dir, other := t.TempDir(), t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		k := open(t, Options{Dir: dir})
		open(t, Options{Dir: other})
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { k.Run(ctx) })
		first := k.leaf.Load()
		for _, f := range []string{"key.pem", "cert.pem"} {
			b, err := os.ReadFile(filepath.Join(other, f))
			if err != nil {
				t.Fatal(err)
			}
			if err := writeFile(filepath.Join(dir, f), b); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(2 * time.Minute) // of the bubble's clock
		synctest.Wait()
		if k.leaf.Load() == first {
			t.Error("still the old certificate")
		}
		cancel()
		wg.Wait()
	})
}

func TestOpenErrors(t *testing.T) {
	dir := t.TempDir()
	if _, err := Open(Options{Dir: dir, Certificate: filepath.Join(dir, "none"), Key: "none"}); err == nil {
		t.Error("a missing certificate is no error")
	}
	bad := filepath.Join(dir, "bad.pem")
	if err := os.WriteFile(bad, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(Options{Dir: dir, Certificate: bad, Key: bad}); err == nil {
		t.Error("a damaged certificate is no error")
	}
}
