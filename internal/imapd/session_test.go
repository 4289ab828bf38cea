package imapd

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/constance-mail/constance/internal/auth"
	"github.com/constance-mail/constance/internal/mail"
	"github.com/constance-mail/constance/internal/store/mem"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// anybody lets in every login with the password "secret"; each has an account of its own.
type anybody struct{}

func (anybody) Login(_ context.Context, login, password string, _ netip.Addr) (auth.User, error) {
	if login == "panic" {
		panic("as the test wanted")
	}
	if password != "secret" {
		return auth.User{}, &mail.Error{Op: "login", Kind: mail.Denied, Item: login}
	}
	return auth.User{Login: login, Account: mail.AccountID(login)}, nil
}

// testServer is a server on loopback, with all its sessions.
type testServer struct {
	*Server
	t      testing.TB
	store  mail.Store
	listen net.Listener
	cancel context.CancelFunc
	wg     sync.WaitGroup
	ends   chan SessionEnd
}

// startServer starts one; change may change its options.
func startServer(t testing.TB, change func(*Options)) *testServer {
	t.Helper()
	s := &testServer{t: t, ends: make(chan SessionEnd, 10000), store: mem.New(mail.Options{})}
	h := httptest.NewUnstartedServer(nil)
	h.StartTLS()
	certs := h.TLS.Certificates
	h.Close()
	o := Options{Store: s.store, Auth: anybody{}, Hostname: "test", Version: "1", TLS: &tls.Config{Certificates: certs},
		Events: Events{End: func(e SessionEnd) { s.ends <- e }}}
	if change != nil {
		change(&o)
	}
	s.Server = New(o)
	var err error
	if s.listen, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.cancel = cancel
	s.wg.Go(func() {
		for {
			c, err := s.listen.Accept()
			if err != nil {
				return
			}
			s.wg.Go(func() { s.Serve(ctx, c, false) })
		}
	})
	t.Cleanup(func() {
		s.listen.Close()
		cancel()
		s.wg.Wait()
		s.store.Close()
	})
	return s
}

// client is a raw client.
type client struct {
	t testing.TB
	net.Conn
	r *bufio.Reader
	n int
}

func (s *testServer) dial() *client {
	s.t.Helper()
	c, err := net.Dial("tcp", s.listen.Addr().String())
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { c.Close() })
	k := &client{t: s.t, Conn: c, r: bufio.NewReader(c)}
	k.want("* OK [CAPABILITY ")
	return k
}

func (s *testServer) login(user string) *client {
	s.t.Helper()
	k := s.dial()
	k.do("LOGIN " + user + " secret")
	return k
}

func (k *client) send(s string) {
	k.t.Helper()
	if _, err := k.Write([]byte(s)); err != nil {
		k.t.Fatal(err)
	}
}

func (k *client) line() string {
	k.t.Helper()
	k.SetReadDeadline(time.Now().Add(20 * time.Second))
	s, err := k.r.ReadString('\n')
	if err != nil {
		k.t.Fatalf("waiting for a line: %v (%q)", err, s)
	}
	return strings.TrimSuffix(s, "\r\n")
}

// want reads a line that starts so.
func (k *client) want(prefix string) string {
	k.t.Helper()
	s := k.line()
	if !strings.HasPrefix(s, prefix) {
		k.t.Fatalf("got %q, want %q...", s, prefix)
	}
	return s
}

// cmd sends a command and returns all lines of the answer.
func (k *client) cmd(c string) []string {
	k.t.Helper()
	k.n++
	tag := fmt.Sprintf("a%d", k.n)
	k.send(tag + " " + c + "\r\n")
	return k.until(tag)
}

func (k *client) until(tag string) []string {
	k.t.Helper()
	var out []string
	for {
		s := k.line()
		if rest, ok := strings.CutPrefix(s, tag+" "); ok {
			return append(out, rest)
		}
		out = append(out, s)
	}
}

// do is a cmd that must be answered OK.
func (k *client) do(c string) []string {
	k.t.Helper()
	out := k.cmd(c)
	if last := out[len(out)-1]; !strings.HasPrefix(last, "OK") {
		k.t.Fatalf("%s: %s", c, last)
	}
	return out
}

