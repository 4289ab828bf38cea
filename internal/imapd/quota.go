package imapd

import (
	"context"
	"math"
	"strings"

	"github.com/constance-mail/constance/internal/auth"
	"github.com/constance-mail/constance/internal/imap"
	"github.com/constance-mail/constance/internal/mail"
	"github.com/constance-mail/constance/internal/wait"
)

// Each account is one quota root. Its own user knows it as "", as the examples of RFC 9208 do, or by the name
// that Cyrus's tools use for it, which is also how others name it: "user/" and the login name.
const (
	ownQuotaRoot    = ""
	quotaRootPrefix = "user/"
)

// quotaResources are the resources that are limited: the one of METADATA is not, as ANNOTATION-STORAGE counts
// what hangs on messages (RFC 5257). RFC 9208 section 5.
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
	acct, err := s.quotaRoot(ctx, c.Root)
	if err != nil {
		return err
	}
	return s.tellQuota(ctx, acct, c.Root)
}

// quotaRoot is the account of a quota root. Those of others are none of a user's business, nor is whether
// they exist; an administrator has all. RFC 9208 section 8.
func (s *session) quotaRoot(ctx context.Context, root string) (mail.Account, error) {
	login, named := strings.CutPrefix(root, quotaRootPrefix)
	if root == ownQuotaRoot || named && login == s.user.Login {
		return s.acct, nil
	}
	if named && s.admin && s.srv.opts.Sharing.Directory != nil {
		clean, err := auth.CleanLogin(login)
		if err != nil {
			return nil, errNoQuotaRoot
		}
		u, err := s.srv.opts.Sharing.Directory.Lookup(ctx, clean)
		switch {
		case err == nil:
			return s.srv.opts.Store.Account(u.Account), nil
		case mail.KindOf(err) != mail.NotFound:
			return nil, err
		}
	}
	return nil, errNoQuotaRoot
}

var errNoQuotaRoot = refuse(imap.CodeNonexistent, "no such quota root")

// getQuotaRoot is GETQUOTAROOT. A mailbox of the user's own need not be there, its name must only be one; of
// somebody else's the user must have the right to read. RFC 9208 sections 4.1.2 and 6.
func (s *session) getQuotaRoot(ctx context.Context, c *imap.GetQuotaRoot) error {
	at, err := s.place(ctx, trimmed(c.Mailbox))
	if err != nil {
		return err
	}
	if _, err := mail.CleanName(at.name); err != nil {
		return err
	}
	root := ownQuotaRoot
	if !at.mine {
		root = quotaRootPrefix + at.owner.Login
		if _, err := at.find(ctx, s.needs); err != nil && !at.admin {
			return err
		}
	}
	s.out.buf = imap.AppendQuotaRoot(s.out.buf, c.Mailbox, []string{root}, s.utf8())
	return s.tellQuota(ctx, at.acct, root)
}

// setQuota is SETQUOTA, for administrators. RFC 9208 section 4.1.3.
func (s *session) setQuota(ctx context.Context, c *imap.SetQuota) error {
	acct, err := s.quotaRoot(ctx, c.Root)
	if err != nil {
		return err
	}
	q, err := quotaOf(c.Limits)
	if err != nil {
		return err
	}
	if !s.admin {
		return refuse(imap.CodeNoPerm, "quotas are set by administrators")
	}
	was := s.slot.Enter(wait.StoreWrite)
	err = acct.SetQuota(ctx, q)
	s.slot.Enter(was)
	if err != nil {
		return err
	}
	return s.tellQuota(ctx, acct, c.Root)
}

// tellQuota tells the use of an account and its limits. Of an account that an administrator names these are the limits that
// were set, if there are any: cyradm cannot read an answer that has more. RFC 9208 section 4.2.1.
func (s *session) tellQuota(ctx context.Context, acct mail.Account, root string) error {
	was := s.slot.Enter(wait.StoreRead)
	u, err := acct.Usage(ctx)
	s.slot.Enter(was)
	if err != nil {
		return err
	}
	asAdmin := s.admin && root != ownQuotaRoot && u.Limit != (mail.Quota{})
	if u.Limit.Mailboxes == 0 && !asAdmin {
		u.Limit.Mailboxes = mail.MaxMailboxes // a limit of the server: RFC 9208 section 3.2
	}
	s.out.buf = imap.AppendQuota(s.out.buf, root, quotaUses(&u), s.utf8())
	return nil
}

// quotaUses are the resources that are limited. The use is rounded up, so that a message is never nothing,
// and stands for a part of a unit; a limit below one unit is 0. RFC 9208 section 3.1.2.
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

// quotaOf is what the limits of a SETQUOTA mean: those that are not named there are none. A limit of 0, which
// prohibits any use, becomes the least one: an octet, a message, INBOX. RFC 9208 sections 3.1.2 and 4.1.3.
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
