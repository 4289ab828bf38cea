package sqlite

import (
	"context"
	"errors"
	"os"
	"slices"
	"time"

	"github.com/constance-mail/constance/internal/mail"
	"golang.org/x/sys/unix"
)

// purgeChunk is how many contents a transaction of Purge lets go at most, but for those of the page it is at.
const purgeChunk = 512

// Purge implements mail.Account. It works in transactions of bounded length; ended in the middle, it goes on the
// next time.
func (a *account) Purge(ctx context.Context, before time.Time) (mail.PurgeResult, error) {
	var sum mail.PurgeResult
	for more := true; more; {
		var p purging
		err := a.update(ctx, "purge", string(a.id), func(t *tx) error {
			p = purging{before: nanoseconds(before)}
			return t.purge(&p)
		})
		if err != nil {
			return sum, err
		}
		sum.Messages += p.sum.Messages
		sum.Contents += p.sum.Contents
		sum.Octets += p.sum.Octets
		more = p.more
	}
	err := a.update(ctx, "purge", string(a.id), func(t *tx) error { return t.purgePages(nanoseconds(before)) })
	if err != nil {
		return sum, err
	}
	if err := a.purgeSegments(ctx); err != nil || sum.Contents == 0 {
		return sum, fail("purge", string(a.id), err)
	}
	if err := a.purgeText(ctx); err != nil {
		a.store.opts.Log.Warn("the index of text is not purged", "account", a.id, "err", err)
	}
	return sum, nil
}

// nanoseconds is a time since 1970, within what fits.
func nanoseconds(t time.Time) int64 {
	const most = 1<<63 - 1
	if s := t.Unix(); s >= most/int64(time.Second) {
		return most
	} else if s < 0 {
		return 0
	}
	return t.UnixNano()
}

// purging is one transaction of a Purge.
type purging struct {
	before int64 // nanoseconds since 1970
	sum    mail.PurgeResult
	more   bool // there may be more to purge
}

// forgotten is a row of table expunged that goes.
type forgotten struct {
	mailbox mail.MailboxID
	mod     mail.ModSeq
	out     marks
}

// purge forgets expunges, in the order of their keys.
func (t *tx) purge(p *purging) error {
	rows, err := t.c.oldExpunges(p)
	if err != nil {
		return err
	}
	for i := range rows {
		r := &rows[i]
		if err := t.forget(p, r); err != nil {
			return err
		}
	}
	return nil
}

// oldExpunges is some rows that were expunged before.
func (c *conn) oldExpunges(p *purging) ([]forgotten, error) {
	s, err := c.prep("SELECT mailbox, modseq, no, data FROM expunged WHERE time < ? LIMIT 64")
	if err != nil {
		return nil, err
	}
	defer s.done()
	s.bind(p.before)
	var out []forgotten
	for n := 0; n < purgeChunk; {
		row, err := s.Step()
		if err != nil {
			return nil, err
		}
		if !row {
			return out, nil
		}
		f := forgotten{mailbox: mail.MailboxID(s.ColumnInt64(0)), mod: mail.ModSeq(s.ColumnInt64(1))}
		if err := f.out.decode(pageKey(f.mailbox, s.ColumnInt64(2)), s.bytes(3)); err != nil {
			return nil, err
		}
		n += len(f.out.uids)
		out = append(out, f)
		p.more = true
	}
	return out, nil
}

// forget removes an expunge and what only it referred to.
func (t *tx) forget(p *purging, r *forgotten) error {
	t.wrote, t.base, t.boxes = true, nil, nil
	key := pageKey(r.mailbox, r.out.no)
	if err := t.c.loadFixed(key, &t.fixed); err != nil {
		return err
	}
	for _, u := range r.out.uids {
		row, ok := t.fixed.row(u)
		if !ok {
			return corrupt(pageItem(key), "an expunged message without a content")
		}
		if err := t.drop(p, t.fixed.contents[row]); err != nil {
			return err
		}
		p.sum.Messages++
	}
	s, err := t.c.prep("DELETE FROM expunged WHERE mailbox = ? AND modseq = ? AND no = ?")
	if err != nil {
		return err
	}
	if err := s.bind(int64(r.mailbox), int64(r.mod), r.out.no).run(); err != nil {
		return err
	}
	if s, err = t.c.prep("UPDATE mailbox SET forgotten = max(forgotten, ?2) WHERE id = ?1"); err != nil {
		return err
	}
	return s.bind(int64(r.mailbox), int64(r.mod)).run()
}

// drop counts one reference less to a content, which goes with the last one.
func (t *tx) drop(p *purging, id mail.ContentID) error {
	s, err := t.c.prep("UPDATE item SET n = n - 1 WHERE id = ? RETURNING n, x")
	if err != nil {
		return err
	}
	row, err := s.bind(itemKey(kindContent, int64(id))).first()
	refs, size := s.ColumnInt64(0), s.ColumnInt64(1)
	s.done()
	if err != nil || !row || refs > 0 {
		return err
	}
	p.sum.Contents++
	p.sum.Octets += size
	if err := t.unjoin(id); err != nil {
		return err
	}
	for _, kind := range [...]int64{kindContent, kindDigest, kindStructure, kindBody} {
		if err := t.c.run(deleteItem, itemKey(kind, int64(id))); err != nil {
			return err
		}
	}
	return nil
}

const deleteItem = "DELETE FROM item WHERE id = ?"

// run runs a statement without rows.
func (c *conn) run(query string, args ...int64) error {
	s, err := c.prep(query)
	if err != nil {
		return err
	}
	return s.bind(args...).run()
}

