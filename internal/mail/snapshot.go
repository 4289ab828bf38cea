package mail

import (
	"sort"
)

// PageSize is how many consecutive UIDs share a page: UID u is in page u / PageSize.
const PageSize = 256

// Page is the messages of one run of PageSize UIDs, as columns of equal length in ascending UID order. Never empty,
// never changed after it was made: a change makes a new Page, so that equal pointers mean equal content.
type Page struct {
	UIDs     []UID
	Flags    []FlagSet
	ModSeqs  []ModSeq
	Contents []ContentID
	Sizes    []int64 // octets, RFC822.SIZE
	Internal []int64 // internal date, seconds since 1970
	Saved    []int64 // save date (RFC 8514), seconds since 1970
	Highest  ModSeq  // the highest of ModSeqs
}

// Snapshot is a mailbox as it was after one transaction. Immutable, shared between goroutines.
type Snapshot struct {
	Mailbox Mailbox // its counters and keywords belong to the same transaction
	Pages   []*Page // ascending
	starts  []int   // starts[i] is the index of Pages[i]'s first message
	n       int
}

// NewSnapshot is a snapshot of these pages, which it keeps.
func NewSnapshot(m Mailbox, pages []*Page) *Snapshot {
	s := &Snapshot{Mailbox: m, Pages: pages, starts: make([]int, len(pages))}
	for i, p := range pages {
		s.starts[i] = s.n
		s.n += len(p.UIDs)
	}
	return s
}

// Len is the number of messages.
func (s *Snapshot) Len() int { return s.n }

// Locate is where the i-th message is, 0 <= i < Len: which page, which row.
func (s *Snapshot) Locate(i int) (*Page, int) {
	p := sort.Search(len(s.starts), func(p int) bool { return s.starts[p] > i }) - 1
	return s.Pages[p], i - s.starts[p]
}

// UID is the UID of the i-th message, 0 <= i < Len.
func (s *Snapshot) UID(i int) UID {
	p, row := s.Locate(i)
	return p.UIDs[row]
}

// Find is the index of the first message with a UID of at least u (Len if there is none), and whether it is u.
func (s *Snapshot) Find(u UID) (int, bool) {
	p := sort.Search(len(s.Pages), func(p int) bool {
		uids := s.Pages[p].UIDs
		return uids[len(uids)-1] >= u
	})
	if p == len(s.Pages) {
		return s.n, false
	}
	uids := s.Pages[p].UIDs
	row := sort.Search(len(uids), func(i int) bool { return uids[i] >= u })
	return s.starts[p] + row, uids[row] == u
}

// Start is the index of the first message of Pages[page].
func (s *Snapshot) Start(page int) int { return s.starts[page] }

// UIDSet is the set of all UIDs.
func (s *Snapshot) UIDSet() UIDSet {
	var out UIDSet
	for _, p := range s.Pages {
		if n := len(p.UIDs); int(p.UIDs[n-1]-p.UIDs[0]) == n-1 {
			out.AddRange(p.UIDs[0], p.UIDs[n-1])
			continue
		}
		for _, u := range p.UIDs {
			out.Add(u)
		}
	}
	return out
}
