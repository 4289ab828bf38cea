package e2e

import (
	"bufio"
	"net"
	"strings"
	"testing"
	"time"
)

// lmtpSession is a connection to the server's LMTP, past LHLO.
func lmtpSession(t *testing.T, s *Server) func(text, code string) {
	t.Helper()
	conn, err := net.DialTimeout("tcp", s.LMTP, startTimeout)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(startTimeout)); err != nil {
		t.Fatal(err)
	}
	in := bufio.NewReader(conn)
	say := func(text, code string) {
		t.Helper()
		if err := lmtpSay(conn, in, text, code); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
	}
	say("", "220")
	say("LHLO test.example\r\n", "250")
	return say
}

// Mail to a shared account by LMTP is read by IMAP by those to whom it was given. What is behind the + counts if anyone may
// post there; an account that an administrator makes or deletes by IMAP takes mail from then on, or no more.
func TestSharedDelivery(t *testing.T) {
	if binary == "" {
		t.Skip("needs the binary")
	}
	dir := t.TempDir()
	write(t, dir+"/constance.toml", "[sharing]\nadmins = [\"admin\"]\n")
	s := StartServer(t, binary, dir, "bob:{PLAIN}humbug\nadmin:{PLAIN}secret\n")
	admin, bob := login(t, s, "admin", "secret"), login(t, s, "bob", "humbug")
	say := lmtpSession(t, s)
	say("MAIL FROM:<x@example.org>\r\n", "250")
	say("RCPT TO:<support@example.org>\r\n", "550") // RFC 2033 section 4.2: one answer for each
	say("RSET\r\n", "250")
	for _, c := range []string{`CREATE "Shared Folders/support"`, `CREATE "Shared Folders/support/Plans"`,
		`CREATE "Shared Folders/support/Closed"`, `SETACL "Shared Folders/support" bob lrswite`,
		`SETACL "Shared Folders/support/Plans" bob lr`, `SETACL "Shared Folders/support/Plans" anyone p`,
		`SETACL "Shared Folders/support/Closed" bob lr`} {
		do(t, admin, c)
	}
	deliver := func(subject string, to ...string) {
		t.Helper()
		say("MAIL FROM:<x@example.org>\r\n", "250")
		for _, a := range to {
			say("RCPT TO:<"+a+"@example.org>\r\n", "250")
		}
		say("DATA\r\n", "354")
		say("Subject: "+subject+"\r\n\r\ntext\r\n.\r\n", "250")
		for range to[1:] {
			say("", "250")
		}
	}
	deliver("first", "support", "bob")
	deliver("second", "Support+Plans")
	deliver("third", "support+Closed")
	subjects := func(mailbox string, want ...string) {
		t.Helper()
		do(t, bob, `EXAMINE "`+mailbox+`"`)
		var got []string
		for _, line := range do(t, bob, "FETCH 1:* BODY.PEEK[HEADER.FIELDS (SUBJECT)]") {
			if _, subject, ok := strings.Cut(line, "Subject: "); ok {
				subject, _, _ = strings.Cut(subject, "\r\n")
				got = append(got, subject)
			}
		}
		if strings.Join(got, " ") != strings.Join(want, " ") {
			t.Errorf("%s has %q, want %q", mailbox, got, want)
		}
	}
	subjects("Shared Folders/support", "first", "third")
	subjects("Shared Folders/support/Plans", "second")
	subjects("INBOX", "first")
	do(t, admin, `DELETE "Shared Folders/support"`)
	say("MAIL FROM:<x@example.org>\r\n", "250")
	say("RCPT TO:<support@example.org>\r\n", "550")
}
