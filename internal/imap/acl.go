package imap

import (
	"github.com/constance-mail/constance/internal/imap/wire"
	"github.com/constance-mail/constance/internal/mail"
)

// SetACL is SETACL. RFC 4314 section 3.1.
type SetACL struct {
	Mailbox string
	Change  mail.ACLChange // the identifier as the client wrote it
}

// DeleteACL is DELETEACL. RFC 4314 section 3.2.
type DeleteACL struct{ Mailbox, Identifier string }

// GetACL is GETACL. RFC 4314 section 3.3.
type GetACL struct{ Mailbox string }

// ListRights is LISTRIGHTS. RFC 4314 section 3.4.
type ListRights struct{ Mailbox, Identifier string }

// MyRights is MYRIGHTS. RFC 4314 section 3.5.
type MyRights struct{ Mailbox string }

// Verb is "SETACL".
func (*SetACL) Verb() string { return "SETACL" }

// Verb is "DELETEACL".
func (*DeleteACL) Verb() string { return "DELETEACL" }

// Verb is "GETACL".
func (*GetACL) Verb() string { return "GETACL" }

// Verb is "LISTRIGHTS".
func (*ListRights) Verb() string { return "LISTRIGHTS" }

// Verb is "MYRIGHTS".
func (*MyRights) Verb() string { return "MYRIGHTS" }

// The obsolete rights and what they stand for. RFC 4314 section 2.1.1.
const (
	createRights = mail.RightCreate | mail.RightDelete
	deleteRights = mail.RightDeleteMessages | mail.RightExpunge
)

// setacl = "SETACL" SP mailbox SP identifier SP mod-rights; RFC 4314 section 7.
func parseSetACL(d *wire.Decoder) Command {
	var c SetACL
	var rights string
	if d.MustSP() && d.MustMailbox(&c.Mailbox) && d.MustSP() && d.MustAString(&c.Change.Identifier) && d.MustSP() &&
		d.MustAString(&rights) {
		c.modRights(d, rights)
	}
	return end(d, &c)
}

// mod-rights = astring ;; +rights to add, -rights to remove, rights to replace; RFC 4314 section 7.
func (c *SetACL) modRights(d *wire.Decoder, rights string) bool {
	if rights != "" && rights[0] == '+' {
		c.Change.Op, rights = mail.AddRights, rights[1:]
	} else if rights != "" && rights[0] == '-' {
		c.Change.Op, rights = mail.RemoveRights, rights[1:]
	}
	r, ok := ParseRights(rights)
	c.Change.Rights = r
	return ok || d.Fail("there is no such right") // RFC 4314 section 3.1
}

// ParseRights reads rights, with the obsolete ones for what they stand for; false for what is none.
// RFC 4314 section 2.1.1.
func ParseRights(s string) (mail.Rights, bool) {
	var out mail.Rights
	for i := range len(s) {
		r := mail.RightOf(s[i])
		switch s[i] {
		case 'c':
			r = createRights
		case 'd':
			r = deleteRights
		}
		if r == 0 {
			return 0, false
		}
		out |= r
	}
	return out, true
}

// deleteacl = "DELETEACL" SP mailbox SP identifier; RFC 4314 section 7.
func parseDeleteACL(d *wire.Decoder) Command {
	var c DeleteACL
	_ = d.MustSP() && d.MustMailbox(&c.Mailbox) && d.MustSP() && d.MustAString(&c.Identifier) // the error sticks
	return end(d, &c)
}

// getacl = "GETACL" SP mailbox; RFC 4314 section 7.
func parseGetACL(d *wire.Decoder) Command {
	var c GetACL
	_ = d.MustSP() && d.MustMailbox(&c.Mailbox) // the error sticks
	return end(d, &c)
}

// listrights = "LISTRIGHTS" SP mailbox SP identifier; RFC 4314 section 7.
func parseListRights(d *wire.Decoder) Command {
	var c ListRights
	_ = d.MustSP() && d.MustMailbox(&c.Mailbox) && d.MustSP() && d.MustAString(&c.Identifier) // the error sticks
	return end(d, &c)
}

