package sqlite

import (
	"context"
	"errors"
	"io"
	"os"

	"github.com/constance-mail/constance/internal/mail"
	"github.com/constance-mail/constance/internal/message"
	"github.com/constance-mail/constance/internal/trigram"
)

const (
	// textBatch bounds the contents of a transaction that indexes.
	textBatch = 256
	// textBatchOctets bounds their octets, but for the last content's.
	textBatchOctets = 16 << 20
	// textLimit bounds the different trigrams of a content that is indexed, and so the indexer's memory. More has what is
	// encoded as text, which would take more room in the index than it saves time, and hardly any text in a language.
	textLimit = 1 << 17
)

// IndexText implements mail.Account.
func (a *account) IndexText(ctx context.Context, how mail.Indexing) (mail.TextIndex, error) {
	there := a.store.accountDir(a.id)
	if how == mail.IndexUpdate {
		there += textName
	}
	if _, err := os.Stat(there); errors.Is(err, os.ErrNotExist) {
		return mail.TextIndex{}, nil // an account without mail does not come into being
	}
	_ = os.Remove(a.store.dir + unindexedDir + string(a.id)) // a search that misses more from now on notes it again
	f, err := a.acquire()
	if err != nil {
		return mail.TextIndex{}, err
	}
	defer f.release()
	x := textIndexer{a: a, f: f, look: newTextLook()}
	if how == mail.IndexAnew {
		err = removeText(ctx, f.dir)
	}
	if err == nil {
		err = x.run(ctx)
	}
	if isUseless(err) {
		a.store.opts.Log.Warn("index of text is made anew", "account", a.id, "err", err)
		if err = removeText(ctx, f.dir); err == nil {
			err = x.run(ctx)
		}
	}
	return x.sum, fail("index text", string(a.id), err)
}

// textIndexer brings an account's index up to date.
type textIndexer struct {
	a     *account
	f     *files
	t     *textDB
	look  *textLook
	words []byte
	sum   mail.TextIndex
}

func (x *textIndexer) run(ctx context.Context) (err error) {
	if x.t, err = openTextWriter(x.f.dir); err != nil {
		return err
	}
	defer func() { x.t.close(err == nil) }()
	for more := true; more; {
		if err = x.t.within(func() error { more, err = x.batch(ctx); return err }); err != nil {
			return err
		}
	}
	return x.t.measure(&x.sum)
}

// measure counts what is in the index.
func (t *textDB) measure(sum *mail.TextIndex) error {
	for _, q := range []struct {
		query string
		into  *int64
	}{
		{"SELECT count(*) FROM words_docsize", &sum.Contents},
		{"SELECT count(*) FROM passed", &sum.Passed},
		{"SELECT page_count * page_size FROM pragma_page_count, pragma_page_size", &sum.Octets},
	} {
		n, err := t.one(q.query)
		if err != nil {
			return err
		}
		*q.into = n
	}
	return nil
}

// batch indexes the next contents, in a transaction. more: there may be others.
func (x *textIndexer) batch(ctx context.Context) (more bool, err error) {
	c, err := x.f.take()
	if err != nil {
		return false, fail("index text", string(x.a.id), err)
	}
	defer x.f.give(c)
	upto, err := x.t.upto(c)
	if err != nil {
		return false, err
	}
	next, err := c.contents(upto+1, lastContent, textBatch)
	if err != nil || len(next) == 0 {
		return false, fail("index text", string(x.a.id), err)
	}
	r := textReader{a: x.a, ids: next, visit: x.add, damaged: x.pass}
	if err := r.run(ctx); err != nil {
		return false, err
	}
	x.sum.Indexed += r.done
	return true, x.finish(c, next[r.done-1])
}

// lastContent is the highest number that a content can have.
const lastContent mail.ContentID = keyMask

// contents are the contents from first to last, ascending, at most n.
func (c *conn) contents(first, last mail.ContentID, n int64) ([]mail.ContentID, error) {
	s, err := c.prep("SELECT id FROM item WHERE id BETWEEN ? AND ? ORDER BY id LIMIT ?")
	if err != nil {
		return nil, err
	}
	defer s.done()
	s.bind(itemKey(kindContent, int64(first)), itemKey(kindContent, int64(last)), n)
	var out []mail.ContentID
	for {
		row, err := s.Step()
		if err != nil || !row {
			return out, err
		}
		out = append(out, mail.ContentID(s.ColumnInt64(0)&keyMask))
	}
}

