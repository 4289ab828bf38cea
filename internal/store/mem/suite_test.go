package mem_test

import (
	"sync"
	"testing"

	"github.com/constance-mail/constance/internal/mail"
	"github.com/constance-mail/constance/internal/store/mem"
	"github.com/constance-mail/constance/internal/store/storetest"
)

// opener opens stores that share a disk if they share a directory.
func opener() storetest.Open {
	var mu sync.Mutex
	disks := make(map[string]*mem.Disk)
	return func(_ testing.TB, dir string) mail.Store {
		mu.Lock()
		defer mu.Unlock()
		if disks[dir] == nil {
			disks[dir] = mem.NewDisk(storetest.Options())
		}
		return disks[dir].Open()
	}
}

func TestSuite(t *testing.T) { storetest.Run(t, opener()) }
