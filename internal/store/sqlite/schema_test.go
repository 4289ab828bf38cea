package sqlite

import "testing"

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