// closed reads up to the end of the connection.
func (k *client) closed() string {
	k.t.Helper()
	k.SetReadDeadline(time.Now().Add(20 * time.Second))
	var b strings.Builder
	for {
		s, err := k.r.ReadString('\n')
		b.WriteString(s)
		if err != nil {
			if ne, ok := err.(net.Error); ok && ne.Timeout() {
				k.t.Fatalf("the connection stays open after %q", b.String())
			}
			return b.String()
		}
	}
}

// deliver puts a message into a mailbox behind the server's back.
func (s *testServer) deliver(user, mailbox string) {
	s.t.Helper()
	k := s.login(user)
	k.send("x APPEND " + mailbox + " {18+}\r\nSubject: x\r\n\r\nbody\r\n")
	k.until("x")
	k.Close()
}

func TestPipelinedCommandsAreAnsweredInOrder(t *testing.T) {
	s := startServer(t, nil)
	k := s.dial()
	k.send("a LOGIN alice secret\r\nb SELECT INBOX\r\nc NOOP\r\nd IDLE\r\nDONE\r\ne LOGOUT\r\n")
	for _, tag := range []string{"a", "b", "c"} {
		out := k.until(tag)
		if last := out[len(out)-1]; !strings.HasPrefix(last, "OK") {
			t.Errorf("%s: %v", tag, out)
		}
	}
	if out := k.until("d"); len(out) != 2 || out[0] != "+ idling" {
		t.Errorf("IDLE: %q", out)
	}
	if out := k.until("e"); !strings.HasPrefix(out[0], "* BYE") {
		t.Errorf("LOGOUT: %q", out)
	}
	k.closed()
	e := <-s.ends
	if e.User != "alice" || e.Reason != "logout" || e.Commands != 5 || e.In != 70 || e.Out == 0 || e.Err != nil {
		t.Errorf("end of session: %+v", e)
	}
}

func TestIdleIsWokenByAnotherSession(t *testing.T) {
	s := startServer(t, nil)
	k := s.login("alice")
	k.do("SELECT INBOX")
	k.send("i IDLE\r\n")
	k.want("+ ")
	s.deliver("alice", "INBOX")
	k.want("* 1 EXISTS")
	k.want("* 1 RECENT")
	other := s.login("alice")
	other.do("SELECT INBOX")
	other.do(`STORE 1 +FLAGS (\Deleted)`)
	k.want(`* 1 FETCH (UID 1 FLAGS (\Deleted \Recent))`)
	other.do("EXPUNGE")
	k.want("* 1 EXPUNGE")
	k.send("DONE\r\n")
	k.want("i OK")
	k.do("NOOP")
}

func TestExpungeIsHeldBackUntilItIsAllowed(t *testing.T) {
	s := startServer(t, nil)
	for range 3 {
		s.deliver("alice", "INBOX")
	}
	k, other := s.login("alice"), s.login("alice")
	k.do("SELECT INBOX")
	other.do("SELECT INBOX")
	other.do(`STORE 1 +FLAGS.SILENT (\Deleted)`)
	other.do("EXPUNGE")
	s.deliver("alice", "INBOX")
	if out := strings.Join(k.do("FETCH 3 UID"), ";"); !strings.Contains(out, "* 3 FETCH (UID 3)") || strings.Contains(out, "EXPUNGE") {
		t.Errorf("FETCH while an expunge is held back: %s", out)
	}
	if out := k.cmd("FETCH 1 UID"); !strings.HasPrefix(out[len(out)-1], "NO [EXPUNGEISSUED]") {
		t.Errorf("FETCH of an expunged message: %q", out)
	}
	if out := k.do("FETCH 4 UID"); out[0] != "* 4 FETCH (UID 4)" {
		t.Errorf("numbers shifted: %q", out)
	}
	if out := k.do("NOOP"); out[0] != "* 1 EXPUNGE" {
		t.Errorf("NOOP: %q", out)
	}
	if out := k.do("FETCH 3 UID"); out[0] != "* 3 FETCH (UID 4)" {
		t.Errorf("after the expunge: %q", out)
	}
}

func TestOtherSessionsSurviveRenameAndDelete(t *testing.T) {
	s := startServer(t, nil)
	k, other := s.login("alice"), s.login("alice")
	other.do("CREATE one")
	s.deliver("alice", "one")
	k.do("SELECT one")
	other.do("RENAME one two")
	if out := k.do("FETCH 1 UID"); out[0] != "* 1 FETCH (UID 1)" {
		t.Errorf("after RENAME: %q", out)
	}
	other.do("DELETE two")
	if out := k.do("NOOP"); out[0] != "* 1 EXPUNGE" {
		t.Errorf("after DELETE: %q", out)
	}
	if out := k.cmd("UID FETCH 1:* FLAGS"); !strings.HasPrefix(out[0], "NO [NONEXISTENT]") {
		t.Errorf("FETCH in a deleted mailbox: %q", out)
	}
	k.do("SELECT INBOX")
}

