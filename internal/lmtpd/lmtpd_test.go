package lmtpd

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/constance-mail/constance/internal/auth"
	"github.com/constance-mail/constance/internal/deliver"
	"github.com/constance-mail/constance/internal/mail"
	"github.com/constance-mail/constance/internal/store/mem"
)

// world is a server with the users alice, bob, carol@example.org and full (whose account has no room), and a
// client of it.
type world struct {
	t       testing.TB
	store   mail.Store
	trouble *trouble
	srv     *Server
	cancel  context.CancelFunc
	done    chan struct{} // closed when Serve returned
	conn    net.Conn
	r       *bufio.Reader

	mu       sync.Mutex // guards what follows
	sessions []SessionEvent
	rejected []RejectEvent
}

// trouble is a Resolver that fails when asked to.
type trouble struct {
	*auth.Authenticator
	mu  sync.Mutex
	err error
}

func (r *trouble) set(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.err = err
}

func (r *trouble) Resolve(ctx context.Context, address string) (auth.User, string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err != nil {
		return auth.User{}, "", r.err
	}
	return r.Authenticator.Resolve(ctx, address)
}

// newWorld starts a server; change may alter its options and its deliverer's.
func newWorld(t testing.TB, change func(*Options, *deliver.Options)) *world {
	t.Helper()
	ctx := context.Background()
	w := &world{t: t, store: mem.New(mail.Options{})}
	dir := auth.NewMemory()
	err := dir.Add(ctx, []auth.User{
		{Login: "alice", Account: "a"}, {Login: "bob", Account: "b"}, {Login: "carol@example.org", Account: "c"},
		{Login: "full", Account: "f"}, {Login: "off", Account: "o", Disabled: true}, {Login: "jürgen", Account: "j"},
	}, false)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.store.Account("f").SetQuota(ctx, mail.Quota{Storage: 1}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.store.Account("a").CreateMailbox(ctx, "Lists", nil); err != nil {
		t.Fatal(err)
	}
	w.trouble = &trouble{Authenticator: auth.New(dir, auth.Options{})}
	o := Options{Resolver: w.trouble, Store: w.store, Hostname: "mx.test", MaxSize: 100_000, MaxRecipients: 5, Events: Events{
		Session:  func(e SessionEvent) { w.mu.Lock(); w.sessions = append(w.sessions, e); w.mu.Unlock() },
		Rejected: func(e RejectEvent) { w.mu.Lock(); w.rejected = append(w.rejected, e); w.mu.Unlock() },
	}}
	d := deliver.Options{SpoolDir: t.TempDir(), Memory: 20_000}
	if change != nil {
		change(&o, &d)
	}
	o.Deliverer = deliver.New(w.store, d)
	w.srv = New(o)
	w.connect()
	return w
}

func (w *world) connect() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		w.t.Fatal(err)
	}
	defer l.Close()
	if w.conn, err = net.Dial("tcp", l.Addr().String()); err != nil {
		w.t.Fatal(err)
	}
	server, err := l.Accept()
	if err != nil {
		w.t.Fatal(err)
	}
	w.conn.SetDeadline(time.Now().Add(20 * time.Second)) // of a test that hangs
	w.r = bufio.NewReader(w.conn)
	ctx, cancel := context.WithCancel(context.Background())
	w.cancel, w.done = cancel, make(chan struct{})
	done := w.done
	go func() { defer close(done); w.srv.Serve(ctx, server) }()
	w.t.Cleanup(func() { w.conn.Close(); cancel(); <-done })
}

func (w *world) send(text string) {
	w.t.Helper()
	if _, err := io.WriteString(w.conn, text); err != nil {
		w.t.Fatal(err)
	}
}

// expect reads one reply (its last line) and compares its beginning.
func (w *world) expect(prefixes ...string) {
	w.t.Helper()
	for _, p := range prefixes {
		line := "-"
		for len(line) > 3 && line[3] == '-' || line == "-" {
			var err error
			if line, err = w.r.ReadString('\n'); err != nil {
				w.t.Fatalf("reply %q, %v; want %q", line, err, p)
			}
		}
		if !strings.HasPrefix(line, p) || !strings.HasSuffix(line, "\r\n") {
			w.t.Fatalf("reply %q, want %q", line, p)
		}
	}
}

func (w *world) expectEnd() {
	w.t.Helper()
	if rest, err := io.ReadAll(w.r); len(rest) > 0 || err != nil && !errors.Is(err, net.ErrClosed) {
		w.t.Fatalf("after the end: %q, %v", rest, err)
	}
	<-w.done
}

