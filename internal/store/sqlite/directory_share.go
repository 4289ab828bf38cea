package sqlite

import (
	"context"
	"slices"
	"strings"

	"github.com/constance-mail/constance/internal/auth"
	"github.com/constance-mail/constance/internal/mail"
)

// Groups implements auth.Sharing.
func (d *directory) Groups(ctx context.Context, login string) ([]string, error) {
	var out []string
	err := d.read(ctx, func(c *conn) error {
		s, err := c.prep("SELECT grp FROM member WHERE login = ? ORDER BY grp")
		if err != nil {
			return err
		}
		return s.text(1, login).each(func() error {
			out = append(out, s.ColumnText(0))
			return nil
		})
	})
	return out, failDirectory("look up groups", login, err)
}

// each calls f for each row.
func (s stmt) each(f func() error) error {
	defer s.done()
	for {
		row, err := s.Step()
		if err != nil || !row {
			return err
		}
		if err := f(); err != nil {
			return err
		}
	}
}

// SetMember implements auth.Sharing.
func (d *directory) SetMember(ctx context.Context, group, login string, on bool) error {
	if err := auth.CheckMember(group, login); err != nil {
		return err
	}
	query := "DELETE FROM member WHERE login = ? AND grp = ?"
	if on {
		query = "INSERT OR IGNORE INTO member(login, grp) VALUES (?, ?)"
	}
	return d.write(ctx, "change group", group, func(c *conn) error {
		s, err := c.prep(query)
		if err != nil {
			return err
		}
		return s.text(1, login).text(2, group).run()
	})
}

// Members implements auth.Sharing. Groups are few and small beside all else: they are read in one go.
func (d *directory) Members(ctx context.Context, yield func(group, login string) error) error {
	var all [][2]string
	err := d.read(ctx, func(c *conn) error {
		s, err := c.prep("SELECT grp, login FROM member ORDER BY grp, login")
		if err != nil {
			return err
		}
		return s.each(func() error {
			all = append(all, [2]string{s.ColumnText(0), s.ColumnText(1)})
			return nil
		})
	})
	if err != nil {
		return failDirectory("list groups", "", err)
	}
	for _, m := range all {
		if err := yield(m[0], m[1]); err != nil {
			return err
		}
	}
	return nil
}

// Share implements auth.Sharing.
func (d *directory) Share(ctx context.Context, account mail.AccountID, identifiers func() ([]string, error)) error {
	return d.write(ctx, "share", string(account), func(c *conn) error {
		list, err := identifiers()
		if err != nil {
			return err
		}
		s, err := c.prep("DELETE FROM share WHERE account = ?")
		if err != nil {
			return err
		}
		if err := s.text(1, string(account)).run(); err != nil {
			return err
		}
		for _, id := range list {
			if s, err = c.prep("INSERT OR IGNORE INTO share(identifier, account) VALUES (?, ?)"); err != nil {
				return err
			}
			if err := s.text(1, id).text(2, string(account)).run(); err != nil {
				return err
			}
		}
		return nil
	})
}

// sharersQuery takes a walk down the index of identifiers and one down that of users for each account found.
const sharersQuery = `SELECT login, account, hash, disabled, shared FROM user WHERE login IN
	(SELECT (SELECT min(login) FROM user WHERE user.account = share.account AND login NOT GLOB 'DELETED/*') FROM share WHERE identifier = ?)`

// Sharers implements auth.Sharing.
func (d *directory) Sharers(ctx context.Context, identifiers []string) ([]auth.User, error) {
	var out []auth.User
	err := d.read(ctx, func(c *conn) error {
		for _, id := range identifiers {
			s, err := c.prep(sharersQuery)
			if err != nil {
				return err
			}
			err = s.text(1, id).each(func() error {
				out = append(out, scanUser(s))
				return nil
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	slices.SortFunc(out, func(a, b auth.User) int { return strings.Compare(a.Login, b.Login) })
	out = slices.CompactFunc(out, func(a, b auth.User) bool { return a.Login == b.Login })
	return out, failDirectory("look up sharers", "", err)
}
