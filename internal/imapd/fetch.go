package imapd

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/constance-mail/constance/internal/imap"
	"github.com/constance-mail/constance/internal/imap/wire"
	"github.com/constance-mail/constance/internal/mail"
)

// fetchChunk is how many messages are read from the store in one go: what they give is written to the client before
// the next ones are read.
const fetchChunk = mail.PageSize

// fetchBytes is after how many octets the rest of a chunk waits until these are written: a digest can be large.
const fetchBytes = 1 << 20

var errEnough = errors.New("enough for now")

// fetcher answers one FETCH, chunk by chunk. Its memory is bounded by the chunk.
type fetcher struct {
	s     *session
	snap  *mail.Snapshot
	plan  fetchPlan
	rows  []fetchRow       // the chunk
	ids   []mail.ContentID // of rows
	buf   []byte           // the answers of the chunk, without the holes
	text  []byte           // what the holes need of the digests: Digest.Parts
	hole  []fetchHole
	name  []byte // scratch
	down  bool   // from the highest UID down
	done  int    // messages that were answered for, of total
	total int    // 0: not known, with CHANGEDSINCE

	unknownEncoding bool // a BINARY item asked for what cannot be decoded. RFC 3516 section 4.3
}

// fetchPlan is what the items of a FETCH need.
type fetchPlan struct {
	items   []imap.FetchItem
	want    mail.Columns // of the digests
	content bool         // some item may need the message's octets
	seen    bool         // \Seen is set
	flags   bool         // FLAGS is among the items
	modSeq  bool         // MODSEQ is among the items
	uid     bool         // UID is among the items
	since   mail.ModSeq  // only messages changed after it; 0 for all
}

// fetchRow is a message of the chunk.
type fetchRow struct {
	page   *mail.Page
	row    int
	seq    uint32
	flags  mail.FlagSet
	modSeq mail.ModSeq
	seen   bool // \Seen was set by this FETCH: its flags are told
}

func (r *fetchRow) uid() mail.UID { return r.page.UIDs[r.row] }

// itemColumns are the columns of the digest that an item is made from; those of sections depend on the section.
var itemColumns = [...]mail.Columns{
	imap.FetchEnvelope:      mail.ColEnvelope,
	imap.FetchBody:          mail.ColBodyStructure,
	imap.FetchBodyStructure: mail.ColBodyStructure,
	imap.FetchThreadID:      mail.ColDates,
	imap.FetchPreview:       mail.ColPreview,
	imap.FetchRFC822Header:  mail.ColParts,
	imap.FetchRFC822Text:    mail.ColParts,
	imap.FetchBinary:        mail.ColParts,
	imap.FetchBinarySize:    mail.ColParts,
	imap.FetchSection:       0,
	imap.FetchRFC822:        0,
}

// plan says what a FETCH needs. RFC 9051 section 6.4.5.
func (s *session) plan(c *imap.Fetch) fetchPlan {
	p := fetchPlan{items: slices.Clone(c.Items), since: c.ChangedSince}
	if c.UID && s.features&featUIDOnly == 0 && !slices.ContainsFunc(p.items, isAttr(imap.FetchUID)) {
		p.items = append([]imap.FetchItem{{Attr: imap.FetchUID}}, p.items...) // RFC 9051 section 6.4.9
	}
	if c.ChangedSince > 0 && !slices.ContainsFunc(p.items, isAttr(imap.FetchModSeq)) {
		p.items = append(p.items, imap.FetchItem{Attr: imap.FetchModSeq}) // RFC 7162 section 3.1.4.1
	}
	for i := range p.items {
		it := &p.items[i]
		switch it.Attr {
		case imap.FetchFlags:
			p.flags = true
		case imap.FetchModSeq:
			p.modSeq = true
		case imap.FetchUID:
			p.uid = true
		case imap.FetchSection:
			p.want |= sectionColumns(it)
			p.seen = p.seen || !it.Peek
		case imap.FetchBinary:
			p.seen = p.seen || !it.Peek
		case imap.FetchRFC822, imap.FetchRFC822Text:
			p.seen = true
		default:
		}
		if int(it.Attr) < len(itemColumns) {
			p.want |= itemColumns[it.Attr]
		}
		p.content = p.content || it.Attr >= imap.FetchSection
	}
	if s.sel.readOnly || s.sel.may&mail.RightSeen == 0 { // RFC 4314 section 4
		p.seen = false
	}
	return p
}

func isAttr(a imap.FetchAttr) func(imap.FetchItem) bool {
	return func(i imap.FetchItem) bool { return i.Attr == a }
}