func TestShutdownSaysBye(t *testing.T) {
	s := startServer(t, nil)
	idle, waiting, fresh := s.login("alice"), s.login("bob"), s.dial()
	idle.send("i IDLE\r\n")
	idle.want("+ ")
	s.cancel()
	for _, k := range []*client{idle, waiting, fresh} {
		if got := k.closed(); !strings.HasPrefix(got, "* BYE [UNAVAILABLE]") {
			t.Errorf("got %q", got)
		}
	}
}

func TestAutologout(t *testing.T) {
	s := startServer(t, func(o *Options) { o.Login, o.Idle = 60*time.Millisecond, 120*time.Millisecond })
	fresh, known, dawdling := s.dial(), s.login("alice"), s.dial()
	dawdling.send("a NOO")
	for _, k := range []*client{fresh, known} {
		if got := k.closed(); got != "* BYE idle for too long\r\n" {
			t.Errorf("got %q", got)
		}
	}
	dawdling.closed()
	reasons := map[string]int{}
	for range 3 {
		reasons[(<-s.ends).Reason]++
	}
	if reasons["idle for too long"] != 2 || reasons["took too long"] != 1 {
		t.Errorf("reasons %v", reasons)
	}
}

func TestPanicCostsOneConnection(t *testing.T) {
	s := startServer(t, nil)
	other := s.login("alice")
	k := s.dial()
	k.send("a LOGIN panic secret\r\n")
	if got := k.closed(); !strings.HasPrefix(got, "* BYE [SERVERBUG]") {
		t.Errorf("got %q", got)
	}
	if e := <-s.ends; e.Reason != "panic" {
		t.Errorf("%+v", e)
	}
	other.do("NOOP")
}

func TestBadCommandsEndTheSession(t *testing.T) {
	s := startServer(t, func(o *Options) { o.MaxBad = 3 })
	k := s.dial()
	k.send("a FOO\r\nb NOOP\r\nc FOO\r\nd\r\ne SELECT x\r\nf NOOP\r\n")
	got := k.closed()
	if !strings.HasSuffix(got, "* BYE too many bad commands\r\n") || strings.Count(got, " BAD ") != 4 {
		t.Errorf("got %q", got)
	}
}

func TestClientThatDoesNotRead(t *testing.T) {
	s := startServer(t, func(o *Options) { o.Conn.Write = 200 * time.Millisecond })
	big := strings.Repeat("x", 4<<20)
	k := s.login("alice")
	k.send(fmt.Sprintf("a APPEND INBOX {%d+}\r\n%s\r\n", len(big), big))
	k.until("a")
	k.do("SELECT INBOX")
	k.send(strings.Repeat("b FETCH 1 BODY.PEEK[]\r\n", 10))
	for e := range s.ends {
		if e.Reason == "client does not read" {
			break
		}
	}
}

func TestSessionsAreListed(t *testing.T) {
	s := startServer(t, nil)
	k := s.login("alice")
	k.do("NOOP")
	s.dial()
	list := s.Sessions()
	if len(list) != 2 || list[0].User != "alice" || list[0].Verb != "NOOP" || list[0].Commands != 2 || list[1].User != "" ||
		list[0].Remote != "127.0.0.1" || list[0].Account != "alice" {
		t.Errorf("%+v", list)
	}
}

// TestWithoutSocket runs over a pipe, which cannot be waited for without reading.
func TestWithoutSocket(t *testing.T) {
	s := startServer(t, nil)
	near, far := net.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.Serve(context.Background(), far, false)
	}()
	k := &client{t: t, Conn: near, r: bufio.NewReader(near)}
	k.want("* OK")
	k.do("LOGIN alice secret")
	k.do("SELECT INBOX")
	k.send("i IDLE\r\n")
	k.want("+ ")
	s.deliver("alice", "INBOX")
	k.want("* 1 EXISTS")
	k.want("* 1 RECENT")
	k.send("DONE\r\n")
	k.want("i OK")
	near.Close()
	<-done
}
