package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/constance-mail/constance/internal/auth"
	"github.com/constance-mail/constance/internal/imapd"
	"github.com/constance-mail/constance/internal/mail"
)

// problemRow is a finding in JSON.
type problemRow struct {
	User    string   `json:"user"`
	Mailbox string   `json:"mailbox,omitempty"`
	UID     mail.UID `json:"uid,omitempty"`
	Text    string   `json:"text"`
}

func (p *program) verifyCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "verify [USER]",
		Short: "Recompute everything and report what differs",
		Long: `Recomputes what can be recomputed for the account of a user, or of all users
and the server's own ("(server)": its annotations): counters, quota, sizes, digests,
checksums, references. Each difference is printed. Nothing is changed but the index
of who shares with whom, which is written anew, and nobody is blocked for long. The
exit code is 1 if there is a difference. An account that cannot be read does not stop
the others.`,
		Example: "  constance verify\n  constance verify alice --json",
		Args:    args(0, 1),
		RunE: func(c *cobra.Command, a []string) error {
			return p.with(func(b *backend) error {
				users, err := b.selectAccounts(c.Context(), a)
				if err != nil {
					return err
				}
				return p.verify(c.Context(), b, users)
			})
		},
	}
}

func (p *program) verify(ctx context.Context, b *backend, users []auth.User) error {
	problems := []problemRow{}
	var rows [][]string
	var failures []error
	for _, u := range users {
		err := b.store.Account(u.Account).Verify(ctx, func(f mail.Problem) {
			problems = append(problems, problemRow{u.Login, f.Mailbox, f.UID, f.Text})
			rows = append(rows, []string{u.Login, f.Mailbox, strconv.Itoa(int(f.UID)), f.Text})
		})
		if err == nil {
			err = b.share(ctx, b.store.Account(u.Account))
		}
		if err != nil {
			failures = append(failures, fmt.Errorf("verify %s: %w", u.Login, err))
		}
		if ctx.Err() != nil {
			break
		}
	}
	if err := p.table([]string{"USER", "MAILBOX", "UID", "PROBLEM"}, rows, problems); err != nil {
		return err
	}
	if len(problems) > 0 {
		failures = append(failures, fmt.Errorf("%d problems in %d accounts", len(problems), len(users)))
	}
	if len(failures) > 0 {
		return errors.Join(failures...)
	}
	if !p.json {
		fmt.Fprintf(p.stdout, "%d accounts, no problem\n", len(users))
	}
	return nil
}

// selectAccounts are selectUsers and, unless one is named, whoever has the annotations of the server.
func (b *backend) selectAccounts(ctx context.Context, names []string) ([]auth.User, error) {
	users, err := b.selectUsers(ctx, names)
	s, ok := b.store.(interface{ Exists(mail.AccountID) bool })
	if err == nil && len(names) == 0 && ok && s.Exists(imapd.ServerAccount) {
		users = append(users, auth.User{Login: "(" + string(imapd.ServerAccount) + ")", Account: imapd.ServerAccount})
	}
	return users, err
}

// selectUsers is the named user, or one user of each account.
func (b *backend) selectUsers(ctx context.Context, names []string) ([]auth.User, error) {
	if len(names) == 1 {
		u, err := b.user(ctx, names[0])
		return []auth.User{u}, err
	}
	var users []auth.User
	seen := map[mail.AccountID]bool{}
	err := b.users.List(ctx, func(u auth.User) error {
		if !seen[u.Account] {
			users = append(users, u)
		}
		seen[u.Account] = true
		return nil
	})
	return users, err
}
