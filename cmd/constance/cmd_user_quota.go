package main

import (
	"context"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/constance-mail/constance/internal/config"
	"github.com/constance-mail/constance/internal/mail"
)

const quotaLong = `Shows what the account of a user holds and may hold, and sets limits: those that
are given change, the others stay; 0 takes a limit away. New accounts have the
limits of the settings store.quota and store.quota_messages.

A limit below what is there already deletes nothing: it only lets nothing in.`

// quotaRow is a resource of a quota in JSON; the limit is 0 if there is none.
type quotaRow struct {
	Resource string `json:"resource"`
	Usage    int64  `json:"usage"` // octets of storage
	Limit    int64  `json:"limit"`
}

// quotaFlags are the limits to set, "" for those that stay.
type quotaFlags struct{ storage, messages, mailboxes string }

func (p *program) userQuotaCmd() *cobra.Command {
	var f quotaFlags
	c := &cobra.Command{
		Use:   "quota LOGIN",
		Short: "Show or set the quota of a user",
		Long:  quotaLong,
		Example: `  constance user quota carol
  constance user quota carol --storage "5 GiB" --mailboxes 1000
  constance user quota carol --storage 0`,
		Args: args(1, 1),
		RunE: func(c *cobra.Command, a []string) error {
			return p.with(func(b *backend) error {
				u, err := b.user(c.Context(), a[0])
				if err != nil {
					return err
				}
				acct := b.store.Account(u.Account)
				if err := f.apply(c.Context(), acct); err != nil {
					return err
				}
				return p.printQuota(c.Context(), acct)
			})
		},
	}
	c.Flags().StringVar(&f.storage, "storage", "", "limit of all messages together, as \"5 GiB\"")
	c.Flags().StringVar(&f.messages, "messages", "", "limit of messages")
	c.Flags().StringVar(&f.mailboxes, "mailboxes", "", "limit of mailboxes, INBOX included")
	return c
}

// apply sets the limits that were given.
func (f *quotaFlags) apply(ctx context.Context, acct mail.Account) error {
	if *f == (quotaFlags{}) {
		return nil
	}
	u, err := acct.Usage(ctx)
	if err != nil {
		return err
	}
	q := u.Limit
	if f.storage != "" {
		if q.Storage, err = config.ParseSize(f.storage); err != nil {
			return fmt.Errorf("--storage: %w", err)
		}
	}
	for _, n := range []struct {
		flag, text string
		to         *int64
	}{{"messages", f.messages, &q.Messages}, {"mailboxes", f.mailboxes, &q.Mailboxes}} {
		if n.text == "" {
			continue
		}
		v, err := strconv.ParseInt(n.text, 10, 64)
		if err != nil || v < 0 {
			return fmt.Errorf("--%s: %q is no number of %s", n.flag, n.text, n.flag)
		}
		*n.to = v
	}
	return acct.SetQuota(ctx, q)
}

func (p *program) printQuota(ctx context.Context, acct mail.Account) error {
	u, err := acct.Usage(ctx)
	if err != nil {
		return err
	}
	rows := []quotaRow{{"storage", u.Storage, u.Limit.Storage}, {"messages", u.Messages, u.Limit.Messages},
		{"mailboxes", u.Mailboxes, u.Limit.Mailboxes}}
	var table [][]string
	for i, r := range rows {
		show := func(n int64) string { return strconv.FormatInt(n, 10) }
		if i == 0 {
			show = humanSize
		}
		limit := "none"
		if r.Limit > 0 {
			limit = show(r.Limit)
		}
		table = append(table, []string{r.Resource, show(r.Usage), limit})
	}
	return p.table([]string{"RESOURCE", "USAGE", "LIMIT"}, table, rows)
}
