package imapd

import (
	"fmt"
	"strings"
	"testing"

	"github.com/constance-mail/constance/internal/mail"
)

// appendMany puts n small messages into INBOX.
func appendMany(k *client, n int) {
	k.t.Helper()
	for i := 0; i < n; i += 100 {
		c := "APPEND INBOX"
		for j := i; j < min(n, i+100); j++ {
			m := fmt.Sprintf("Subject: %d\r\n\r\nbody\r\n", j)
			c += fmt.Sprintf(" (\\Flagged) {%d+}\r\n%s", len(m), m)
		}
		k.do(c)
	}
}

// COPY to another account carries more than one chunk, in order.
func TestCopyAcross(t *testing.T) {
	s, _, _ := sharingServer(t, 10)
	owner, k := s.login("u1"), s.login("u7")
	appendMany(owner, 2*acrossMessages+50)
	k.do(`SELECT "Other Users/u1"`)
	out := strings.Join(k.do("UID COPY 2:* INBOX"), "")
	if want := fmt.Sprintf(" 2:%d 1:%d]", 2*acrossMessages+50, 2*acrossMessages+49); !strings.Contains(out, want) {
		t.Errorf("got %s, want %s", out, want)
	}
	k.do("EXAMINE INBOX")
	out = strings.Join(k.do("FETCH 1,400 (FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)])"), "\n")
	if !strings.Contains(out, "Subject: 1\n") || !strings.Contains(out, "Subject: 400\n") || strings.Count(out, `\Flagged`) != 2 {
		t.Errorf("got %s", out)
	}
}

// A COPY or MOVE that fails on its way leaves nothing in the target, and everything where it was.
func TestCopyAcrossAllOrNone(t *testing.T) {
	s, _, _ := sharingServer(t, 10)
	owner, k := s.login("u1"), s.login("u7")
	appendMany(owner, acrossMessages+50)
	owner.do("SETACL INBOX u7 lrte")
	acct := s.store.Account("u7")
	if err := acct.SetQuota(t.Context(), mail.Quota{Messages: acrossMessages + 20}); err != nil {
		t.Fatal(err)
	}
	k.do(`SELECT "Other Users/u1"`)
	for _, c := range []string{"UID COPY 1:* INBOX", "UID MOVE 1:* INBOX"} {
		out := k.cmd(c)
		if last := out[len(out)-1]; !strings.HasPrefix(last, "NO [OVERQUOTA]") {
			t.Errorf("%s: %s", c, last)
		}
		if box, err := acct.Mailbox(t.Context(), "INBOX"); err != nil || box.Messages != 0 {
			t.Errorf("%s leaves %d messages, %v", c, box.Messages, err)
		}
		if box, err := s.store.Account("u1").Mailbox(t.Context(), "INBOX"); err != nil || box.Messages != acrossMessages+50 {
			t.Errorf("%s leaves %d originals, %v", c, box.Messages, err)
		}
	}
}
