package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/constance-mail/constance/internal/auth"
	"github.com/constance-mail/constance/internal/mail"
)

const indexLong = `Brings the index of text up to date that SEARCH BODY and TEXT use, for one user or all.
An index that is missing is made; with --existing it is not, with --rebuild each is
made anew. Nobody waits for it: a search reads what the index does not know yet.

The server does it by itself, as store.index in the configuration says: within
seconds for an account of which a search missed much (--follow), and once a day for
those that have an index. An account that fails does not stop the others.`

// indexFlags are the flags of index.
type indexFlags struct {
	rebuild, existing, follow, log bool
}

func (p *program) indexCmd() *cobra.Command {
	var f indexFlags
	c := &cobra.Command{
		Use:     "index [USER]",
		Short:   "Index the text of messages for searches",
		Long:    indexLong,
		Example: "  constance index\n  constance index alice --rebuild",
		Args:    args(0, 1),
		RunE: func(c *cobra.Command, a []string) error {
			if f.rebuild && f.existing || f.follow && (f.rebuild || f.existing || len(a) > 0) {
				return &usageError{text: "these flags do not go together", command: c.CommandPath()}
			}
			return p.with(func(b *backend) error { return p.index(c.Context(), b, a, f) })
		},
	}
	c.Flags().BoolVar(&f.rebuild, "rebuild", false, "make the index anew")
	c.Flags().BoolVar(&f.existing, "existing", false, "only where there is an index")
	c.Flags().BoolVar(&f.follow, "follow", false, "go on for ever, with the accounts that searches name, as the server wants it")
	c.Flags().BoolVar(&f.log, "log", false, "log what was done instead of printing it, as the server wants it")
	return c
}

func (p *program) index(ctx context.Context, b *backend, names []string, f indexFlags) error {
	if f.follow || f.log {
		lowerPriority()
	}
	if f.follow {
		return follow(ctx, b.store, p.logger(b.conf).With("service", "index"))
	}
	users, err := b.selectUsers(ctx, names)
	if err != nil {
		return err
	}
	how := mail.IndexMake
	switch {
	case f.rebuild:
		how = mail.IndexAnew
	case f.existing:
		how = mail.IndexUpdate
	}
	sum, err := indexAll(ctx, b.store, users, how)
	if f.log {
		p.logger(b.conf).Info("indexed", "accounts", sum.Accounts, "failed", sum.Failed, "messages", sum.Indexed, "octets", sum.Octets)
		return err
	}
	return errors.Join(err, p.printIndex(sum))
}

// indexSum is what was indexed, in JSON.
type indexSum struct {
	Accounts int   `json:"accounts"` // that have an index now
	Failed   int   `json:"failed"`
	Indexed  int64 `json:"indexed"`  // contents, this time
	Contents int64 `json:"contents"` // in the indexes
	Passed   int64 `json:"passed"`
	Octets   int64 `json:"octets"`
}

// indexAll indexes the account of each user. The error is that of all accounts that failed.
func indexAll(ctx context.Context, store mail.Store, users []auth.User, how mail.Indexing) (sum indexSum, err error) {
	var failures []error
	for _, u := range users {
		r, err := store.Account(u.Account).IndexText(ctx, how)
		if err != nil {
			failures = append(failures, fmt.Errorf("index %s: %w", u.Login, err))
			sum.Failed++
		}
		if ctx.Err() != nil {
			break
		}
		if r.Octets > 0 {
			sum.Accounts++
		}
		sum.Indexed += r.Indexed
		sum.Contents += r.Contents
		sum.Passed += r.Passed
		sum.Octets += r.Octets
	}
	return sum, errors.Join(failures...)
}

func (p *program) printIndex(sum indexSum) error {
	row := []string{strconv.Itoa(sum.Accounts), strconv.FormatInt(sum.Indexed, 10), strconv.FormatInt(sum.Contents, 10),
		strconv.FormatInt(sum.Passed, 10), humanSize(sum.Octets)}
	return p.table([]string{"ACCOUNTS", "INDEXED", "CONTENTS", "PASSED OVER", "SIZE"}, [][]string{row}, sum)
}

// followEvery is how often follow looks for accounts.
const followEvery = 5 * time.Second

// follow indexes accounts as searches name them, until ctx is done.
func follow(ctx context.Context, store mail.Store, log *slog.Logger) error {
	tick := time.NewTicker(followEvery)
	defer tick.Stop()
	for {
		if err := indexNamed(ctx, store, log); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// indexNamed indexes the accounts that searches have named. One that fails is named again by the next search.
func indexNamed(ctx context.Context, store mail.Store, log *slog.Logger) error {
	ids, err := store.Unindexed(ctx)
	if err != nil {
		return err
	}
	for _, id := range ids {
		start := time.Now()
		r, err := store.Account(id).IndexText(ctx, mail.IndexMake)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			log.Warn("index", "account", id, "err", err)
			continue
		}
		log.Info("indexed", "account", id, "messages", r.Indexed, "of", r.Contents, "passed", r.Passed, "octets", r.Octets, "ms", ms(time.Since(start)))
	}
	return nil
}
