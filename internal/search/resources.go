package search

import "runtime"

// Resources are what all searches of a process share: goroutines to get through large mailboxes sooner, no
// more than there are processors, and memory for what SORT, THREAD and searches of texts read of mailboxes,
// columnCacheSize octets of it. Safe for concurrent use.
type Resources struct {
	columns *columnCache
	hands   *hands
}

// NewResources are those of a process that begins.
func NewResources() *Resources {
	return &Resources{columns: newColumnCache(columnCacheSize), hands: &hands{free: runtime.GOMAXPROCS(0)}}
}