// mails are the octets of all messages in a mailbox.
func (w *world) mails(account mail.AccountID, mailbox string) []string {
	w.t.Helper()
	ctx := context.Background()
	a := w.store.Account(account)
	box, err := a.Mailbox(ctx, mailbox)
	if err != nil {
		w.t.Fatal(err)
	}
	snap, err := a.Snapshot(ctx, box.ID)
	if err != nil {
		w.t.Fatal(err)
	}
	var out []string
	for _, p := range snap.Pages {
		for _, id := range p.Contents {
			c, err := a.OpenContent(ctx, id)
			if err != nil {
				w.t.Fatal(err)
			}
			b, err := io.ReadAll(io.NewSectionReader(c, 0, c.Size()))
			if err != nil {
				w.t.Fatal(err)
			}
			out = append(out, string(b))
			if err := c.Close(); err != nil {
				w.t.Error(err)
			}
		}
	}
	return out
}

// body is a stored message without the three fields put before it, which it checks.
func (w *world) body(stored, from, to string) string {
	w.t.Helper()
	re := regexp.MustCompile(`\AReturn-Path: <(.*)>\r\nDelivered-To: (.*)\r\n` +
		`Received: from \S+ \(\[127\.0\.0\.1\]\)\r\n\tby mx\.test with (UTF8)?LMTP id [0-9a-z-]+(?:\r\n\tfor <(.*)>)?;\r\n\t.* [+-]\d{4}\r\n`)
	m := re.FindStringSubmatch(stored)
	if m == nil || m[1] != from || m[2] != to || m[4] != "" && m[4] != to {
		w.t.Fatalf("trace %.300q; want from %q to %q", stored, from, to)
	}
	return stored[len(m[0]):]
}

const hello = "LHLO client.test\r\n"

func TestOneMessageManyRecipients(t *testing.T) {
	w := newWorld(t, nil)
	w.expect("220 mx.test")
	w.send(hello + "MAIL FROM:<s@x.test> SIZE=20\r\nRCPT TO:<Alice@any.test>\r\nRCPT TO:<nobody@x.test>\r\n" +
		"RCPT TO:<bob+Lists@x>\r\nRCPT TO:<full@x>\r\nRCPT TO:<alice+Lists@y>\r\nRCPT TO:<off@x>\r\nDATA\r\n")
	w.expect("250 ", "250 2.0.0", "250 2.0.0", "550 5.1.1", "250 2.0.0", "452 4.2.2", "250 2.0.0", "250 2.0.0", "354 ")
	w.send("Subject: x\r\n\r\n..dot\r\nbare\nlf\n.\n\r\r\nend\r\n.\r\nQUIT\r\n")
	w.expect("250 2.1.5 <Alice@any.test>", "250 2.1.5 <bob+Lists@x>", "250 2.1.5 <alice+Lists@y>", "250 2.1.5 <off@x>", "221 2.0.0")
	w.expectEnd()
	const want = "Subject: x\r\n\r\n.dot\r\nbare\nlf\n.\n\r\r\nend\r\n"
	for _, c := range []struct {
		account     mail.AccountID
		mailbox, to string
	}{{"a", "INBOX", "Alice@any.test"}, {"b", "INBOX", "bob+Lists@x"}, {"a", "Lists", "alice+Lists@y"}, {"o", "INBOX", "off@x"}} {
		got := w.mails(c.account, c.mailbox)
		if len(got) != 1 || w.body(got[0], "s@x.test", c.to) != want {
			t.Errorf("%v: got %q", c, got)
		}
		if strings.Contains(got[0], "for <") {
			t.Errorf("one recipient of many is named: %q", got[0])
		}
	}
	if n := len(w.mails("f", "INBOX")); n != 0 {
		t.Errorf("a full account got %d messages", n)
	}
	if len(w.sessions) != 1 || len(w.rejected) != 2 || w.rejected[0].Address != "nobody@x.test" {
		t.Fatalf("events: %+v %+v", w.sessions, w.rejected)
	}
	if e := w.sessions[0]; e.Messages != 1 || e.Delivered != 4 || e.Failed != 2 || e.Helo != "client.test" || e.Octets == 0 {
		t.Errorf("session event %+v", e)
	}
	if n := len(w.srv.Sessions()); n != 0 {
		t.Errorf("%d sessions left", n)
	}
}

func TestNullSenderAndOneRecipient(t *testing.T) {
	w := newWorld(t, nil)
	w.expect("220")
	w.send(hello + "MAIL FROM:<>\r\nRCPT TO:<bob@x>\r\nDATA\r\n")
	w.expect("250", "250", "250", "354")
	w.send(".\r\n")
	w.expect("250 2.1.5")
	got := w.mails("b", "INBOX")
	if len(got) != 1 || w.body(got[0], "", "bob@x") != "" || !strings.Contains(got[0], "\r\n\tfor <bob@x>;") {
		t.Errorf("got %q", got)
	}
}

// TestExtensions asks for what LHLO announces. RFC 2033 section 5.
func TestExtensions(t *testing.T) {
	w := newWorld(t, nil)
	w.expect("220")
	w.send(hello)
	want := map[string]bool{"PIPELINING": true, "8BITMIME": true, "ENHANCEDSTATUSCODES": true, "CHUNKING": true, "SMTPUTF8": true,
		"BINARYMIME": true, "SIZE 100000": true, "LIMITS RCPTMAX=5": true}
	for {
		line, err := w.r.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		delete(want, strings.TrimSpace(line[4:]))
		if line[3] == ' ' {
			break
		}
	}
	if len(want) > 0 {
		t.Errorf("not announced: %v", want)
	}
}

