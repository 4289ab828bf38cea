package sqlite

import (
	"context"
	"errors"
	"os"
	"time"

	"github.com/constance-mail/constance/internal/mail"
	"github.com/constance-mail/constance/internal/trigram"
	"zombiezen.com/go/sqlite"
)

// textBehind is how many contents of a search may be unknown to the index before the account is noted to be indexed.
const textBehind = 256

// textPatience is how long a search waits for the index before it does without.
const textPatience = 100 * time.Millisecond

// TextCandidates implements mail.Messages. What is wrong with the index only makes searches slow.
func (a *account) TextCandidates(
	ctx context.Context, first, last mail.ContentID, texts [][]byte,
) ([]mail.Candidates, error) {
	out := make([]mail.Candidates, len(texts))
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	f, err := a.acquire()
	if err != nil {
		return nil, err
	}
	defer f.release()
	s := textSearch{first: first, last: last, texts: texts, out: out}
	err = s.run(ctx, f)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		clear(out)
		if !errors.Is(err, os.ErrNotExist) {
			a.store.opts.Log.Warn("no index of text", "account", a.id, "err", err)
		}
	}
	if isUseless(err) || !errors.Is(err, errTextBusy) && last >= s.upto+textBehind {
		a.noteUnindexed()
	}
	return out, nil
}

// textSearch asks an index for the contents from first to last.
type textSearch struct {
	first, last mail.ContentID
	texts       [][]byte
	out         []mail.Candidates // one for each text
	upto        mail.ContentID
}

func (s *textSearch) run(ctx context.Context, f *files) error {
	t, err := openText(f.dir, sqlite.OpenReadWrite)
	if err != nil {
		return err
	}
	defer t.close(false)
	t.SetBusyTimeout(textPatience)
	c, err := f.take()
	if err != nil {
		return err
	}
	defer f.give(c)
	return t.read(func() error {
		var err error
		if s.upto, err = t.upto(c); err != nil {
			return err
		}
		for i := range s.texts {
			if err := s.ask(ctx, t, i); err != nil {
				return err
			}
		}
		return nil
	})
}

// ask asks for one text.
func (s *textSearch) ask(ctx context.Context, t *textDB, i int) error {
	query, ok := trigram.Query(s.texts[i])
	last := min(s.last, s.upto)
	if !ok || last < s.first {
		return nil
	}
	found := mail.NewCandidates(s.first, last)
	for _, rows := range []struct{ query, match string }{
		{"SELECT rowid FROM words WHERE rowid BETWEEN ? AND ? AND words MATCH ?", query},
		{"SELECT id FROM passed WHERE id BETWEEN ? AND ?", ""},
	} {
		st, err := t.prep(rows.query)
		if err != nil {
			return err
		}
		st.bind(int64(s.first), int64(last))
		if rows.match != "" {
			st.text(3, rows.match)
		}
		if err := addRows(ctx, st, &found); err != nil {
			return err
		}
	}
	s.out[i] = found
	return nil
}

// addRows adds the contents that a statement yields.
func addRows(ctx context.Context, st stmt, found *mail.Candidates) error {
	const look = 1 << 12 // rows between two looks at ctx
	defer st.done()
	for n := 1; ; n++ {
		row, err := st.Step()
		if err != nil || !row {
			return err
		}
		found.Add(mail.ContentID(st.ColumnInt64(0)))
		if n%look == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
	}
}

// unindexedDir holds an empty file for each account of which a search wanted more to be indexed.
const unindexedDir = "/unindexed/"

// noteUnindexed notes the account for who indexes. It is a hint: what goes wrong is made up for by the next search.
func (a *account) noteUnindexed() {
	f, err := os.OpenFile(a.store.dir+unindexedDir+string(a.id), os.O_CREATE|os.O_WRONLY, 0o600)
	if err == nil {
		_ = f.Close() // nothing was written
	}
}

// Unindexed implements mail.Store.
func (s *store) Unindexed(ctx context.Context) ([]mail.AccountID, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	names, err := os.ReadDir(s.dir + unindexedDir)
	if err != nil {
		return nil, fail("list unindexed accounts", s.dir, err)
	}
	var out []mail.AccountID
	for _, n := range names {
		if id := mail.AccountID(n.Name()); id.Valid() {
			out = append(out, id)
		}
	}
	return out, nil
}
