package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/constance-mail/constance/internal/auth"
	"github.com/constance-mail/constance/internal/config"
	"github.com/constance-mail/constance/internal/mail"
)

func (p *program) purgeCmd() *cobra.Command {
	after, log := "", false
	c := &cobra.Command{
		Use:   "purge [USER]",
		Short: "Give back the room of expunged messages",
		Long: `Removes for good what was expunged longer ago than the time of store.purge_after
in the configuration, for one user or all, and the accounts of users that an
administrator deleted by IMAP longer ago than that; and from ACLs the login names that
nobody has any more. The server does it once a day.
An account that fails does not stop the others.`,
		Example: "  constance purge\n  constance purge alice --after 0s    # at once",
		Args:    args(0, 1),
		RunE: func(c *cobra.Command, a []string) error {
			grace, err := purgeAfter(after, c.CommandPath())
			if err != nil {
				return err
			}
			return p.with(func(b *backend) error {
				if after == "" {
					grace = b.conf.Store.PurgeAfter
				}
				users, err := b.selectAccounts(c.Context(), a)
				if err != nil {
					return err
				}
				if log {
					lowerPriority()
				}
				sum, err := purge(c.Context(), b, users, time.Now().Add(-grace))
				if log {
					p.logger(b.conf).Info("purged", "accounts", sum.Accounts, "failed", sum.Failed, "removed", sum.Removed, "messages", sum.Messages, "octets", sum.Octets)
					return err
				}
				return errors.Join(err, p.printPurge(sum))
			})
		},
	}
	c.Flags().StringVar(&after, "after", "", "how long ago messages were expunged, as \"14d\" (default: store.purge_after)")
	c.Flags().BoolVar(&log, "log", false, "log what was done instead of printing it, as the server wants it")
	return c
}

// purgeAfter reads --after; "" is 0.
func purgeAfter(after, command string) (time.Duration, error) {
	if after == "" {
		return 0, nil
	}
	d, err := config.ParseDuration(after)
	if err == nil && d < 0 {
		err = fmt.Errorf("%q is in the future", after)
	}
	if err != nil {
		return 0, &usageError{text: "--after: " + err.Error(), command: command}
	}
	return d, nil
}

// purgeSum is what a purge did, in JSON.
type purgeSum struct {
	Accounts int   `json:"accounts"`
	Failed   int   `json:"failed"`
	Removed  int   `json:"removed"` // accounts that were deleted
	Messages int64 `json:"messages"`
	Contents int64 `json:"contents"`
	Octets   int64 `json:"octets"`
}

// purge purges the account of each user. The error is that of all accounts that failed.
func purge(ctx context.Context, b *backend, users []auth.User, before time.Time) (sum purgeSum, err error) {
	var failures []error
	for _, u := range users {
		gone, err := b.bury(ctx, u, before)
		if gone {
			sum.Removed++
			continue
		}
		var r mail.PurgeResult
		if err == nil {
			r, err = b.store.Account(u.Account).Purge(ctx, before)
		}
		if err == nil {
			err = b.withdraw(ctx, u.Account, b.nobody(ctx))
		}
		if err != nil {
			failures = append(failures, fmt.Errorf("purge %s: %w", u.Login, err))
			sum.Failed++
			if ctx.Err() != nil {
				break
			}
			continue
		}
		sum = add(sum, r)
	}
	return sum, errors.Join(failures...)
}

// bury removes the account of a user who was deleted before the given time, if no other login name has it.
func (b *backend) bury(ctx context.Context, u auth.User, before time.Time) (gone bool, err error) {
	_, at, deleted := auth.Deleted(u.Login)
	if !deleted || !at.Before(before) {
		return false, nil
	}
	others, err := b.others(ctx, u)
	if err != nil || len(others) > 0 {
		return false, err
	}
	if err := b.store.Remove(ctx, u.Account); err != nil { // before its name: what is left in between is done again
		return false, err
	}
	return true, b.users.Remove(ctx, u.Login)
}

func (p *program) printPurge(sum purgeSum) error {
	row := []string{strconv.Itoa(sum.Accounts), strconv.FormatInt(sum.Messages, 10), strconv.FormatInt(sum.Contents, 10),
		humanSize(sum.Octets), strconv.Itoa(sum.Removed)}
	return p.table([]string{"ACCOUNTS", "MESSAGES", "CONTENTS", "ROOM", "REMOVED"}, [][]string{row}, sum)
}

func add(s purgeSum, r mail.PurgeResult) purgeSum {
	s.Accounts++
	s.Messages += r.Messages
	s.Contents += r.Contents
	s.Octets += r.Octets
	return s
}