func TestUTF8(t *testing.T) {
	w := newWorld(t, nil)
	w.expect("220")
	w.send(hello + "MAIL FROM:<ü@x.test> SMTPUTF8\r\nRCPT TO:<JÜRGEN@bücher.test>\r\nDATA\r\n")
	w.expect("250", "250", "250", "354")
	w.send("Subject: ü\r\n\r\n.\r\n")
	w.expect("250 2.1.5")
	got := w.mails("j", "INBOX")
	if len(got) != 1 || w.body(got[0], "ü@x.test", "JÜRGEN@bücher.test") != "Subject: ü\r\n\r\n" || !strings.Contains(got[0], "UTF8LMTP") {
		t.Errorf("got %q", got)
	}
	w.send("MAIL FROM:<ü@x.test>\r\nMAIL FROM:<a@b>\r\nRCPT TO:<jürgen@x>\r\n")
	w.expect("553 5.6.7", "250", "553 5.6.7")
}

// TestRefusals are single commands in a transaction for alice, with the reply to each.
func TestRefusals(t *testing.T) {
	long := strings.Repeat("x", 600)
	for _, c := range []struct{ name, send, want string }{
		{"RFC 5321 4.1.1.2: second MAIL", "MAIL FROM:<a@b>\r\n", "503 5.5.1"},
		{"RFC 1870 6.1: too large", "RSET\r\nMAIL FROM:<a@b> SIZE=100001\r\n", "250 552 5.3.4"},
		{"just not too large", "RSET\r\nMAIL FROM:<a@b> SIZE=100000\r\n", "250 250"},
		{"no number", "RSET\r\nMAIL FROM:<a@b> SIZE=x\r\n", "250 501 5.5.4"},
		{"unknown parameter", "RSET\r\nMAIL FROM:<a@b> FOO=x\r\n", "250 555 5.5.4"},
		{"bad BODY", "RSET\r\nMAIL FROM:<a@b> BODY=9BIT\r\n", "250 501 5.5.4"},
		{"SIZE above 2^32", "RSET\r\nMAIL FROM:<a@b> SIZE=4294967296\r\n", "250 552 5.3.4"},
		{"SIZE of 20 digits", "RSET\r\nMAIL FROM:<a@b> SIZE=99999999999999999999\r\n", "250 552 5.3.4"},
		{"RFC 1870 4: SIZE of 21 digits", "RSET\r\nMAIL FROM:<a@b> SIZE=000000000000000000001\r\n", "250 501 5.5.4"},
		{"no address", "RCPT TO:<>\r\n", "501 5.5.2"},
		{"no domain", "RCPT TO:<alice>\r\n", "250"},
		{"no domain, unknown", "RCPT TO:<nobody>\r\n", "550 5.1.1"},
		{"no @ in the path", "RCPT TO:<alice@>\r\n", "501 5.5.2"},
		{"control character", "RCPT TO:<\"a\rb\"@x>\r\n", "553 5.1.3"},
		{"control character in the domain", "RCPT TO:<a@x\x01y>\r\n", "553 5.1.3"},
		{"NUL", "RCPT TO:<a\x00b@x>\r\n", "553 5.1.3"},
		{"not UTF-8", "RCPT TO:<a\xff@x>\r\n", "553 5.1.3"},
		{"too long", "RCPT TO:<" + long + "@x>\r\n", "553 5.1.3"},
		{"a path out of the store", "RCPT TO:<../../etc@x>\r\n", "550 5.1.1"},
		{"unknown with detail", "RCPT TO:<nobody+x@y>\r\n", "550 5.1.1"},
		{"only a detail", "RCPT TO:<+x@y>\r\n", "550 5.1.1"},
		{"whole address of another domain", "RCPT TO:<carol@example.net>\r\n", "550 5.1.1"},
		{"whole address", "RCPT TO:<Carol@Example.org>\r\n", "250"},
		{"source route", "RCPT TO:<@relay.test:alice@x>\r\n", "250"},
		{"quoted", "RCPT TO:<\"alice\"@x>\r\n", "250"},
		{"RFC 5321 4.5.3.1.10: too many", strings.Repeat("RCPT TO:<alice@x>\r\n", 5), "250 250 250 250 452 4.5.3"},
		{"unknown command", "FROB x\r\n", "500 5.5.2"},
		{"empty line", "\r\n", "500 5.5.2"},
		{"long line", "NOOP " + strings.Repeat("x", 100_000) + "\r\nNOOP\r\n", "500 5.5.2 250"},
		{"line of just the limit", "NOOP " + strings.Repeat("x", 2048-7) + "\r\n", "250"},
		{"line above it", "NOOP " + strings.Repeat("x", 2048-6) + "\r\n", "500 5.5.2"},
		{"STARTTLS", "STARTTLS\r\n", "502 5.5.1"},
		{"AUTH", "AUTH PLAIN AGEAYQ==\r\n", "502 5.5.1"},
		{"EHLO", "EHLO x\r\n", "500 5.5.1"},
		{"VRFY", "VRFY alice\r\n", "252 2.5.0"},
		{"DATA with an argument", "DATA x\r\n", "501 5.5.4"},
		{"BDAT without a size", "BDAT\r\n", "501 5.5.4"},
		{"BDAT with a bad size", "BDAT -1 LAST\r\nNOOP\r\n", "501 5.5.4 250"},
		{"BDAT with more", "BDAT 5 LAST x\r\nNOOP\r\n", "501 5.5.4 250"},
		{"RFC 3030 2: BDAT without MAIL is skipped", "RSET\r\nBDAT 6 LAST\r\nQUIT\r\nNOOP\r\n", "250 503 5.5.1 250"},
		{"DATA without recipients", "RSET\r\nMAIL FROM:<a@b>\r\nDATA\r\n", "250 250 503 5.5.1"},
		{"RFC 3030 3: DATA for BINARYMIME", "RSET\r\nMAIL FROM:<a@b> BODY=BINARYMIME\r\nRCPT TO:<bob@x>\r\nDATA\r\n", "250 250 250 503 5.5.1"},
		{"RSET", "RSET\r\nRCPT TO:<alice@x>\r\n", "250 503 5.5.1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, nil)
			w.expect("220")
			w.send(hello + "MAIL FROM:<s@x.test>\r\nRCPT TO:<alice@x>\r\n")
			w.expect("250", "250", "250")
			w.send(c.send)
			for _, want := range regexp.MustCompile(`\d{3}( \d\.\d\.\d+)?`).FindAllString(c.want, -1) {
				w.expect(want)
			}
			w.send("NOOP\r\n") // the session is still in step
			w.expect("250 2.0.0")
		})
	}
}

