package imapd

import (
	"context"

	"github.com/constance-mail/constance/internal/imap"
	"github.com/constance-mail/constance/internal/mail"
)

// minBatch is how many messages a batch has at least. RFC 10022.
const minBatch = 500

// uidBatches is UIDBATCHES: the UIDs are parted without gaps from the highest down to 1, so that what was
// expunged is in some batch too. The view finds each end at once, no message is looked at. RFC 10022.
func (s *session) uidBatches(_ context.Context, c *imap.UIDBatches) error {
	switch {
	case c.Size < minBatch:
		return refuse(imap.CodeTooFew, "a batch has at least 500 messages")
	case c.First > c.Last:
		return badError{imap.CodeClientBug, "the last batch comes before the first"}
	}
	b := imap.AppendUIDBatchesStart(s.out.buf, s.tag)
	first, last := uint64(max(c.First, 1)), uint64(c.Last)
	if c.Last == 0 {
		last = 1 << 32
	}
	for i := first; i <= last; i++ {
		highest, lowest := s.sel.view.batch(i, uint64(c.Size))
		if highest == 0 {
			break
		}
		b = imap.AppendUIDBatch(b, highest, lowest, i == first)
	}
	s.out.buf = append(b, "\r\n"...)
	return nil
}

// batch is the i-th batch of size messages from the end, from its highest UID to the one above the next
// batch; 0 if there is none.
func (v *view) batch(i, size uint64) (highest, lowest mail.UID) {
	n, before := uint64(v.len()), (i-1)*size
	switch {
	case before >= n:
		return 0, 0
	case before == 0:
		highest = v.max()
	default:
		highest = v.uid(uint32(n-before+1)) - 1
	}
	if before+size >= n {
		return highest, 1
	}
	return highest, v.uid(uint32(n - before - size + 1))
}
