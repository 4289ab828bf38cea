package sqlite

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"

	"github.com/constance-mail/constance/internal/mail"
)

// threadKey is the key of a message id in table thread.
func threadKey(id string) int64 {
	h := sha256.Sum256([]byte(id))
	return int64(binary.LittleEndian.Uint64(h[:])) & keyMask
}

// threadIDs are the keys of the message ids that tie d to others, without doubles: references, then its own.
func threadIDs(d *mail.Digest) []int64 {
	out := make([]int64, 0, len(d.References)+1)
	add := func(id string) {
		if k := threadKey(id); id != "" && !slices.Contains(out, k) {
			out = append(out, k)
		}
	}
	for _, r := range d.References {
		add(r)
	}
	add(d.MessageID)
	return out
}

// join is the threads of new contents, of each that of its first id that is known, else a new one; its ids are known
// then. Messages that come together name the same ids: each row is read and written once, in the tree's order.
func (t *tx) join(msgs []mail.NewMessage) ([]mail.ThreadID, error) {
	ids := make([][]int64, len(msgs))
	var all threadRows
	for i := range msgs {
		ids[i] = threadIDs(msgs[i].Digest)
		all.keys = append(all.keys, ids[i]...)
	}
	slices.Sort(all.keys)
	all.keys = slices.Compact(all.keys)
	all.rows = make([]threadRow, len(all.keys))
	for i, id := range all.keys {
		var err error
		if all.rows[i], err = t.c.loadThread(id); err != nil {
			return nil, err
		}
	}
	out := make([]mail.ThreadID, len(msgs))
	for i := range msgs {
		out[i] = mail.ThreadID(all.thread(ids[i]))
		if out[i] == 0 {
			t.st.thread++
			out[i] = t.st.thread
		}
		all.use(ids[i], int64(out[i]))
	}
	for i, id := range all.keys {
		if err := t.storeThread(id, all.rows[i]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// threadRows are the rows of message ids.
type threadRows struct {
	keys []int64 // ascending
	rows []threadRow
}

func (r *threadRows) row(id int64) *threadRow {
	i, _ := slices.BinarySearch(r.keys, id)
	return &r.rows[i]
}

// thread is that of the first of ids that is known, 0 if none is.
func (r *threadRows) thread(ids []int64) int64 {
	for _, id := range ids {
		if t := r.row(id).thread; t != 0 {
			return t
		}
	}
	return 0
}

// use counts a content that names ids; those not known before are of that thread.
func (r *threadRows) use(ids []int64, thread int64) {
	for _, id := range ids {
		w := r.row(id)
		if w.uses == 0 {
			w.thread = thread
		}
		w.uses++
	}
}

// threadRow is what is known of a message id: its thread, and how many contents name it.
type threadRow struct{ thread, uses int64 }

func (c *conn) loadThread(id int64) (threadRow, error) {
	s, row, err := c.item(kindThread, id)
	if err != nil || !row {
		return threadRow{}, err
	}
	defer s.done()
	return threadRow{s.ColumnInt64(0), s.ColumnInt64(1)}, nil
}

func (t *tx) storeThread(id int64, r threadRow) error {
	s, err := t.c.put(kindThread, id)
	if err != nil {
		return err
	}
	return s.bind(itemKey(kindThread, id), r.thread, r.uses).run()
}
