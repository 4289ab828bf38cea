package imapd

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/constance-mail/constance/internal/fold"
	"github.com/constance-mail/constance/internal/imap"
	"github.com/constance-mail/constance/internal/mail"
	"github.com/constance-mail/constance/internal/message"
)

// searcher applies a search to a mailbox, page by page: what the snapshot decides costs no read, what the digests
// decide opens no content. Memory is bounded by the page.
type searcher struct {
	acct mail.Account
	tell func(done, total int) error // of the progress, between two pages
	sel  *selected
	snap *mail.Snapshot
	now  time.Time
	want mail.Columns // of the digests that the criteria look at
	key  criterion

	find   fold.Finder
	fields []byte // scratch
	err    error  // the first failure to read content

	texts  [][]byte          // what the index of text can be asked for
	index  []mail.Candidates // what it said of each, nil before it was asked
	unread int               // messages that the columns did not decide

	verdicts [mail.PageSize]verdict
	ids      []mail.ContentID // scratch of second
	rows     []int            // scratch of second: the rows of ids

	found    mail.UIDSet
	highest  mail.ModSeq // of what was found
	min, max mail.ModSeq // of the first and the last found
}

func (q *searcher) fail(err error) verdict {
	if q.err == nil {
		q.err = err
	}
	return no
}

