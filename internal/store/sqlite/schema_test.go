package sqlite

import (
	"context"
	"testing"

	"github.com/constance-mail/constance/internal/mail"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

// firstSchema is mail.db as version 1 had it, with two mailboxes and a deleted one.
const firstSchema = `
CREATE TABLE account(id INTEGER PRIMARY KEY, modseq, content, mailbox, thread, uidvalidity,
	storage, storage_limit, messages, messages_limit);
CREATE TABLE mailbox(id INTEGER PRIMARY KEY, name, uidvalidity, uidnext, highest, messages, unseen, deleted,
	size, keywords, uses, forgotten, shrunk, gone);
CREATE TABLE subscription(name TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE item(id INTEGER PRIMARY KEY, n, x, y, z, w);
CREATE TABLE expunged(mailbox, modseq, no, time, data,
	PRIMARY KEY(mailbox, modseq, no)) WITHOUT ROWID;
INSERT INTO account VALUES (1, 7, 0, 3, 0, 9, 100, 200, 3, 4);
INSERT INTO mailbox VALUES (1, 'INBOX', 1, 1, 1, 0, 0, 0, 0, '', '', 0, 0, 0), (2, 'a', 2, 1, 1, 0, 0, 0, 0, '', '', 0, 0, 0),
	(3, 'b', 3, 1, 1, 0, 0, 0, 0, '', '', 0, 0, 77);
PRAGMA user_version = 1;
`

// An account of version 1 has the same tables as a new one after all migrations, and counts its mailboxes.
func TestMigrateFirst(t *testing.T) {
	c, err := openConn(":memory:", sqlite.OpenReadWrite|sqlite.OpenCreate|sqlite.OpenMemory)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := sqlitex.ExecuteScript(c.Conn, firstSchema, nil); err != nil {
		t.Fatal(err)
	}
	if err := migrate(c); err != nil {
		t.Fatal(err)
	}
	st, err := c.loadState()
	want := mail.Usage{Storage: 100, Messages: 3, Mailboxes: 2, Limit: mail.Quota{Storage: 200, Messages: 4}}
	if err != nil || st.usage != want || st.modseq != 7 || st.annotations != 0 || st.annotated != 0 {
		t.Errorf("got %+v, %v", st, err)
	}
	fresh, err := template()
	if err != nil {
		t.Fatal(err)
	}
	defer fresh.Close()
	const columns = `SELECT count(*) FROM sqlite_schema AS s, pragma_table_info(s.name)`
	a, err := c.one(columns)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := fresh.one(columns); err != nil || a != b {
		t.Errorf("%d columns, a new account has %d (%v)", a, b, err)
	}
}

// Migrated databases have the new version, and a number of their schema that is nobody else's.
func TestMigrate(t *testing.T) {
	dirs := []string{newAccountDir(t), newAccountDir(t)}
	before := migrations
	defer func() { migrations = before }()
	migrations = append(migrations[:len(migrations):len(migrations)], "CREATE TABLE more(a)")
	seen := map[int64]bool{}
	for _, dir := range dirs {
		c := openDisk(t, dir, true)
		setLimit(t, c, 6)
		old, err := c.one("PRAGMA schema_version")
		if err != nil {
			t.Fatal(err)
		}
		seen[old] = true
		if err := migrate(c); err != nil {
			t.Fatal(err)
		}
		v, err := c.one("PRAGMA user_version")
		if err != nil || v != version() {
			t.Error(v, err)
		}
		number, err := c.one("PRAGMA schema_version")
		if err != nil || seen[number] {
			t.Errorf("schema number %d is not new (%v)", number, err)
		}
		seen[number] = true
		wantLimit(t, c, 6)
		if err := c.exec("INSERT INTO more VALUES (1)"); err != nil {
			t.Error(err)
		}
		if err := migrate(c); err != nil {
			t.Error(err)
		}
	}
}

// TestMigratedByNewer: a program that has an account open which a newer one migrates leaves it alone from then on: what it
// stored would be without the new columns.
func TestMigratedByNewer(t *testing.T) {
	ctx := context.Background()
	s := openTest(t, t.TempDir(), Options{})
	a := s.Account("alice").(*account)
	deliver(t, a, 1, "text")
	dir := s.accountDir("alice")
	before := migrations
	newer := func(f func()) {
		migrations = append(before[:len(before):len(before)], "ALTER TABLE mailbox ADD COLUMN more; UPDATE mailbox SET more = 7")
		defer func() { migrations = before }()
		f()
	}
	var next *files // of the newer program
	newer(func() {
		changed, err := openChanged(dir + "/changed")
		if err != nil {
			t.Fatal(err)
		}
		next = &files{account: a, dir: dir, changed: changed, lock: -1, recent: recent{fd: -1}}
		if err := next.renew(); err != nil {
			t.Fatal(err)
		}
	})
	defer next.close()
	if _, err := tryDeliver(a, 1, "text"); mail.KindOf(err) != mail.Unavailable || err == nil {
		t.Errorf("delivered by the older program: %v", err)
	}
	if _, err := a.Snapshot(ctx, 1); mail.KindOf(err) != mail.Unavailable || err == nil {
		t.Errorf("read by the older program: %v", err)
	}
	if !next.changed.holds() {
		t.Error("the newer program has to open it anew")
	}
	if n, err := openDisk(t, dir, false).one("SELECT more FROM mailbox WHERE id = 1"); n != 7 || err != nil {
		t.Errorf("the new column has %d, %v", n, err)
	}
}
