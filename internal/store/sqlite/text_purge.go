package sqlite

import (
	"context"
	"errors"
	"os"

	"github.com/constance-mail/constance/internal/mail"
	"zombiezen.com/go/sqlite"
)

// textPurgeChunk is how many contents of the index a transaction compares with mail.db.
const textPurgeChunk = 4096

// purgeText removes from the index what mail.db has not any more. What is left behind by a failure only takes room.
func (a *account) purgeText(ctx context.Context) error {
	f, err := a.acquire()
	if err != nil {
		return err
	}
	defer f.release()
	t, err := openText(f.dir, sqlite.OpenReadWrite)
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, errTextBusy) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { t.close(err == nil) }()
	c, err := f.take()
	if err != nil {
		return err
	}
	defer f.give(c)
	if _, err = t.upto(c); err != nil {
		return err
	}
	for _, table := range []textTable{
		{"SELECT id FROM words_docsize WHERE id > ? ORDER BY id LIMIT ?", "DELETE FROM words WHERE rowid = ?"},
		{"SELECT id FROM passed WHERE id > ? ORDER BY id LIMIT ?", "DELETE FROM passed WHERE id = ?"},
	} {
		for at := int64(0); at >= 0 && err == nil; err = errors.Join(err, ctx.Err()) {
			err = t.within(func() (err error) {
				at, err = t.purgeAfter(c, table, at)
				return err
			})
		}
	}
	return err
}

// textTable is how contents are listed and removed in a table of an index.
type textTable struct{ list, remove string }

// purgeAfter removes what is gone of the next contents after one, and returns the last of them, -1 if there are no more.
func (t *textDB) purgeAfter(c *conn, table textTable, after int64) (last int64, err error) {
	s, err := t.prep(table.list)
	if err != nil {
		return 0, err
	}
	ids, err := s.bind(after, textPurgeChunk).numbers()
	if err != nil || len(ids) == 0 {
		return -1, err
	}
	last = ids[len(ids)-1]
	there, err := c.contents(mail.ContentID(after+1), mail.ContentID(last), last-after)
	if err != nil {
		return 0, fail("purge text", "", err)
	}
	for _, id := range ids {
		for len(there) > 0 && int64(there[0]) < id {
			there = there[1:]
		}
		if len(there) > 0 && int64(there[0]) == id {
			continue
		}
		if err := t.run(table.remove, id); err != nil {
			return 0, err
		}
	}
	return last, nil
}

// numbers is the first column of all rows.
func (s stmt) numbers() ([]int64, error) {
	defer s.done()
	var out []int64
	for {
		row, err := s.Step()
		if err != nil || !row {
			return out, err
		}
		out = append(out, s.ColumnInt64(0))
	}
}
