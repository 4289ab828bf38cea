package imap

import (
	"strconv"

	"github.com/constance-mail/constance/internal/imap/wire"
)

// GetQuota is GETQUOTA. RFC 9208 section 4.1.1.
type GetQuota struct{ Root string }

// GetQuotaRoot is GETQUOTAROOT; the mailbox need not exist. RFC 9208 section 4.1.2.
type GetQuotaRoot struct{ Mailbox string }

// SetQuota is SETQUOTA: limits that are not named are taken away. RFC 9208 section 4.1.3.
type SetQuota struct {
	Root   string
	Limits []QuotaLimit
}

// QuotaLimit is a limit of a resource, in its unit: STORAGE is in 1024 octets. RFC 9208 section 5.
type QuotaLimit struct {
	Resource string // in capitals, perhaps one that nobody knows
	Limit    int64
}

// Verb is "GETQUOTA".
func (*GetQuota) Verb() string { return "GETQUOTA" }

// Verb is "GETQUOTAROOT".
func (*GetQuotaRoot) Verb() string { return "GETQUOTAROOT" }

// Verb is "SETQUOTA".
func (*SetQuota) Verb() string { return "SETQUOTA" }

// maxQuotaLimits bounds the limits of one SETQUOTA: four resources are defined.
const maxQuotaLimits = 16

// getquota = "GETQUOTA" SP quota-root-name; quota-root-name = astring; RFC 9208 section 7.
func parseGetQuota(d *wire.Decoder) Command {
	var c GetQuota
	_ = d.MustSP() && d.MustAString(&c.Root) // the error sticks
	return end(d, &c)
}

// getquotaroot = "GETQUOTAROOT" SP mailbox; RFC 9208 section 7.
func parseGetQuotaRoot(d *wire.Decoder) Command {
	var c GetQuotaRoot
	_ = d.MustSP() && d.MustMailbox(&c.Mailbox) // the error sticks
	return end(d, &c)
}

// setquota = "SETQUOTA" SP quota-root-name SP setquota-list; RFC 9208 section 7.
// setquota-list = "(" [setquota-resource *(SP setquota-resource)] ")"; RFC 9208 section 7.
func parseSetQuota(d *wire.Decoder) Command {
	var c SetQuota
	_ = d.MustSP() && d.MustAString(&c.Root) && d.MustSP() &&
		d.MustList(func() bool { return c.limit(d) }) // the error sticks
	return end(d, &c)
}

// setquota-resource = resource-name SP resource-limit; RFC 9208 section 7.
func (c *SetQuota) limit(d *wire.Decoder) bool {
	l := QuotaLimit{Resource: string(d.MustWord())}
	if d.Err() != nil || !d.MustSP() || !d.MustNumber64(&l.Limit) {
		return false
	}
	for _, o := range c.Limits {
		if o.Resource == l.Resource {
			return d.Fail("a resource is named twice")
		}
	}
	if len(c.Limits) == maxQuotaLimits {
		return d.Fail("too many resources")
	}
	c.Limits = append(c.Limits, l)
	return true
}

// Append appends the command.
func (c *GetQuota) Append(b []byte, utf8 bool) []byte {
	return wire.AppendAString(append(b, "GETQUOTA "...), c.Root, utf8)
}

// Append appends the command.
func (c *GetQuotaRoot) Append(b []byte, utf8 bool) []byte {
	return appendMailboxCommand(b, "GETQUOTAROOT", c.Mailbox, utf8)
}

// Append appends the command.
func (c *SetQuota) Append(b []byte, utf8 bool) []byte {
	b = append(wire.AppendAString(append(b, "SETQUOTA "...), c.Root, utf8), " ("...)
	for i, l := range c.Limits {
		if i > 0 {
			b = append(b, ' ')
		}
		b = strconv.AppendInt(append(append(b, l.Resource...), ' '), l.Limit, 10)
	}
	return append(b, ')')
}

// QuotaUse is a limited resource of a QUOTA response.
type QuotaUse struct {
	QuotaLimit
	Usage int64
}

// AppendQuota appends a QUOTA response. RFC 9208 section 4.2.1.
func AppendQuota(b []byte, root string, uses []QuotaUse, utf8 bool) []byte {
	b = append(wire.AppendString(append(b, "* QUOTA "...), root, utf8), " ("...)
	for i, u := range uses {
		if i > 0 {
			b = append(b, ' ')
		}
		b = strconv.AppendInt(append(append(b, u.Resource...), ' '), u.Usage, 10)
		b = strconv.AppendInt(append(b, ' '), u.Limit, 10)
	}
	return append(b, ")\r\n"...)
}

// AppendQuotaRoot appends a QUOTAROOT response. RFC 9208 section 4.2.2.
func AppendQuotaRoot(b []byte, mailbox string, roots []string, utf8 bool) []byte {
	b = wire.AppendMailbox(append(b, "* QUOTAROOT "...), mailbox, utf8)
	for _, r := range roots {
		b = wire.AppendString(append(b, ' '), r, utf8)
	}
	return append(b, "\r\n"...)
}