func TestBeforeHello(t *testing.T) {
	w := newWorld(t, nil)
	w.expect("220")
	w.send("MAIL FROM:<a@b>\r\nRCPT TO:<alice@x>\r\nDATA\r\nLHLO\r\n")
	w.expect("503 5.5.1", "503 5.5.1", "503 5.5.1", "501 5.5.4")
	w.send("RSET\r\nNOOP x\r\nBDAT 4 LAST\r\nQUITHELO x\r\nLHLO [127.0.0.1]\r\nQUIT\r\n")
	w.expect("250", "250", "503 5.5.1", "500 5.5.1", "250", "221 2.0.0")
	w.expectEnd()
}

// TestMistakes asks for the end of a session that is none. A message that arrives proves the contrary.
func TestMistakes(t *testing.T) {
	w := newWorld(t, func(o *Options, _ *deliver.Options) { o.MaxMistakes = 3 })
	w.expect("220")
	w.send(hello + "X\r\nX\r\nX\r\nMAIL FROM:<s@x>\r\nRCPT TO:<alice>\r\nBDAT 0 LAST\r\nX\r\nRCPT TO:<a>\r\nMAIL\r\nNOOP\r\nX\r\nNOOP\r\n")
	w.expect("250", "500", "500", "500", "250", "250", "250 2.1.5", "500", "503", "501", "250", "500", "421 4.7.0")
	w.expectEnd()
}

// TestDataEnd asks for the one true end of the data. RFC 5321 sections 2.3.8 and 4.1.1.4.
func TestDataEnd(t *testing.T) {
	for _, c := range []struct{ sent, want string }{
		{"", ""},
		{"a\r\n", "a\r\n"},
		{"\n.\n", "\n.\n\r\n"},
		{"\n.\r\n", "\n.\r\n"},
		{"a\r\n.\nb\r\n", "a\r\n\nb\r\n"}, // a dot that stands first is taken away: RFC 5321 section 4.5.2
		{"a\r\n.\rb\r\n", "a\r\n\rb\r\n"},
		{"a\r.\r\n", "a\r.\r\n"},
		{"\r.\r", "\r.\r\r\n"},
		{"a\r\r\n", "a\r\r\n"},
		{"..\r\n", ".\r\n"},
		{"...\r\n..a\r\n", "..\r\n.a\r\n"},
		{"a..\r\n", "a..\r\n"},
		{"\r\n\r\n", "\r\n\r\n"},
		{".a\x00\xff\r\n", "a\x00\xff\r\n"},
	} {
		for _, piece := range []int{1, 1000} { // octet by octet, and all at once
			w := newWorld(t, nil)
			w.expect("220")
			w.send(hello + "MAIL FROM:<s@x>\r\nRCPT TO:<alice@x>\r\nDATA\r\n")
			w.expect("250", "250", "250", "354")
			sent := c.sent
			if sent != "" && !strings.HasSuffix(sent, "\r\n") || c.sent == "\n.\r\n" && false {
				sent += "\r\n"
			}
			all := sent + ".\r\nNOOP\r\n"
			for len(all) > 0 {
				n := min(piece, len(all))
				w.send(all[:n])
				all = all[n:]
			}
			w.expect("250 2.1.5", "250 2.0.0")
			if got := w.mails("a", "INBOX"); len(got) != 1 || w.body(got[0], "s@x", "alice@x") != c.want {
				t.Errorf("%q: got %q, want %q", c.sent, got, c.want)
			}
		}
	}
}

