package search

import (
	"testing"

	"github.com/constance-mail/constance/internal/mail"
)

func TestColumnCache(t *testing.T) {
	col := func(n int) *column { return &column{texts: make([]byte, n)} }
	key := func(n int) columnKey { return columnKey{mailbox: mail.MailboxID(n)} }
	c := newColumnCache(100)
	for i := range 4 {
		c.put(key(i), col(30))
		c.get(key(0)) // stays for being used
	}
	for i, want := range []bool{true, false, true, true} {
		if got := c.get(key(i)) != nil; got != want {
			t.Errorf("column %d is kept: %v", i, got)
		}
	}
	c.put(key(3), col(40)) // instead of the other
	c.put(key(9), col(51)) // too large
	if c.total != 100 || c.used.Len() != 3 || len(c.byKey) != 3 || c.get(key(9)) != nil {
		t.Errorf("holds %d octets in %d columns", c.total, c.used.Len())
	}
}
