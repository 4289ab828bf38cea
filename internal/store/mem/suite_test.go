package mem_test

import (
	"testing"

	"github.com/constance-mail/constance/internal/store/storetest"
)

func TestSuite(t *testing.T) { storetest.Run(t, storetest.Reference()) }

// TestHistories compares the reference with itself: the histories are the same each time, and the checks between
// the steps hold for it.
func TestHistories(t *testing.T) { storetest.RunHistories(t, storetest.Reference()) }

func BenchmarkStore(b *testing.B) { storetest.Bench(b, storetest.Reference()) }