func TestSizes(t *testing.T) {
	for _, c := range []struct {
		size int
		want string
	}{{20_000, "250 2.1.5"}, {20_001, "250 2.1.5"}, {100_000, "250 2.1.5"}, {100_001, "552 5.3.4"}, {150_000, "552 5.3.4"}} {
		line := strings.Repeat("x", 77) + "\r\n"
		body := strings.Repeat(line, c.size/79) + strings.Repeat("y", c.size%79-2) + "\r\n"
		if len(body) != c.size {
			t.Fatalf("test is wrong: %d", len(body))
		}
		for _, how := range []string{"DATA", "BDAT"} {
			w := newWorld(t, nil)
			w.expect("220")
			w.send(hello + "MAIL FROM:<s@x>\r\nRCPT TO:<alice@x>\r\nRCPT TO:<bob@x>\r\n")
			w.expect("250", "250", "250", "250")
			if how == "DATA" {
				w.send("DATA\r\n")
				w.expect("354")
				w.send(body + ".\r\nNOOP\r\n")
			} else {
				w.send("BDAT 10000\r\n" + body[:10_000])
				w.send(fmt.Sprintf("BDAT %d LAST\r\n%sNOOP\r\n", len(body)-10_000, body[10_000:]))
				w.expect("250 2.0.0")
			}
			w.expect(c.want, c.want, "250 2.0.0") // a reply for each recipient: RFC 2033 section 4.2
			got := w.mails("a", "INBOX")
			if (len(got) == 1) != (c.want[0] == '2') {
				t.Errorf("%s %d octets: %d stored", how, c.size, len(got))
			} else if len(got) == 1 && w.body(got[0], "s@x", "alice@x") != body {
				t.Errorf("%s %d octets: changed", how, c.size)
			}
		}
	}
}

func TestFlood(t *testing.T) {
	w := newWorld(t, func(o *Options, _ *deliver.Options) { o.MaxSize = 1000 })
	w.expect("220")
	w.send(hello + "MAIL FROM:<s@x>\r\nRCPT TO:<alice@x>\r\nDATA\r\n")
	w.expect("250", "250", "250", "354")
	piece := bytes.Repeat([]byte("x"), 10_000)
	for range 10_000 { // ends with an error long before
		if _, err := w.conn.Write(piece); err != nil {
			break
		}
	}
	<-w.done
	if n := len(w.mails("a", "INBOX")); n != 0 {
		t.Errorf("%d stored", n)
	}
}

func TestChunks(t *testing.T) {
	w := newWorld(t, nil)
	w.expect("220")
	w.send(hello + "MAIL FROM:<s@x> BODY=BINARYMIME\r\nRCPT TO:<alice@x>\r\n" +
		"BDAT 0\r\nBDAT 13\r\n.\r\nQUIT\r\nDATABDAT 4\r\n\x00\r\n.BDAT 0 LAST\r\nNOOP\r\n")
	w.expect("250", "250", "250", "250", "250", "250", "250 2.1.5", "250 2.0.0")
	if got := w.mails("a", "INBOX"); len(got) != 1 || w.body(got[0], "s@x", "alice@x") != ".\r\nQUIT\r\nDATA\x00\r\n." {
		t.Errorf("got %q", got)
	}
	// a transfer that was begun and given up leaves nothing
	w.send("MAIL FROM:<s@x>\r\nRCPT TO:<bob@x>\r\nBDAT 3\r\nabcMAIL FROM:<a@b>\r\nDATA\r\nRSET\r\nNOOP\r\n")
	w.expect("250", "250", "250", "503", "503", "250", "250")
	if n := len(w.mails("b", "INBOX")); n != 0 {
		t.Errorf("%d stored", n)
	}
	w.send("MAIL FROM:<s@x>\r\nRCPT TO:<bob@x>\r\nBDAT 1 LAST\r\nxBDAT 1 LAST\r\nyNOOP\r\n")
	w.expect("250", "250", "250 2.1.5", "503 5.5.1", "250")
	if got := w.mails("b", "INBOX"); len(got) != 1 || w.body(got[0], "s@x", "bob@x") != "x" {
		t.Errorf("got %q", got)
	}
}

