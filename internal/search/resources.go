package search

// Resources are what all searches of a process share: goroutines to get through large mailboxes sooner, no
// more than there are processors, and memory for what SORT, THREAD and searches of texts read of mailboxes,
// columnCacheSize octets of it. Safe for concurrent use.
type Resources struct {
	columns *columnCache
	hands   *hands
}

// NewResources are those of a process that begins. Processors is how many a search of a large mailbox may work on,
// if they are more than the process works on now.
func NewResources(processors int) *Resources {
	return &Resources{columns: newColumnCache(columnCacheSize), hands: newHands(processors)}
}
