package imapd

import (
	"context"
	"math"

	"github.com/constance-mail/constance/internal/imap"
	"github.com/constance-mail/constance/internal/mail"
	"github.com/constance-mail/constance/internal/wait"
)

// Each account is one quota root. Its own user knows it as "", as the examples of RFC 9208 do, or by the name that
// Cyrus's tools use for it, which is also how others name it: "user/" and the login name.
const (
	ownQuotaRoot    = ""
	quotaRootPrefix = "user/"
)

// quotaResources are the resources that are limited: the one of METADATA is not, as ANNOTATION-STORAGE counts what
// hangs on messages (RFC 5257). RFC 9208 section 5.
var quotaResources = [...]struct {
	name string
	unit int64 // octets, messages, mailboxes
	use  func(*mail.Usage) int64
	at   func(*mail.Quota) *int64
}{
	{"STORAGE", 1024, func(u *mail.Usage) int64 { return u.Storage }, func(q *mail.Quota) *int64 { return &q.Storage }},
	{"MESSAGE", 1, func(u *mail.Usage) int64 { return u.Messages }, func(q *mail.Quota) *int64 { return &q.Messages }},
	{"MAILBOX", 1, func(u *mail.Usage) int64 { return u.Mailboxes }, func(q *mail.Quota) *int64 { return &q.Mailboxes }},
}

// getQuota is GETQUOTA. RFC 9208 section 4.1.1.
func (s *session) getQuota(ctx context.Context, c *imap.GetQuota) error {
	acct, err := s.quotaRoot(c.Root)
	if err != nil {
		return err
	}
	return s.tellQuota(ctx, acct, c.Root)
}

// quotaRoot is the account of a quota root. Those of others are none of a user's business, nor is whether they exist:
// RFC 9208 section 8.
func (s *session) quotaRoot(root string) (mail.Account, error) {
	if root == ownQuotaRoot || root == quotaRootPrefix+s.user.Login {
		return s.acct, nil
	}
	return nil, refuse(imap.CodeNonexistent, "no such quota root")
}

// getQuotaRoot is GETQUOTAROOT. The mailbox need not be there, its name must only be one. RFC 9208 section 4.1.2.
func (s *session) getQuotaRoot(ctx context.Context, c *imap.GetQuotaRoot) error {
	at, err := s.place(ctx, trimmed(c.Mailbox))
	if err != nil {
		return err
	}
	if _, err := mail.CleanName(at.name); err != nil {
		return err
	}
	if at.acct.ID() != s.acct.ID() { // how full others are is their own affair: RFC 9208 section 8
		s.out.buf = imap.AppendQuotaRoot(s.out.buf, c.Mailbox, nil, s.utf8())
		return nil
	}
	s.out.buf = imap.AppendQuotaRoot(s.out.buf, c.Mailbox, []string{ownQuotaRoot}, s.utf8())
	return s.tellQuota(ctx, s.acct, ownQuotaRoot)
}

// setQuota is SETQUOTA, which is not for users. RFC 9208 section 4.1.3.
func (s *session) setQuota(_ context.Context, c *imap.SetQuota) error {
	if _, err := s.quotaRoot(c.Root); err != nil {
		return err
	}
	if _, err := quotaOf(c.Limits); err != nil {
		return err
	}
	return refuse(imap.CodeNoPerm, "quotas are set by the administrator")
}

// tellQuota tells the use of an account and its limits. RFC 9208 section 4.2.1.
func (s *session) tellQuota(ctx context.Context, acct mail.Account, root string) error {
	was := s.slot.Enter(wait.StoreRead)
	u, err := acct.Usage(ctx)
	s.slot.Enter(was)
	if err != nil {
		return err
	}
	if u.Limit.Mailboxes == 0 {
		u.Limit.Mailboxes = mail.MaxMailboxes // a limit of the server: RFC 9208 section 3.2
	}
	s.out.buf = imap.AppendQuota(s.out.buf, root, quotaUses(&u), s.utf8())
	return nil
}

// quotaUses are the resources that are limited. The use is rounded up, so that a message is never nothing, and stands for
// a part of a unit; a limit below one unit is 0. RFC 9208 section 3.1.2.
func quotaUses(u *mail.Usage) []imap.QuotaUse {
	var out []imap.QuotaUse
	for _, r := range quotaResources {
		limit := *r.at(&u.Limit)
		if limit == 0 {
			continue
		}
		use := imap.QuotaUse{Usage: (r.use(u) + r.unit - 1) / r.unit}
		use.Resource, use.QuotaLimit.Limit = r.name, limit/r.unit
		out = append(out, use)
	}
	return out
}

// quotaOf is what the limits of a SETQUOTA mean: those that are not named there are none. A limit of 0, which prohibits
// any use, becomes the least one: an octet, a message, INBOX. RFC 9208 sections 3.1.2 and 4.1.3.
func quotaOf(limits []imap.QuotaLimit) (mail.Quota, error) {
	var q mail.Quota
	for _, l := range limits {
		known := false
		for _, r := range quotaResources {
			if r.name == l.Resource {
				known = true
				*r.at(&q) = max(1, min(l.Limit, math.MaxInt64/r.unit)*r.unit)
			}
		}
		if !known {
			return q, refuse(imap.CodeCannot, "there is no limit for this resource")
		}
	}
	return q, nil
}
