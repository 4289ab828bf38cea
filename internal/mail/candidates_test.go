package mail

import "testing"

func TestCandidates(t *testing.T) {
	var zero Candidates
	none := NewCandidates(5, 4)
	zero.Add(3)
	for id := ContentID(0); id < 10; id++ {
		if !zero.MayHold(id) || !none.MayHold(id) {
			t.Errorf("content %d is left out by nothing", id)
		}
	}
	for _, last := range []ContentID{10, 73, 74, 137, 138} {
		c := NewCandidates(10, last)
		for id := ContentID(0); id < 200; id += 3 {
			c.Add(id)
		}
		for id := ContentID(0); id < 200; id++ {
			if got, want := c.MayHold(id), id < 10 || id > last || id%3 == 0; got != want {
				t.Errorf("10 to %d: content %d: got %v", last, id, got)
			}
		}
	}
}