func TestTrouble(t *testing.T) {
	w := newWorld(t, nil)
	w.expect("220")
	w.send(hello + "MAIL FROM:<s@x>\r\n")
	w.expect("250", "250")
	for kind, want := range map[mail.Kind]string{mail.Unavailable: "451 4.3.0", mail.Internal: "451 4.3.0", mail.Denied: "550 5.7.1",
		mail.Limit: "452 4.3.1", mail.Corrupt: "451 4.3.0", mail.ReadOnly: "451 4.2.1", mail.Invalid: "550 5.1.1"} {
		w.trouble.set(&mail.Error{Op: "test", Kind: kind, Err: errors.New("a secret of ours")})
		w.send("RCPT TO:<alice@x>\r\n")
		line, err := w.r.ReadString('\n')
		if err != nil || !strings.HasPrefix(line, want) || strings.Contains(line, "secret") {
			t.Errorf("%v: %q, %v", kind, line, err)
		}
	}
	w.trouble.set(nil)
	// the account gets full between RCPT and DATA, for one of two
	w.send("RCPT TO:<alice@x>\r\nRCPT TO:<bob@x>\r\nDATA\r\n")
	w.expect("250", "250", "354")
	if err := w.store.Account("a").SetQuota(context.Background(), mail.Quota{Storage: 10}); err != nil {
		t.Fatal(err)
	}
	w.send("Subject: x\r\n\r\n.\r\n")
	w.expect("452 4.2.2 <alice@x>", "250 2.1.5 <bob@x>")
	if a, b := len(w.mails("a", "INBOX")), len(w.mails("b", "INBOX")); a != 0 || b != 1 {
		t.Errorf("stored %d %d", a, b)
	}
}

func TestSpoolTrouble(t *testing.T) {
	w := newWorld(t, func(_ *Options, d *deliver.Options) { d.SpoolDir = "/dev/null/spool" })
	w.expect("220")
	big := strings.Repeat("x", 60_000)
	w.send(hello + "MAIL FROM:<s@x>\r\nRCPT TO:<alice@x>\r\nRCPT TO:<bob@x>\r\nDATA\r\n")
	w.expect("250", "250", "250", "250", "354")
	w.send(big + "\r\n.\r\n")
	w.expect("451 4.3.0", "451 4.3.0")
	w.send("MAIL FROM:<s@x>\r\nRCPT TO:<alice@x>\r\nRCPT TO:<bob@x>\r\nBDAT 60000 LAST\r\n" + big + "NOOP\r\n")
	w.expect("250", "250", "250", "451 4.3.0", "451 4.3.0", "250 2.0.0")
}

// TestHangUp closes the connection at each octet of a session: nothing may be stored before the end of the
// data came, and nothing may be left running.
func TestHangUp(t *testing.T) {
	script := hello + "MAIL FROM:<s@x>\r\nRCPT TO:<alice@x>\r\nDATA\r\nSubject: x\r\n\r\nhello\r\n.\r\n" +
		"MAIL FROM:<s@x>\r\nRCPT TO:<alice@x>\r\nBDAT 3\r\nabcBDAT 3 LAST\r\nabc"
	w := newWorld(t, nil)
	first := strings.Index(script, "\r\n.\r\n") + 5
	for cut := range len(script) {
		if cut > 0 {
			w.connect()
		}
		before := len(w.mails("a", "INBOX"))
		w.send(script[:cut])
		w.conn.(*net.TCPConn).CloseWrite()
		io.Copy(io.Discard, w.r)
		<-w.done
		want := before
		if cut >= first {
			want++
		}
		if got := len(w.mails("a", "INBOX")); got != want {
			t.Fatalf("cut at %d (%q): %d messages, want %d", cut, script[max(0, cut-10):cut], got, want)
		}
	}
}

func TestStopIdle(t *testing.T) {
	w := newWorld(t, nil)
	w.expect("220")
	w.send(hello + "MAIL FROM:<s@x>\r\n")
	w.expect("250", "250")
	w.cancel()
	w.expect("421 4.3.2")
	w.expectEnd()
}

// TestStopDuringData asks for the end of what is being received, before the end of the session.
func TestStopDuringData(t *testing.T) {
	for _, data := range []string{"DATA\r\n", "BDAT 12 LAST\r\n"} {
		w := newWorld(t, nil)
		w.expect("220")
		w.send(hello + "MAIL FROM:<s@x>\r\nRCPT TO:<alice@x>\r\n" + data)
		w.expect("250", "250", "250")
		if data[0] == 'D' {
			w.expect("354")
		}
		w.send("Subj")
		waitFor(t, w, func(i SessionInfo) bool { return i.State.String() == "reading command" })
		w.cancel()
		w.send("ect: x\r\n")
		if data[0] == 'D' {
			w.send(".\r\n")
		}
		w.send("NOOP\r\n")
		w.expect("250 2.1.5", "421 4.3.2")
		io.Copy(io.Discard, w.r) // a reset is possible, since NOOP may be unread
		<-w.done
		if n := len(w.mails("a", "INBOX")); n != 1 {
			t.Errorf("%q: %d stored", data, n)
		}
	}
}

// waitFor waits until the only session is as wanted.
func waitFor(t *testing.T, w *world, ok func(SessionInfo) bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for range 10_000 {
		if s := w.srv.Sessions(); len(s) == 1 && ok(s[0]) {
			return
		}
		<-tick.C
	}
	t.Fatal("never came")
}

