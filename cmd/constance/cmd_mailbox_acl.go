package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/constance-mail/constance/internal/auth"
	"github.com/constance-mail/constance/internal/imap"
	"github.com/constance-mail/constance/internal/mail"
)

const aclLong = `Shows or changes who may do what with a mailbox (RFC 4314). IDENTIFIER is a login name,
"group:NAME" or "anyone", or one of these with "-" before it, which takes the rights away.
RIGHTS are letters, with "+" or "-" before them to be added or taken away; "none"
takes the entry away.

  l list   r read   s keep \\Seen   w write flags   i insert   p mail to its address
  k create below   x delete   t mark as deleted   e expunge   n annotate   a administer

A new mailbox gets the entries of the one above it. With -- before it an argument may
begin with a dash.`

// grantRow is an entry of an ACL in JSON.
type grantRow struct {
	Identifier string `json:"identifier"`
	Rights     string `json:"rights"`
}

func (p *program) mailboxACLCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "acl USER MAILBOX [IDENTIFIER RIGHTS]",
		Short: "Show or change who may do what with a mailbox",
		Long:  aclLong,
		Example: `  constance mailbox acl alice INBOX
  constance mailbox acl support INBOX group:staff lrswite
  constance mailbox acl alice Lists -- bob -w`,
		Args: args(2, 4),
		RunE: func(c *cobra.Command, a []string) error {
			return p.with(func(b *backend) error {
				u, m, err := b.mailbox(c.Context(), a[0], a[1])
				if err != nil {
					return err
				}
				switch len(a) {
				case 2:
					return p.printACL(u, m.ACL)
				case 4:
					return b.setACL(c.Context(), u, m.ID, a[2:])
				}
				return errors.New("an identifier needs rights")
			})
		},
	}
}

// mailbox is a mailbox of a user, with errors for people.
func (b *backend) mailbox(ctx context.Context, login, name string) (auth.User, mail.Mailbox, error) {
	u, err := b.user(ctx, login)
	if err != nil {
		return u, mail.Mailbox{}, err
	}
	m, err := b.store.Account(u.Account).Mailbox(ctx, name)
	if err != nil {
		err = hinted(err, "`constance mailbox list "+u.Login+"` lists the mailboxes")
	}
	return u, m, err
}

// printACL prints an ACL, the owner first, of whom only what was taken away is stored.
func (p *program) printACL(u auth.User, acl mail.ACL) error {
	out := []grantRow{}
	var rows [][]string
	add := func(identifier string, r mail.Rights) {
		out = append(out, grantRow{identifier, r.String()})
		rows = append(rows, []string{identifier, r.String()})
	}
	if !u.Shared {
		add(u.Login, acl.OfOwner())
	}
	for _, g := range acl {
		if g.Identifier != mail.Owner {
			add(strings.Replace(g.Identifier, mail.Owner, u.Login, 1), g.Rights)
		}
	}
	return p.table([]string{"IDENTIFIER", "RIGHTS"}, rows, out)
}

// setACL changes an entry of an ACL: words are an identifier and rights.
func (b *backend) setACL(ctx context.Context, u auth.User, id mail.MailboxID, words []string) error {
	c, err := aclChange(words[0], words[1])
	if err != nil {
		return err
	}
	name, minus := strings.CutPrefix(c.Identifier, "-")
	if name != mail.Anyone && name != mail.Anonymous && !strings.HasPrefix(name, mail.GroupPrefix) {
		o, err := b.user(ctx, name)
		if err != nil {
			return err
		}
		if name = o.Login; o.Account == u.Account {
			name = mail.Owner
		}
	}
	if c.Identifier = name; minus {
		c.Identifier = "-" + name
	}
	account := b.store.Account(u.Account)
	if err := account.SetACL(ctx, id, c); err != nil {
		return err
	}
	return b.share(ctx, account)
}

func aclChange(identifier, rights string) (mail.ACLChange, error) {
	c := mail.ACLChange{Identifier: identifier}
	switch {
	case rights == "none":
		return c, nil
	case strings.HasPrefix(rights, "+"):
		c.Op, rights = mail.AddRights, rights[1:]
	case strings.HasPrefix(rights, "-"):
		c.Op, rights = mail.RemoveRights, rights[1:]
	}
	var ok bool
	if c.Rights, ok = imap.ParseRights(rights); !ok || rights == "" {
		return c, fmt.Errorf("%q: rights are letters of %s", rights, mail.AllRights)
	}
	return c, nil
}

// personalWords are the words for mail.Personal, in its order.
var personalWords = []string{"seen", "none", "all"}

func (p *program) mailboxPersonalCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "personal USER MAILBOX [seen|none|all]",
		Short: "Show or set which flags others have for themselves",
		Long: `Shows or sets which flags of a shared mailbox each user has for itself: \Seen (as it is
at first), none, or all but \Deleted. The owner's flags are those that are shared.
A new mailbox is as the one above it.`,
		Example: "  constance mailbox personal support INBOX\n  constance mailbox personal support INBOX none",
		Args:    args(2, 3),
		RunE: func(c *cobra.Command, a []string) error {
			return p.with(func(b *backend) error {
				u, m, err := b.mailbox(c.Context(), a[0], a[1])
				if err != nil {
					return err
				}
				if len(a) == 2 {
					word := personalWords[m.Personal]
					return p.table([]string{"PERSONAL"}, [][]string{{word}}, map[string]string{"personal": word})
				}
				i := slices.Index(personalWords, a[2])
				if i < 0 {
					return fmt.Errorf("%q is none of %s", a[2], strings.Join(personalWords, ", "))
				}
				return b.store.Account(u.Account).SetPersonal(c.Context(), m.ID, mail.Personal(i))
			})
		},
	}
}
