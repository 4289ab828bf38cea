// Package search finds the messages of a mailbox that a search key lets through, and puts them into the order
// of SORT or the threads of THREAD. It knows no session and no numbers of messages, only UIDs. RFC 9051
// section 6.4.4, RFC 5256.
package search

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
)

// Scope is where to search, and as whom.
type Scope struct {
	Resources *Resources
	Account   mail.Account
	Snapshot  *mail.Snapshot // of the mailbox
	Last      mail.UID       // the last message that the client knows of; later ones are not looked at
	Recent    mail.UIDSet    // the messages that are \Recent to it. RFC 3501 section 2.3.2
	Collation fold.Collation // that texts are compared by. RFC 5255 section 4
	// Tell is called with the progress, in messages, between two pages and two contents, in the goroutine of the search, when
	// no read of the store is open; nil: nobody wants it. An error ends the search.
	Tell func(done, total int) error
}

// Query applies a search to a mailbox, page by page: what the snapshot decides costs no read, what the
// digests decide opens no content. Memory is bounded by the page. A Query is used by one goroutine, for
// one Run or Changed, and then for Sort and Thread.
type Query struct {
	in   Scope
	now  time.Time
	want mail.Columns // of the digests that the criteria look at
	key  criterion

	find   fold.Finder
	fields []byte // scratch
	err    error  // the first failure to read content

	fuzzy    bool          // while the key is made ready: it is below FUZZY
	words    int           // of FUZZY texts
	likeness fuzzy.Scratch // of all of them
	scored   bool          // how well messages match is asked for

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

	done  int // messages that were looked at
	found Found
}

// Found is what a search found.
type Found struct {
	UIDs    mail.UIDSet
	Highest mail.ModSeq // of the messages; 0 if there are none
	Scores  []uint8     // of UIDs, in their order: 1 to 100; nil if they are not asked for. RFC 6203 section 4
}

// New is a search for what a key in UTF-8 lets through; scored: with scores. Sets in it are of UIDs: it has
// neither message numbers nor "$" nor FILTER.
func New(in *Scope, k *imap.SearchKey, scored bool) *Query {
	q := &Query{in: *in, now: time.Now(), find: newFinder(in.Collation)}
	q.ready(k, scored)
	return q
}

func (q *Query) fail(err error) verdict {
	if q.err == nil {
		q.err = err
	}
	return no
}

// verdicts are those of the messages of a page.
type verdicts [mail.PageSize]verdict

// Run finds the messages that the client knows of and the key lets through. An error is that of the store, of
// the context or of Tell.
func (q *Query) Run(ctx context.Context) (Found, error) {
	err := q.run(ctx)
	return q.found, err
}

func (q *Query) run(ctx context.Context) error {
	if err := q.useTexts(ctx); err != nil {
		return err
	}
	pages := q.known()
	for i, p := range pages {
		if err := ctx.Err(); err != nil {
			return err
		}
		if q.opened >= handsFrom && len(pages)-i >= handsPages {
			if n := q.in.Resources.hands.take(); n > 0 {
				defer q.in.Resources.hands.give(n)
				return q.shared(ctx, n, pages[i:])
			}
		}
		if err := q.page(ctx, p); err != nil {
			return err
		}
		q.note(p, &q.verdicts)
		if err := q.tell(0); err != nil {
			return err
		}
	}
	return nil
}

// Changed is Run for what may have become different: the messages that changed after told, or came after
// last. These are examined; found may hold others that match, too. RFC 5267 section 4.3.
func (q *Query) Changed(
	ctx context.Context, told mail.ModSeq, last mail.UID,
) (found Found, examined mail.UIDSet, err error) {
	for _, p := range q.known() {
		n := q.knownOf(p)
		if n == 0 || p.Highest <= told && p.UIDs[n-1] <= last {
			continue
		}
		if err := q.page(ctx, p); err != nil {
			return Found{}, nil, err
		}
		q.note(p, &q.verdicts)
		for row, u := range p.UIDs[:n] {
			if p.ModSeqs[row] > told || u > last {
				examined.Add(u)
			}
		}
	}
	return q.found, examined, nil
}

// known are the pages with messages that the client was told of.
func (q *Query) known() []*mail.Page {
	pages := q.in.Snapshot.Pages
	for len(pages) > 0 && q.knownOf(pages[len(pages)-1]) == 0 {
		pages = pages[:len(pages)-1]
	}
	return pages
}

