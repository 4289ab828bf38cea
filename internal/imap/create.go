package imap

import (
	"github.com/constance-mail/constance/internal/imap/wire"
	"github.com/constance-mail/constance/internal/mail"
)

// Create is CREATE. A name may end with the separator, which says that names below it will be created.
// RFC 9051 section 6.3.4, RFC 6154 section 3.
type Create struct {
	Mailbox string
	Uses    []mail.SpecialUse // as sent: also unknown ones, which the engine refuses with USEATTR
}

// Verb is "CREATE".
func (*Create) Verb() string { return "CREATE" }

// maxUses bounds the uses of one CREATE: there are seven.
const maxUses = 16

// create = "CREATE" SP mailbox [create-params]; RFC 9051 section 9.
// create-params = SP "(" "USE" SP "(" [use-attr *(SP use-attr)] ")" ")"; RFC 6154 section 6.
func parseCreate(d *wire.Decoder) Command {
	var c Create
	if d.MustSP() && d.MustMailbox(&c.Mailbox) && d.SP() {
		_ = d.MustList(func() bool {
			return d.MustKeyword("USE") && d.MustSP() &&
				d.MustList(func() bool { return c.use(d) })
		})
	}
	return end(d, &c)
}

// use-attr = "\All" / "\Archive" / ... / use-attr-ext; RFC 6154 section 6.
func (c *Create) use(d *wire.Decoder) bool {
	var use string
	if !d.MustSpecial('\\') || !d.MustAtom(&use) {
		return false
	}
	if len(c.Uses) == maxUses {
		return d.Fail("too many uses")
	}
	c.Uses = append(c.Uses, mail.SpecialUse(`\`+use))
	return true
}

// Append appends the command.
func (c *Create) Append(b []byte, utf8 bool) []byte {
	b = appendMailboxCommand(b, "CREATE", c.Mailbox, utf8)
	for i, u := range c.Uses {
		if i == 0 {
			b = append(b, " (USE ("...)
		} else {
			b = append(b, ' ')
		}
		b = append(b, u...)
	}
	if len(c.Uses) > 0 {
		b = append(b, "))"...)
	}
	return b
}