// myrights = "MYRIGHTS" SP mailbox; RFC 4314 section 7.
func parseMyRights(d *wire.Decoder) Command {
	var c MyRights
	_ = d.MustSP() && d.MustMailbox(&c.Mailbox) // the error sticks
	return end(d, &c)
}

// Append appends the command.
func (c *SetACL) Append(b []byte, utf8 bool) []byte {
	b = append(appendMailboxCommand(b, "SETACL", c.Mailbox, utf8), ' ')
	b = append(wire.AppendAString(b, c.Change.Identifier, utf8), ' ')
	sign := [...]string{mail.ReplaceRights: "", mail.AddRights: "+", mail.RemoveRights: "-"}[c.Change.Op]
	return wire.AppendAString(b, sign+c.Change.Rights.String(), utf8)
}

// Append appends the command.
func (c *DeleteACL) Append(b []byte, utf8 bool) []byte {
	b = append(appendMailboxCommand(b, "DELETEACL", c.Mailbox, utf8), ' ')
	return wire.AppendAString(b, c.Identifier, utf8)
}

// Append appends the command.
func (c *GetACL) Append(b []byte, utf8 bool) []byte {
	return appendMailboxCommand(b, "GETACL", c.Mailbox, utf8)
}

// Append appends the command.
func (c *ListRights) Append(b []byte, utf8 bool) []byte {
	b = append(appendMailboxCommand(b, "LISTRIGHTS", c.Mailbox, utf8), ' ')
	return wire.AppendAString(b, c.Identifier, utf8)
}

// Append appends the command.
func (c *MyRights) Append(b []byte, utf8 bool) []byte {
	return appendMailboxCommand(b, "MYRIGHTS", c.Mailbox, utf8)
}

// AppendRights appends rights, with the obsolete ones of which any member is there. RFC 4314 section 2.1.1.
func AppendRights(b []byte, r mail.Rights) []byte {
	if r == 0 {
		return append(b, `""`...)
	}
	b = append(b, r.String()...)
	if r&createRights != 0 {
		b = append(b, 'c')
	}
	if r&deleteRights != 0 {
		b = append(b, 'd')
	}
	return b
}

// AppendACL appends an ACL response. RFC 4314 section 3.6.
func AppendACL(b []byte, mailbox string, acl mail.ACL, utf8 bool) []byte {
	b = wire.AppendMailbox(append(b, "* ACL "...), mailbox, utf8)
	for _, g := range acl {
		b = append(appendIdentifier(append(b, ' '), g.Identifier, utf8), ' ')
		b = AppendRights(b, g.Rights)
	}
	return append(b, "\r\n"...)
}

// appendIdentifier appends an identifier as a server does, an atom if it can be one: cyradm and Perl's Mail::IMAPClient
// take quotes for a part of it.
func appendIdentifier(b []byte, id string, utf8 bool) []byte {
	if wire.IsAString(id) {
		return append(b, id...)
	}
	return wire.AppendString(b, id, utf8)
}

// listedRights are the rights of LISTRIGHTS, with the obsolete ones beside what they stand for.
const listedRights = "lrswipkxtecdan"

// AppendListRights appends a LISTRIGHTS response: what the identifier always has, and all others one by one. The right
// "c" or "d" is always there as soon as a member is. RFC 4314 sections 2.1.1 and 3.7.
func AppendListRights(b []byte, c *ListRights, always mail.Rights, utf8 bool) []byte {
	b = append(wire.AppendMailbox(append(b, "* LISTRIGHTS "...), c.Mailbox, utf8), ' ')
	b = append(appendIdentifier(b, c.Identifier, utf8), ' ')
	b = AppendRights(b, always)
	for i := range len(listedRights) {
		if r, _ := ParseRights(listedRights[i : i+1]); r&always == 0 {
			b = append(b, ' ', listedRights[i])
		}
	}
	return append(b, "\r\n"...)
}

// AppendMyRights appends a MYRIGHTS response. RFC 4314 section 3.8.
func AppendMyRights(b []byte, mailbox string, r mail.Rights, utf8 bool) []byte {
	b = append(wire.AppendMailbox(append(b, "* MYRIGHTS "...), mailbox, utf8), ' ')
	return append(AppendRights(b, r), "\r\n"...)
}
