package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/constance-mail/constance/internal/auth"
	"github.com/constance-mail/constance/internal/mail"
)

const groupLong = `A group is a name for some users, to share mailboxes with all of them: in an ACL it is
"group:NAME". It comes into being with its first member.`

func (p *program) groupCmd() *cobra.Command {
	return group("group", "Put users into groups", groupLong, p.groupAddCmd(), p.groupRemoveCmd(), p.groupListCmd())
}

func (p *program) groupAddCmd() *cobra.Command {
	return p.memberCmd(true, &cobra.Command{
		Use:     "add GROUP LOGIN...",
		Short:   "Put users into a group",
		Long:    "Puts users into a group. Sessions notice it when they list or open a mailbox.",
		Example: "  constance group add staff alice bob",
	})
}

func (p *program) groupRemoveCmd() *cobra.Command {
	return p.memberCmd(false, &cobra.Command{
		Use:     "remove GROUP LOGIN...",
		Short:   "Take users out of a group",
		Long:    "Takes users out of a group. A mailbox that they have open by the group stays open to\nthem until they leave it.",
		Example: "  constance group remove staff bob",
	})
}

// memberCmd has c put logins into a group, or take them out.
func (p *program) memberCmd(on bool, c *cobra.Command) *cobra.Command {
	c.Args = args(2, -1)
	c.RunE = func(c *cobra.Command, a []string) error {
		return p.with(func(b *backend) error { return b.setMembers(c.Context(), a, on) })
	}
	return c
}

// setMembers puts the logins after the first of names, which is the group, into it or takes them out.
func (b *backend) setMembers(ctx context.Context, names []string, on bool) error {
	grp, err := auth.CleanLogin(names[0])
	if err != nil {
		return fmt.Errorf("group: %w", err)
	}
	for _, name := range names[1:] {
		login, err := auth.CleanLogin(name)
		if err != nil {
			return err
		}
		if on {
			if _, err := b.user(ctx, login); err != nil {
				return err
			}
		}
		if err := b.users.SetMember(ctx, grp, login, on); err != nil {
			return err
		}
	}
	return nil
}

// memberRow is a member of a group in JSON.
type memberRow struct {
	Group string `json:"group"`
	Login string `json:"login"`
}

func (p *program) groupListCmd() *cobra.Command {
	return &cobra.Command{
		Use:     "list [GROUP]",
		Short:   "List the members of groups",
		Long:    "Lists the members of all groups, or of one.",
		Example: "  constance group list\n  constance group list staff --json",
		Args:    args(0, 1),
		RunE: func(c *cobra.Command, a []string) error {
			return p.with(func(b *backend) error {
				out := []memberRow{}
				var rows [][]string
				err := b.users.Members(c.Context(), func(grp, login string) error {
					if len(a) == 0 || a[0] == grp {
						out = append(out, memberRow{grp, login})
						rows = append(rows, []string{grp, login})
					}
					return nil
				})
				if err != nil {
					return err
				}
				return p.table([]string{"GROUP", "LOGIN"}, rows, out)
			})
		},
	}
}

// share writes anew what an account shares, for those who look for it.
func (b *backend) share(ctx context.Context, account mail.Account) error {
	return b.users.Share(ctx, account.ID(), func() ([]string, error) {
		boxes, err := account.Mailboxes(ctx)
		return mail.Grantees(boxes), err
	})
}
