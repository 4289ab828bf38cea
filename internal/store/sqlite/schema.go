package sqlite

import (
	"fmt"
	"strconv"

	"github.com/constance-mail/constance/internal/mail"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

// schema is mail.db as a new account gets it. Tables are few and have no indexes of their own where a key will do, and
// columns have no types: all of it is parsed whenever an account is opened. docs/storage.md explains the columns.
const schema = `
CREATE TABLE account(id INTEGER PRIMARY KEY, modseq, content, mailbox, thread, uidvalidity,
	storage, storage_limit, messages, messages_limit, mailboxes, mailboxes_limit,
	annotations, annotated);
CREATE TABLE mailbox(id INTEGER PRIMARY KEY, name, uidvalidity, uidnext, highest, messages, unseen, deleted,
	size, keywords, uses, forgotten, shrunk, gone, acl, personal);
CREATE TABLE subscription(name TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE item(id INTEGER PRIMARY KEY, n, x, y, z, w);
CREATE TABLE expunged(mailbox, modseq, no, time, data,
	PRIMARY KEY(mailbox, modseq, no)) WITHOUT ROWID;
CREATE TABLE viewed(mailbox, viewer TEXT, no, highest, data,
	PRIMARY KEY(mailbox, viewer, no)) WITHOUT ROWID;
CREATE TABLE annotation(mailbox, viewer, name, modseq, gone, value,
	PRIMARY KEY(mailbox, viewer, name)) WITHOUT ROWID;
PRAGMA user_version = 4;
`

// migrations[i] brings a mail.db of version i+1 to version i+2, in one transaction with the rise of user_version. The
// schema gets a number that no other database has, since its tables may have other roots than those of a new account:
// see disk.
var migrations = []string{
	`ALTER TABLE account ADD COLUMN mailboxes; ALTER TABLE account ADD COLUMN mailboxes_limit;
	UPDATE account SET mailboxes = (SELECT count(*) FROM mailbox WHERE gone = 0), mailboxes_limit = 0`,
	`ALTER TABLE mailbox ADD COLUMN acl; ALTER TABLE mailbox ADD COLUMN personal;
	CREATE TABLE viewed(mailbox, viewer TEXT, no, highest, data, PRIMARY KEY(mailbox, viewer, no)) WITHOUT ROWID`,
	`ALTER TABLE account ADD COLUMN annotations; ALTER TABLE account ADD COLUMN annotated;
	UPDATE account SET annotations = 0, annotated = 0;
	CREATE TABLE annotation(mailbox, viewer, name, modseq, gone, value,
		PRIMARY KEY(mailbox, viewer, name)) WITHOUT ROWID`,
}

// version is the schema's number after all migrations.
func version() int64 { return int64(len(migrations)) + 1 }

// migrate brings the database up to date. The caller holds the account's lock.
func migrate(c *conn) error {
	for {
		v, err := c.one("PRAGMA user_version")
		if err != nil || v == version() {
			return err
		}
		if v <= 0 || v > version() {
			err := fmt.Errorf("schema version %d, this program knows 1 to %d", v, version())
			return &mail.Error{Op: "open account", Kind: mail.Unavailable, Err: err} // a newer program can
		}
		script := migrations[v-1] + "; PRAGMA user_version = " + strconv.FormatInt(v+1, 10) +
			"; PRAGMA schema_version = " + strconv.FormatUint(random64()>>33, 10)
		if err := sqlitex.ExecuteScript(c.Conn, script, nil); err != nil { // a script is one savepoint
			return err
		}
	}
}

// template is a database in memory with the schema, from which new accounts are made.
func template() (*conn, error) {
	c, err := openConn(":memory:", sqlite.OpenReadWrite|sqlite.OpenCreate|sqlite.OpenMemory)
	if err != nil {
		return nil, err
	}
	if err := sqlitex.ExecuteScript(c.Conn, schema, nil); err != nil {
		_ = c.Close() // the first error counts
		return nil, err
	}
	return c, nil
}