// knownOf is how many messages of a page the client was told of.
func (q *Query) knownOf(p *mail.Page) int {
	n, last := len(p.UIDs), q.in.Last
	for n > 0 && p.UIDs[n-1] > last {
		n--
	}
	return n
}

// note adds what was found in a page.
func (q *Query) note(p *mail.Page, v *verdicts) {
	n := q.knownOf(p)
	for row, v := range v[:n] {
		if v == no {
			continue
		}
		q.found.UIDs.Add(p.UIDs[row])
		q.found.Highest = max(q.found.Highest, p.ModSeqs[row])
		if v > unknown {
			q.found.Scores = append(q.found.Scores, v.score())
		}
	}
	q.done += n
}

// tell tells of the progress, so many messages into a page.
func (q *Query) tell(row int) error {
	if q.in.Tell == nil {
		return nil
	}
	return q.in.Tell(q.done+row, q.in.Snapshot.Len())
}

// page looks at the messages of a page.
func (q *Query) page(ctx context.Context, p *mail.Page) error {
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
func (q *Query) first(p *mail.Page, n int) {
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

// second decides by the digests, and what they leave open by the contents, some messages at a time.
func (q *Query) second(ctx context.Context, p *mail.Page) error {
	for from := 0; from < len(q.ids); {
		next, err := q.some(ctx, p, from)
		if err == nil {
			err = q.third(ctx, p, q.open)
		}
		if err != nil {
			return err
		}
		from = next
	}
	for _, row := range q.rows { // contents that are gone meanwhile
		if q.verdicts[row] == unknown {
			q.verdicts[row] = no
		}
	}
	return q.err
}

// keptOctets is about how much of the digests is kept at a time until contents are read: a digest can be large.
const keptOctets = 1 << 20

var errEnough = errors.New("enough for now")

// some decides by the digests of the messages of ids from there up to next, and keeps in open what they leave open.
func (q *Query) some(ctx context.Context, p *mail.Page, from int) (next int, err error) {
	q.open, next = q.open[:0], len(q.ids)
	kept := 0
	err = q.in.Account.Digests(ctx, q.ids[from:], q.want|mail.ColBorrowed, func(i int, d *mail.Digest) error {
		row := q.rows[from+i]
		q.one = candidate{page: p, row: row, digest: d}
		q.verdicts[row] = q.key.test(&q.key, q, &q.one)
		if q.verdicts[row] != unknown {
			return nil
		}
		if kept += q.keep(row, d); kept < keptOctets {
			return nil
		}
		next = from + i + 1
		return errEnough
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return next, err
}

// opened is a message whose content has to be read.
type opened struct {
	row    int
	digest mail.Digest
}

// third decides by the contents of messages.
func (q *Query) third(ctx context.Context, p *mail.Page, open []opened) error {
	next := mail.Ahead{Account: q.in.Account}
	defer next.Close()
	for i := range open {
		next.IDs = append(next.IDs, p.Contents[open[i].row])
	}
	for i := range open {
		if err := ctx.Err(); err != nil {
			return err
		}
		content, err := next.Next(ctx)
		if err == nil && content != nil {
			err = q.read(p, &open[i], content)
		}
		if err == nil {
			err = q.tell(open[i].row)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// read decides by the content of one message.
func (q *Query) read(p *mail.Page, o *opened, content mail.Content) error {
	q.text = bodyText{content: content, digest: &o.digest}
	q.one = candidate{page: p, row: o.row, digest: &o.digest, body: &q.text}
	q.verdicts[o.row] = q.key.test(&q.key, q, &q.one)
	if err := content.Close(); err != nil {
		return err
	}
	return q.err
}

// keep notes a message whose content has to be read, with what a search may look at of the digest once the
// read that yielded it is over. It returns how many octets that takes.
func (q *Query) keep(row int, d *mail.Digest) (octets int) {
	n := len(q.open)
	q.open = slices.Grow(q.open, 1)[:n+1]
	o := &q.open[n]
	parts, headers := o.digest.Parts[:0], o.digest.Headers[:0] // of an earlier page
	o.row = row
	o.digest = mail.Digest{Parts: append(parts, d.Parts...), Headers: append(headers, d.Headers...),
		HeaderSize: d.HeaderSize, Keys: d.Keys}
	octets = len(d.Parts) + len(d.Headers)
	for _, s := range o.digest.Texts() {
		*s = strings.Clone(*s)
		octets += len(*s)
	}
	return octets
}
