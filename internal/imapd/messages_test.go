package imapd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/constance-mail/constance/internal/conn"
	"github.com/constance-mail/constance/internal/imap"
	"github.com/constance-mail/constance/internal/imap/wire"
	"github.com/constance-mail/constance/internal/mail"
	"github.com/constance-mail/constance/internal/message"
	"github.com/constance-mail/constance/internal/store/mem"
)

// The tests of the message commands run them on a session without a connection: handlers and a store in memory.

// messagesTest is a session that has INBOX selected.
type messagesTest struct {
	t    testing.TB
	s    *session
	acct mail.Account
	out  *bytes.Buffer // what the client got
}

// sink is a connection that is only written to.
type sink struct {
	net.Conn
	got bytes.Buffer
}

func (s *sink) Write(b []byte) (int, error)      { return s.got.Write(b) }
func (s *sink) SetWriteDeadline(time.Time) error { return nil }
func (s *sink) SetReadDeadline(time.Time) error  { return nil }
func (s *sink) SetDeadline(time.Time) error      { return nil }

// newMessagesTest has these messages in INBOX, the i-th with the flags flags[i] if there are any.
func newMessagesTest(t testing.TB, messages []string, flags ...[]mail.Flag) *messagesTest {
	t.Helper()
	store := mem.New(mail.Options{})
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return messagesTestOf(t, store.Account("test"), messages, flags...)
}

// messagesTestOf is a session with an account that gets these messages.
func messagesTestOf(t testing.TB, acct mail.Account, messages []string, flags ...[]mail.Flag) *messagesTest {
	t.Helper()
	m := &messagesTest{t: t, acct: acct}
	for i, text := range messages {
		var f []mail.Flag
		if i < len(flags) {
			f = flags[i]
		}
		m.append(mail.Inbox, text, time.Date(2026, 1, 1+i, 12, 0, 0, 0, time.UTC), f)
	}
	sk := &sink{}
	m.out = &sk.got
	m.s = &session{srv: New(Options{}), userState: userState{acct: m.acct}, conn: conn.New(sk, &conn.Options{}), state: inSelected, tag: "t"}
	m.s.out.conn, m.s.out.slot = m.s.conn, &m.s.slot
	m.open()
	return m
}

// open selects INBOX as it is now.
func (m *messagesTest) open() {
	m.t.Helper()
	box, err := m.acct.Mailbox(context.Background(), mail.Inbox)
	m.check(err)
	snap, err := m.acct.Snapshot(context.Background(), box.ID)
	m.check(err)
	m.s.sel = &selected{place: place{acct: m.acct, mine: true}, may: mail.AllRights, id: box.ID, view: newView(snap.UIDSet()), told: snap.Mailbox.HighestMod,
		flags: snap.Mailbox.HighestMod, keywords: snap.Mailbox.Keywords}
}

func (m *messagesTest) check(err error) {
	m.t.Helper()
	if err != nil {
		m.t.Fatal(err)
	}
}

func (m *messagesTest) append(name, text string, at time.Time, flags []mail.Flag) {
	m.t.Helper()
	ctx := context.Background()
	box, err := m.acct.Mailbox(ctx, name)
	m.check(err)
	up, err := m.acct.NewUpload(ctx, int64(len(text)))
	m.check(err)
	defer func() { m.check(up.Close()) }()
	_, err = io.WriteString(up, text)
	m.check(err)
	d, err := message.Digest(up, up.Size())
	m.check(err)
	_, err = m.acct.Append(ctx, box.ID, []mail.NewMessage{{Upload: up, Digest: d, Flags: flags, Internal: at}})
	m.check(err)
}

// lineSource is one command line.
type lineSource struct{ io.Reader }

func (lineSource) Wait() error { return nil }

// literals are written «so» in the tests.
var literals = regexp.MustCompile("«[^»]*»")

// do runs a command and gives what the client got, and what the tagged response would be made of.
func (m *messagesTest) do(line string) (got string, err error) {
	m.t.Helper()
	line = literals.ReplaceAllStringFunc(line, func(s string) string {
		s = s[len("«") : len(s)-len("»")]
		return fmt.Sprintf("{%d+}\r\n%s", len(s), s)
	})
	d := wire.NewDecoder(lineSource{strings.NewReader("t " + line + "\r\n")}, wire.Options{})
	_, c, err := imap.Read(d)
	m.check(err)
	m.out.Reset()
	m.s.out.begin()
	m.s.code, m.s.bound = nil, bounded{}
	ctx := context.Background()
	switch c := c.(type) {
	case *imap.Fetch:
		err = m.s.fetch(ctx, c)
	case *imap.Store:
		err = m.s.store(ctx, c)
	case *imap.Search:
		err = m.s.search(ctx, c)
	case *imap.Sort:
		err = m.s.sort(ctx, c)
	case *imap.Thread:
		err = m.s.thread(ctx, c)
	case *imap.Copy:
		err = m.s.copy(ctx, c)
	case *imap.Move:
		err = m.s.move(ctx, c)
	case *imap.Expunge:
		err = m.s.expunge(ctx, c)
	case *imap.Close:
		err = m.s.closeMailbox(ctx, c)
	default:
		m.t.Fatalf("%s is no message command", line)
	}
	m.check(m.s.out.flush())
	return m.out.String(), err
}

