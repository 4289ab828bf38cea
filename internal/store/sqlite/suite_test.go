package sqlite_test

import (
	"testing"
	"time"

	"github.com/constance-mail/constance/internal/mail"
	"github.com/constance-mail/constance/internal/store/sqlite"
	"github.com/constance-mail/constance/internal/store/storetest"
)

// open opens a store as the suite wants it, with bounds so low that the tests meet them.
func open(t testing.TB, dir string) mail.Store {
	t.Helper()
	s, err := sqlite.Open(dir, sqlite.Options{
		Options: storetest.Options(), InlineLimit: 2 << 10, SegmentLimit: 64 << 10, Handles: 4, Poll: 50 * time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSuite(t *testing.T) { storetest.Run(t, open) }

func TestHistories(t *testing.T) { storetest.RunHistories(t, open) }

func TestCrash(t *testing.T) { storetest.Crash(t, open) }

func BenchmarkSuite(b *testing.B) {
	storetest.Bench(b, func(t testing.TB, dir string) mail.Store {
		s, err := sqlite.Open(dir, sqlite.Options{Options: storetest.Options()})
		if err != nil {
			t.Fatal(err)
		}
		return s
	})
}
