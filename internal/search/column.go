package search

import (
	"context"
	"hash/maphash"
	"math/bits"
	"slices"

	"github.com/constance-mail/constance/internal/fold"
	"github.com/constance-mail/constance/internal/imap"
	"github.com/constance-mail/constance/internal/mail"
)

// column is what messages of a mailbox are ordered by, as numbers that compare as the messages do. What it
// holds of a message never changes, and so neither does a column.
type column struct {
	uids   []mail.UID // ascending
	values []uint64   // of uids; of texts the rank, 0 for the empty text
	texts  []byte     // one after the other, folded
	ends   []uint32   // of uids: where the text ends; nil if the values are no texts
}

// maxSortText is how much of a text is compared, folded octets. It is less if there are so many long texts
// that all together would take more than sortTexts octets: see columnBuilder.shorten.
const (
	maxSortText = 4096
	sortTexts   = 64 << 20
)

// sortSource is where the values of a column come from: either number or text. Those of the snapshot want
// nothing more.
type sortSource struct {
	want   mail.Columns
	number func(p *mail.Page, row int, d *mail.Digest) int64
}

// sources are the sort keys but RELEVANCY. RFC 5256 section 3, RFC 5957 section 4.
var sources = [...]sortSource{
	imap.SortArrival:     {number: func(p *mail.Page, row int, _ *mail.Digest) int64 { return p.Internal[row] }},
	imap.SortSize:        {number: func(p *mail.Page, row int, _ *mail.Digest) int64 { return p.Sizes[row] }},
	imap.SortDate:        {want: mail.ColDates, number: sentDate},
	imap.SortSubject:     {want: mail.ColBaseSubject},
	imap.SortFrom:        {want: mail.ColFromSort},
	imap.SortTo:          {want: mail.ColToSort},
	imap.SortCc:          {want: mail.ColCcSort},
	imap.SortDisplayFrom: {want: mail.ColFromDisplay},
	imap.SortDisplayTo:   {want: mail.ColToDisplay},
}

// sentDate is the sent date, or the internal one. RFC 5256 section 2.2.
func sentDate(p *mail.Page, row int, d *mail.Digest) int64 {
	if d == nil || d.Sent == mail.NoDate {
		return p.Internal[row]
	}
	return d.Sent
}

// ordered is a number that compares as n does.
func ordered(n int64) uint64 { return uint64(n) ^ 1<<63 }

// values fills values with those of uids, which were found.
func (q *Query) values(ctx context.Context, k imap.SortKey, uids []mail.UID, values []uint64) error {
	if src := &sources[k]; src.want == 0 {
		q.snapshotValues(src, uids, values)
		return nil
	}
	c, err := q.column(ctx, k, uids)
	if err == nil && !places(c.uids, uids, func(i, at int) { values[i] = c.values[at] }) {
		c, err = q.buildColumn(ctx, k, nil, uids)
		if err == nil {
			copy(values, c.values)
		}
	}
	return err
}

func (q *Query) snapshotValues(src *sortSource, uids []mail.UID, values []uint64) {
	i := 0
	for _, p := range q.in.Snapshot.Pages {
		for row := 0; row < len(p.UIDs) && i < len(uids); row++ {
			if p.UIDs[row] == uids[i] {
				values[i] = ordered(src.number(p, row, nil))
				i++
			}
		}
	}
}

// places calls each with the place of each of uids in all; both ascend. False: one is missing. That is so if
// somebody made a column of a later state of the mailbox, without what was expunged since this search took
// its snapshot.
func places(all, uids []mail.UID, each func(i, at int)) bool {
	at := 0
	for i, u := range uids {
		for at < len(all) && all[at] < u {
			at++
		}
		if at == len(all) || all[at] != u {
			return false
		}
		each(i, at)
	}
	return true
}

// fewOfMany: a search that found less than this part of a mailbox does not have a column made of all of it.
const fewOfMany = 8

// column is a column for these messages: that of the whole mailbox, kept for the next time, unless they are
// few. It lacks those that are expunged by now.
func (q *Query) column(ctx context.Context, k imap.SortKey, uids []mail.UID) (*column, error) {
	key := q.columnKey(uint8(k))
	old, _ := q.in.Resources.columns.get(key).(*column)
	switch {
	case old != nil && (len(uids) == 0 || uids[len(uids)-1] <= old.uids[len(old.uids)-1]):
		return old, nil
	case old == nil && len(uids)*fewOfMany < q.in.Snapshot.Len():
		return q.buildColumn(ctx, k, nil, uids)
	case old != nil && len(old.uids) > 2*q.in.Snapshot.Len(): // most of it was expunged since
		old = nil
	}
	c, err := q.buildColumn(ctx, k, old, nil)
	if err == nil && len(c.uids) > 0 {
		q.in.Resources.columns.put(key, c)
	}
	return c, err
}

