package deliver

import (
	"testing"

	"github.com/constance-mail/constance/internal/mail"
)

// RFC 4314 section 2.1 (p): who may send to a mailbox besides INBOX.
func TestMayPost(t *testing.T) {
	for _, c := range []struct {
		acl           string
		user, account bool
	}{
		{"", true, false},
		{"bob lrp", true, false},
		{"anyone p", true, true},
		{"anonymous lp", true, true},
		{"-anyone p", false, false},
		{"anyone p -anonymous p", false, false},
		{"anyone lr", true, false},
	} {
		acl := mail.ParseACL(c.acl)
		if got := mayPost(acl, false); got != c.user {
			t.Errorf("%q of a user: %v", c.acl, got)
		}
		if got := mayPost(acl, true); got != c.account {
			t.Errorf("%q of a shared account: %v", c.acl, got)
		}
	}
}
