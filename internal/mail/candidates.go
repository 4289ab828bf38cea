package mail

// Candidates are the contents that may hold a text, as far as an index of text knows: all of them but those that it is
// sure of. The zero value leaves out none.
type Candidates struct {
	first, last ContentID
	may         []uint64 // bit i of word j: content first + 64*j + i may hold it
}

// NewCandidates leaves out all contents from first to last, but for those that are added; none if last < first.
func NewCandidates(first, last ContentID) Candidates {
	if last < first {
		return Candidates{}
	}
	return Candidates{first: first, last: last, may: make([]uint64, (last-first)/64+1)}
}

// Add adds a content. One that is not between first and last was not left out.
func (c *Candidates) Add(id ContentID) {
	if i := id - c.first; c.may != nil && c.first <= id && id <= c.last {
		c.may[i/64] |= 1 << (i % 64)
	}
}

// MayHold tells whether the content may hold the text.
func (c *Candidates) MayHold(id ContentID) bool {
	if c.may == nil || id < c.first || id > c.last {
		return true
	}
	i := id - c.first
	return c.may[i/64]&(1<<(i%64)) != 0
}