func TestStopGraceEnds(t *testing.T) {
	w := newWorld(t, func(o *Options, _ *deliver.Options) { o.Grace = time.Millisecond })
	w.expect("220")
	w.send(hello + "MAIL FROM:<s@x>\r\nRCPT TO:<alice@x>\r\nDATA\r\n")
	w.expect("250", "250", "250", "354")
	w.cancel()
	w.expect("421 4.3.2")
	io.Copy(io.Discard, w.r)
	<-w.done
}

func TestIdleTimeout(t *testing.T) {
	w := newWorld(t, func(o *Options, _ *deliver.Options) {
		o.IdleTimeout, o.DataTimeout = time.Millisecond, time.Millisecond
	})
	w.expect("220", "421 4.4.2")
	w.expectEnd()
}

func TestRemoteOf(t *testing.T) {
	if a := remoteOf(&net.UnixConn{}); a != (netip.Addr{}) {
		t.Errorf("a local socket has the address %v", a)
	}
}

// TestManyConnections delivers at the same time and looks for every message.
func TestManyConnections(t *testing.T) {
	w := newWorld(t, nil)
	const conns, each = 8, 20
	var wg sync.WaitGroup
	for range conns {
		wg.Go(func() {
			c := &world{t: t, srv: w.srv}
			c.connect()
			c.expect("220")
			c.send(hello)
			c.expect("250")
			for range each {
				c.send("MAIL FROM:<s@x>\r\nRCPT TO:<alice@x>\r\nRCPT TO:<bob@x>\r\nDATA\r\n")
				c.expect("250", "250", "250", "354")
				c.send("Subject: x\r\n\r\n.\r\n")
				c.expect("250 2.1.5", "250 2.1.5")
			}
		})
	}
	wg.Wait()
	if a, b := len(w.mails("a", "INBOX")), len(w.mails("b", "INBOX")); a != conns*each || b != conns*each {
		t.Errorf("stored %d and %d of %d", a, b, conns*each)
	}
}

// TestOddChunks sends a message in pieces of each size, and the stream in pieces of another.
func TestOddChunks(t *testing.T) {
	const body = "Subject: x\r\n\r\n.\r\nQUIT\r\n\x00\xff\r.\n"
	w := newWorld(t, nil)
	w.expect("220")
	w.send(hello)
	w.expect("250")
	for size := 1; size <= len(body); size++ {
		all := "MAIL FROM:<s@x>\r\nRCPT TO:<bob>\r\n"
		replies := []string{"250", "250"}
		rest := body
		for ; len(rest) > size; rest = rest[size:] {
			all += fmt.Sprintf("BDAT %d\r\n%sNOOP\r\n", size, rest[:size])
			replies = append(replies, "250 2.0.0", "250 2.0.0 OK")
		}
		all += fmt.Sprintf("BDAT %d LAST\r\n%s", len(rest), rest)
		for len(all) > 0 {
			n := min(len(all), size+3)
			w.send(all[:n])
			all = all[n:]
		}
		w.expect(append(replies, "250 2.1.5 <bob>")...)
		if got := w.mails("b", "INBOX"); len(got) != size || w.body(got[size-1], "s@x", "bob") != body {
			t.Fatalf("pieces of %d: got %q", size, got)
		}
	}
}

// TestBDATOutOfPlace are chunks that have no message: they are skipped, never commands.
func TestBDATOutOfPlace(t *testing.T) {
	w := newWorld(t, nil)
	w.expect("220")
	w.send(hello + "MAIL FROM:<s@x>\r\nBDAT 6\r\nQUIT\r\nRCPT TO:<nobody>\r\nBDAT 6 LAST\r\nQUIT\r\nRCPT TO:<bob>\r\nBDAT 2\r\nabRSET\r\n" +
		"BDAT 6 LAST\r\nQUIT\r\nMAIL FROM:<s@x>\r\nRCPT TO:<bob>\r\nBDAT 2\r\ncdRCPT TO:<alice>\r\nDATA\r\nBDAT 0 LAST\r\nNOOP\r\n")
	w.expect("250", "250", "503", "550", "503", "250", "250", "250", "503", "250", "250", "250", "503", "503", "250 2.1.5 <bob>", "250")
	if got := w.mails("b", "INBOX"); len(got) != 1 || w.body(got[0], "s@x", "bob") != "cd" {
		t.Errorf("got %q", got)
	}
	w.send("MAIL FROM:<s@x>\r\nRCPT TO:<bob>\r\nRCPT TO:<alice>\r\nBDAT 999999999999 LAST\r\n")
	w.expect("250", "250", "250", "552 5.3.4 <bob>", "552 5.3.4 <alice>", "421 4.3.0")
	w.expectEnd()
}