// fetch is FETCH and UID FETCH. RFC 9051 section 6.4.5.
func (s *session) fetch(ctx context.Context, c *imap.Fetch) error {
	if c.Vanished && s.features&featQResync == 0 {
		return bad("VANISHED needs ENABLE QRESYNC") // RFC 7162 section 3.2.6
	}
	uids, err := s.sel.messages(c.Set, c.UID)
	if err != nil {
		return err
	}
	if s.tooMany(c.Partial.Len()) {
		return s.overLimit(0) // RFC 9738 section 3.1
	}
	if c.Partial.First != 0 { // before CHANGEDSINCE: RFC 9394 section 3.4
		from, to := c.Partial.Of(uids.Len())
		uids = slice(uids, from, to)
	}
	f := fetchers.Get().(*fetcher)
	defer f.close()
	f.s, f.plan, f.buf, f.text = s, s.plan(c), getBuffer(), getBuffer()
	if f.plan.modSeq {
		s.enable(featCondStore) // RFC 7162 section 3.1
	}
	if f.snap, err = s.sel.acct.Snapshot(ctx, s.sel.id); err != nil {
		return err
	}
	s.tellKeywords(f.snap.Mailbox.Keywords) // before flags that the client does not know of
	if c.Vanished {
		if err := s.vanishedSince(ctx, f.snap, c); err != nil {
			return err
		}
	}
	found, uids, err := f.bounded(ctx, uids)
	switch {
	case err != nil:
		return err
	case f.unknownEncoding:
		return refuse(imap.CodeUnknownCTE, "a part has an unknown encoding")
	case !c.UID && found < uids.Len():
		return refuse(imap.CodeExpungeIssued, "some of the messages are no longer there") // RFC 5530 section 3
	}
	return nil
}

// fetchers are those that are done, for what they have room for.
var fetchers = sync.Pool{New: func() any { return new(fetcher) }}

func (f *fetcher) close() {
	putBuffer(f.buf)
	putBuffer(f.text)
	clear(f.rows[:cap(f.rows)]) // their pages
	*f = fetcher{rows: f.rows[:0], ids: f.ids[:0], hole: f.hole[:0], name: f.name[:0]}
	if cap(f.name) <= keepSize {
		fetchers.Put(f)
	}
}

// run answers for those of uids that are still there, and counts them.
func (f *fetcher) run(ctx context.Context, uids mail.UIDSet) (found int, err error) {
	for _, r := range uids {
		i, _ := f.snap.Find(r.Start)
		for ; i < f.snap.Len(); i++ {
			page, row := f.snap.Locate(i)
			n, err := f.page(ctx, page, row, r.Stop)
			found += n
			if err != nil {
				return found, err
			}
			i += len(page.UIDs) - row - 1
			if page.UIDs[len(page.UIDs)-1] >= r.Stop {
				break
			}
		}
	}
	return found, f.flush(ctx)
}

// page takes the messages of a page from row on with UIDs up to stop, and counts them.
func (f *fetcher) page(ctx context.Context, p *mail.Page, row int, stop mail.UID) (n int, err error) {
	for ; row < len(p.UIDs) && p.UIDs[row] <= stop; row++ {
		n++
		if p.ModSeqs[row] <= f.plan.since {
			continue
		}
		f.rows = append(f.rows, fetchRow{page: p, row: row, flags: p.Flags[row], modSeq: p.ModSeqs[row],
			seq: f.s.sel.view.seq(p.UIDs[row])})
		if len(f.rows) == fetchChunk {
			if err := f.flush(ctx); err != nil {
				return n, err
			}
		}
	}
	return n, nil
}

// flush answers for the chunk: sets \Seen, reads the digests, then writes, reading contents where they belong.
func (f *fetcher) flush(ctx context.Context) error {
	if len(f.rows) == 0 {
		return nil
	}
	if f.plan.seen {
		if err := f.setSeen(ctx); err != nil {
			return err
		}
	}
	if f.down {
		slices.Reverse(f.rows)
	}
	for first := 0; first < len(f.rows); {
		f.buf, f.text, f.hole = f.buf[:0], f.text[:0], f.hole[:0]
		next, err := f.answer(ctx, first)
		if err != nil {
			return err
		}
		if err := f.write(ctx); err != nil {
			return err
		}
		f.done += next - first
		if err := f.s.advance(f.done, f.total); err != nil {
			return err
		}
		first = next
	}
	f.rows = f.rows[:0]
	return nil
}