// run finds the messages that the client knows of and the key lets through.
func (q *searcher) run(ctx context.Context) error {
	last, done := q.sel.view.max(), 0
	for _, p := range q.snap.Pages {
		n := len(p.UIDs)
		for n > 0 && p.UIDs[n-1] > last {
			n-- // arrived since the client was told
		}
		if n == 0 {
			return nil
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := q.page(ctx, p, n); err != nil {
			return err
		}
		done += n
		if err := q.tell(done, q.snap.Len()); err != nil {
			return err
		}
	}
	return nil
}

// page looks at the first n messages of a page.
func (q *searcher) page(ctx context.Context, p *mail.Page, n int) error {
	q.first(p, n)
	if q.wantsIndex(len(q.ids)) {
		if err := q.askIndex(ctx); err != nil {
			return err
		}
		q.first(p, n)
	}
	if len(q.ids) > 0 {
		if err := q.second(ctx, p); err != nil {
			return err
		}
	}
	for row, v := range q.verdicts[:n] {
		if v == yes {
			q.add(p.UIDs[row], p.ModSeqs[row])
		}
	}
	return nil
}

// first decides by the columns, and notes in ids and rows what they leave open.
func (q *searcher) first(p *mail.Page, n int) {
	c := candidate{page: p}
	q.ids, q.rows = q.ids[:0], q.rows[:0]
	for c.row = range n {
		q.verdicts[c.row] = q.key.test(&q.key, q, &c)
		if q.verdicts[c.row] == unknown {
			q.ids, q.rows = append(q.ids, p.Contents[c.row]), append(q.rows, c.row)
		}
	}
}

func (q *searcher) add(u mail.UID, m mail.ModSeq) {
	if len(q.found) == 0 {
		q.min = m
	}
	q.max, q.highest = m, max(q.highest, m)
	q.found.Add(u)
}

// second decides by the digests, and what they leave open by the contents.
func (q *searcher) second(ctx context.Context, p *mail.Page) error {
	var open []opened
	err := q.acct.Digests(ctx, q.ids, q.want, func(i int, d *mail.Digest) error {
		c := candidate{page: p, row: q.rows[i], digest: d}
		v := q.key.test(&q.key, q, &c)
		q.verdicts[c.row] = v
		if v == unknown {
			open = append(open, opened{row: c.row, digest: cloneDigest(d)})
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := q.third(ctx, p, open); err != nil {
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
	digest *mail.Digest
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
	c := candidate{page: p, row: o.row, digest: o.digest, body: &bodyText{content: content, digest: o.digest}}
	q.verdicts[o.row] = q.key.test(&q.key, q, &c)
	if err := content.Close(); err != nil {
		return err
	}
	return q.err
}

// cloneDigest copies what a search may look at once the read that yielded it is over.
func cloneDigest(d *mail.Digest) *mail.Digest {
	c := &mail.Digest{Parts: append([]byte(nil), d.Parts...), Headers: append([]byte(nil), d.Headers...),
		HeaderSize: d.HeaderSize, Keys: d.Keys}
	for _, s := range []*string{&c.Subject, &c.From, &c.To, &c.Cc, &c.Bcc} {
		*s = strings.Clone(*s)
	}
	return c
}

// hasModSeq tells whether a key asks for MODSEQ, which has the answer tell one too. RFC 7162 section 3.1.5.
func hasModSeq(k *imap.SearchKey) bool {
	if k.Op == imap.SearchModSeq {
		return true
	}
	for i := range k.Keys {
		if hasModSeq(&k.Keys[i]) {
			return true
		}
	}
	return false
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

// search is SEARCH and UID SEARCH. RFC 9051 section 6.4.4.
func (s *session) search(ctx context.Context, c *imap.Search) error {
	if c.Return&imap.ReturnSave == 0 {
		return s.searchMailbox(ctx, c, nil)
	}
	var found mail.UIDSet // "$" is empty after a NO: RFC 5182 section 2.1
	err := s.searchMailbox(ctx, c, &found)
	s.sel.saved = found
	return err
}

// searchMailbox answers a search, and notes the result in save unless that is nil.
func (s *session) searchMailbox(ctx context.Context, c *imap.Search, save *mail.UIDSet) error {
	if _, known := message.Charset(c.Charset); c.Charset != "" && !known || !decodeTexts(&c.Key, c.Charset) {
		return refuse(imap.CodeBadCharset+" (US-ASCII UTF-8)", "this charset is not supported")
	}
	modSeq := hasModSeq(&c.Key)
	if modSeq {
		s.enable(featCondStore) // RFC 7162 section 3.1
	}
	snap, err := s.sel.acct.Snapshot(ctx, s.sel.id)
	if err != nil {
		return err
	}
	q := searcher{acct: s.sel.acct, tell: s.advance, sel: s.sel, snap: snap, now: time.Now()}
	q.key = q.compile(&c.Key)
	if err = q.run(ctx); err != nil {
		return err
	}
	if save != nil {
		*save = q.savedResult(c.Return)
	}
	if c.Extended && c.Return == imap.ReturnSave {
		return nil // nothing is answered: RFC 5182 section 2.1
	}
	b := s.out.buf
	if c.Extended || s.features&featRev2 != 0 {
		b = q.appendESearch(b, s.tag, c, modSeq)
	} else {
		b = q.appendSearch(b, c.UID, modSeq)
	}
	s.out.buf = b
	return nil
}

// savedResult is what "$" stands for: with MIN or MAX and neither ALL nor COUNT only these. RFC 5182 section 2.4.
func (q *searcher) savedResult(r imap.SearchReturn) mail.UIDSet {
	n := len(q.found)
	if n == 0 || r&(imap.ReturnAll|imap.ReturnCount) != 0 || r&(imap.ReturnMin|imap.ReturnMax) == 0 {
		return q.found
	}
	var out mail.UIDSet
	if r&imap.ReturnMin != 0 {
		out.Add(q.found[0].Start)
	}
	if r&imap.ReturnMax != 0 {
		out.Add(q.found[n-1].Stop)
	}
	return out
}

// appendSearch is the answer of IMAP4rev1. RFC 3501 section 7.2.5, RFC 7162 section 3.1.5.
func (q *searcher) appendSearch(b []byte, uid, modSeq bool) []byte {
	b = append(b, "* SEARCH"...)
	if uid {
		for u := range q.found.All() {
			b = strconv.AppendUint(append(b, ' '), uint64(u), 10)
		}
	} else {
		q.sel.view.seqRanges(q.found, func(first, last uint32) {
			for n := first; n <= last; n++ {
				b = strconv.AppendUint(append(b, ' '), uint64(n), 10)
			}
		})
	}
	if modSeq && len(q.found) > 0 {
		b = strconv.AppendUint(append(b, " (MODSEQ "...), uint64(q.highest), 10)
		b = append(b, ')')
	}
	return append(b, "\r\n"...)
}

// appendESearch is the extended answer. RFC 9051 section 7.3.4, RFC 4731 section 3, RFC 7162 section 3.1.10.
func (q *searcher) appendESearch(b []byte, tag string, c *imap.Search, modSeq bool) []byte {
	want := c.Return &^ imap.ReturnSave
	if want == 0 {
		want = imap.ReturnAll
	}
	b = append(append(append(b, `* ESEARCH (TAG "`...), tag...), `")`...)
	number := func(u mail.UID) uint64 { return uint64(q.sel.view.seq(u)) }
	if c.UID {
		b = append(b, " UID"...)
		number = func(u mail.UID) uint64 { return uint64(u) }
	}
	n := len(q.found)
	if want&imap.ReturnMin != 0 && n > 0 {
		b = strconv.AppendUint(append(b, " MIN "...), number(q.found[0].Start), 10)
	}
	if want&imap.ReturnMax != 0 && n > 0 {
		b = strconv.AppendUint(append(b, " MAX "...), number(q.found[n-1].Stop), 10)
	}
	if want&imap.ReturnAll != 0 && n > 0 {
		b = append(b, " ALL "...)
		b = q.appendFound(b, c.UID)
	}
	if want&imap.ReturnCount != 0 {
		b = strconv.AppendInt(append(b, " COUNT "...), int64(q.found.Len()), 10)
	}
	if modSeq && n > 0 {
		b = strconv.AppendUint(append(b, " MODSEQ "...), uint64(q.modSeqFor(want)), 10)
	}
	return append(b, "\r\n"...)
}

func (q *searcher) appendFound(b []byte, uid bool) []byte {
	if uid {
		return q.found.Append(b)
	}
	var seqs mail.UIDSet
	q.sel.view.seqRanges(q.found, func(first, last uint32) { seqs.AddRange(mail.UID(first), mail.UID(last)) })
	return seqs.Append(b)
}

// modSeqFor is the highest ModSeq of the messages that the answer names. RFC 7162 section 3.1.10.
func (q *searcher) modSeqFor(want imap.SearchReturn) mail.ModSeq {
	switch want {
	case imap.ReturnMin:
		return q.min
	case imap.ReturnMax:
		return q.max
	case imap.ReturnMin | imap.ReturnMax:
		return max(q.min, q.max)
	}
	return q.highest
}
