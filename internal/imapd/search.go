package imapd

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/constance-mail/constance/internal/fold"
	"github.com/constance-mail/constance/internal/fuzzy"
	"github.com/constance-mail/constance/internal/imap"
	"github.com/constance-mail/constance/internal/mail"
	"github.com/constance-mail/constance/internal/message"
)

// searcher applies a search to a mailbox, page by page: what the snapshot decides costs no read, what the digests
// decide opens no content. Memory is bounded by the page.
type searcher struct {
	acct      mail.Account
	tell      func(done, total int) error // of the progress, between two pages
	snap      *mail.Snapshot
	view      *view // the messages there are, and their numbers
	recent    mail.UIDSet
	saved     mail.UIDSet // what "$" stands for
	columns   *columnCache
	hands     *hands
	collation fold.Collation
	now       time.Time
	want      mail.Columns // of the digests that the criteria look at
	key       criterion
	again     imap.SearchKey // of UPDATE: the key for later

	find   fold.Finder
	fields []byte // scratch
	err    error  // the first failure to read content

	fuzzy    bool          // while the key is made ready: it is below FUZZY
	words    int           // of FUZZY texts
	likeness fuzzy.Scratch // of all of them
	scored   bool          // how well messages match is asked for
	scores   []uint8       // of found, in its order, if scored

	texts  [][]byte          // what the index of text can be asked for
	index  []mail.Candidates // what it said of each, nil before it was asked
	unread int               // messages that the columns did not decide
	hits   []hits            // of the keys that look at a text of the digest
	place  int               // where the last message looked at is in the texts that are kept
	opened int               // messages that neither they nor the index decided

	verdicts verdicts
	ids      []mail.ContentID // scratch of second
	rows     []int            // scratch of second: the rows of ids
	open     []opened         // scratch of second
	one      candidate        // scratch: the message that is looked at
	text     bodyText         // scratch: its content

	done    int // messages that were looked at
	found   mail.UIDSet
	highest mail.ModSeq // of what was found
}

func (q *searcher) fail(err error) verdict {
	if q.err == nil {
		q.err = err
	}
	return no
}

// verdicts are those of the messages of a page.
type verdicts [mail.PageSize]verdict

// run finds the messages that the client knows of and the key lets through.
func (q *searcher) run(ctx context.Context) error {
	if err := q.useTexts(ctx); err != nil {
		return err
	}
	pages := q.known()
	for i, p := range pages {
		if err := ctx.Err(); err != nil {
			return err
		}
		if q.opened >= handsFrom && len(pages)-i >= handsPages {
			if n := q.hands.take(); n > 0 {
				defer q.hands.give(n)
				return q.shared(ctx, n, pages[i:])
			}
		}
		if err := q.page(ctx, p); err != nil {
			return err
		}
		q.note(p, &q.verdicts)
		if err := q.tell(q.done, q.snap.Len()); err != nil {
			return err
		}
	}
	return nil
}

// known are the pages with messages that the client was told of.
func (q *searcher) known() []*mail.Page {
	pages := q.snap.Pages
	for len(pages) > 0 && q.knownOf(pages[len(pages)-1]) == 0 {
		pages = pages[:len(pages)-1]
	}
	return pages
}

// knownOf is how many messages of a page the client was told of.
func (q *searcher) knownOf(p *mail.Page) int {
	n, last := len(p.UIDs), q.view.max()
	for n > 0 && p.UIDs[n-1] > last {
		n--
	}
	return n
}

// note adds what was found in a page.
func (q *searcher) note(p *mail.Page, v *verdicts) {
	n := q.knownOf(p)
	for row, v := range v[:n] {
		if v == no {
			continue
		}
		q.found.Add(p.UIDs[row])
		q.highest = max(q.highest, p.ModSeqs[row])
		if v > unknown {
			q.scores = append(q.scores, v.score())
		}
	}
	q.done += n
}