// unjoin forgets the message ids of a content that no other one has.
func (t *tx) unjoin(id mail.ContentID) error {
	d, err := t.c.loadKeys(id)
	if mail.KindOf(err) == mail.Corrupt {
		return nil // Verify reports it; the room comes back all the same
	}
	if err != nil {
		return err
	}
	for _, k := range threadIDs(d) {
		r, err := t.c.loadThread(k)
		if err != nil {
			return err
		}
		if r.uses--; r.uses > 0 {
			err = t.storeThread(k, r)
		} else {
			err = t.c.run(deleteItem, itemKey(kindThread, k))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// loadKeys is the keys of a content.
func (c *conn) loadKeys(id mail.ContentID) (*mail.Digest, error) {
	s, row, err := c.item(kindDigest, int64(id))
	if err != nil {
		return nil, err
	}
	defer s.done()
	d := &mail.Digest{}
	if !row || !readKeys(s.bytes(2), d, mail.ColKeys, &arena{}) {
		return nil, corrupt(contentItem(id), "damaged keys")
	}
	return d, nil
}

// purgePages deletes pages without messages and marks, and deleted mailboxes of which nothing is left.
func (t *tx) purgePages(before int64) error {
	for _, q := range [...]string{
		// kindPage is 1, kindFixed 2; a snapshot older than the emptying of a page must not be brought up to date without it
		`UPDATE mailbox SET shrunk = max(shrunk, e.highest) FROM (
			SELECT id >> 24 & 0xffffffff AS box, max(n) AS highest FROM item
			WHERE id >= 1 << 56 AND id < 2 << 56 AND substr(x, 2, 32) = zeroblob(32) GROUP BY box) AS e WHERE mailbox.id = e.box`,
		"DELETE FROM item WHERE id >= 1 << 56 AND id < 2 << 56 AND " +
			"substr(x, 2, 32) = zeroblob(32)",
		`DELETE FROM item WHERE id >= 2 << 56 AND id < 3 << 56
			AND id NOT IN (SELECT id + (1 << 56) FROM item WHERE id >= 1 << 56 AND id < 2 << 56)
			AND id NOT IN (SELECT (mailbox << 24 | no) + (2 << 56) FROM expunged)`,
		`DELETE FROM viewed WHERE (mailbox << 24 | no) + (1 << 56) NOT IN
			(SELECT id FROM item WHERE id >= 1 << 56 AND id < 2 << 56)`,
	} {
		if err := t.c.run(q); err != nil {
			return err
		}
	}
	t.wrote, t.base, t.boxes = true, nil, nil
	return t.c.run(`DELETE FROM mailbox WHERE gone > 0 AND gone < ?
		AND id NOT IN (SELECT mailbox FROM expunged)`, before)
}

// purgeSegments gives back the room of dead records: whole segments, else holes in them. Segments that somebody
// appends to wait until they are left.
func (a *account) purgeSegments(ctx context.Context) error {
	f, err := a.acquire()
	if err != nil {
		return err
	}
	defer f.release()
	f.mu.Lock()
	spare := f.spare
	f.spare = nil
	f.mu.Unlock()
	for _, s := range spare {
		s.close()
	}
	nos, err := segmentNumbers(f.dir)
	if err != nil {
		return err
	}
	for _, no := range nos {
		if err := ctx.Err(); err != nil {
			return err
		}
		s, err := ownSegment(f.dir, no, os.O_RDWR)
		if errors.Is(err, errOwned) || errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		err = f.purgeSegment(s)
		s.close()
		if err != nil {
			return err
		}
	}
	return nil
}

// extent is some octets of a segment.
type extent struct{ start, end int64 }

// live are the records of a segment that are referred to, ascending, heads included.
func (c *conn) live(segment int64) ([]extent, error) {
	s, err := c.prep("SELECT w, x FROM item WHERE id >= 3 << 56 AND id < 4 << 56 AND z = ? ORDER BY w")
	if err != nil {
		return nil, err
	}
	defer s.done()
	s.bind(segment)
	var out []extent
	for {
		row, err := s.Step()
		if err != nil || !row {
			return out, err
		}
		off := s.ColumnInt64(0)
		out = append(out, extent{off - recordHead, off + s.ColumnInt64(1)})
	}
}

// purgeSegment gives back the dead room of a segment that belongs to the caller: no commit can add to it now.
func (f *files) purgeSegment(s *segment) error {
	c, err := f.take()
	if err != nil {
		return err
	}
	live, err := c.live(s.no)
	f.give(c)
	if err != nil {
		return err
	}
	if len(live) == 0 {
		return os.Remove(s.file.Name())
	}
	at := int64(1)
	for _, e := range slices.Concat(live, []extent{{s.end, s.end}}) {
		if err := s.punch(at, e.start); err != nil {
			return err
		}
		at = e.end
	}
	return nil
}

// punch frees the octets from start to end, unless somebody reads there. Where the file system has no holes nothing
// happens.
func (s *segment) punch(start, end int64) error {
	const block = 4096 // less than a block frees nothing
	from, to := (start+block-1)/block*block, end/block*block
	if from >= to {
		return nil
	}
	l := unix.Flock_t{Type: unix.F_WRLCK, Start: start, Len: end - start}
	if unix.FcntlFlock(s.file.Fd(), unix.F_OFD_SETLK, &l) != nil {
		return nil // the next Purge tries again
	}
	err := unix.Fallocate(int(s.file.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, from, to-from)
	l.Type = unix.F_UNLCK
	err2 := unix.FcntlFlock(s.file.Fd(), unix.F_OFD_SETLK, &l)
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.ENOSYS) {
		err = nil
	}
	return errors.Join(err, err2)
}
