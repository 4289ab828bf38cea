package imapd

import (
	"testing"

	"github.com/constance-mail/constance/internal/mail"
)

// RFC 10022: batches are without gaps, hold size messages each and the last one the rest, down to UID 1.
func TestBatch(t *testing.T) {
	v := newView(mail.UIDSet{{Start: 3, Stop: 6}, {Start: 10, Stop: 12}, {Start: 20, Stop: 20}})
	for _, c := range []struct {
		i, size         uint64
		highest, lowest mail.UID
	}{
		{1, 3, 20, 11}, {2, 3, 10, 5}, {3, 3, 4, 1}, {4, 3, 0, 0}, {1, 8, 20, 1}, {2, 8, 0, 0}, {1, 100, 20, 1}, {1, 4, 20, 10},
		{2, 4, 9, 1}, {1 << 32, 1 << 31, 0, 0},
	} {
		if h, l := v.batch(c.i, c.size); h != c.highest || l != c.lowest {
			t.Errorf("batch %d of %d: got %d:%d, want %d:%d", c.i, c.size, h, l, c.highest, c.lowest)
		}
	}
	empty := newView(nil)
	if h, l := empty.batch(1, 500); h != 0 || l != 0 {
		t.Errorf("a batch of nothing: %d:%d", h, l)
	}
}
