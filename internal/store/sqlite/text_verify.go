package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/constance-mail/constance/internal/mail"
	"zombiezen.com/go/sqlite"
)

// textVerifier checks that an index finds each content by its own trigrams.
type textVerifier struct {
	t      *textDB
	look   *textLook
	report func(mail.Problem)
}

// verifyText checks the index against the contents, which ascend. None, or one that the next IndexText makes anew for its
// version, is no problem.
func (a *account) verifyText(ctx context.Context, ids []mail.ContentID, report func(mail.Problem)) error {
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
	defer t.close(false)
	v := textVerifier{t: t, look: newTextLook(), report: report}
	err = t.read(func() error { return v.run(ctx, a, f, ids) })
	switch {
	case errors.Is(err, errTextVersion):
		return nil
	case isUseless(err):
		v.problem("%v", err)
		return nil
	}
	return err
}

func (v *textVerifier) problem(format string, args ...any) {
	v.report(mail.Problem{Text: "index of text: " + fmt.Sprintf(format, args...)})
}

func (v *textVerifier) run(ctx context.Context, a *account, f *files, ids []mail.ContentID) error {
	upto, err := v.upto(f)
	if err != nil {
		return err
	}
	err = v.t.each("PRAGMA quick_check", func(s stmt) error {
		if text := s.ColumnText(0); text != "ok" {
			v.problem("%s", text)
		}
		return nil
	})
	for len(ids) > 0 && ids[len(ids)-1] > upto {
		ids = ids[:len(ids)-1]
	}
	for len(ids) > 0 && err == nil {
		r := textReader{a: a, ids: ids[:min(textBatch, len(ids))], visit: v.visit,
			damaged: func(mail.ContentID) error { return nil }} // which was reported
		err = r.run(ctx)
		ids = ids[r.done:]
	}
	return err
}

func (v *textVerifier) upto(f *files) (mail.ContentID, error) {
	c, err := f.take()
	if err != nil {
		return 0, err
	}
	defer f.give(c)
	return v.t.upto(c)
}

// visit looks for a content in the index.
func (v *textVerifier) visit(id mail.ContentID, parts []byte, content mail.Content) error {
	passed, err := v.t.one("SELECT count(*) FROM passed WHERE id = ?", int64(id))
	if err != nil || passed > 0 {
		return err
	}
	err = v.look.at(parts, content)
	if mail.KindOf(err) == mail.Corrupt {
		return nil // which was reported
	}
	query, any := v.look.set.Query()
	if err != nil || !any {
		return err
	}
	s, err := v.t.prep("SELECT rowid FROM words WHERE rowid = ? AND words MATCH ?")
	if err != nil {
		return err
	}
	defer s.done()
	found, err := s.bind(int64(id)).text(2, query).first()
	if err == nil && !found {
		v.problem("it does not find %s", contentItem(id))
	}
	return err
}
