package sqlite

import (
	"testing"
	"zombiezen.com/go/sqlite"
)

func BenchmarkOpenConn(b *testing.B) {
	p := b.TempDir() + "/x.db"
	z, err := sqlite.OpenConn(p)
	if err != nil {
		b.Fatal(err)
	}
	z.Close()
	c, err := openConn(p, sqlite.OpenReadWrite)
	if err != nil {
		b.Fatal(err)
	}
	for _, q := range []string{"create table a(id integer primary key, b, c, d)", "create table mailbox(id integer primary key, name text unique, x, y, z)", "create table e(id integer primary key, b, c, d)", "create table f(id integer primary key, b, c, d)", "create table g(id integer primary key, b, c, d)", "create table h(id integer primary key, b, c, d)", "create table i(id integer primary key, b, c, d)", "create table j(id integer primary key, b, c, d)", "insert into a values(1,2,3,4)"} {
		if err := c.exec(q); err != nil {
			b.Fatal(err)
		}
	}
	c.Close()
	b.Run("bare", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			c, err := openConn(p, sqlite.OpenReadWrite)
			if err != nil {
				b.Fatal(err)
			}
			c.Close()
		}
	})
	b.Run("one", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			c, err := openConn(p, sqlite.OpenReadWrite)
			if err != nil {
				b.Fatal(err)
			}
			if n, err := c.one("select b from a where id=1"); n != 2 || err != nil {
				b.Fatal(n, err)
			}
			c.Close()
		}
	})
	b.Run("three", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			c, err := openConn(p, sqlite.OpenReadWrite)
			if err != nil {
				b.Fatal(err)
			}
			for _, q := range []string{"select b from a where id=1", "select b from a where id=2", "select b from e where id=2"} {
				if _, err := c.one(q); err != nil {
					b.Fatal(err)
				}
			}
			c.Close()
		}
	})
	c, err = openConn(p, sqlite.OpenReadWrite)
	b.Run("hot", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if n, err := c.one("select b from a where id=1"); n != 2 || err != nil {
				b.Fatal(n, err)
			}
		}
	})
	b.Run("hotbytes", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			s, _ := c.prep("select cast('abc' as blob)")
			s.first()
			if len(s.bytes(0)) != 3 {
				b.Fatal()
			}
			s.done()
		}
	})
}
