package sqlite

// Table item is one tree for all that is many: pages, contents, digests, threads. What an account is made of comes into
// a few pages that way, one statement reads and one writes any of it, and the schema is short; each kind is a range of
// keys, so that a scan of one passes over no other. docs/storage.md has the columns of each kind.
const (
	kindPage int64 = iota + 1
	kindFixed
	kindContent
	kindDigest
	kindStructure
	kindThread
	kindBody // last: the tree grows best at its end
)

const (
	// kindShift is where the kind is in a key.
	kindShift = 56
	// keyMask takes the kind off a key.
	keyMask = 1<<kindShift - 1
)

// itemKey is the key of a row of table item.
func itemKey(kind, id int64) int64 { return kind<<kindShift | id&keyMask }

// item looks for a row; the columns are n, x, y, z, w. The caller resets the statement.
func (c *conn) item(kind, id int64) (stmt, bool, error) {
	s, err := c.prep("SELECT n, x, y, z, w FROM item WHERE id = ?")
	if err != nil {
		return s, false, err
	}
	row, err := s.bind(itemKey(kind, id)).first()
	return s, row, err
}

// put is a statement that stores a row, whose columns n, x, y, z, w are its parameters 2 to 6; those not bound are
// NULL.
func (c *conn) put(kind, id int64) (stmt, error) {
	s, err := c.prep("INSERT OR REPLACE INTO item(id, n, x, y, z, w) VALUES (?, ?, ?, ?, ?, ?)")
	if err != nil {
		return s, err
	}
	return s.bind(itemKey(kind, id)), nil
}