// TestBareLF asks that an LF alone ends no command. RFC 5321 section 2.3.8.
func TestBareLF(t *testing.T) {
	w := newWorld(t, nil)
	w.expect("220")
	w.send("LHLO x\nNOOP\r\nMAIL FROM:<a@b>\r\n")
	w.expect("500 5.5.2", "250", "503")
}

// TestOnePacket asks that the replies of a burst come in one piece. RFC 2920 section 3.2.
func TestOnePacket(t *testing.T) {
	client, server := net.Pipe()
	w := newWorld(t, nil)
	done := make(chan struct{})
	go func() { defer close(done); w.srv.Serve(context.Background(), server) }()
	b := make([]byte, 4096) // of a pipe, a Read gives what one Write wrote
	read := func() string {
		n, err := client.Read(b)
		if err != nil {
			t.Fatal(err)
		}
		return string(b[:n])
	}
	read()
	for _, c := range []struct {
		send  string
		lines int
	}{
		{hello, 9}, {"MAIL FROM:<>\r\nRCPT TO:<bob>\r\nRCPT TO:<x>\r\nDATA\r\n", 4}, {".\r\nNOOP\r\nQUIT\r\n", 3},
	} {
		if _, err := io.WriteString(client, c.send); err != nil {
			t.Fatal(err)
		}
		if got := read(); strings.Count(got, "\r\n") != c.lines {
			t.Errorf("%q: got %q, want %d lines", c.send, got, c.lines)
		}
	}
	client.Close()
	<-done
}

// TestPanic asks that a bug costs the session, not the process.
func TestPanic(t *testing.T) {
	w := newWorld(t, func(o *Options, _ *deliver.Options) { o.Resolver = nil })
	w.expect("220")
	w.send(hello + "MAIL FROM:<>\r\nRCPT TO:<bob>\r\n")
	w.expect("250", "250", "421 4.3.0")
	w.expectEnd()
}

// FuzzSession sends anything at all: the server must neither crash nor hang, and has stored just as many
// messages as it said.
func FuzzSession(f *testing.F) {
	f.Add([]byte(hello + "MAIL FROM:<s@x>\r\nRCPT TO:<alice@x>\r\nDATA\r\na\r\n.\r\n"))
	f.Add([]byte(hello + "MAIL FROM:<s@x>\r\nRCPT TO:<alice>\r\nBDAT 3\r\nabcBDAT 0 LAST\r\nQUIT\r\n"))
	f.Add([]byte(hello + "MAIL FROM:<s@x>\r\nMAIL FROM:<>\r\nBDAT 99999\r\n"))
	f.Add([]byte(hello + "MAIL FROM:<s@x>\r\nRCPT TO:<bob>\r\nRCPT TO:<alice>\r\nBDAT 1\r\naRSET\r\n" +
		"MAIL FROM:<>\r\nRCPT TO:<bob>\r\nBDAT 1 LAST\r\nb"))
	w := newWorld(f, nil)
	count := func() (n int64) {
		for _, id := range []mail.AccountID{"a", "b", "c", "f", "o", "j"} {
			u, err := w.store.Account(id).Usage(context.Background())
			if err != nil {
				f.Fatal(err)
			}
			n += u.Messages
		}
		return n
	}
	f.Fuzz(func(t *testing.T, script []byte) {
		before := count()
		c := &world{t: t, srv: w.srv}
		c.connect()
		go func(conn net.Conn) {
			conn.Write(script)
			conn.(*net.TCPConn).CloseWrite()
		}(c.conn)
		said, err := io.ReadAll(c.r)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			t.Error("hangs")
		}
		<-c.done
		told := int64(bytes.Count(said, []byte("\n250 2.1.5 ")))
		if got := count() - before; got != told && (err == nil || got < told) { // a reset may have lost replies
			t.Errorf("%q: stored %d, told %d: %q", script, got, told, said)
		}
	})
}

func BenchmarkDeliver8K(b *testing.B) {
	w := newWorld(b, nil)
	w.expect("220")
	w.send(hello)
	w.expect("250")
	body := "Subject: benchmark\r\nFrom: a@b\r\n\r\n" + strings.Repeat(strings.Repeat("x", 76)+"\r\n", 105) + ".\r\n"
	b.ReportAllocs()
	b.SetBytes(int64(len(body)))
	w.conn.SetDeadline(time.Time{})
	for b.Loop() {
		w.send("MAIL FROM:<s@x>\r\nRCPT TO:<alice@x>\r\nDATA\r\n")
		w.expect("250", "250", "354")
		w.send(body)
		w.expect("250 2.1.5")
	}
}

// BenchmarkReadData is the reading of the content alone.
func BenchmarkReadData(b *testing.B) {
	body := strings.Repeat(strings.Repeat("x", 76)+"\r\n", 105) + ".\r\n"
	c := &conn{buf: make([]byte, bufSize)}
	sink := func([]byte) error { return nil }
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		c.r, c.w = 0, copy(c.buf, body)
		if sunk, err := c.readData(1<<20, sink); err != nil || sunk != nil {
			b.Fatal(sunk, err)
		}
	}
}