// page looks at the messages of a page.
func (q *searcher) page(ctx context.Context, p *mail.Page) error {
	n := q.knownOf(p)
	q.first(p, n)
	if q.wantsIndex(len(q.ids)) {
		if err := q.askIndex(ctx); err != nil {
			return err
		}
		q.first(p, n)
	}
	q.opened += len(q.ids)
	if len(q.ids) > 0 {
		return q.second(ctx, p)
	}
	return nil
}

// first decides by the columns, and notes in ids and rows what they leave open.
func (q *searcher) first(p *mail.Page, n int) {
	c := &q.one
	*c = candidate{page: p}
	q.ids, q.rows = q.ids[:0], q.rows[:0]
	for c.row = range n {
		q.verdicts[c.row] = q.key.test(&q.key, q, c)
		if q.verdicts[c.row] == unknown {
			q.ids, q.rows = append(q.ids, p.Contents[c.row]), append(q.rows, c.row)
		}
	}
}

// second decides by the digests, and what they leave open by the contents.
func (q *searcher) second(ctx context.Context, p *mail.Page) error {
	q.open = q.open[:0]
	err := q.acct.Digests(ctx, q.ids, q.want|mail.ColBorrowed, func(i int, d *mail.Digest) error {
		row := q.rows[i]
		q.one = candidate{page: p, row: row, digest: d}
		q.verdicts[row] = q.key.test(&q.key, q, &q.one)
		if q.verdicts[row] == unknown {
			q.keep(row, d)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := q.third(ctx, p, q.open); err != nil {
		return err
	}
	for _, row := range q.rows { // contents that are gone meanwhile
		if q.verdicts[row] == unknown {
			q.verdicts[row] = no
		}
	}
	return q.err
}

// opened is a message whose content has to be read.
type opened struct {
	row    int
	digest mail.Digest
}

// third decides by the contents of messages.
func (q *searcher) third(ctx context.Context, p *mail.Page, open []opened) error {
	next := ahead{acct: q.acct}
	defer next.close()
	for i := range open {
		next.ids = append(next.ids, p.Contents[open[i].row])
	}
	for i := range open {
		content, err := next.next(ctx)
		if err == nil && content != nil {
			err = q.read(p, &open[i], content)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// read decides by the content of one message.
func (q *searcher) read(p *mail.Page, o *opened, content mail.Content) error {
	q.text = bodyText{content: content, digest: &o.digest}
	q.one = candidate{page: p, row: o.row, digest: &o.digest, body: &q.text}
	q.verdicts[o.row] = q.key.test(&q.key, q, &q.one)
	if err := content.Close(); err != nil {
		return err
	}
	return q.err
}

// keep notes a message whose content has to be read, with what a search may look at of the digest once the read that yielded it
// is over.
func (q *searcher) keep(row int, d *mail.Digest) {
	n := len(q.open)
	q.open = slices.Grow(q.open, 1)[:n+1]
	o := &q.open[n]
	parts, headers := o.digest.Parts[:0], o.digest.Headers[:0] // of an earlier page
	o.row = row
	o.digest = mail.Digest{Parts: append(parts, d.Parts...), Headers: append(headers, d.Headers...), HeaderSize: d.HeaderSize,
		Keys: d.Keys}
	for _, s := range o.digest.Texts() {
		*s = strings.Clone(*s)
	}
}

// decodeTexts turns all text of a key from that charset into UTF-8.
func decodeTexts(k *imap.SearchKey, charset string) bool {
	for i := range k.Keys {
		if !decodeTexts(&k.Keys[i], charset) {
			return false
		}
	}
	named := k.Op == imap.SearchKeyword || k.Op == imap.SearchEmailID || k.Op == imap.SearchThreadID // no text
	if k.Text == "" || named || charset == "" || charset == "UTF-8" || charset == "US-ASCII" {
		return true
	}
	enc, ok := message.Charset(charset)
	if !ok {
		return false
	}
	text, err := enc.NewDecoder().String(k.Text)
	if err == nil {
		k.Text = text
	}
	return true
}

// searchIn is a searcher of a mailbox of which these messages are known.
func (s *session) searchIn(acct mail.Account, snap *mail.Snapshot, v *view) *searcher {
	return &searcher{acct: acct, tell: s.advance, snap: snap, view: v, columns: s.srv.columns, now: time.Now(), collation: s.collation,
		hands: s.srv.hands, find: newFinder(s.collation)}
}

// prepare makes the key of a search one without filters, in UTF-8, and refuses relevancy where there is none.
func (s *session) prepare(ctx context.Context, c *imap.Search, scored bool) error {
	if err := s.expandFilters(ctx, c); err != nil {
		return err
	}
	if _, known := message.Charset(c.Charset); c.Charset != "" && !known || !decodeTexts(&c.Key, c.Charset) {
		return refuse(imap.CodeBadCharset+" (US-ASCII UTF-8)", "this charset is not supported")
	}
	if scored && !c.Key.Has(imap.SearchFuzzy) { // RFC 6203 sections 4 and 6
		return bad("RELEVANCY is for searches with FUZZY")
	}
	if err := s.mayUpdate(c); err != nil {
		return err
	}
	if c.Key.Has(imap.SearchModSeq) {
		s.enable(featCondStore) // RFC 7162 section 3.1
	}
	return nil
}

// searched carries out the search of a SEARCH, SORT or THREAD in the selected mailbox; whole: of all messages or none,
// where there are too many; scored: its results have relevancy. RFC 9051 section 6.4.4.
func (s *session) searched(ctx context.Context, c *imap.Search, whole, scored bool) (*searcher, error) {
	scored = scored || c.Return&imap.ReturnRelevancy != 0
	if err := s.prepare(ctx, c, scored); err != nil {
		return nil, err
	}
	snap, err := s.sel.acct.Snapshot(ctx, s.sel.id)
	if err != nil {
		return nil, err
	}
	q := s.searchIn(s.sel.acct, snap, &s.sel.view)
	q.recent, q.saved = s.sel.recent, s.sel.saved
	if c.Return&imap.ReturnUpdate != 0 {
		q.again = s.sel.frozen(&c.Key)
	}
	key := c.Key
	if whole {
		err = s.wholeSearch(q, &key)
	} else {
		key = s.limitSearch(q, key)
	}
	if err != nil {
		return nil, err
	}
	q.ready(&key, scored)
	return q, q.run(ctx)
}

// search is SEARCH and UID SEARCH. RFC 9051 section 6.4.4.
func (s *session) search(ctx context.Context, c *imap.Search) error {
	if c.Charset != "" && s.features&featUTF8 != 0 {
		return bad("no CHARSET after ENABLE UTF8=ACCEPT") // RFC 6855 section 3
	}
	return s.saving(c, func() (*results, error) {
		q, err := s.searched(ctx, c, false, false)
		if err != nil {
			return nil, err
		}
		r := q.results(c, nil)
		defer s.keepUpdated(c, nil, r)
		if c.Extended || s.features&featRev2 != 0 {
			return r, s.tellESearch(c, r)
		}
		return r, s.tellNumbers("* SEARCH", c, r)
	})
}

// onlyUTF8 refuses another charset where one has to be given, after ENABLE UTF8=ACCEPT: strings are in UTF-8 then. RFC 6855
// section 3, with its erratum 4029.
func (s *session) onlyUTF8(c *imap.Search) error {
	if s.features&featUTF8 != 0 && c.Charset != "UTF-8" {
		return bad("the charset is UTF-8 after ENABLE UTF8=ACCEPT")
	}
	return nil
}

// saving notes what a command found if it is to be saved: "$" is empty after a NO, and what it was after a BAD. RFC 5182
// section 2.1.
func (s *session) saving(c *imap.Search, command func() (*results, error)) error {
	r, err := command()
	switch {
	case c.Return&imap.ReturnSave == 0, errors.As(err, new(badError)):
	case err != nil:
		s.sel.saved = nil
	default:
		s.sel.saved = r.named(c)
	}
	return err
}