// expect runs a command that succeeds and compares what the client gets.
func (m *messagesTest) expect(line, want string) {
	m.t.Helper()
	got, err := m.do(line)
	if err != nil {
		m.t.Errorf("%s: %v", line, err)
	}
	if got != crlf(want) {
		m.t.Errorf("%s:\ngot  %q\nwant %q", line, got, crlf(want))
	}
}

// refused runs a command that is refused with that code.
func (m *messagesTest) refused(line string, code imap.RespCode, want string) {
	m.t.Helper()
	got, err := m.do(line)
	var r *refusal
	if !errors.As(err, &r) || r.code != code {
		m.t.Errorf("%s: got %v, want %s", line, err, code)
	}
	if got != crlf(want) {
		m.t.Errorf("%s:\ngot  %q\nwant %q", line, got, crlf(want))
	}
}

// code compares the code of the tagged OK.
func (m *messagesTest) code(want string) {
	m.t.Helper()
	if string(m.s.code) != want {
		m.t.Errorf("code %q, want %q", m.s.code, want)
	}
}

func crlf(s string) string {
	return strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\n", "\r\n")
}

// elsewhere changes flags, or expunges, as another session does.
func (m *messagesTest) elsewhere(c mail.FlagChange) {
	m.t.Helper()
	_, err := m.acct.SetFlags(context.Background(), m.s.sel.id, c)
	m.check(err)
}

func (m *messagesTest) expungeElsewhere(uids ...mail.UID) {
	m.t.Helper()
	set := mail.SetOf(uids...)
	m.elsewhere(mail.FlagChange{UIDs: set, Op: mail.AddFlags, Flags: []mail.Flag{mail.Deleted}})
	_, _, err := m.acct.Expunge(context.Background(), m.s.sel.id, set)
	m.check(err)
}

const simpleMessage = "From: Ann <ann@example.org>\nTo: bob@example.net\nSubject: Hello\nDate: Thu, 1 Jan 2026 10:00:00 +0000\n" +
	"X-Odd: yes\n\nThe body.\n"

const nestedMessage = "From: carol@example.org\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\nDate: Fri, 2 Jan 2026 10:00:00 +0000\n" +
	"Content-Type: multipart/mixed; boundary=b\n\n" +
	"--b\nContent-Type: text/plain; charset=iso-8859-1\nContent-Transfer-Encoding: quoted-printable\n\nGr=FC=DFe=20=\n\n" +
	"--b\nContent-Type: message/rfc822\n\nSubject: inner\nFrom: in@example.org\n\ninner body\n" +
	"--b\nContent-Type: image/png\nContent-Transfer-Encoding: base64\n\nAAEC\n" +
	"--b\nContent-Type: image/png\nContent-Transfer-Encoding: x-odd\n\nxyz\n--b--\n"

// RFC 7162 section 3.1.4: CHANGEDSINCE, and MODSEQ in every FETCH from then on.
// RFC 5530 section 3: what another session expunged is passed over, and said.
// RFC 9051 section 6.4.7: a NO would say that nothing was copied.
func TestCopyOfExpunged(t *testing.T) {
	m := newMessagesTest(t, []string{"a: 1\r\n\r\n", "a: 2\r\n\r\n", "a: 3\r\n\r\n"})
	target, err := m.acct.CreateMailbox(context.Background(), "Target", nil)
	m.check(err)
	m.expungeElsewhere(2)
	m.expect("COPY 1:3 Target", "")
	m.code(fmt.Sprintf("[COPYUID %d 1,3 1:2]", target.UIDValidity))
}

