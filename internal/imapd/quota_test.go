package imapd

import (
	"math"
	"slices"
	"testing"

	"github.com/constance-mail/constance/internal/imap"
	"github.com/constance-mail/constance/internal/mail"
)

// RFC 9208 sections 3.1.2, 4.1.3 and 5.
func TestQuotaOf(t *testing.T) {
	for _, c := range []struct {
		limits []imap.QuotaLimit
		want   mail.Quota
		uses   []imap.QuotaUse // of what QUOTA tells of it afterwards, with a use of one octet, message and mailbox
	}{
		{nil, mail.Quota{}, nil},
		{[]imap.QuotaLimit{{Resource: "STORAGE", Limit: 510}, {Resource: "MAILBOX", Limit: 7}},
			mail.Quota{Storage: 510 << 10, Mailboxes: 7},
			[]imap.QuotaUse{{QuotaLimit: imap.QuotaLimit{Resource: "STORAGE", Limit: 510}, Usage: 1},
				{QuotaLimit: imap.QuotaLimit{Resource: "MAILBOX", Limit: 7}, Usage: 1}}},
		{[]imap.QuotaLimit{{Resource: "STORAGE"}, {Resource: "MESSAGE"}}, mail.Quota{Storage: 1, Messages: 1},
			[]imap.QuotaUse{{QuotaLimit: imap.QuotaLimit{Resource: "STORAGE"}, Usage: 1},
				{QuotaLimit: imap.QuotaLimit{Resource: "MESSAGE", Limit: 1}, Usage: 1}}},
		{[]imap.QuotaLimit{{Resource: "STORAGE", Limit: math.MaxInt64}}, mail.Quota{Storage: math.MaxInt64 / 1024 * 1024},
			[]imap.QuotaUse{{QuotaLimit: imap.QuotaLimit{Resource: "STORAGE", Limit: math.MaxInt64 / 1024}, Usage: 1}}},
	} {
		got, err := quotaOf(c.limits)
		if err != nil || got != c.want {
			t.Errorf("%v: got %+v, %v, want %+v", c.limits, got, err, c.want)
		}
		if uses := quotaUses(&mail.Usage{Storage: 1, Messages: 1, Mailboxes: 1, Limit: got}); !slices.Equal(uses, c.uses) {
			t.Errorf("%v: is told as %+v, want %+v", c.limits, uses, c.uses)
		}
	}
	if _, err := quotaOf([]imap.QuotaLimit{{Resource: "FLOPPY"}}); err == nil {
		t.Error("an unknown resource was accepted")
	}
}
