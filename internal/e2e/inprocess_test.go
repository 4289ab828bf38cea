package e2e

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http/httptest"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/constance-mail/constance/internal/auth"
	"github.com/constance-mail/constance/internal/imapd"
	"github.com/constance-mail/constance/internal/mail"
	"github.com/constance-mail/constance/internal/store/mem"
)

// anybody lets in every user "uN" with password "secretN".
type anybody struct{}

func (anybody) Login(_ context.Context, login, password string, _ netip.Addr) (auth.User, error) {
	var n int
	if _, err := fmt.Sscanf(login, "u%d", &n); err != nil || password != fmt.Sprintf("secret%d", n) {
		return auth.User{}, &mail.Error{Op: "login", Kind: mail.Denied, Item: login}
	}
	return auth.User{Login: login, Account: mail.AccountID(login)}, nil
}

// testTLS is a TLS configuration with a certificate that nobody trusts.
func testTLS() *tls.Config {
	s := httptest.NewTLSServer(nil)
	defer s.Close()
	return &tls.Config{Certificates: s.TLS.Certificates}
}

// startEngine starts the engine on the store in memory, with implicit TLS if that is set; it ends with the test.
func startEngine(t *testing.T, implicit bool) (addr string) {
	t.Helper()
	return startEngineWith(t, func(*imapd.Options) {}, implicit)
}

// startEngineWith does so with other options.
func startEngineWith(t *testing.T, change func(*imapd.Options), tls ...bool) (addr string) {
	t.Helper()
	implicit := len(tls) > 0 && tls[0]
	store := mem.New(mail.Options{})
	o := imapd.Options{Store: store, Auth: anybody{}, TLS: testTLS(), Hostname: "test"}
	change(&o)
	srv := imapd.New(o)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var sessions sync.WaitGroup
	sessions.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			sessions.Go(func() { srv.Serve(ctx, c, implicit) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		cancel()
		sessions.Wait()
		if n := len(srv.Sessions()); n != 0 {
			t.Errorf("%d sessions are left", n)
		}
		store.Close()
	})
	return l.Addr().String()
}

// users makes targets with a user of their own each.
func users(dial func() (net.Conn, error)) func(*testing.T) Target {
	var last atomic.Int64
	return func(*testing.T) Target {
		n := last.Add(1)
		return Target{Dial: dial, User: fmt.Sprintf("u%d", n), Password: fmt.Sprintf("secret%d", n)}
	}
}

// TestInProcess runs the scripts against the engine in this process.
func TestInProcess(t *testing.T) {
	addr := startEngine(t, false)
	t.Run("scripts", func(t *testing.T) {
		RunDir(t, "testdata", users(func() (net.Conn, error) { return net.Dial("tcp", addr) }))
	})
}

// TestInProcessTLS does so through TLS from the first octet.
func TestInProcessTLS(t *testing.T) {
	addr := startEngine(t, true)
	config := &tls.Config{InsecureSkipVerify: true} // the test's own certificate
	t.Run("scripts", func(t *testing.T) {
		RunDir(t, "testdata", users(func() (net.Conn, error) { return tls.Dial("tcp", addr, config) }), "starttls")
	})
}

// TestInProcessCompressed does so with compression from the login on.
func TestInProcessCompressed(t *testing.T) {
	addr := startEngine(t, false)
	runCompressed(t, func() (net.Conn, error) { return net.Dial("tcp", addr) })
}

// TestInProcessCompressedInPieces does so with clients whose compressed octets come one by one.
func TestInProcessCompressedInPieces(t *testing.T) {
	addr := startEngine(t, false)
	runCompressed(t, func() (net.Conn, error) {
		c, err := net.Dial("tcp", addr)
		return pieces{c}, err
	})
}

func runCompressed(t *testing.T, dial func() (net.Conn, error)) {
	t.Helper()
	user := users(dial)
	t.Run("scripts", func(t *testing.T) {
		RunDir(t, "testdata", func(t *testing.T) Target {
			to := user(t)
			to.Compress = true
			return to
		}, "compress", "unauthenticate", "starttls_injection")
	})
}

// pieces writes octet by octet, each in a packet of its own, unless there are very many.
type pieces struct{ net.Conn }

func (p pieces) Write(b []byte) (int, error) {
	if len(b) > 2000 {
		return p.Conn.Write(b)
	}
	for i := range b {
		if _, err := p.Conn.Write(b[i : i+1]); err != nil {
			return i, err
		}
	}
	return len(b), nil
}

// TestInProcessInPieces does so with clients whose octets come one by one: the engine waits everywhere in a command.
func TestInProcessInPieces(t *testing.T) {
	addr := startEngine(t, false)
	together := []string{"starttls_injection", "compress"} // they have what follows a command arrive with it
	t.Run("scripts", func(t *testing.T) {
		RunDir(t, "testdata", users(func() (net.Conn, error) {
			c, err := net.Dial("tcp", addr)
			return pieces{c}, err
		}), together...)
	})
}
