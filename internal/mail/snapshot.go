package mail

import (
	"iter"
	"slices"
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

// Outline is what the snapshot says to SELECT, with what changed after since.
func (s *Snapshot) Outline(since ModSeq) *Outline {
	return &Outline{Mailbox: s.Mailbox, UIDs: s.UIDSet(), FirstUnseen: s.firstUnseen(), Changed: s.Changed(since), Snapshot: s}
}

// Mark is what changes of a message.
type Mark struct {
	UID    UID
	Flags  FlagSet
	ModSeq ModSeq
}

// Changed are the messages that changed after since, ascending. Pages without a change are passed over.
func (s *Snapshot) Changed(since ModSeq) iter.Seq[Mark] {
	return func(yield func(Mark) bool) {
		for _, p := range s.Pages {
			if p.Highest <= since {
				continue
			}
			for row, mod := range p.ModSeqs {
				if mod > since && !yield(Mark{p.UIDs[row], p.Flags[row], mod}) {
					return
				}
			}
		}
	}
}

// firstUnseen is the number of the first message without \Seen, 0 if there is none. RFC 3501 section 7.1 (UNSEEN).
func (s *Snapshot) firstUnseen() uint32 {
	if s.Mailbox.Unseen == 0 {
		return 0
	}
	for i, p := range s.Pages {
		if row := FirstUnseen(p.Flags); row >= 0 {
			return uint32(s.starts[i]+row) + 1
		}
	}
	return 0
}

// FirstUnseen is the index of the first flags without \Seen, -1 if there are none.
func FirstUnseen(flags []FlagSet) int {
	return slices.IndexFunc(flags, func(f FlagSet) bool { return f&BitSeen == 0 })
}

// Outline is what SELECT tells of a mailbox as it was after one transaction.
type Outline struct {
	Mailbox     Mailbox
	UIDs        UIDSet
	FirstUnseen uint32         // number of the first message without \Seen, 0 if there is none
	Changed     iter.Seq[Mark] // the messages that changed after the ModSeq that was asked for, ascending
	Snapshot    *Snapshot      // of the same transaction; nil: it was not read, as it takes longer
}

// Start is the index of the first message of Pages[page].
func (s *Snapshot) Start(page int) int { return s.starts[page] }

// UIDSet is the set of all UIDs.
func (s *Snapshot) UIDSet() UIDSet {
	var out UIDSet
	for _, p := range s.Pages {
		out.AddAll(p.UIDs)
	}
	return out
}
