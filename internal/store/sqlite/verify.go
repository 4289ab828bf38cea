package sqlite

import (
	"context"

	"github.com/constance-mail/constance/internal/mail"
)

// Verify implements mail.Account.
func (a *account) Verify(ctx context.Context, report func(mail.Problem)) error {
	return a.view(ctx, "verify", string(a.id), func(_ *files, c *conn) error {
		s, err := c.prep("PRAGMA quick_check")
		if err != nil {
			return err
		}
		defer s.done()
		for {
			row, err := s.Step()
			if err != nil || !row {
				return err
			}
			if text := s.ColumnText(0); text != "ok" {
				report(mail.Problem{Text: "database: " + text})
			}
		}
	})
}