// A literal cannot hold NUL, a literal8 can. RFC 9051 section 9 (CHAR8), RFC 3516 section 4.3.
// Many messages with large digests: the chunks end early, and nothing is lost.
func TestStore(t *testing.T) {
	m := newMessagesTest(t, []string{"a: 1\r\n\r\n", "a: 2\r\n\r\n", "a: 3\r\n\r\n"}, []mail.Flag{mail.Seen})
	for _, c := range []struct{ line, want string }{
		{"STORE 1 +FLAGS (\\Deleted)", "* 1 FETCH (FLAGS (\\Deleted \\Seen))\n"},
		{"STORE 1 -FLAGS \\Deleted", "* 1 FETCH (FLAGS (\\Seen))\n"},
		{"STORE 1 FLAGS (\\Answered)", "* 1 FETCH (FLAGS (\\Answered))\n"},
		{"STORE 1 FLAGS ()", "* 1 FETCH (FLAGS ())\n"},
		{"STORE 2:3 +FLAGS.SILENT (\\Seen)", ""},
		{"UID STORE 3 +FLAGS (\\Flagged)", "* 3 FETCH (UID 3 FLAGS (\\Flagged \\Seen))\n"},
		{"UID STORE 9 +FLAGS (\\Flagged)", ""},
		{"STORE 1:3 +FLAGS (\\Seen)", "* 1 FETCH (FLAGS (\\Seen))\n* 2 FETCH (FLAGS (\\Seen))\n* 3 FETCH (FLAGS (\\Flagged \\Seen))\n"},
	} {
		m.expect(c.line, c.want)
	}
	got, err := m.do("STORE 1 +FLAGS ($New)")
	if err != nil || !strings.HasSuffix(got, "* 1 FETCH (FLAGS (\\Seen $New))\r\n") || !strings.Contains(got, "* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft $New)") {
		t.Errorf("a new keyword: %q, %v", got, err)
	}
}

// RFC 7162 section 3.1.3.
func TestStoreConditional(t *testing.T) {
	m := newMessagesTest(t, []string{"a: 1\r\n\r\n", "a: 2\r\n\r\n", "a: 3\r\n\r\n"})
	before, err := m.acct.ModSeq(context.Background())
	m.check(err)
	m.elsewhere(mail.FlagChange{UIDs: mail.SetOf(2), Op: mail.AddFlags, Flags: []mail.Flag{mail.Flagged}})
	m.s.enable(featCondStore)
	m.check(m.s.out.flush())
	m.expect(fmt.Sprintf("STORE 1:2 (UNCHANGEDSINCE %d) +FLAGS (\\Seen)", before), fmt.Sprintf("* 1 FETCH (UID 1 FLAGS (\\Seen) MODSEQ (%d))\n", before+2))
	m.code("[MODIFIED 2]")
	m.expect("STORE 3 +FLAGS.SILENT (\\Seen)", fmt.Sprintf("* 3 FETCH (UID 3 MODSEQ (%d))\n", before+3))
	m.expect(fmt.Sprintf("UID STORE 1:3 (UNCHANGEDSINCE %d) FLAGS.SILENT (\\Draft)", before+1), fmt.Sprintf("* 2 FETCH (UID 2 MODSEQ (%d))\n", before+4))
	m.code("[MODIFIED 1,3]")
}

func TestCopyMoveExpunge(t *testing.T) {
	m := newMessagesTest(t, []string{"a: 1\r\n\r\n", "a: 2\r\n\r\n", "a: 3\r\n\r\n", "a: 4\r\n\r\n"})
	ctx := context.Background()
	m.refused("COPY 1 Nowhere", imap.CodeTryCreate, "")
	m.refused("UID MOVE 1 Nowhere", imap.CodeTryCreate, "")
	target, err := m.acct.CreateMailbox(ctx, "Target", nil)
	m.check(err)
	m.expect("COPY 2:3 Target", "")
	m.code(fmt.Sprintf("[COPYUID %d 2:3 1:2]", target.UIDValidity))
	m.expect("UID COPY 99 Target", "")
	m.code("")
	got, err := m.do("MOVE 1 Target")
	if want := fmt.Sprintf("* OK [COPYUID %d 1 3] moved\r\n* 1 EXPUNGE\r\n", target.UIDValidity); err != nil || got != want {
		t.Errorf("got %q, want %q: %v", got, want, err)
	}
	box, err := m.acct.Mailbox(ctx, "Target")
	if err != nil || box.Messages != 3 {
		t.Errorf("%d messages in the target: %v", box.Messages, err)
	}
	m.expect("STORE 1:2 +FLAGS.SILENT (\\Deleted)", "")
	m.expect("UID EXPUNGE 3:4", "* 2 EXPUNGE\n")
	m.expect("EXPUNGE", "* 1 EXPUNGE\n")
	m.expect("EXPUNGE", "")
	m.expect("UID FETCH 1:* UID", "* 1 FETCH (UID 4)\n")
	m.s.enable(featQResync | featCondStore)
	m.check(m.s.out.flush())
	m.expect("STORE 1 +FLAGS.SILENT (\\Seen)", "* 1 FETCH (UID 4 MODSEQ (12))\n")
	m.expect("STORE 1 +FLAGS.SILENT (\\Deleted)", "* 1 FETCH (UID 4 MODSEQ (13))\n")
	m.expect("EXPUNGE", "* VANISHED 4\n")
	m.code("[HIGHESTMODSEQ 14]")
}
