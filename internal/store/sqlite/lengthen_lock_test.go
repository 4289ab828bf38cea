package sqlite

import (
	"context"
	"testing"

	"github.com/constance-mail/constance/internal/mail"
)

// TestLengthenedByWriters: who writes the log back while another one may append to it leaves its end alone: zeros would take
// the place of what was just committed.
func TestLengthenedByWriters(t *testing.T) {
	ctx := context.Background()
	s := openTest(t, t.TempDir(), Options{})
	a := s.Account("ann").(*account)
	box, err := a.Mailbox(ctx, mail.Inbox)
	if err != nil {
		t.Fatal(err)
	}
	f, err := a.acquire()
	if err != nil {
		t.Fatal(err)
	}
	defer f.release()
	c, err := f.take()
	if err != nil {
		t.Fatal(err)
	}
	defer f.give(c)
	deliver(t, a, box.ID, "one") // by another connection
	path := f.dir + dbName
	committed := walSize(path)
	for _, q := range []string{ // more than the cache holds, so that some goes to the log before the end
		"PRAGMA cache_size = 10", "PRAGMA cache_spill = 10", "BEGIN IMMEDIATE", "CREATE TABLE large(x)",
		`INSERT INTO large SELECT zeroblob(3000) FROM (WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n
			WHERE i < 300) SELECT i FROM n)`,
		"ROLLBACK",
	} {
		if err := c.exec(q); err != nil {
			t.Fatalf("%s: %v", q, err)
		}
	}
	spilled := walSize(path)
	if spilled <= committed {
		t.Fatalf("the log has %d octets, as before", spilled)
	}
	if err := c.exec("PRAGMA wal_checkpoint(PASSIVE)"); err != nil {
		t.Fatal(err)
	}
	if n := walSize(path); n != spilled {
		t.Errorf("the log had %d octets and has %d after it was written back", spilled, n)
	}
	deliver(t, a, box.ID, "two")
	if m, err := a.Mailbox(ctx, mail.Inbox); err != nil || m.Messages != 2 {
		t.Errorf("%d messages, %v", m.Messages, err)
	}
}