// answer appends the answers for the rows from first on, up to next: all of them unless they are large. A message
// whose content is gone was expunged long ago: it is told as an expunged one is, by silence.
func (f *fetcher) answer(ctx context.Context, first int) (next int, err error) {
	rows := f.rows[first:]
	if f.plan.want == 0 {
		for i := range rows {
			f.append(&rows[i], nil)
		}
		return len(f.rows), nil
	}
	f.ids = f.ids[:0]
	for i := range rows {
		f.ids = append(f.ids, rows[i].page.Contents[rows[i].row])
	}
	next = len(f.rows)
	err = f.s.sel.acct.Digests(ctx, f.ids, f.plan.want, func(i int, d *mail.Digest) error {
		f.append(&rows[i], d)
		if len(f.buf)+len(f.text) < fetchBytes {
			return nil
		}
		next = first + i + 1
		return errEnough
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return next, err
}

// setSeen sets \Seen on the messages of the chunk that lack it. Where it cannot be set now, as on a full disk, they are read
// all the same.
func (f *fetcher) setSeen(ctx context.Context) error {
	var unseen mail.UIDSet
	for i := range f.rows {
		if f.rows[i].flags&mail.BitSeen == 0 {
			unseen.Add(f.rows[i].uid())
		}
	}
	if len(unseen) == 0 {
		return nil
	}
	done, err := f.s.sel.acct.SetFlags(ctx, f.s.sel.id,
		mail.FlagChange{UIDs: unseen, Op: mail.AddFlags, Flags: []mail.Flag{mail.Seen}})
	if err != nil && mail.KindOf(err) == mail.Unavailable {
		f.s.srv.opts.Log.Warn("nothing is seen", "session", f.s.id, "user", f.s.user.Login, "error", err)
		return nil
	}
	if err != nil {
		return err
	}
	for i := range f.rows {
		if r := &f.rows[i]; done.Changed.Contains(r.uid()) {
			r.flags, r.modSeq, r.seen = r.flags|mail.BitSeen, done.ModSeq, true
		}
	}
	f.s.sel.known(done.ModSeq)
	f.s.made(f.s.sel.acct, done.ModSeq)
	return nil
}

// append appends the answer for one message to buf, leaving holes where its octets belong.
func (f *fetcher) append(r *fetchRow, d *mail.Digest) {
	b := f.s.appendFetchStart(f.buf, r.seq, r.uid())
	for i := range f.plan.items {
		if i > 0 {
			b = append(b, ' ')
		}
		b = f.appendItem(b, r, d, &f.plan.items[i])
	}
	if r.seen && !f.plan.flags {
		b = f.s.sel.appendFlags(append(b, ' '), r.uid(), r.flags)
	}
	if r.seen && f.s.features&featCondStore != 0 {
		b = f.appendIdentity(b, r)
	}
	f.buf = append(b, ")\r\n"...)
}

// appendIdentity appends UID and MODSEQ unless they were asked for. RFC 7162 section 3.2.4.
func (f *fetcher) appendIdentity(b []byte, r *fetchRow) []byte {
	if !f.plan.uid && f.s.features&featUIDOnly == 0 {
		b = imap.AppendFetchUID(append(b, ' '), r.uid())
	}
	if !f.plan.modSeq {
		b = appendModSeq(append(b, ' '), r.modSeq)
	}
	return b
}

func appendModSeq(b []byte, m mail.ModSeq) []byte {
	b = strconv.AppendUint(append(b, "MODSEQ ("...), uint64(m), 10)
	return append(b, ')')
}

// appendItem appends a data item with its name. RFC 9051 section 7.5.2.
func (f *fetcher) appendItem(b []byte, r *fetchRow, d *mail.Digest, it *imap.FetchItem) []byte {
	if it.Attr == imap.FetchFlags {
		return f.s.sel.appendFlags(b, r.uid(), r.flags)
	}
	if it.Attr == imap.FetchModSeq {
		return appendModSeq(b, r.modSeq)
	}
	b = append(it.AppendName(b), ' ')
	switch it.Attr {
	case imap.FetchUID:
		return strconv.AppendUint(b, uint64(r.uid()), 10)
	case imap.FetchInternalDate:
		return wire.AppendDateTime(b, time.Unix(r.page.Internal[r.row], 0).UTC())
	case imap.FetchSaveDate:
		return wire.AppendDateTime(b, time.Unix(r.page.Saved[r.row], 0).UTC())
	case imap.FetchSize:
		return strconv.AppendInt(b, r.page.Sizes[r.row], 10)
	case imap.FetchEmailID:
		b = append(append(b, '('), r.page.Contents[r.row].ObjectID(f.s.sel.acct.ID())...)
		return append(b, ')')
	case imap.FetchThreadID:
		b = append(append(b, '('), d.Thread.ObjectID(f.s.sel.acct.ID())...)
		return append(b, ')')
	case imap.FetchEnvelope:
		return append(b, d.Envelope...)
	case imap.FetchBodyStructure:
		return append(b, d.BodyStructure...)
	case imap.FetchPreview:
		return f.appendPreview(b, r, d, it)
	}
	return f.appendOctets(b, r, d, it)
}