// finish notes that the index is complete up to last, with a sample of it.
func (x *textIndexer) finish(c *conn, last mail.ContentID) error {
	loc, _, err := c.locate(last) // if it was purged just now, the sample is never compared
	if err != nil {
		return fail("index text", string(x.a.id), err)
	}
	for _, st := range []struct {
		query string
		args  []int64
	}{
		{"UPDATE state SET upto = ?", []int64{int64(last)}},
		{"INSERT INTO sample VALUES (?, ?, ?)", []int64{int64(last), loc.size, int64(loc.crc)}},
		{"DELETE FROM sample WHERE id NOT IN (SELECT id FROM sample ORDER BY id DESC LIMIT ?)", []int64{keptSamples}},
	} {
		if err := x.t.run(st.query, st.args...); err != nil {
			return err
		}
	}
	return nil
}

// textReader reads contents one after the other.
type textReader struct {
	a       *account
	ids     []mail.ContentID
	visit   func(id mail.ContentID, parts []byte, content mail.Content) error
	damaged func(id mail.ContentID) error

	parts  map[mail.ContentID][]byte
	done   int64 // of ids
	octets int64
}

// run reads at least the first of the contents, and no more than textBatchOctets but for the last one's.
func (r *textReader) run(ctx context.Context) error {
	r.parts = make(map[mail.ContentID][]byte, len(r.ids))
	err := r.a.Digests(ctx, r.ids, mail.ColParts, func(i int, d *mail.Digest) error {
		r.parts[r.ids[i]] = append([]byte(nil), d.Parts...)
		return nil
	})
	if err != nil {
		return err
	}
	for int(r.done) < len(r.ids) && r.octets < textBatchOctets {
		if err := r.some(ctx, r.ids[r.done:]); err != nil {
			return err
		}
	}
	return nil
}

// some reads those of the contents that are had in one go.
func (r *textReader) some(ctx context.Context, ids []mail.ContentID) error {
	const readAhead = 256 << 10 // octets
	got, err := r.a.OpenContents(ctx, ids, readAhead)
	if mail.KindOf(err) == mail.Corrupt {
		got, err = r.a.OpenContents(ctx, ids[:1], 0) // is it the first one?
	}
	if mail.KindOf(err) == mail.Corrupt {
		r.done++
		return r.damaged(ids[0])
	}
	if err != nil {
		return err
	}
	for i, content := range got {
		if content == nil {
			continue
		}
		r.octets += content.Size()
		if err == nil {
			err = errors.Join(r.visit(ids[i], r.parts[ids[i]], content), ctx.Err())
		}
		err = errors.Join(err, content.Close())
	}
	r.done += int64(len(got))
	return err
}

// pass notes that the index has nothing of a content.
func (x *textIndexer) pass(id mail.ContentID) error {
	return x.t.run("INSERT INTO passed VALUES (?)", int64(id))
}

// add indexes a content. One that is damaged or has too many trigrams is passed over: searches look into it.
func (x *textIndexer) add(id mail.ContentID, parts []byte, content mail.Content) error {
	err := x.look.at(parts, content)
	if mail.KindOf(err) == mail.Corrupt || err == nil && x.look.set.Over() {
		return x.pass(id)
	}
	if err != nil {
		return err
	}
	x.words = x.look.set.AppendWords(x.words[:0])
	s, err := x.t.prep("INSERT INTO words(rowid, w) VALUES (?, ?)")
	if err != nil {
		return err
	}
	s.bind(int64(id))
	return s.text(2, string(x.words)).run()
}

// textLook collects the trigrams of messages. It implements message.Looker.
type textLook struct{ set trigram.Set }

func newTextLook() *textLook { return &textLook{trigram.Set{Limit: textLimit}} }

// at collects those of one message.
func (l *textLook) at(parts []byte, content mail.Content) error {
	l.set.Reset()
	root, err := message.DecodeParts(parts)
	if err != nil {
		return err
	}
	header, err := root.ReadHeader(content)
	if err != nil || message.LookAtHeader(header, l) {
		return err
	}
	_, err = message.LookAtBody(content, root, l)
	return err
}

// Field implements message.Looker.
func (l *textLook) Field(text string) (enough bool) {
	l.set.AddText(text)
	return l.set.Over()
}

// Text implements message.Looker.
func (l *textLook) Text(r io.Reader) (enough bool, err error) {
	err = l.set.AddFrom(r)
	return l.set.Over(), err
}
