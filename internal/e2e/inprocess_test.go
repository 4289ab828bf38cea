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

// TestInProcess runs the scripts against the engine in this process, on the store in memory.
func TestInProcess(t *testing.T) {
	store := mem.New(mail.Options{})
	defer store.Close()
	srv := imapd.New(imapd.Options{Store: store, Auth: anybody{}, TLS: testTLS(), Hostname: "test"})
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
			sessions.Go(func() { srv.Serve(ctx, c, false) })
		}
	})
	defer sessions.Wait()
	defer cancel()
	defer l.Close()
	var last atomic.Int64
	t.Run("scripts", func(t *testing.T) {
		RunDir(t, "testdata", func(*testing.T) Target {
			n := last.Add(1)
			return Target{
				Dial: func() (net.Conn, error) { return net.Dial("tcp", l.Addr().String()) },
				User: fmt.Sprintf("u%d", n), Password: fmt.Sprintf("secret%d", n),
			}
		})
	})
}