// buildColumn makes a column of uids, or if they are nil of all messages, to which it adds those that old
// has.
func (q *Query) buildColumn(ctx context.Context, k imap.SortKey, old *column, uids []mail.UID) (*column, error) {
	b := newColumnBuilder(&sources[k], q.in.Collation)
	if old != nil {
		b.start(old)
	}
	var err error
	if uids == nil {
		err = q.fillColumn(ctx, b)
	} else {
		err = q.digests(ctx, scan{want: b.src.want, uids: uids}, b.add)
	}
	if err != nil {
		return nil, err
	}
	if b.src.number == nil {
		b.rank()
	}
	return &b.column, nil
}

// columnBuilder makes a column.
type columnBuilder struct {
	column
	src       *sortSource
	collation fold.Collation

	limit int          // of the octets of all texts
	most  int          // of a text's octets
	seed  maphash.Seed // for what is cut off
}

func newColumnBuilder(src *sortSource, c fold.Collation) *columnBuilder {
	return &columnBuilder{src: src, collation: c, limit: sortTexts, most: maxSortText}
}

// start begins with what another column has.
func (b *columnBuilder) start(old *column) {
	b.uids, b.values = slices.Clone(old.uids), slices.Clone(old.values)
	b.texts, b.ends = slices.Clone(old.texts), slices.Clone(old.ends)
}

func (b *columnBuilder) last() mail.UID {
	if len(b.uids) == 0 {
		return 0
	}
	return b.uids[len(b.uids)-1]
}

// add adds a message; d is nil if its content is gone.
func (b *columnBuilder) add(p *mail.Page, row int, d *mail.Digest) {
	b.uids = append(b.uids, p.UIDs[row])
	if b.src.number != nil {
		b.values = append(b.values, ordered(b.src.number(p, row, d)))
		return
	}
	if d != nil {
		at := len(b.texts)
		text := *d.Texts()[bits.TrailingZeros32(uint32(b.src.want/mail.ColMessageID))]
		b.texts = fold.AppendAs(b.collation, b.texts, text)
		b.texts = b.texts[:at+len(b.cut(b.texts[at:min(len(b.texts), at+maxSortText)], maxSortText))]
	}
	b.endText()
}

// text is the i-th text.
func (c *column) text(i uint32) []byte {
	if i == 0 {
		return c.texts[:c.ends[0]]
	}
	return c.texts[c.ends[i-1]:c.ends[i]]
}

// size is what a column takes, octets.
func (c *column) size() int { return 4*cap(c.uids) + 8*cap(c.values) + cap(c.texts) + 4*cap(c.ends) }

// scan says which columns to read of which messages of a mailbox: uids, ascending, or if they are nil those
// after a UID.
type scan struct {
	want  mail.Columns
	uids  []mail.UID
	after mail.UID
}

// digests calls add for these messages, in their order, page by page.
func (q *Query) digests(ctx context.Context, s scan, add func(*mail.Page, int, *mail.Digest)) error {
	for _, p := range q.in.Snapshot.Pages {
		if err := q.pageDigests(ctx, p, &s, add); err != nil {
			return err
		}
	}
	return nil
}

// pageDigests calls add for those of a page. It may not keep their texts.
func (q *Query) pageDigests(
	ctx context.Context, p *mail.Page, s *scan, add func(*mail.Page, int, *mail.Digest),
) error {
	q.ids, q.rows = q.ids[:0], q.rows[:0]
	for row, u := range p.UIDs {
		if s.wants(u) {
			q.ids, q.rows = append(q.ids, p.Contents[row]), append(q.rows, row)
		}
	}
	if len(q.ids) == 0 {
		return nil
	}
	next := 0
	err := q.in.Account.Digests(ctx, q.ids, s.want|mail.ColBorrowed, func(i int, d *mail.Digest) error {
		for ; next < i; next++ {
			add(p, q.rows[next], nil)
		}
		add(p, q.rows[i], d)
		next = i + 1
		return nil
	})
	if err != nil {
		return err
	}
	for ; next < len(q.rows); next++ {
		add(p, q.rows[next], nil)
	}
	return nil
}

// wants tells whether a message is looked at; they are asked about in ascending order.
func (s *scan) wants(u mail.UID) bool {
	if s.uids == nil {
		return u > s.after
	}
	if len(s.uids) == 0 || s.uids[0] != u {
		return false
	}
	s.uids = s.uids[1:]
	return true
}
